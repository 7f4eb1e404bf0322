/*
 * master.h - which Redis is the master now, where the URL names others that know: Sentinels, or
 * nodes of a Redis Cluster. For this folder alone.
 *
 * Redis Sentinel's contract with clients: ask one Sentinel after the other, each for a short
 * time; verify with ROLE that what it names is a master; ask again for each new connection. Of
 * the nodes of a Redis Cluster (CLUSTER SLOTS) one that is cut off from the others may be
 * out of date, too, so the same holds there. Here all threads share an answer for a second, so that
 * a thousand streams that connect at once ask once.
 */
#ifndef STORE_MASTER_H
#define STORE_MASTER_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"

enum { MASTER_MS = 300 };	/* the most that master_find() takes */

struct master {
	char host[256];
	int port;
	unsigned epoch;		/* rises with each failover */
};

/* Call once, before any thread. conf must stay. */
void master_init(const struct conf *conf);

/* Whether somebody has to be asked. If not, the others are not to be called. */
bool master_is_asked_for(void);

/* False: nobody names one; the log says why. */
bool master_find(struct master *to);

/* The master of this epoch cannot be reached, or is none: the next time another one is
 * asked. */
void master_reject(unsigned epoch);

/* Whether this error, which the master of this epoch, of that host, has answered a command with,
 * is MOVED: another one has its place. */
bool master_note_moved(unsigned epoch, const char *error, const char *asked);

/*
 * Whether there is another master than that of this epoch. A connection to a master that
 * was stopped and goes on would not notice: what it wrote would be lost. Asks, where no thread
 * has for a second.
 */
bool master_changed(unsigned epoch);

/* The same for a thread that must not block, by what is known. Where it is stale, another
 * thread refreshes it first, which asks. */
bool master_replaced(unsigned epoch);
bool master_is_stale(void);
void master_refresh(void);

/* On clock_ms(): by then every program has left the previous master. */
int64_t master_left_at(void);

#endif
