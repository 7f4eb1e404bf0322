#include "config.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/pool.h"

/* Redis has one thread: more connections would only wait there. */
enum { POOL_MOST = 8, PATIENCE_S = 1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
/* The one that was used last is taken first, so that the others grow old. */
static struct {
	struct redis *redis;
	int64_t since;			/* of clock_ms() */
} idle[POOL_MOST];
static int idle_count, made;
static bool trimmed;			/* somebody is going to call pool_trim() */
static void (*on_first)(void);

struct redis *pool_take(void)
{
	struct redis *r = NULL;
	struct timespec until;
	int timed_out = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&lock);
	while (!idle_count && made == POOL_MOST && !timed_out)
		timed_out = pthread_cond_timedwait(&freed, &lock, &until);
	if (idle_count) {
		r = idle[--idle_count].redis;
	} else if (made < POOL_MOST) {
		made++;
		r = redis_new(-1);
	}
	pthread_mutex_unlock(&lock);
	if (!r)
		log_warn("pool.take", "why=no connection to Redis was free for %d s",
			 PATIENCE_S);
	return r;
}

void pool_give(struct redis *r)
{
	bool first;

	pthread_mutex_lock(&lock);
	first = !trimmed;
	trimmed = true;
	idle[idle_count].redis = r;
	idle[idle_count++].since = clock_ms();
	pthread_cond_signal(&freed);
	pthread_mutex_unlock(&lock);
	if (first && on_first)
		on_first();
}

/* With the lock. */
static struct redis *pop_old(int64_t now)
{
	struct redis *r = idle[0].redis;

	if (!idle_count || now < idle[0].since + POOL_IDLE_MS)
		return NULL;
	idle_count--;
	made--;
	memmove(idle, idle + 1, (size_t)idle_count * sizeof *idle);
	return r;
}

int64_t pool_trim(int64_t now)
{
	struct redis *old;
	int64_t next;

	do {
		pthread_mutex_lock(&lock);
		old = pop_old(now);
		trimmed = idle_count;
		next = trimmed ? idle[0].since + POOL_IDLE_MS : INT64_MAX;
		pthread_mutex_unlock(&lock);
		redis_free(old);
	} while (old);
	return next;
}

void pool_on_first(void (*wake)(void))
{
	on_first = wake;
}
