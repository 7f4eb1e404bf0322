#include "config.h"

#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "base/slots.h"
#include "base/thread.h"
#include "store/pool.h"
#include "stream/due.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
/* Times of clock_ms(); INT64_MAX: none. */
static struct slots wanted = SLOTS_INIT;
static int64_t beat_look_at = INT64_MAX;	/* unless there is another beat */
static int64_t wakes_at = INT64_MAX;		/* the thread, by itself */
static bool running;
static const struct conf *conf;		/* set before the thread begins */

static void look(void)
{
	struct later later = { .more = true };
	struct redis *r = pool_take();

	/* Where Redis is away the next beats look. */
	while (r && later.more && !presence_due(r, conf, &later))
		if (later.moved)
			due_later(conf, &(struct later){ .moved = true });
	if (r)
		pool_give(r);
}

static int64_t next_look(void)
{
	int64_t first = slots_first(&wanted);

	return first < beat_look_at ? first : beat_look_at;
}

/* One look is for all whose time has come. */
static void expire(int64_t now)
{
	slots_expire(&wanted, now);
	if (beat_look_at <= now)
		beat_look_at = INT64_MAX;
}

static void *run(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	for (;;) {
		int64_t now = clock_ms();
		struct timespec t;

		wakes_at = next_look();
		t = (struct timespec){ wakes_at / 1000, wakes_at % 1000 * 1000000 };
		if (wakes_at == INT64_MAX) {
			pthread_cond_wait(&changed, &lock);
		} else if (wakes_at > now) {
			pthread_cond_timedwait(&changed, &lock, &t);
		} else {
			expire(now);
			pthread_mutex_unlock(&lock);
			look();
			pthread_mutex_lock(&lock);
		}
	}
	return NULL;
}

static void start(const struct conf *c)
{
	pthread_condattr_t monotonic;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &monotonic);
	conf = c;
	thread_attr_detached(&attr);
	running = !thread_start(&thread, &attr, run, NULL);
	pthread_attr_destroy(&attr);
}

/* Whether there is a thread that looks. The lock is held. */
static bool is_running(const struct conf *c)
{
	if (!running)
		start(c);
	return running;
}

/* The lock is held. */
static void wake(void)
{
	if (next_look() < wakes_at)
		pthread_cond_signal(&changed);
}

void due_in(const struct conf *c, unsigned ms)
{
	pthread_mutex_lock(&lock);
	if (is_running(c)) {
		int64_t now = clock_ms();

		slots_add(&wanted, now + ms, now);
		wake();
	}
	pthread_mutex_unlock(&lock);
}

void due_beat(const struct conf *c)
{
	pthread_mutex_lock(&lock);
	if (is_running(c)) {
		beat_look_at = clock_ms() + c->ping * 500;
		wake();
	}
	pthread_mutex_unlock(&lock);
}

void due_later(const struct conf *c, const struct later *later)
{
	if (later->more)
		due_in(c, 0);
	if (later->moved)
		due_in(c, c->grace * 1000 + c->ping * 500);
}
