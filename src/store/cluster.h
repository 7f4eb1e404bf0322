/*
 * cluster.h - what a client has to know of Redis Cluster. For this folder and its tests.
 * Protocol: "Redis cluster specification", of redis.io.
 */
#ifndef STORE_CLUSTER_H
#define STORE_CLUSTER_H

#include <hiredis/hiredis.h>

#include "store/master.h"

enum { CLUSTER_SLOTS = 16384 };

/* The slot of a key, and of all keys that begin with such a text if it has a hash tag
 * (conf/redis_url.h). */
unsigned cluster_slot(const char *key);

/* The node that has this slot, by the reply to CLUSTER SLOTS; but not its epoch. asked: the
 * host that replied, which is meant where no name is in it. False: there is none. */
bool cluster_parse_slots(const redisReply *reply, unsigned slot, const char *asked, struct master *to);

/* The node that an error MOVED names, likewise. False: it is another error, or none of a
 * Cluster. */
bool cluster_parse_moved(const char *error, const char *asked, struct master *to);

/* Whether this error says that nothing ran, and that the same command may soon do: the slot is
 * being moved, or has no node at the moment. */
bool cluster_is_unsettled(const char *error);

#endif
