/*
 * clock.h - the time of day, and a clock that never jumps.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC: for waiting and for limits. */
int64_t clock_ms(void);

/* Nanoseconds of the same, for measuring. */
int64_t clock_ns(void);

/* For what is done once in an interval: whether it is due. Of the threads and processes
 * that ask at the same time one gets true; *next_ms, on clock_ms(), is moved by that. */
bool clock_due(_Atomic int64_t *next_ms, int64_t interval_ms);

/* Unix seconds, for times that others state. */
int64_t clock_unix(void);

#endif
