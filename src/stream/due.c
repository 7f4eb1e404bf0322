#include "config.h"

#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/pool.h"
#include "stream/due.h"

enum { SLOT_MS = 100, SLOTS = 8192 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool wanted[SLOTS];		/* a ring, by time */
static int64_t done;			/* the last slot that was looked at */
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

/* The first wanted slot, or -1. */
static int64_t first(void)
{
	for (int64_t n = done + 1; n <= done + SLOTS; n++)
		if (wanted[n % SLOTS])
			return n;
	return -1;
}

static void *run(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	for (;;) {
		int64_t n = first(), at = n * SLOT_MS;
		struct timespec t = { at / 1000, at % 1000 * 1000000 };

		if (n < 0) {
			pthread_cond_wait(&changed, &lock);
		} else if (at > clock_ms()) {
			pthread_cond_timedwait(&changed, &lock, &t);
		} else {
			wanted[n % SLOTS] = false;
			done = n;
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
	done = clock_ms() / SLOT_MS - 1;
	conf = c;
	thread_attr_detached(&attr);
	running = !thread_start(&thread, &attr, run, NULL);
	pthread_attr_destroy(&attr);
}

void due_in(const struct conf *c, unsigned ms)
{
	int64_t slot = (clock_ms() + ms) / SLOT_MS + 1;

	pthread_mutex_lock(&lock);
	if (!running)
		start(c);
	/* Nothing was wanted for longer than the ring is: it begins anew here. */
	if (first() < 0)
		done = clock_ms() / SLOT_MS - 1;
	if (running && slot > done && slot <= done + SLOTS &&
	    !wanted[slot % SLOTS]) {
		wanted[slot % SLOTS] = true;
		pthread_cond_signal(&changed);
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
