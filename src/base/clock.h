/*
 * clock.h - the time of day, and one that never jumps.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC: for waiting and for limits. */
int64_t clock_ms(void);

/* Nanoseconds of the same: for how long something took. */
int64_t clock_ns(void);

/* Unix seconds: for what others say the time of. */
int64_t clock_unix(void);

#endif
