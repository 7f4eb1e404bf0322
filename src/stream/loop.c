/*
 * One thread does all of it. Its epoll is that of fcgi_wait(), which has the connections of
 * requests that are incomplete; those of streams, and to Redis, are added to it here.
 *
 * Each node is in the timers, with the time of its stream's next step. A stream is advanced
 * when that has come, when its descriptor has something, or its session (session.h), and
 * costs nothing otherwise. No round visits all streams, but for the one after SIGTERM.
 *
 * The order of a round: new streams; what has come from Redis; timers; then all that was
 * begun goes out to Redis together, and the loop waits; last the events of epoll, of which
 * those of Redis are only noted. A stream has one descriptor and so one event: where that
 * ends it, no other names its node.
 */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fifo.h"
#include "base/timers.h"
#include "shared/metric.h"
#include "stream/loop.h"
#include "stream/session.h"
#include "web/fcgi.h"

enum { REQUESTS_AT_ONCE = 16, TIMERS_AT_ONCE = 64 };

struct node {
	struct link link;		/* in stop_streams() */
	struct timer timer;
	struct stream *stream;
	int web_fd;			/* in the epoll; -1: none */
	uint32_t web_events;
};

static const struct conf *loop_conf;
static struct timers node_timers;
static bool loop_stopping;
static int64_t loop_stop_at = INT64_MAX;

static void watch_web(struct node *n, int fd, uint32_t events)
{
	struct epoll_event e = {
		.events = events,
		.data.ptr = n,
	};

	if (n->web_fd == fd && n->web_events == events)
		return;
	if (n->web_fd == fd)
		epoll_ctl(fcgi_epoll(), EPOLL_CTL_MOD, fd, &e);
	else if (n->web_fd >= 0)
		epoll_ctl(fcgi_epoll(), EPOLL_CTL_DEL, n->web_fd, NULL);
	if (fd >= 0 && n->web_fd != fd)
		epoll_ctl(fcgi_epoll(), EPOLL_CTL_ADD, fd, &e);
	n->web_fd = fd;
	n->web_events = events;
}

static void node_free(struct node *n)
{
	/* Its connection may live on, for another request. */
	watch_web(n, -1, 0);
	timers_remove(&node_timers, &n->timer);
	stream_free(n->stream);
	free(n);
}

static void advance_node(struct node *n, int64_t now)
{
	int64_t next_at;
	int fd;

	metric_add(METRIC_STREAM_STEPS, 0, 1);
	if (!stream_advance(n->stream, now, &next_at)) {
		node_free(n);
		return;
	}
	fd = stream_web_fd(n->stream);
	watch_web(n, fd, fd < 0 ? 0 : stream_web_events(n->stream));
	timers_set(&node_timers, &n->timer, next_at);
}

static struct node *node_new(struct stream *s)
{
	struct node *n = xcalloc(1, sizeof *n);

	n->stream = s;
	n->web_fd = -1;
	return n;
}

void loop_add(struct stream *s)
{
	struct node *n = node_new(s);

	stream_start(s, n);
	if (loop_stopping)
		stream_stop(s);
	advance_node(n, clock_ms());
}

/* So many at most before those that are open have their turn. */
static void accept_requests(void)
{
	struct fcgi *f;
	struct stream *s;

	for (int i = 0; i < REQUESTS_AT_ONCE && (f = fcgi_accept()); i++)
		if ((s = stream_open(f, loop_conf)))
			loop_add(s);
}

static struct node *node_of(struct timer *t)
{
	return t ? (struct node *)((char *)t - offsetof(struct node, timer)) : NULL;
}

static struct node *due_node(int64_t now)
{
	struct timer *t = timers_first(&node_timers);

	return t && t->at <= now ? node_of(t) : NULL;
}

/* So many at most before descriptors are polled again. */
static void run_timers(int64_t now)
{
	struct node *n;

	for (int i = 0; i < TIMERS_AT_ONCE && (n = due_node(now)); i++)
		advance_node(n, now);
}

/* All at one go, as nothing else is left to do. */
static void stop_streams(void)
{
	struct fifo all = { .first = NULL };
	struct node *n;

	loop_stopping = true;
	loop_stop_at = clock_ms() + LOOP_STOP_MS;
	while ((n = node_of(timers_first(&node_timers)))) {
		timers_remove(&node_timers, &n->timer);
		fifo_push(&all, &n->link);
	}
	while ((n = fifo_pop(&all))) {
		stream_stop(n->stream);
		advance_node(n, clock_ms());
	}
}

static void dispatch_web(struct node *n, uint32_t events, int64_t now)
{
	stream_web_event(n->stream, events);
	advance_node(n, now);
}

/* In each round, as what is sent may fail at once. */
static void dispatch_sessions(int64_t now)
{
	struct node *n;

	sessions_receive();
	while ((n = session_ready()))
		advance_node(n, now);
}

void loop_init(const struct conf *conf)
{
	loop_conf = conf;
	sessions_init(fcgi_epoll(), conf);
}

static int64_t loop_deadline(void)
{
	const struct timer *first = timers_first(&node_timers);
	int64_t at = sessions_deadline();

	if (first && first->at < at)
		at = first->at;
	return loop_stop_at < at ? loop_stop_at : at;
}

/* All that is to be done now; then what that asks of Redis goes out together. */
static void advance_all(void)
{
	int64_t now = clock_ms();

	accept_requests();
	if (fcgi_is_stopping() && !loop_stopping)
		stop_streams();
	dispatch_sessions(now);
	run_timers(now);
	sessions_flush(due_node(now));
}

static void wait_events(void)
{
	struct epoll_event events[FCGI_EVENTS_MAX];
	int64_t now;
	int count;

	/* The result, that no request is left to answer, is ignored: streams are sent
	 * their ends until loop_stop_at. */
	fcgi_wait(loop_deadline(), events, &count);
	now = clock_ms();
	for (int i = 0; i < count; i++)
		if (!sessions_dispatch(&events[i]))
			dispatch_web(events[i].data.ptr, events[i].events, now);
}

static bool may_go_on(bool once)
{
	if (loop_stopping && clock_ms() >= loop_stop_at)
		return false;
	return (!once && !loop_stopping) || stream_count();
}

void loop_run(bool once)
{
	for (;;) {
		advance_all();
		if (!may_go_on(once))
			return;
		wait_events();
	}
}
