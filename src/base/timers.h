/*
 * timers.h - any number of timers: a binary heap.
 *
 * Adding, moving or removing one of n takes O(log n); the first one is at hand. Times are of
 * any clock, as clock_ms(). It shrinks with their number. Not thread-safe.
 */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

/* A member of what it is for; in one struct timers at a time. All zero: in none. */
struct timer {
	int64_t at;
	size_t place;			/* private: in the heap, from 1 on */
};

/* Empty where all is zero. */
struct timers {
	struct timer **heap;		/* private, as all of it */
	size_t count, size;
};

/* Adds it, or moves it to another time. */
void timers_set(struct timers *timers, struct timer *timer, int64_t at);

/* Nothing where it is in none. */
void timers_remove(struct timers *timers, struct timer *timer);

/* The earliest one; NULL: there is none. */
struct timer *timers_first(const struct timers *timers);

#endif
