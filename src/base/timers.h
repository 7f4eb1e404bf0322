/*
 * timers.h - what is to be done when, of any number of things: a binary heap.
 *
 * To add, move or remove one of n costs log n steps; to ask which is the first, none.
 * So who waits for the first of them does nothing for all the others. Times are of
 * any clock, as that of clock_ms(). Its memory goes with their number. Locks are its
 * owner's.
 */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

/* A part of the thing that has it; in one struct timers at a time. All zero: in none. */
struct timer {
	int64_t at;
	size_t place;			/* of timers.c: in its heap, from 1 on */
};

/* Empty where all is zero. */
struct timers {
	struct timer **heap;		/* of timers.c, as all of it */
	size_t count, size;
};

/* Adds it, or moves it to another time. */
void timers_set(struct timers *timers, struct timer *timer, int64_t at);

/* Also where it is in none. */
void timers_remove(struct timers *timers, struct timer *timer);

/* One than which none is earlier; NULL: there is none. */
struct timer *timers_first(const struct timers *timers);

#endif
