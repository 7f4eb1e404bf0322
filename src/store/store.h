/*
 * store.h - what all connections of this process share: where Redis is, and
 * whether it was there a moment ago.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/conf.h"

/* Call once, before any thread. conf must stay. */
void store_init(const struct conf *conf);

#endif
