/*
 * fifo.h - a queue: what is pushed first is popped first. Elements begin with a struct link,
 * and are in one queue at a time. Not thread-safe.
 */
#ifndef BASE_FIFO_H
#define BASE_FIFO_H

#include <stddef.h>

struct link {
	struct link *next;
};

/* Empty where all is zero. */
struct fifo {
	struct link *first, **end;
};

static inline void fifo_push(struct fifo *f, struct link *l)
{
	l->next = NULL;
	*(f->first ? f->end : &f->first) = l;
	f->end = &l->next;
}

/* NULL: it is empty. */
static inline void *fifo_pop(struct fifo *f)
{
	struct link *l = f->first;

	if (l)
		f->first = l->next;
	return l;
}

#endif
