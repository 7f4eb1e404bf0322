/*
 * The lock guards the table and the seed. It is taken for each refusal, and held for a
 * few steps; the caller writes the line.
 */
#include "config.h"

#include <limits.h>
#include <pthread.h>

#include "base/id.h"
#include "web/refusals.h"

enum {
	HOSTS = 256,			/* slots for each kind of error */
	INTERVAL_MS = 1000,
};

struct refusal_slot {
	int64_t next_at;		/* of clock_ms() */
	uint64_t not_logged;
};

static pthread_mutex_t refusal_lock = PTHREAD_MUTEX_INITIALIZER;
static struct refusal_slot refusal_slots[ERR_COUNT][HOSTS];
static uint32_t seed;		/* 0: not yet */

/* FNV-1a; its halves are combined, since the lower bits alone are spread less evenly.
 * The seed is random, so that nobody can aim at the slot of another host to keep it out
 * of the log. */
static struct refusal_slot *slot_of_host(enum err e, const char *host)
{
	uint32_t hash;

	if (!seed)
		seed = random_between(1, UINT_MAX);
	hash = seed;
	for (; *host; host++)
		hash = (hash ^ (unsigned char)*host) * 0x01000193;
	return &refusal_slots[e][(hash ^ hash >> 16) % HOSTS];
}

bool refusal_is_logged(enum err e, const char *host, int64_t now,
		       uint64_t *not_logged)
{
	struct refusal_slot *p;
	bool logged;

	pthread_mutex_lock(&refusal_lock);
	p = slot_of_host(e, host);
	logged = now >= p->next_at;
	if (logged) {
		*not_logged = p->not_logged;
		*p = (struct refusal_slot){ .next_at = now + INTERVAL_MS };
	} else {
		p->not_logged++;
	}
	pthread_mutex_unlock(&refusal_lock);
	return logged;
}
