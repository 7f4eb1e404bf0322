/*
 * fifo.h - a queue: what is put first is taken first. What is in it begins with a
 * struct link, and is in one queue at a time. Locks are its owner's.
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

static inline void fifo_put(struct fifo *f, struct link *l)
{
	l->next = NULL;
	*(f->first ? f->end : &f->first) = l;
	f->end = &l->next;
}

/* NULL: it is empty. */
static inline void *fifo_take(struct fifo *f)
{
	struct link *l = f->first;

	if (l)
		f->first = l->next;
	return l;
}

#endif
