/*
 * All is the acceptor's, the thread of fcgi_accept() and fcgi_wait(), but for the list
 * of connections that other threads return, which the lock guards.
 *
 * A connection is in one queue, by what is awaited from it:
 *
 *	head_queue	its parameters
 *	early_queue	its body, which most often comes right after them
 *	body_queue	its body, at BODY_RATE_MIN; or its end, once it was answered
 *	ready_queue	fcgi_accept(); then it is in none, until conns_return()
 *	send_queue	that it takes the rest of the answer
 *	idle_queue	its next request
 *
 * Each queue but ready_queue has one time limit, so its first entry expires first.
 * Whoever adds an entry with another limit breaks that.
 *
 * A connection is in the epoll exactly as long as it is in one of these but
 * ready_queue. Then its handler may add it itself, as stream/loop.c does with those of
 * streams, in the same epoll and on the same thread.
 *
 * An event of epoll names its connection by a pointer. So while events are dispatched
 * nothing is freed but the connection that the event is for: evicting and dropping
 * others comes after the last one, in fcgi_wait(), or outside of it, in fcgi_accept().
 */
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
	HEAD_MS = 10000,		/* until the parameters are complete */
	/* Until the head is checked without the body. mod_proxy_fcgi writes the body
	 * just behind the head: checking both would cost every relay a second look. */
	EARLY_MS = 20,
	SEND_MS = 30000,		/* until the answer is sent */
	/* A request this young is not abandoned for another: on a busy host a web
	 * server may be late with its next bytes. */
	YOUNG_MS = 500,
	RETRY_MS = 10,			/* until a descriptor may be free */
	/* For what is under way, from SIGTERM on. lighttpd's restart and Apache's
	 * reload wait for the end of the program, and serve nobody meanwhile. */
	SHUTDOWN_MS = 500,
	/* Of one that is kept: longer than web servers keep it (nginx: 60 s), so
	 * that none is closed just when it is used. */
	IDLE_MS = 75000,
	IDLE_MAX = 256,			/* connections */
	BODY_CHECKS = 3,		/* of its rate, at equal intervals */
	/* Bytes in a check interval: above any DRAWBRIDGE_BODY_MAX. After its answer no
	 * more of a body is read than this. */
	DRAIN_MAX = 8 << 20,
	HELD_MAX = 64 << 20,		/* bytes of memory, over all connections */
	READ_MAX = 32768, READS_AT_ONCE = 4,	/* of one connection, then others */
	ACCEPTS_AT_ONCE = 64,
	/* For each connection that no handler has: incomplete requests must not take the
	 * descriptors that streams need. */
	DESCRIPTORS_PER_CONN = 2,
};

TAILQ_HEAD(conn_list, fcgi);
struct queue {
	struct conn_list all;
	unsigned count;
};

#define QUEUE(name) \
	static struct queue name = { .all = TAILQ_HEAD_INITIALIZER((name).all) }

QUEUE(head_queue);
QUEUE(early_queue);
QUEUE(body_queue);
QUEUE(idle_queue);
QUEUE(send_queue);
QUEUE(ready_queue);

enum { TIMED = 5 };
static struct queue *const timed_queues[TIMED] = {
	&head_queue, &early_queue, &body_queue, &idle_queue, &send_queue,
};

/* body_part_ms: a third of DRAWBRIDGE_BODY_TIMEOUT. queued_conns: in all queues but
 * ready_queue. */
static size_t request_body_max, memory_held;
static int64_t body_part_ms;
static unsigned conns_max, queued_conns;
static uint64_t serials;		/* of requests, and of new connections */
static bool (*refused_by_head)(struct fcgi *f);

static int conns_epoll = -1;
/* listen_fd is 0, FCGI_LISTENSOCK_FILENO (FastCGI 1.0, 2.2); by CGI it is -1, none. It is a
 * variable because its address marks its events. */
static int listen_fd, stopped_fd;
static bool conns_stopping;
static int64_t stop_at;
static bool acceptable;			/* a connection may be waiting */
static int64_t accepts_at = INT64_MAX;	/* not before: descriptors ran out */

/* By other threads. */
static pthread_mutex_t returned_lock = PTHREAD_MUTEX_INITIALIZER;
static struct conn_list returned = TAILQ_HEAD_INITIALIZER(returned);
static int conns_wakeup_fd = -1;
static _Thread_local bool is_acceptor;

void conns_init(size_t body_max, unsigned body_timeout, int stop_fd, bool listening)
{
	listen_fd = listening ? STDIN_FILENO : -1;
	request_body_max = body_max;
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

static void unqueue_conn(struct fcgi *f)
{
	if (!f->queue)
		return;
	TAILQ_REMOVE(&f->queue->all, f, entry);
	f->queue->count--;
	queued_conns -= f->queue != &ready_queue;
	f->queue = NULL;
}

static void queue_conn(struct fcgi *f, struct queue *q, int64_t ms)
{
	unqueue_conn(f);
	TAILQ_INSERT_TAIL(&q->all, f, entry);
	q->count++;
	queued_conns += q != &ready_queue;
	f->queue = q;
	f->deadline = q == &ready_queue ? 0 : clock_ms() + ms;
}

/* The age of a connection is that of its request. */
static void stamp_request(struct fcgi *f)
{
	f->serial = ++serials;
	f->started_at = clock_ms();
}

/* Odd: other things in this epoll are marked by numbers that are even. No event at all takes
 * the connection out: epoll would still report errors of it, over and over. */
static void watch_conn(struct fcgi *f, uint32_t events)
{
	struct epoll_event e = { .events = events,
				 .data.u64 = (uintptr_t)f | 1 };

	if (f->watched == events)
		return;
	epoll_ctl(conns_epoll, !events ? EPOLL_CTL_DEL : f->watched ?
		  EPOLL_CTL_MOD : EPOLL_CTL_ADD, f->fd, &e);
	f->watched = events;
}

/* Unsigned, so that a difference below 0 is subtracted. Bytes that were allocated
 * count, since buffers double, and not only those in use. */
static void account_memory(struct fcgi *f, size_t bytes)
{
	memory_held += bytes - f->held;
	f->held = bytes;
}

/* From here on it cannot be evicted, so its memory does not count any more. */
static void make_ready(struct fcgi *f)
{
	watch_conn(f, 0);
	account_memory(f, 0);
	queue_conn(f, &ready_queue, 0);
}

void conns_close(struct fcgi *f)
{
	close(f->fd);
	record_free(&f->record);
	buf_free(&f->unsent);
	free(f);
}

static void drop_conn(struct fcgi *f)
{
	account_memory(f, 0);
	unqueue_conn(f);
	conns_close(f);
}

/* Its time is up, or its descriptor is needed. With a body that is incomplete it is
 * handed out, to be answered (408). An incomplete head is no request that could be
 * answered. Logged for debugging only, since anybody can bring it about. */
static void abandon_request(struct fcgi *f)
{
	log_debug("fcgi.slow", "received=%zu", f->received);
	if (f->record.state == RECORD_BODY) {
		f->record.body.slow = true;
		make_ready(f);
	} else {
		drop_conn(f);
	}
}

/* False: the next request may be waiting in it; or its end, which is about to be
 * read. */
static bool is_silent(const struct fcgi *f)
{
	char byte;

	return recv(f->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* The longest idle first. Its web server may be writing to it at this moment: that
 * cannot be ruled out for any connection that is closed. */
static void drop_idle(void)
{
	while (idle_queue.count > IDLE_MAX)
		drop_conn(TAILQ_FIRST(&idle_queue.all));
}

/* An idle connection, which nobody waits for; else the oldest request that is
 * incomplete, if it is at least that old. One whose answer is still being sent is not
 * evicted. */
static bool evict_oldest(int64_t min_ms)
{
	struct queue *const unfinished[] = { &head_queue, &early_queue, &body_queue };
	struct fcgi *oldest = TAILQ_FIRST(&idle_queue.all);

	if (oldest && !is_silent(oldest))
		oldest = NULL;
	for (int i = 0; i < 3 && (!oldest || oldest->queue != &idle_queue); i++) {
		struct fcgi *first = TAILQ_FIRST(&unfinished[i]->all);

		if (first && (!oldest || first->serial < oldest->serial))
			oldest = first;
	}
	if (!oldest ||
	    (oldest->queue != &idle_queue && clock_ms() - oldest->started_at < min_ms))
		return false;
	/* Its descriptor is needed: it is not kept after its answer. */
	oldest->closes = true;
	abandon_request(oldest);
	return true;
}

/* Reading */

/* What FastCGI itself demands, such as the answer to FCGI_GET_VALUES. A connection that
 * does not take these few bytes at once is not read by its web server. */
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
static bool receive_bytes(struct fcgi *f)
{
	/* One for all, as there is one thread. */
	static char bytes[READ_MAX];

	for (int i = 0; i < READS_AT_ONCE; i++) {
		ssize_t n = recv(f->fd, bytes, sizeof bytes, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0)
			return false;
		f->received += (size_t)n;
		record_feed(&f->record, bytes, (size_t)n);
		/* A read that was not filled has taken all there was. Whatever is left
		 * epoll reports again, as it is level-triggered. */
		if ((size_t)n < sizeof bytes || f->record.state == RECORD_COMPLETE)
			return true;
	}
	return true;
}

/* The answer was sent before the whole body came. Closing with unread bytes would reset
 * the connection, and Apache, which writes all of a request before it reads, would then
 * not read the answer but make a 503 of its own. So only our half is closed, and what
 * still comes is discarded until its end. */
static void drain(struct fcgi *f)
{
	f->drains = true;
	shutdown(f->fd, SHUT_WR);
	record_release(&f->record);
	queue_conn(f, &body_queue, body_part_ms);
}

/* Into the queue of what is awaited next. replied: something was sent to it, too. */
static void requeue(struct fcgi *f, bool replied)
{
	const struct record *r = &f->record;

	/* A kept connection is as old as the request that begins on it now. */
	if (f->queue == &idle_queue && r->state != RECORD_IDLE)
		stamp_request(f);
	switch (r->state) {
	case RECORD_IDLE:
		/* A new one has as much time as if its request had begun. */
		if (f->queue != &idle_queue && r->keep)
			queue_conn(f, &idle_queue, IDLE_MS);
		else if (!f->queue)
			queue_conn(f, &head_queue, HEAD_MS);
		break;
	case RECORD_HEAD:
		if (f->queue != &head_queue)
			queue_conn(f, &head_queue, HEAD_MS);
		break;
	case RECORD_BODY:
		/* Larger than allowed: answered (413) without waiting for the rest. */
		if (!buf_ok(&r->body.kept))
			make_ready(f);
		else if (f->queue != &early_queue && f->queue != &body_queue)
			queue_conn(f, &early_queue, EARLY_MS);
		break;
	case RECORD_COMPLETE:
		make_ready(f);
		break;
	case RECORD_ABORTED:
	case RECORD_CLOSING:
		if (!replied) {
			drop_conn(f);
			return;
		}
		drain(f);
		break;
	}
	if (f->queue != &ready_queue) {
		account_memory(f, r->params.size + r->body.kept.size);
		watch_conn(f, EPOLLIN);
	}
}

/* The last condition: more came in one interval than any body may have. */
static void read_more(struct fcgi *f)
{
	bool is_open = receive_bytes(f), replies = f->record.reply.len;

	if (!is_open || !send_reply(f) || f->received > DRAIN_MAX + f->checked)
		drop_conn(f);
	else if (!f->drains)
		requeue(f, replies);
}

/* New connections */

/* Whether FCGI_WEB_SERVER_ADDRS has this address (FastCGI 1.0, 3.2). The standard has
 * only IPv4 addresses in it, and commas; ours may be of IPv6, and networks. */
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

/* By TCP not everybody may connect; and an event must not wait for the next (Nagle).
 * Sockets in the file system are left to their permissions, as by libfcgi, though the
 * standard would close those as well where FCGI_WEB_SERVER_ADDRS is set. */
static bool admit(int fd, const struct sockaddr_storage *from, socklen_t len)
{
	const int on = 1;

	if (from->ss_family != AF_INET && from->ss_family != AF_INET6)
		return true;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return is_web_server(from, len);
}

static void watch_fd(int fd, uint32_t events, void *what)
{
	struct epoll_event e = { .events = events, .data.ptr = what };

	epoll_ctl(conns_epoll, EPOLL_CTL_ADD, fd, &e);
}

/* New connections wait in the kernel meanwhile: one of those that are here may soon be
 * done. The listening socket leaves the epoll, which would report it at once again. */
static void pause_accepting(void)
{
	epoll_ctl(conns_epoll, EPOLL_CTL_DEL, listen_fd, NULL);
	acceptable = false;
	accepts_at = clock_ms() + RETRY_MS;
}

static void resume_accepting(void)
{
	/* The kernel wakes one of the processes that wait. (Such an entry cannot be
	 * modified, only added and removed: epoll_ctl(2).) */
	watch_fd(listen_fd, EPOLLIN | EPOLLEXCLUSIVE, &listen_fd);
	acceptable = true;
	accepts_at = INT64_MAX;
}

static void descriptors_ran_out(int e)
{
	static _Atomic int64_t next_at;	/* when it may be logged again */

	if (evict_oldest(YOUNG_MS))
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
		/* These say nothing of the next connection in the queue. EAGAIN does:
		 * it is empty, or another process was faster. */
		acceptable = errno == EINTR || errno == ECONNABORTED;
	if (fd < 0)
		return;
	if (!admit(fd, &from, len)) {
		close(fd);
		return;
	}
	f = xcalloc(1, sizeof *f);
	f->fd = fd;
	stamp_request(f);
	record_init(&f->record, request_body_max, conns_max);
	/* At once: the request most often comes with the connection, and needs no round
	 * of epoll. */
	read_more(f);
	while (memory_held > HELD_MAX && evict_oldest(0))
		;
}

/* Whether there is room for one more. */
static bool make_room(void)
{
	if (queued_conns < conns_max || evict_oldest(YOUNG_MS))
		return true;
	pause_accepting();
	return false;
}

struct fcgi *fcgi_accept(void)
{
	struct fcgi *f;

	is_acceptor = true;
	/* Nothing is accepted while a request is ready: what the program cannot serve
	 * yet stays in the kernel's queue, where another process on the same socket may
	 * take it. */
	for (int i = 0; i < ACCEPTS_AT_ONCE && acceptable && !conns_stopping &&
	     TAILQ_EMPTY(&ready_queue.all) && make_room(); i++)
		accept_one();
	f = TAILQ_FIRST(&ready_queue.all);
	if (f)
		unqueue_conn(f);
	return f;
}

/* After the answer */

/* What comes next of a connection whose request was answered: the rest of the answer,
 * then the rest of the body, then the next request. */
static void advance_conn(struct fcgi *f)
{
	f->received = f->checked = 0;
	stamp_request(f);
	account_memory(f, f->unsent.size);
	if (f->unsent.len) {
		queue_conn(f, &send_queue, SEND_MS);
		watch_conn(f, EPOLLOUT);
		return;
	}
	if (f->drains) {
		drain(f);
	} else if (f->record.state == RECORD_IDLE) {
		queue_conn(f, &idle_queue, IDLE_MS);
	} else {
		drop_conn(f);
		return;
	}
	watch_conn(f, EPOLLIN);
}

/* To a web server that did not take the whole answer at once. No thread waits for
 * it. */
static void send_more(struct fcgi *f)
{
	ssize_t n = fcgi_send(f, f->unsent.data + f->unsent_sent,
			      f->unsent.len - f->unsent_sent);

	if (n < 0) {
		drop_conn(f);
		return;
	}
	f->unsent_sent += (size_t)n;
	if (f->unsent_sent < f->unsent.len)
		return;
	buf_free(&f->unsent);
	f->unsent_sent = 0;
	advance_conn(f);
}

void conns_return(struct fcgi *f)
{
	bool was_empty;

	/* On the acceptor itself there is nobody to wake. */
	if (is_acceptor) {
		advance_conn(f);
		return;
	}
	pthread_mutex_lock(&returned_lock);
	was_empty = TAILQ_EMPTY(&returned);
	TAILQ_INSERT_TAIL(&returned, f, entry);
	pthread_mutex_unlock(&returned_lock);
	/* Otherwise somebody has woken it, and it has not taken the list yet. */
	if (was_empty)
		eventfd_write(conns_wakeup_fd, 1);
}

static void collect_returned(void)
{
	eventfd_t unused;
	struct conn_list all = TAILQ_HEAD_INITIALIZER(all);
	struct fcgi *f;

	/* Before the list is taken: what is added after that writes again. The other
	 * way round its wake-up could be read here, and it would stay in the list. */
	eventfd_read(conns_wakeup_fd, &unused);
	pthread_mutex_lock(&returned_lock);
	TAILQ_CONCAT(&all, &returned, entry);
	pthread_mutex_unlock(&returned_lock);
	while ((f = TAILQ_FIRST(&all))) {
		TAILQ_REMOVE(&all, f, entry);
		advance_conn(f);
	}
}

/* Waiting */

/* The body did not follow at once: a request that is refused whatever its body need not
 * wait for it. */
static void await_body(struct fcgi *f)
{
	if (conns_refused(f)) {
		make_ready(f);
		return;
	}
	f->checks = 0;
	f->checked = f->received;
	queue_conn(f, &body_queue, body_part_ms);
}

/* In each third of the time the body must bring its part, and at the end of the last it
 * must be complete. Without the parts a byte now and then would hold a connection for
 * all of it. */
static void check_body_rate(struct fcgi *f)
{
	size_t min = (size_t)(BODY_RATE_MIN * body_part_ms / 1000);

	if (++f->checks == BODY_CHECKS || f->received - f->checked < min) {
		f->checks = BODY_CHECKS - 1;	/* one more, to read the answer */
		abandon_request(f);
	} else {
		f->checked = f->received;
		queue_conn(f, &body_queue, body_part_ms);
	}
}

/* Returns when the next one expires. */
static int64_t expire_queues(void)
{
	int64_t now = clock_ms(), next = INT64_MAX;
	struct fcgi *f;

	for (int i = 0; i < TIMED; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): each leaves its queue */
		while ((f = TAILQ_FIRST(&timed_queues[i]->all)) && f->deadline <= now)
			if (f->queue == &early_queue)
				await_body(f);
			else if (f->queue == &body_queue)
				check_body_rate(f);
			else
				abandon_request(f);
		if (f && f->deadline < next)
			next = f->deadline;
	}
	return next;
}

/* At its first call. RLIMIT_NOFILE is read here once: whoever raises it does so
 * before. */
int fcgi_epoll(void)
{
	struct rlimit limit;

	if (conns_epoll >= 0)
		return conns_epoll;
	conns_epoll = epoll_create1(EPOLL_CLOEXEC);
	conns_wakeup_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (conns_epoll < 0 || conns_wakeup_fd < 0 || getrlimit(RLIMIT_NOFILE, &limit))
		abort();
	/* RLIM_INFINITY does not fit into an unsigned. */
	conns_max = limit.rlim_cur > 1 << 20 ? 1 << 20 :
		(unsigned)limit.rlim_cur / DESCRIPTORS_PER_CONN;
	if (listen_fd >= 0)
		resume_accepting();
	watch_fd(stopped_fd, EPOLLIN, &stopped_fd);
	watch_fd(conns_wakeup_fd, EPOLLIN, &conns_wakeup_fd);
	return conns_epoll;
}

/* For epoll_wait(2). */
static int ms_until(int64_t deadline)
{
	int64_t left;

	if (deadline == INT64_MAX)
		return -1;
	left = deadline - clock_ms();
	return left < 0 ? 0 : (int)left;
}

/* Errors and hang-ups are reported whatever is watched: reading or sending finds
 * them. */
static void dispatch_conn(struct fcgi *f)
{
	if (f->queue == &send_queue)
		send_more(f);
	else
		read_more(f);
}

/* Requests of which all parameters are here may end; no other begins. The descriptor
 * stays readable (open_stop_fd() of fcgi.c), so it leaves the epoll. */
static void begin_shutdown(void)
{
	struct fcgi *f;

	conns_stopping = true;
	stop_at = clock_ms() + SHUTDOWN_MS;
	epoll_ctl(conns_epoll, EPOLL_CTL_DEL, stopped_fd, NULL);
	epoll_ctl(conns_epoll, EPOLL_CTL_DEL, listen_fd, NULL);
	acceptable = false;
	accepts_at = INT64_MAX;
	while ((f = TAILQ_FIRST(&idle_queue.all)))
		drop_conn(f);	/* NOLINT(clang-analyzer-unix.Malloc): likewise */
}

/* Whether a request may still end in time. */
static bool has_work(void)
{
	return !TAILQ_EMPTY(&ready_queue.all) || (clock_ms() < stop_at &&
		(early_queue.count || body_queue.count || send_queue.count));
}

bool fcgi_is_stopping(void)
{
	return conns_stopping;
}

bool fcgi_wait(int64_t deadline, struct epoll_event events[FCGI_EVENTS_MAX], int *count)
{
	int epoll = fcgi_epoll(), n;
	int64_t next;
	bool returns = false, stops = false;

	/* Before it waits: after one that this thread has just answered nothing may come. */
	drop_idle();
	next = expire_queues();
	if (conns_stopping && stop_at < next && has_work())
		next = stop_at;
	if (accepts_at < next)
		next = accepts_at;
	/* Not at all if something is left to be done: see fcgi_accept(). */
	n = epoll_wait(epoll, events, FCGI_EVENTS_MAX,
		       acceptable || !TAILQ_EMPTY(&ready_queue.all) ? 0 :
		       ms_until(deadline < next ? deadline : next));
	if (n < 0 && errno != EINTR)
		abort();
	*count = 0;
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 & 1)
			dispatch_conn((void *)(uintptr_t)(events[i].data.u64 - 1));
		else if (events[i].data.ptr == &listen_fd)
			acceptable = true;
		else if (events[i].data.ptr == &stopped_fd)
			stops = true;
		else if (events[i].data.ptr == &conns_wakeup_fd)
			returns = true;
		else
			events[(*count)++] = events[i];
	/* INT64_MAX unless it was paused. */
	if (clock_ms() >= accepts_at)
		resume_accepting();
	/* After the events: what follows may free connections that they name. Stopping
	 * is after collecting, so that what was returned as idle is dropped as well. */
	if (returns)
		collect_returned();
	if (stops)
		begin_shutdown();
	while (memory_held > HELD_MAX && evict_oldest(0))
		;
	return !conns_stopping || has_work();
}
