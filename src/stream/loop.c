/*
 * The thread of loop_run() owns all nodes, and their streams. New ones come by the inbox,
 * which the lock guards.
 *
 * Each node is in the timers, with the time of its stream's next step. A stream is advanced
 * when that has come, when its descriptor has something, or its session (session.h), and
 * costs nothing otherwise. No round visits all streams, but for the one after SIGTERM.
 *
 * The order of a round: the events of epoll, of which those of Redis are only noted; the
 * inbox; what has come from Redis, which is all that may end a stream and so free its node,
 * which an event may have named; timers; then all that was begun goes out to Redis together.
 */
#include "config.h"

#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fifo.h"
#include "base/timers.h"
#include "shared/metric.h"
#include "stream/loop.h"
#include "stream/session.h"

enum { EVENTS_AT_ONCE = 64, TIMERS_AT_ONCE = 64 };

struct node {
	struct link link;		/* in the inbox, or in that of stop_streams() */
	struct timer timer;
	struct stream *stream;
	int web_fd;			/* in the epoll; -1: none */
	uint32_t web_events;
};

/* The loop's own. */
static int loop_epoll;
static struct timers node_timers;
static bool loop_stopping;
static int64_t loop_stop_at = INT64_MAX;

/* Between the threads. */
static pthread_mutex_t inbox_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fifo inbox;
static int loop_wakeup_fd;

static void watch_web(struct node *n, int fd, uint32_t events)
{
	struct epoll_event e = {
		.events = events,
		.data.ptr = n,
	};

	if (n->web_fd == fd && n->web_events == events)
		return;
	if (n->web_fd == fd)
		epoll_ctl(loop_epoll, EPOLL_CTL_MOD, fd, &e);
	else if (n->web_fd >= 0)
		epoll_ctl(loop_epoll, EPOLL_CTL_DEL, n->web_fd, NULL);
	if (fd >= 0 && n->web_fd != fd)
		epoll_ctl(loop_epoll, EPOLL_CTL_ADD, fd, &e);
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

static void receive_node(struct node *n)
{
	stream_start(n->stream, n);
	if (loop_stopping)
		stream_stop(n->stream);
	advance_node(n, clock_ms());
}

static void receive_inbox(void)
{
	struct fifo taken;
	struct node *n;
	eventfd_t rung;

	eventfd_read(loop_wakeup_fd, &rung);
	pthread_mutex_lock(&inbox_lock);
	taken = inbox;
	inbox.first = NULL;
	pthread_mutex_unlock(&inbox_lock);
	while ((n = fifo_pop(&taken)))
		receive_node(n);
}

static struct node *node_of(struct timer *t)
{
	return t ? (struct node *)((char *)t - offsetof(struct node, timer)) : NULL;
}

/* So many at most before descriptors are polled again. */
static void run_timers(int64_t now)
{
	struct timer *t;

	for (int i = 0; i < TIMERS_AT_ONCE && (t = timers_first(&node_timers)) &&
	     t->at <= now; i++)
		advance_node(node_of(t), now);
}

/* All at one go, as nothing else is left to do. */
static void stop_streams(void)
{
	struct fifo all = { .first = NULL };
	struct node *n;

	loop_stopping = true;
	loop_stop_at = clock_ms() + LOOP_STOP_MS;
	epoll_ctl(loop_epoll, EPOLL_CTL_DEL, fcgi_stop_fd(), NULL);
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

static void watch_own_fd(int fd, void *name)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = name };

	epoll_ctl(loop_epoll, EPOLL_CTL_ADD, fd, &e);
}

void loop_init(const struct conf *conf)
{
	loop_epoll = epoll_create1(EPOLL_CLOEXEC);
	loop_wakeup_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop_epoll < 0 || loop_wakeup_fd < 0)
		abort();
	watch_own_fd(loop_wakeup_fd, &loop_wakeup_fd);
	watch_own_fd(fcgi_stop_fd(), &loop_stopping);
	sessions_init(loop_epoll, conf);
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
	bool was_empty;

	pthread_mutex_lock(&inbox_lock);
	was_empty = !inbox.first;
	fifo_push(&inbox, &n->link);
	pthread_mutex_unlock(&inbox_lock);
	if (was_empty)
		eventfd_write(loop_wakeup_fd, 1);
}

/* For epoll_wait(2). */
static int next_timeout_ms(void)
{
	const struct timer *first = timers_first(&node_timers);
	int64_t at = sessions_deadline(), now;

	if (first && first->at < at)
		at = first->at;
	if (loop_stop_at < at)
		at = loop_stop_at;
	if (at == INT64_MAX)
		return -1;
	now = clock_ms();
	return at < now ? 0 : at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

static void run_round(void)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int count = epoll_wait(loop_epoll, events, EVENTS_AT_ONCE, next_timeout_ms());
	int64_t now = clock_ms();
	bool rung = false, stops = false;

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr == &loop_wakeup_fd)
			rung = true;
		else if (events[i].data.ptr == &loop_stopping)
			stops = true;
		else if (!sessions_dispatch(&events[i]))
			dispatch_web(events[i].data.ptr, events[i].events, now);
	}
	if (rung)
		receive_inbox();
	if (stops)
		stop_streams();
	dispatch_sessions(now);
	run_timers(now);
	sessions_flush();
}

static bool may_go_on(bool once)
{
	if (loop_stopping && clock_ms() >= loop_stop_at)
		return false;
	return (!once && !loop_stopping) || stream_count();
}

void loop_run(bool once)
{
	do
		run_round();
	while (may_go_on(once));
}
