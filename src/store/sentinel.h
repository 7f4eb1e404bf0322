/*
 * sentinel.h - which Redis is the master now. For this folder alone.
 *
 * Redis Sentinel's contract with clients: ask one Sentinel after the other,
 * each for a short time; verify with ROLE that what it names is a master; ask
 * again for each new connection. Here all threads share an answer for a second,
 * so that a thousand streams that connect at once ask once.
 */
#ifndef STORE_SENTINEL_H
#define STORE_SENTINEL_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/redis_url.h"

enum { SENTINEL_MS = 300 };	/* the most that sentinel_master() takes */

struct master {
	char host[256];
	int port;
	unsigned epoch;		/* rises with each failover */
};

/* False: no Sentinel of the URL names one; the log says why. */
bool sentinel_master(const struct redis_url *url, struct master *to);

/* The master of this epoch cannot be reached, or is none: the next time another Sentinel
 * is asked. */
void sentinel_reject(unsigned epoch);

/*
 * Whether there is another master than that of this epoch. A connection to a master that
 * was stopped and goes on would not notice: what it wrote would be lost. Asks the
 * Sentinels, where no thread has for a second.
 */
bool sentinel_master_changed(const struct redis_url *url, unsigned epoch);

/* The same for a thread that must not block, by what is known. Where it is stale, another
 * thread refreshes it first, which asks the Sentinels. */
bool sentinel_master_replaced(unsigned epoch);
bool sentinel_is_stale(void);
void sentinel_refresh(const struct redis_url *url);

/* On clock_ms(): by then every program has left the previous master. */
int64_t sentinel_left_at(void);

#endif
