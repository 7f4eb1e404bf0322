#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/metric.h"
#include "room/room.h"
#include "signal/routes.h"
#include "store/subscription.h"

enum { READY_MS = 1000, GOOD_MS = 1000, BAD_MS = 250, WAITING_MAX = 64 };

enum err run_live(struct call *c)
{
	buf_str(&c->out, "{\"status\":\"ok\"}");
	return OK;
}

/* Until the message that we have published ourselves is there. */
static enum err receive(struct subscription *s, const char *want)
{
	int64_t end = clock_ms() + READY_MS, left;
	const char *message;
	size_t len;

	while ((left = end - clock_ms()) > 0) {
		struct pollfd p = { subscription_fd(s), POLLIN, 0 };

		if (poll(&p, 1, (int)left) > 0 && subscription_read(s))
			return ERR_STORE;
		while (subscription_next(s, &message, &len))
			if (!strcmp(message, want))
				return OK;
	}
	return ERR_STORE;
}

/* A removal of somebody who is nobody: changes nothing, but a replica, which
 * publishes like any other, refuses it. */
static enum err write_nothing(struct call *c)
{
	static const struct peer nobody = { .id = "@" };
	bool leaving;

	return presence_end(c->redis, c->conf, &nobody, 0, &leaving);
}

/* The whole way of a message: published, and received; and Redis takes
 * writes. */
static enum err probe(struct call *c)
{
	char name[ID_RANDOM_LEN + 2] = "@";	/* no peer's id */
	struct subscription *s = NULL;
	char *channel;
	enum err e;

	id_random(name + 1);
	channel = room_channel(c->conf, name);
	e = subscription_open(channel, &s);
	if (!e)
		e = redis_publish(c->redis, channel, name);
	if (!e)
		e = receive(s, name);
	if (!e)
		e = write_nothing(c);
	subscription_free(s);
	free(channel);
	return e;
}

/*
 * However many ask, Redis is asked once a second: who comes while it is asked
 * waits for that answer, without a thread, and who comes later, or when many wait
 * already, is told the last one. A bad one counts for less, so that what is back is
 * seen; a good one no more once anybody was refused because of Redis.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	bool running;
	enum err result;
	int64_t until;			/* it counts, in ms of clock_ms() */
	uint64_t refused;		/* when it began */
	struct fifo waiting;		/* calls */
	unsigned count;			/* of them */
} last;

static uint64_t refused(void)
{
	return metric_value(METRIC_REFUSED, ERR_STORE);
}

static bool last_counts(void)
{
	return clock_ms() < last.until &&
		(last.result || last.refused == refused());
}

static enum err answer(struct call *c, enum err e)
{
	buf_str(&c->out, "{\"status\":\"ok\"}");
	return e;
}

static struct fifo finish(enum err e, int64_t start)
{
	struct fifo waiting;

	pthread_mutex_lock(&lock);
	waiting = last.waiting;
	last.waiting.first = NULL;
	last.count = 0;
	last.running = false;
	last.result = e;
	last.until = e ? clock_ms() + BAD_MS : start + GOOD_MS;
	pthread_mutex_unlock(&lock);
	return waiting;
}

enum err run_ready(struct call *c)
{
	enum { TELL, WAIT, ASK } what;
	struct fifo waiting;
	struct call *other;
	int64_t start = clock_ms();
	enum err e;

	pthread_mutex_lock(&lock);
	e = last.result;
	what = last.running && last.count < WAITING_MAX ? WAIT :
		last.running || last_counts() ? TELL : ASK;
	if (what == WAIT) {
		fifo_put(&last.waiting, &c->link);
		last.count++;
	}
	if (what == ASK) {
		last.running = true;
		last.refused = refused();
	}
	pthread_mutex_unlock(&lock);
	if (what == WAIT)
		return LATER;
	if (what == TELL)
		return answer(c, e);
	e = probe(c);
	waiting = finish(e, start);
	while ((other = fifo_take(&waiting)))
		http_end(other, answer(other, e));
	return answer(c, e);
}
