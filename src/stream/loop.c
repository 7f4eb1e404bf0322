#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fifo.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/pool.h"
#include "stream/loop.h"

enum {
	EVENTS_AT_ONCE = 64,
	WORKERS_MOST = 2,		/* Redis has one thread, and what waits
					 * meanwhile is done together */
	ROUND_MS = 50,			/* at least, between two looks at all */
	LONG_MS = 3600 * 1000,
};

struct watch {
	int fd;				/* -1: none */
	uint32_t events;
};

struct node {
	struct link link;		/* in the inbox, or in the queue */
	struct stream *stream;		/* NULL: it is over */
	struct watch web, redis;	/* as epoll has them */
	bool busy;			/* a worker has it */
	struct node *before, *behind;	/* all nodes, a ring */
};

/* The loop's own. */
static int epoll;
static struct node all = { .before = &all, .behind = &all };
static bool stopping;
static int64_t round_at, last_round;

/* Between the threads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static struct fifo inbox, queue;
static int bell, idle, workers;

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

static void hand_over(struct node *n)
{
	bool start;
	struct node *nodes[STREAMS_AT_ONCE];
	int count;

	n->busy = true;
	pthread_mutex_lock(&lock);
	fifo_put(&queue, &n->link);
	pthread_cond_signal(&queued);
	start = !idle && workers < WORKERS_MOST;
	workers += start;
	pthread_mutex_unlock(&lock);
	if (!start || start_worker())
		return;
	pthread_mutex_lock(&lock);
	start = --workers == 0;
	count = start ? take_batch(nodes) : 0;
	pthread_mutex_unlock(&lock);
	if (count)
		do_work(nodes, count);	/* here, as there is nobody else */
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
	else if (until < round_at)
		round_at = until;
}

static void take(struct node *n, int64_t now)
{
	n->busy = false;
	if (!n->stream) {
		n->before->behind = n->behind;
		n->behind->before = n->before;
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
	while ((n = fifo_take(&taken))) {
		if (!n->before) {
			n->behind = &all;
			n->before = all.before;
			n->before->behind = all.before = n;
		}
		take(n, clock_ms());
	}
}

static void look_at_all(int64_t now)
{
	round_at = now + LONG_MS;
	for (struct node *n = all.behind; n != &all; n = n->behind)
		if (!n->busy)
			go_on(n, now);
	last_round = now;
}

static void stop(void)
{
	stopping = true;
	epoll_ctl(epoll, EPOLL_CTL_DEL, fcgi_stop_fd(), NULL);
	for (struct node *n = all.behind; n != &all; n = n->behind)
		if (!n->busy)
			stream_stop(n->stream);
	look_at_all(clock_ms());
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
	round_at = clock_ms() + LONG_MS;
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

void loop_run(bool once)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int64_t now;

	do {
		int64_t at = round_at, trim_at, wait;
		bool rung = false;
		int count;

		if (at < last_round + ROUND_MS)
			at = last_round + ROUND_MS;
		now = clock_ms();
		trim_at = pool_trim(now);
		wait = (at < trim_at ? at : trim_at) - now;
		count = epoll_wait(epoll, events, EVENTS_AT_ONCE,
				   wait < 0 ? 0 : (int)wait);
		now = clock_ms();
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == &bell)
				rung = true;
			else if (events[i].data.ptr == &stopping)
				stop();
			else
				happen(&events[i], now);
		}
		/* Last, as it frees nodes. */
		if (rung)
			take_inbox();
		if (now >= at)
			look_at_all(now);
	} while (!once || all.behind != &all);
}
