#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/network.h"
#include "web/conns.h"

enum {
	HEAD_MS = 10000,		/* until the parameters are whole */
	EARLY_MS = 20,			/* of a body, until its head is looked at alone */
	SEND_MS = 30000,		/* until the answer is sent */
	/* In which no request is given up for another: on a busy host a web server
	 * may come to its next bytes late. */
	FRESH_MS = 500,
	RETRY_MS = 10,			/* until a descriptor may be free */
	STOP_MS = 500,			/* for what is under way, from SIGTERM on */
	/* Of one that is kept: longer than web servers keep it (nginx: 60 s), so
	 * that none is closed just when it is used. */
	IDLE_MS = 75000,
	IDLE_MAX = 256,			/* connections */
	BODY_CHECKS = 3,		/* of its rate, in equal parts of its time */
	DRAIN_MAX = 8 << 20,		/* bytes behind an answer */
	HELD_MAX = 64 << 20,		/* bytes of memory, of all */
	READ_MAX = 32768, READS_AT_ONCE = 4,
	ACCEPTS_AT_ONCE = 64, EVENTS_AT_ONCE = 64,
	OTHER_CONNS = 2,		/* 1 in so many descriptors is for these */
};

/* Those in one have the same time, so the first is the next whose time is up. */
TAILQ_HEAD(conns, fcgi);
struct queue {
	struct conns all;
	unsigned count;
};

#define QUEUE(name) \
	static struct queue name = { .all = TAILQ_HEAD_INITIALIZER((name).all) }

QUEUE(heads);				/* parameters are on their way */
QUEUE(early);				/* the body is, most often right behind them */
QUEUE(bodies);				/* likewise, for longer; or it is dropped */
QUEUE(idle);				/* kept */
QUEUE(sending);				/* the answer is on its way */
QUEUE(ready);				/* to be taken; without a deadline */

enum { TIMED = 5 };
static struct queue *const timed[TIMED] = {
	&heads, &early, &bodies, &idle, &sending,
};

static size_t body_most, held;
static int64_t body_part_ms;
static unsigned conns_max, queued;
static uint64_t serials;
static bool (*refused_by_head)(struct fcgi *f);

static int waiter = -1;			/* epoll */
static int listen_fd, stopped_fd;
static bool stopping;
static int64_t stop_until;
static bool acceptable;			/* the listening socket has something */
static int64_t accepts_at;		/* not before, as descriptors ran out */

/* What other threads have given back. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct conns returned = TAILQ_HEAD_INITIALIZER(returned);
static int wakeup_fd = -1;
static _Thread_local bool is_taker;

void conns_init(size_t body_max, unsigned body_timeout, int stop_fd)
{
	body_most = body_max;
	body_part_ms = (int64_t)body_timeout * 1000 / BODY_CHECKS;
	stopped_fd = stop_fd;
}

void fcgi_on_head(bool (*refused)(struct fcgi *f))
{
	refused_by_head = refused;
}

bool conns_refused(struct fcgi *f)
{
	return refused_by_head && refused_by_head(f);
}

/* Queues */

static void dequeue(struct fcgi *f)
{
	if (!f->queue)
		return;
	TAILQ_REMOVE(&f->queue->all, f, entry);
	f->queue->count--;
	queued -= f->queue != &ready;
	f->queue = NULL;
}

static void enqueue(struct fcgi *f, struct queue *q, int64_t ms)
{
	dequeue(f);
	TAILQ_INSERT_TAIL(&q->all, f, entry);
	q->count++;
	queued += q != &ready;
	f->queue = q;
	f->deadline = q == &ready ? 0 : clock_ms() + ms;
}

/* It is as old as its request. */
static void begin(struct fcgi *f)
{
	f->serial = ++serials;
	f->begun = clock_ms();
}

/* An address of others in the same epoll is even. */
static void watch(struct fcgi *f, uint32_t events)
{
	struct epoll_event e = { .events = events,
				 .data.u64 = (uintptr_t)f | 1 };

	if (f->watched == events)
		return;
	epoll_ctl(waiter, !events ? EPOLL_CTL_DEL : f->watched ?
		  EPOLL_CTL_MOD : EPOLL_CTL_ADD, f->fd, &e);
	f->watched = events;
}

static void count_held(struct fcgi *f, size_t bytes)
{
	held += bytes - f->held;
	f->held = bytes;
}

static void hand_out(struct fcgi *f)
{
	watch(f, 0);
	count_held(f, 0);
	enqueue(f, &ready, 0);
}

void conns_close(struct fcgi *f)
{
	close(f->fd);
	record_free(&f->record);
	buf_free(&f->unsent);
	free(f);
}

static void drop(struct fcgi *f)
{
	count_held(f, 0);
	dequeue(f);
	conns_close(f);
}

static void give_up(struct fcgi *f)
{
	log_debug("fcgi.slow", "received=%zu", f->received);
	if (f->record.state == RECORD_BODY) {
		f->record.body.slow = true;
		hand_out(f);
	} else {
		drop(f);
	}
}

/* The next request of one that is kept may lie in it. */
static bool is_silent(const struct fcgi *f)
{
	char byte;

	return recv(f->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void drop_idle(void)
{
	while (idle.count > IDLE_MAX)
		drop(TAILQ_FIRST(&idle.all));
}

/* One that is idle; else of those that are not whole the one that began first, if
 * that was so long ago. */
static bool give_up_oldest(int64_t min_ms)
{
	struct queue *const unfinished[] = { &heads, &early, &bodies };
	struct fcgi *oldest = TAILQ_FIRST(&idle.all);

	if (oldest && !is_silent(oldest))
		oldest = NULL;
	for (int i = 0; i < 3 && (!oldest || oldest->queue != &idle); i++) {
		struct fcgi *first = TAILQ_FIRST(&unfinished[i]->all);

		if (first && (!oldest || first->serial < oldest->serial))
			oldest = first;
	}
	if (!oldest ||
	    (oldest->queue != &idle && clock_ms() - oldest->begun < min_ms))
		return false;
	oldest->closes = true;
	give_up(oldest);
	return true;
}

/* Reading */

static bool send_reply(struct fcgi *f)
{
	struct buf *reply = &f->record.reply;
	bool sent = !reply->len ||
		send(f->fd, reply->data, reply->len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		(ssize_t)reply->len;

	buf_free(reply);
	return sent;
}

/* False: the web server has closed it. */
static bool receive(struct fcgi *f)
{
	static char bytes[READ_MAX];

	for (int i = 0; i < READS_AT_ONCE; i++) {
		ssize_t n = recv(f->fd, bytes, sizeof bytes, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0)
			return false;
		f->received += (size_t)n;
		record_feed(&f->record, bytes, (size_t)n);
		/* More is told of by epoll. */
		if ((size_t)n < sizeof bytes || f->record.state == RECORD_WHOLE)
			return true;
	}
	return true;
}

/* It was answered, and is no more read for what it says; but the web server may
 * still write, which is to fail only after it has read the answer. */
static void drain(struct fcgi *f)
{
	f->drains = true;
	shutdown(f->fd, SHUT_WR);
	record_lighten(&f->record);
	enqueue(f, &bodies, body_part_ms);
}

/* What has come decides where it waits. replied: it was also answered. */
static void sort(struct fcgi *f, bool replied)
{
	const struct record *r = &f->record;

	if (f->queue == &idle && r->state != RECORD_IDLE)
		begin(f);
	switch (r->state) {
	case RECORD_IDLE:
		/* A fresh one has as much time as if its request had begun. */
		if (f->queue != &idle && r->keep)
			enqueue(f, &idle, IDLE_MS);
		else if (!f->queue)
			enqueue(f, &heads, HEAD_MS);
		break;
	case RECORD_HEAD:
		if (f->queue != &heads)
			enqueue(f, &heads, HEAD_MS);
		break;
	case RECORD_BODY:
		if (!buf_ok(&r->body.kept))
			hand_out(f);
		else if (f->queue != &early && f->queue != &bodies)
			enqueue(f, &early, EARLY_MS);
		break;
	case RECORD_WHOLE:
		hand_out(f);
		break;
	case RECORD_ABORTED:
	case RECORD_OVER:
		if (!replied) {
			drop(f);
			return;
		}
		drain(f);
		break;
	}
	if (f->queue != &ready) {
		count_held(f, r->params.size + r->body.kept.size);
		watch(f, EPOLLIN);
	}
}

static void read_on(struct fcgi *f)
{
	bool is_open = receive(f), replies = f->record.reply.len;

	if (!is_open || !send_reply(f) || f->received > DRAIN_MAX + f->checked)
		drop(f);
	else if (!f->drains)
		sort(f, replies);
}

/* Fresh ones */

/* Whether FCGI_WEB_SERVER_ADDRS has this address. */
static bool is_web_server(const struct sockaddr_storage *from, socklen_t len)
{
	const char *allowed = getenv("FCGI_WEB_SERVER_ADDRS");
	char address[NI_MAXHOST], word[64];
	bool found = !allowed;

	if (getnameinfo((const struct sockaddr *)from, len, address,
			sizeof address, NULL, 0, NI_NUMERICHOST))
		return found;
	while (!found && *(allowed += strspn(allowed, ", "))) {
		size_t n = strcspn(allowed, ", ");

		snprintf(word, sizeof word, "%.*s", (int)n, allowed);
		found = network_has(word, address);
		allowed += n;
	}
	return found;
}

/* By TCP not everybody may connect, and an event is not to wait for the next. */
static bool admit(int fd, const struct sockaddr_storage *from, socklen_t len)
{
	const int on = 1;

	if (from->ss_family != AF_INET && from->ss_family != AF_INET6)
		return true;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return is_web_server(from, len);
}

static void watch_fixed(int fd, uint32_t events, void *what)
{
	struct epoll_event e = { .events = events, .data.ptr = what };

	epoll_ctl(waiter, EPOLL_CTL_ADD, fd, &e);
}

/* Whoever comes waits in the kernel, and others go on: one of those that there are may
 * soon be whole. */
static void pause_accepting(void)
{
	epoll_ctl(waiter, EPOLL_CTL_DEL, listen_fd, NULL);
	acceptable = false;
	accepts_at = clock_ms() + RETRY_MS;
}

static void resume_accepting(void)
{
	/* Of the processes that wait, the kernel wakes one. */
	watch_fixed(listen_fd, EPOLLIN | EPOLLEXCLUSIVE, &listen_fd);
	acceptable = true;
	accepts_at = INT64_MAX;
}

static void descriptors_ran_out(int e)
{
	static _Atomic int64_t next_at;	/* that it is logged */

	if (give_up_oldest(FRESH_MS))
		return;
	if (clock_due(&next_at, 1000))
		log_warn("fcgi.accept", "why=%s", strerror(e));
	pause_accepting();
}

static void accept_one(void)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof from;
	int fd = accept4(listen_fd, (struct sockaddr *)&from, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct fcgi *f;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		       errno == ENOBUFS))
		descriptors_ran_out(errno);
	else if (fd < 0)
		acceptable = errno == EINTR || errno == ECONNABORTED;
	if (fd < 0)
		return;
	if (!admit(fd, &from, len)) {
		close(fd);
		return;
	}
	f = xcalloc(1, sizeof *f);
	f->fd = fd;
	begin(f);
	record_init(&f->record, body_most, conns_max);
	read_on(f);
	while (held > HELD_MAX && give_up_oldest(0))
		;
}

/* Whether there is room for one more. */
static bool make_room(void)
{
	if (queued < conns_max || give_up_oldest(FRESH_MS))
		return true;
	pause_accepting();
	return false;
}

struct fcgi *fcgi_take(void)
{
	struct fcgi *f;

	is_taker = true;
	for (int i = 0; i < ACCEPTS_AT_ONCE && acceptable && !stopping &&
	     TAILQ_EMPTY(&ready.all) && make_room(); i++)
		accept_one();
	f = TAILQ_FIRST(&ready.all);
	if (f)
		dequeue(f);
	return f;
}

/* Those whose request was answered */

static void go_on(struct fcgi *f)
{
	f->received = f->checked = 0;
	begin(f);
	count_held(f, f->unsent.size);
	if (f->unsent.len) {
		enqueue(f, &sending, SEND_MS);
		watch(f, EPOLLOUT);
		return;
	}
	if (f->drains) {
		drain(f);
	} else if (f->record.state == RECORD_IDLE) {
		enqueue(f, &idle, IDLE_MS);
	} else {
		drop(f);
		return;
	}
	watch(f, EPOLLIN);
}

static void send_on(struct fcgi *f)
{
	ssize_t n = fcgi_send(f, f->unsent.data + f->unsent_sent,
			      f->unsent.len - f->unsent_sent);

	if (n < 0) {
		drop(f);
		return;
	}
	f->unsent_sent += (size_t)n;
	if (f->unsent_sent < f->unsent.len)
		return;
	buf_free(&f->unsent);
	f->unsent_sent = 0;
	go_on(f);
}

void conns_return(struct fcgi *f)
{
	bool was_empty;

	if (is_taker) {
		go_on(f);
		return;
	}
	pthread_mutex_lock(&lock);
	was_empty = TAILQ_EMPTY(&returned);
	TAILQ_INSERT_TAIL(&returned, f, entry);
	pthread_mutex_unlock(&lock);
	if (was_empty)
		eventfd_write(wakeup_fd, 1);
}

static void take_returned(void)
{
	eventfd_t unused;
	struct conns all = TAILQ_HEAD_INITIALIZER(all);
	struct fcgi *f;

	eventfd_read(wakeup_fd, &unused);
	pthread_mutex_lock(&lock);
	TAILQ_CONCAT(&all, &returned, entry);
	pthread_mutex_unlock(&lock);
	while ((f = TAILQ_FIRST(&all))) {
		TAILQ_REMOVE(&all, f, entry);
		go_on(f);
	}
}

/* Waiting */

static void begin_body(struct fcgi *f)
{
	if (conns_refused(f)) {
		hand_out(f);
		return;
	}
	f->checks = 0;
	f->checked = f->received;
	enqueue(f, &bodies, body_part_ms);
}

static void check_body(struct fcgi *f)
{
	size_t least = (size_t)(BODY_RATE * body_part_ms / 1000);

	if (++f->checks == BODY_CHECKS || f->received - f->checked < least) {
		f->checks = BODY_CHECKS - 1;	/* once more, to read the answer */
		give_up(f);
	} else {
		f->checked = f->received;
		enqueue(f, &bodies, body_part_ms);
	}
}

/* Returns when the next one's time is up. */
static int64_t end_expired(void)
{
	int64_t now = clock_ms(), next = INT64_MAX;
	struct fcgi *f;

	for (int i = 0; i < TIMED; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): each leaves its queue */
		while ((f = TAILQ_FIRST(&timed[i]->all)) && f->deadline <= now)
			if (f->queue == &early)
				begin_body(f);
			else if (f->queue == &bodies)
				check_body(f);
			else
				give_up(f);
		if (f && f->deadline < next)
			next = f->deadline;
	}
	return next;
}

int fcgi_epoll(void)
{
	struct rlimit limit;

	if (waiter >= 0)
		return waiter;
	waiter = epoll_create1(EPOLL_CLOEXEC);
	wakeup_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (waiter < 0 || wakeup_fd < 0 || getrlimit(RLIMIT_NOFILE, &limit))
		abort();
	conns_max = limit.rlim_cur > 1 << 20 ? 1 << 20 :
		(unsigned)limit.rlim_cur / OTHER_CONNS;
	resume_accepting();
	watch_fixed(stopped_fd, EPOLLIN, &stopped_fd);
	watch_fixed(wakeup_fd, EPOLLIN, &wakeup_fd);
	return waiter;
}

/* For epoll_wait. */
static int left_of(int64_t until)
{
	int64_t left;

	if (until == INT64_MAX)
		return -1;
	left = until - clock_ms();
	return left < 0 ? 0 : (int)left;
}

static void conn_event(struct fcgi *f)
{
	if (f->queue == &sending)
		send_on(f);
	else
		read_on(f);
}

/* What has begun may end; what has not does not begin. */
static void stop(void)
{
	struct fcgi *f;

	stopping = true;
	stop_until = clock_ms() + STOP_MS;
	epoll_ctl(waiter, EPOLL_CTL_DEL, stopped_fd, NULL);
	epoll_ctl(waiter, EPOLL_CTL_DEL, listen_fd, NULL);
	acceptable = false;
	accepts_at = INT64_MAX;
	while ((f = TAILQ_FIRST(&idle.all)))
		drop(f);	/* NOLINT(clang-analyzer-unix.Malloc): likewise */
}

/* Whether anything is under way that may end in time. */
static bool is_busy(void)
{
	return !TAILQ_EMPTY(&ready.all) || (clock_ms() < stop_until &&
		(early.count || bodies.count || sending.count));
}

bool fcgi_wait(int64_t until, bool *other)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int epoll = fcgi_epoll(), n;
	int64_t next = end_expired();
	bool returns = false, stops = false;

	if (stopping && stop_until < next)
		next = stop_until;
	if (accepts_at < next)
		next = accepts_at;
	*other = false;
	n = epoll_wait(epoll, events, EVENTS_AT_ONCE,
		       acceptable || !TAILQ_EMPTY(&ready.all) ? 0 :
		       left_of(until < next ? until : next));
	if (n < 0 && errno != EINTR)
		abort();
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 & 1)
			conn_event((void *)(uintptr_t)(events[i].data.u64 - 1));
		else if (events[i].data.ptr == &listen_fd)
			acceptable = true;
		else if (events[i].data.ptr == &stopped_fd)
			stops = true;
		else if (events[i].data.ptr == &wakeup_fd)
			returns = true;
		else
			*other = true;
	if (clock_ms() >= accepts_at)
		resume_accepting();
	/* What follows may end others, of which an event told. */
	if (returns)
		take_returned();
	if (stops)
		stop();
	drop_idle();
	while (held > HELD_MAX && give_up_oldest(0))
		;
	return !stopping || is_busy();
}
