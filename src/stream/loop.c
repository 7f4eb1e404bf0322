/*
 * The loop's thread has all nodes but those that are busy: a worker has these, by
 * way of the queue, and gives them back by the inbox. The lock guards both.
 *
 * Each node that is not busy is in timers, with the time at which something is to be
 * done for its stream; so a stream is visited when that has come, or when one of its
 * descriptors has something, and costs nothing else. No step is over all streams,
 * but the one at SIGTERM, which is the last of each.
 *
 * A round is what epoll has told, then the inbox, which frees nodes that epoll may
 * have told of, then the timers, then what is left for the workers, who so find a
 * batch and not one after the other.
 */
#include "config.h"

#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fifo.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/thread.h"
#include "base/timers.h"
#include "store/pool.h"
#include "stream/loop.h"

enum {
	EVENTS_AT_ONCE = 64, TIMERS_AT_ONCE = 64,
	WORKERS_MOST = 2,		/* Redis has one thread, and what waits
					 * meanwhile is done together */
};

struct watch {
	int fd;				/* -1: none */
	uint32_t events;
};

struct node {
	struct link link;		/* in one of the queues below */
	struct timer timer;		/* of a busy one: in none */
	struct stream *stream;		/* NULL: it is over */
	struct watch web, redis;	/* as epoll has them */
	bool busy;			/* a worker has it */
};

/* The loop's own. */
static int epoll;
static struct timers timers;
static struct fifo handed;		/* in this round; to go into the queue */
static int handed_count, workers;
static bool stopping;

/* Between the threads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static struct fifo inbox, queue;
static int bell, idle;

/* Workers */

/* As many as there are, up to a batch: what they ask Redis goes out together. */
static int take_batch(struct node *nodes[])
{
	int count = 0;

	while (count < STREAMS_AT_ONCE && (nodes[count] = fifo_take(&queue)))
		count++;
	return count;
}

static void do_work(struct node *nodes[], int count)
{
	struct stream *streams[STREAMS_AT_ONCE];

	for (int i = 0; i < count; i++)
		streams[i] = nodes[i]->stream;
	stream_work(streams, count);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < count; i++) {
		nodes[i]->stream = streams[i];
		fifo_put(&inbox, &nodes[i]->link);
	}
	pthread_mutex_unlock(&lock);
	eventfd_write(bell, 1);
}

static void *work(void *unused)
{
	(void)unused;
	for (;;) {
		struct node *nodes[STREAMS_AT_ONCE];
		int count;

		pthread_mutex_lock(&lock);
		while (!(count = take_batch(nodes))) {
			idle++;
			pthread_cond_wait(&queued, &lock);
			idle--;
		}
		pthread_mutex_unlock(&lock);
		do_work(nodes, count);
	}
	return NULL;
}

/* More of them only where all have something to do. */
static bool start_worker(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int e;

	thread_attr_detached(&attr);
	e = thread_start(&thread, &attr, work, NULL);
	pthread_attr_destroy(&attr);
	if (e)
		log_error("stream.thread", "why=%s", strerror(e));
	return !e;
}

/* Where there is no worker, and none can be started. */
static void work_here(void)
{
	struct node *nodes[STREAMS_AT_ONCE];
	int count;

	do {
		pthread_mutex_lock(&lock);
		count = take_batch(nodes);
		pthread_mutex_unlock(&lock);
		if (count)
			do_work(nodes, count);
	} while (count);
}

static void wake_worker(void)
{
	struct node *n;
	bool start;

	if (!handed_count)
		return;
	handed_count = 0;
	pthread_mutex_lock(&lock);
	while ((n = fifo_take(&handed)))
		fifo_put(&queue, &n->link);
	start = !idle && workers < WORKERS_MOST;
	pthread_mutex_unlock(&lock);
	/* Not before, or it would wait for the lock first. */
	pthread_cond_signal(&queued);
	workers += start && start_worker();
	if (!workers)
		work_here();
}

static void hand_over(struct node *n)
{
	n->busy = true;
	timers_remove(&timers, &n->timer);
	fifo_put(&handed, &n->link);
	if (++handed_count == STREAMS_AT_ONCE)
		wake_worker();
}

/* Watching */

static void watch(struct node *n, struct watch *w, int fd, uint32_t events)
{
	struct epoll_event e = {
		.events = events,
		/* A node is aligned: its lowest bit says which of the two. */
		.data.u64 = (uintptr_t)n | (w == &n->redis),
	};

	if (w->fd == fd && w->events == events)
		return;
	if (w->fd == fd)
		epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e);
	else if (w->fd >= 0)
		epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
	if (fd >= 0 && w->fd != fd)
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	*w = (struct watch){ fd, events };
}

static void go_on(struct node *n, int64_t now)
{
	struct stream *s = n->stream;
	int64_t until;
	enum stream_work todo;

	metric_add(METRIC_STREAM_STEPS, 0, 1);
	/* Before it closes what is lost: the number may be another's at once. */
	if (stream_redis_fd(s) < 0)
		watch(n, &n->redis, -1, 0);
	todo = stream_go_on(s, now, &until);
	if (todo == WORK_END) {
		/* The worker closes them. */
		watch(n, &n->web, -1, 0);
		watch(n, &n->redis, -1, 0);
	} else {
		watch(n, &n->web, stream_web_fd(s), stream_web_events(s));
		watch(n, &n->redis, stream_redis_fd(s), EPOLLIN);
	}
	if (todo)
		hand_over(n);
	else
		timers_set(&timers, &n->timer, until);
}

static void take(struct node *n, int64_t now)
{
	n->busy = false;
	if (!n->stream) {
		free(n);
		return;
	}
	if (stopping)
		stream_stop(n->stream);
	go_on(n, now);
}

static void take_inbox(void)
{
	struct fifo taken;
	struct node *n;
	eventfd_t rung;

	eventfd_read(bell, &rung);
	pthread_mutex_lock(&lock);
	taken = inbox;
	inbox.first = NULL;
	pthread_mutex_unlock(&lock);
	while ((n = fifo_take(&taken)))
		take(n, clock_ms());
}

static struct node *node_of(struct timer *t)
{
	return t ? (struct node *)((char *)t - offsetof(struct node, timer)) : NULL;
}

/* Not more of them than that before the descriptors are looked at again. */
static void run_timers(int64_t now)
{
	struct timer *t;

	for (int i = 0; i < TIMERS_AT_ONCE && (t = timers_first(&timers)) &&
	     t->at <= now; i++)
		go_on(node_of(t), now);
}

/* Once for each stream, which ends by it: those that are busy when they are given
 * back. At one go, as nothing else is to be done meanwhile, while workers end the
 * first ones. */
static void stop(void)
{
	struct fifo all = { .first = NULL };
	struct node *n;

	stopping = true;
	epoll_ctl(epoll, EPOLL_CTL_DEL, fcgi_stop_fd(), NULL);
	while ((n = node_of(timers_first(&timers)))) {
		timers_remove(&timers, &n->timer);
		fifo_put(&all, &n->link);
	}
	while ((n = fifo_take(&all))) {
		stream_stop(n->stream);
		go_on(n, clock_ms());
	}
}

static void happen(const struct epoll_event *e, int64_t now)
{
	struct node *n = (struct node *)(uintptr_t)(e->data.u64 & ~(uint64_t)1);
	bool redis = e->data.u64 & 1;

	if (n->busy)
		/* It is looked at again when the worker is done. */
		watch(n, redis ? &n->redis : &n->web, -1, 0);
	else if (redis)
		stream_redis_event(n->stream);
	else
		stream_web_event(n->stream, e->events);
	if (!n->busy)
		go_on(n, now);
}

static void add_fixed(int fd, void *name)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = name };

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

static void ring(void)
{
	eventfd_write(bell, 1);
}

void loop_init(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (epoll < 0 || bell < 0)
		abort();
	add_fixed(bell, &bell);
	add_fixed(fcgi_stop_fd(), &stopping);
	pool_on_first(ring);
}

static struct node *node_new(struct stream *s)
{
	struct node *n = xcalloc(1, sizeof *n);

	n->stream = s;
	n->busy = true;
	n->web.fd = n->redis.fd = -1;
	return n;
}

void loop_add(struct stream *streams[], int count)
{
	struct node *nodes[STREAMS_AT_ONCE];

	for (int i = 0; i < count; i++)
		nodes[i] = node_new(streams[i]);
	do_work(nodes, count);
}

/* For epoll_wait: until the first timer, or until a connection of the pool is to go. */
static int wait_ms(void)
{
	const struct timer *first = timers_first(&timers);
	int64_t now = clock_ms(), at = pool_trim(now);

	if (first && first->at < at)
		at = first->at;
	if (at == INT64_MAX)
		return -1;
	return at < now ? 0 : at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

void loop_run(bool once)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	do {
		bool rung = false;
		int count = epoll_wait(epoll, events, EVENTS_AT_ONCE, wait_ms());
		int64_t now = clock_ms();

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == &bell)
				rung = true;
			else if (events[i].data.ptr == &stopping)
				stop();
			else
				happen(&events[i], now);
		}
		if (rung)
			take_inbox();
		run_timers(now);
		wake_worker();
	} while (!once || stream_count());
}
