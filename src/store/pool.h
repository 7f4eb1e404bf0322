/*
 * pool.h - a few connections for many threads.
 */
#ifndef STORE_POOL_H
#define STORE_POOL_H

#include <stdint.h>

#include "store/redis.h"

/* Well above PING as most have it, of which each asks something; and so that a process
 * is without a connection a minute after its last stream. */
enum { POOL_IDLE_MS = 40000 };

/* A connection for this thread alone, until it gives it back. NULL: none has
 * become free within a second. */
struct redis *pool_take(void);
void pool_give(struct redis *r);

/*
 * Closes what nobody has used for POOL_IDLE_MS, of clock_ms(). Returns when it is to
 * be called again; INT64_MAX: there is nothing to close. wake, of pool_on_first(), is
 * called by whoever gives a connection back then.
 */
int64_t pool_trim(int64_t now);
void pool_on_first(void (*wake)(void));

#endif
