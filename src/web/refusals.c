#include "config.h"

#include <limits.h>
#include <pthread.h>

#include "base/id.h"
#include "web/refusals.h"

enum { HOSTS = 256, INTERVAL_MS = 1000 };

struct place {
	int64_t next_at;		/* of clock_ms() */
	uint64_t not_logged;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place table[ERR_COUNT][HOSTS];
static uint32_t seed;		/* 0: not yet */

/* FNV-1a. The seed is drawn, lest somebody choose the place of another. */
static struct place *find(enum err e, const char *host)
{
	uint32_t hash;

	if (!seed)
		seed = random_between(1, UINT_MAX);
	hash = seed;
	for (; *host; host++)
		hash = (hash ^ (unsigned char)*host) * 0x01000193;
	return &table[e][(hash ^ hash >> 16) % HOSTS];
}

bool refusal_is_logged(enum err e, const char *host, int64_t now,
		       uint64_t *not_logged)
{
	struct place *p;
	bool logged;

	pthread_mutex_lock(&lock);
	p = find(e, host);
	logged = now >= p->next_at;
	if (logged) {
		*not_logged = p->not_logged;
		*p = (struct place){ .next_at = now + INTERVAL_MS };
	} else {
		p->not_logged++;
	}
	pthread_mutex_unlock(&lock);
	return logged;
}
