/*
 * pool.h - a few connections for many threads.
 */
#ifndef STORE_POOL_H
#define STORE_POOL_H

#include "store/redis.h"

/* A connection for this thread alone, until it gives it back. NULL: none has
 * become free within a second. */
struct redis *pool_take(void);
void pool_give(struct redis *r);

#endif
