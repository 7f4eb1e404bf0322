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

#include "base/redis_url.h"

enum { SENTINEL_MS = 300 };	/* the most that sentinel_master() takes */

struct master {
	char host[256];
	int port;
	unsigned turn;		/* counts the masters that there were */
};

/* False: none of url's Sentinels names one; the log says why. */
bool sentinel_master(const struct redis_url *url, struct master *to);

/* The master of this turn cannot be reached or is none: the next time another
 * Sentinel is asked. */
void sentinel_wrong(unsigned master_turn);

/*
 * Whether another master has taken the turn of this one. A connection to a
 * master that stood still and goes on would not notice: what it wrote would be
 * lost. Asks, too, where nobody did for a second.
 */
bool sentinel_moved(const struct redis_url *url, unsigned turn);

/* Of clock_ms(): by then every program has left the master before this one. */
int64_t sentinel_left_at(void);

#endif
