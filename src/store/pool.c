#include "config.h"

#include <pthread.h>
#include <time.h>

#include "base/log.h"
#include "store/pool.h"

/* Redis has one thread: more connections would only wait there. */
enum { POOL_MOST = 8, PATIENCE_S = 1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static struct redis *idle[POOL_MOST];
static int idle_count, made;

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
		r = idle[--idle_count];
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
	pthread_mutex_lock(&lock);
	idle[idle_count++] = r;
	pthread_cond_signal(&freed);
	pthread_mutex_unlock(&lock);
}
