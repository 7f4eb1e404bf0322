/*
 * However many requests come, Redis is probed once a second. A request that comes
 * during a probe waits for its result, without a thread; others, and those that come
 * when many wait already, get the last result. A bad one expires sooner, so that a
 * recovery is seen; a good one at once when any request is refused because of Redis.
 *
 * Workers run this, so several may be here at a time. The lock guards last_probe, and
 * is not held during a probe nor while answers are sent. running makes sure that there
 * is one probe; whoever runs it takes all who wait out of the queue when it ends, and
 * answers them.
 */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "room/presence.h"
#include "room/room.h"
#include "shared/metric.h"
#include "signal/routes.h"
#include "store/listener.h"

enum {
	READY_MS = 1000,		/* until a published message must have come */
	GOOD_MS = 1000, BAD_MS = 250,	/* how long a result is valid */
	PROBE_WAITERS_MAX = 64,		/* each holds a request and a connection */
};

/* Whether the program runs. It looks at nothing else: an orchestrator that restarted it
 * because Redis is away would only make things worse. */
static enum err run_live(struct call *c)
{
	buf_str(&c->out, "{\"status\":\"ok\"}");
	return OK;
}

const struct route route_live = {
	.method = "GET",
	.path = "/health/live",
	.token = TOKEN_IGNORED,
	.run = run_live,
};

/* Until the message that we have published is there. Only somebody who has guessed the
 * name of the channel could send another one, which is passed over. */
static enum err await_message(struct listener *l, const char *want)
{
	int64_t end = clock_ms() + READY_MS, left;
	const char *message;
	size_t len;

	while ((left = end - clock_ms()) > 0) {
		struct pollfd p = { listener_fd(l), POLLIN, 0 };

		if (poll(&p, 1, (int)left) > 0 && listener_read(l))
			return ERR_STORE;
		while (listener_next(l, &message, &len))
			if (!strcmp(message, want))
				return OK;
	}
	return ERR_STORE;
}

/* In the same round trip the stream of a peer that does not exist leaves: that changes
 * nothing, but a read-only replica, which would publish, refuses it. "@" is in no
 * id. */
static enum err publish_probe(struct call *c, const char *channel, const char *message)
{
	static const struct peer nobody = { .id = "@" };
	enum err written, e;
	bool leaving;

	presence_leave(c->redis, c->conf, &nobody, 0, &leaving, presence_set_err,
		       &written);
	e = redis_publish(c->redis, channel, message);
	/* written and leaving are on this stack: the command must be done before it
	 * goes. */
	redis_drain(c->redis);
	return e ? e : written;
}

/* Whether a message that is published arrives, and Redis accepts writes. The listener
 * comes first: what is published before Redis has confirmed the subscription is
 * lost. */
static enum err probe_redis(struct call *c)
{
	char name[ID_RANDOM_LEN + 2] = "@";	/* no peer's id */
	struct listener *l = NULL;
	char *channel;
	enum err e;

	id_random(name + 1);
	channel = presence_channel(c->conf, name);
	e = listener_open(channel, &l);
	if (!e)
		e = publish_probe(c, channel, name);
	if (!e)
		e = await_message(l, name);
	listener_free(l);
	free(channel);
	return e;
}

static pthread_mutex_t health_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	bool running;
	enum err result;
	int64_t expires_at;		/* on clock_ms() */
	uint64_t refused;		/* when it started */
	struct fifo waiting;		/* calls */
	unsigned count;			/* of these */
} last_probe;

static uint64_t refusal_count(void)
{
	return metric_value(METRIC_REFUSED, ERR_STORE) +
		metric_value(METRIC_REFUSED, ERR_STORE_VERSION);
}

/* The count of refusals is that of all processes of the host, so that any of them
 * brings a recent "ok" to its end. */
static bool last_is_valid(void)
{
	return clock_ms() < last_probe.expires_at &&
		(last_probe.result || last_probe.refused == refusal_count());
}

/* Whether Redis evicts keys, for "drawbridge doctor". */
static const char *eviction(void)
{
	if (!metric_value(METRIC_REDIS_EVICTS, 0))
		return "";
	return metric_value(METRIC_REDIS_MAXMEMORY, 0) ?
		",\"redis\":\"evicts\"" : ",\"redis\":\"may-evict\"";
}

static enum err append_status(struct call *c, enum err e)
{
	buf_fmt(&c->out, "{\"status\":\"ok\"%s}", eviction());
	return e;
}

static struct fifo finish_probe(enum err e, int64_t start)
{
	struct fifo waiting;

	pthread_mutex_lock(&health_lock);
	waiting = last_probe.waiting;
	last_probe.waiting.first = NULL;
	last_probe.count = 0;
	last_probe.running = false;
	last_probe.result = e;
	/* A good one from its start on: so under a steady flow of requests there is a
	 * probe every GOOD_MS, whatever it takes. */
	last_probe.expires_at = e ? clock_ms() + BAD_MS : start + GOOD_MS;
	pthread_mutex_unlock(&health_lock);
	return waiting;
}

/* Completes the calls that have waited; c itself is answered by the return value. */
static enum err run_ready(struct call *c)
{
	enum { ANSWER_LAST, WAIT_FOR_PROBE, PROBE } action;
	struct fifo waiting;
	struct call *other;
	int64_t start = clock_ms();
	enum err e;

	pthread_mutex_lock(&health_lock);
	e = last_probe.result;
	if (last_probe.running && last_probe.count < PROBE_WAITERS_MAX)
		action = WAIT_FOR_PROBE;
	else
		action = last_probe.running || last_is_valid() ? ANSWER_LAST : PROBE;
	if (action == WAIT_FOR_PROBE) {
		fifo_push(&last_probe.waiting, &c->link);
		last_probe.count++;
	}
	if (action == PROBE) {
		last_probe.running = true;
		last_probe.refused = refusal_count();
	}
	pthread_mutex_unlock(&health_lock);
	if (action == WAIT_FOR_PROBE)
		return ERR_PENDING;
	if (action == ANSWER_LAST)
		return append_status(c, e);
	e = probe_redis(c);
	waiting = finish_probe(e, start);
	while ((other = fifo_pop(&waiting)))
		http_complete(other, append_status(other, e));
	return append_status(c, e);
}

const struct route route_ready = {
	.method = "GET",
	.path = "/health/ready",
	.token = TOKEN_IGNORED,
	.blocks = true,
	.run = run_ready,
};
