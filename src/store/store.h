/*
 * store.h - Redis, as this process uses it.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "conf/conf.h"

/* The first version that has all that our scripts use. */
#define REDIS_VERSION_MIN "7.0"

/* Call once, before any thread. conf must stay. NULL; or why its Redis cannot be used, a
 * text that stays. */
const char *store_init(const struct conf *conf);

#endif
