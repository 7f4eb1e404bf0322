/*
 * Any thread may ask; each look-up runs on a thread of its own. The lock guards all
 * look-ups, with one exception: the thread of a look-up reads its name without the
 * lock. That is safe because find_lookup() never reuses a slot while a thread runs for
 * it or waits on it.
 *
 * Addresses that were found outlive a later error, for RESOLVE_KEEP_MS: a name server
 * that is down must not take a working Redis with it.
 */
#include "config.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/resolve.h"
#include "base/thread.h"

/* More than the names in a setting: that of Redis, or of Sentinels and their master. */
enum { LOOKUPS_MAX = 32 };

/* Times are of clock_ms(). */
struct lookup {
	char *name;			/* NULL: free */
	bool running;
	int waiting;			/* threads */
	int64_t wanted_at;		/* the last time */
	int64_t began_at, ended_at;	/* the last one; ended_at 0: none has */
	const char *error;		/* of that one, or NULL */
	struct addresses found;		/* by the last one that found any */
	int64_t found_at;
};

static struct lookup lookups[LOOKUPS_MAX];
static pthread_mutex_t resolve_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t lookup_ended;
static pthread_once_t resolve_once = PTHREAD_ONCE_INIT;

static void init_resolve(void)
{
	thread_cond_init(&lookup_ended);
}

/* As numbers, so that whoever connects has nothing left to look up. */
static void append_family(const struct addrinfo *list, int family,
			  struct addresses *to)
{
	for (; list && to->count < ADDRESSES_MAX; list = list->ai_next)
		if (list->ai_family == family &&
		    !getnameinfo(list->ai_addr, list->ai_addrlen, to->text[to->count],
				 ADDRESS_MAX + 1, NULL, 0, NI_NUMERICHOST))
			to->count++;
}

/* NULL, or why. Without a socket type each address would be listed once for every
 * type. */
static const char *look_up(const char *name, int flags, struct addresses *to)
{
	const struct addrinfo hints = {
		.ai_flags = flags, .ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *list = NULL;
	int error = getaddrinfo(name, NULL, &hints, &list);

	to->count = 0;
	if (error)
		return gai_strerror(error);
	append_family(list, AF_INET, to);
	append_family(list, AF_INET6, to);
	freeaddrinfo(list);
	return to->count ? NULL : gai_strerror(EAI_NONAME);
}

static void *run_lookup(void *arg)
{
	struct lookup *l = arg;
	struct addresses found;
	const char *error = look_up(l->name, 0, &found);

	pthread_mutex_lock(&resolve_lock);
	l->running = false;
	l->ended_at = clock_ms();
	l->error = error;
	if (!error) {
		l->found = found;
		l->found_at = l->ended_at;
	}
	pthread_cond_broadcast(&lookup_ended);
	pthread_mutex_unlock(&resolve_lock);
	return NULL;
}

/* The following are called with the lock. */

/* If there is no thread, ended_at stays unchanged, so the next call tries again. */
static void start_lookup(struct lookup *l)
{
	l->began_at = clock_ms();
	l->running = !thread_start_detached(run_lookup, l);
	if (!l->running)
		l->error = "no thread is to be had for it";
}

static void await_lookup(struct lookup *l, int64_t deadline)
{
	l->waiting++;
	/* All look-ups share one condition, so this may not be the one that ended. */
	while (l->running && clock_ms() < deadline)
		thread_cond_wait_until(&lookup_ended, &resolve_lock, deadline);
	l->waiting--;
}

/* The look-up of this name; a new one takes the place of the one that was wanted least
 * recently. NULL: all are in use. */
static struct lookup *find_lookup(const char *name)
{
	struct lookup *oldest = NULL;

	for (int i = 0; i < LOOKUPS_MAX; i++) {
		struct lookup *l = &lookups[i];

		if (l->name && !strcmp(l->name, name))
			return l;
		if (!l->running && !l->waiting &&
		    (!oldest || l->wanted_at < oldest->wanted_at))
			oldest = l;
	}
	if (oldest) {
		free(oldest->name);
		*oldest = (struct lookup){ .name = xstrdup(name) };
	}
	return oldest;
}

/* Starts one if there is no fresh answer. Returns when the look-up under way counts as
 * late. That is measured from its start: when a name server does not answer, only the
 * first of many callers waits for it. */
static int64_t request_lookup(struct lookup *l)
{
	l->wanted_at = clock_ms();
	if (!l->running &&
	    (!l->ended_at || l->wanted_at >= l->ended_at + RESOLVE_FRESH_MS))
		start_lookup(l);
	return l->began_at + RESOLVE_MS;
}

static const char *resolve_locked(struct lookup *l, int64_t deadline,
				  struct addresses *to)
{
	int64_t late_at = request_lookup(l);

	await_lookup(l, late_at < deadline ? late_at : deadline);
	if (l->found.count && clock_ms() < l->found_at + RESOLVE_KEEP_MS) {
		*to = l->found;
		return NULL;
	}
	return l->running ? "no name server has answered in time" : l->error;
}

const char *resolve(const char *name, int64_t deadline, struct addresses *to)
{
	struct lookup *l;
	const char *why;

	/* An address needs no name server, and so neither the lock nor a thread. */
	if (!look_up(name, AI_NUMERICHOST, to))
		return NULL;
	pthread_once(&resolve_once, init_resolve);
	pthread_mutex_lock(&resolve_lock);
	l = find_lookup(name);
	why = l ? resolve_locked(l, deadline, to) : "too many names are being resolved";
	pthread_mutex_unlock(&resolve_lock);
	return why;
}
