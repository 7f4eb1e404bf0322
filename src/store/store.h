/*
 * store.h - Redis, as this process uses it.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "conf/conf.h"

/* Call once, before any thread. conf must stay. NULL; or why its Redis cannot be used, a
 * text that stays. */
const char *store_init(const struct conf *conf);

#endif
