/*
 * clock.h - the time of day, and one that never jumps.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC: for waiting and for limits. */
int64_t clock_ms(void);

/* Nanoseconds of the same: for how long something took. */
int64_t clock_ns(void);

/* For what is done once in a while: whether it is due, at clock_ms(), which one of
 * all who ask at the same time is told. Then it is put off. */
bool clock_due(_Atomic int64_t *next_ms, int64_t interval_ms);

/* Unix seconds: for what others say the time of. */
int64_t clock_unix(void);

#endif
