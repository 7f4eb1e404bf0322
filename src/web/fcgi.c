#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "web/fcgi.h"

enum {
	RECORD_MOST = 65528,		/* a multiple of 8 below 64 KiB */
	STDOUT = 6, END_REQUEST = 3,	/* record types */
	READ_MS = 10000, WRITE_MS = 10000,
	EVENTS_AT_ONCE = 16,
	DRAIN_MOST = 8 << 20,		/* bytes of a body that is too large */
};

struct fcgi {
	FCGX_Request request;
	int fd;				/* written to */
	int id;				/* of the request */
	bool cgi, light;
	struct fcgi_body body;
	int64_t until;			/* more of the body is waited for */
	struct fcgi *next;		/* of those */
};

static size_t body_most;
static int stop_pipe[2] = { -1, -1 };
static atomic_bool stopping;		/* lock-free, so for a handler too */
static int waiter = -1;			/* epoll */
static bool knocked;			/* the listening socket has something */
/* Requests whose bodies are on their way. Where the web server hands on bytes as
 * they come, a client decides how long that takes. */
static struct fcgi *unread;
static struct fcgi *whole;		/* of these, to be taken */

static void on_stop(int sig)
{
	int kept = errno;
	ssize_t n = write(stop_pipe[1], "", 1);

	(void)sig;
	(void)n;
	stopping = true;
	errno = kept;
}

int fcgi_stop_fd(void)
{
	struct sigaction stop = { .sa_handler = on_stop };

	if (stop_pipe[0] >= 0)
		return stop_pipe[0];
	/* Never drained: it wakes everybody who waits, and stays so. */
	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK))
		abort();
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	return stop_pipe[0];
}

bool fcgi_init(size_t most)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	bool listening;

	body_most = most;
	fcgi_stop_fd();
	if (FCGX_Init())
		abort();
	listening = !FCGX_IsCGI();
	/* After FCGX_Init, which has handlers of its own. */
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGUSR1, &ignore, NULL);
	if (listening)
		fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
	return listening;
}

static void watch(int fd, uint32_t events, void *what)
{
	struct epoll_event e = { .events = events, .data.ptr = what };

	epoll_ctl(waiter, EPOLL_CTL_ADD, fd, &e);
}

/* Takes what is there; false: more is on its way. The library keeps its place
 * where a record's header is whole, and a server writes it at once. */
static bool read_body(struct fcgi *f)
{
	char bytes[4096];
	int n, e;

	do {
		n = FCGX_GetStr(bytes, sizeof bytes, f->request.in);
		if (n > 0) {
			buf_add(&f->body.kept, bytes, (size_t)n);
			f->body.len += (size_t)n;
		}
	} while (n == sizeof bytes && f->body.len < DRAIN_MOST);
	e = FCGX_GetError(f->request.in);
	if (e == EAGAIN) {
		FCGX_ClearError(f->request.in);
		f->request.in->isClosed = 0;	/* which that leaves out */
		/* It may be past padding, which was no content. */
		f->request.in->stop = f->request.in->rdNext;
		f->until = clock_ms() + READ_MS;
		return false;
	}
	f->body.whole = !e && n >= 0;
	return true;
}

/* Where it is in the list; its end: nowhere. */
static struct fcgi **find_unread(const struct fcgi *f)
{
	struct fcgi **at = &unread;

	while (*at && *at != f)
		at = &(*at)->next;
	return at;
}

static void end_unread(struct fcgi **at)
{
	struct fcgi *f = *at;

	*at = f->next;
	epoll_ctl(waiter, EPOLL_CTL_DEL, f->fd, NULL);
	f->next = whole;
	whole = f;
}

/* Those that were waited for long enough. Returns when it is the next one's
 * turn. */
static int64_t end_expired(void)
{
	int64_t now = clock_ms(), next = INT64_MAX;
	struct fcgi **at = &unread;

	while (*at)
		if ((*at)->until <= now) {
			end_unread(at);
		} else {
			next = (*at)->until < next ? (*at)->until : next;
			at = &(*at)->next;
		}
	return next;
}

static struct fcgi *accept_one(void)
{
	struct fcgi *f = xcalloc(1, sizeof *f);
	int e;

	FCGX_InitRequest(&f->request, 0, FCGI_FAIL_ACCEPT_ON_INTR);
	e = FCGX_Accept_r(&f->request);
	if (e < 0) {
		knocked = false;
		free(f);
		if (e == -EMFILE || e == -ENFILE || e == -ENOMEM) {
			log_error("fcgi.accept", "why=%s", strerror(-e));
			/* Or this would spin until a descriptor is free. */
			poll(&(struct pollfd){ stop_pipe[0], POLLIN, 0 }, 1, 100);
		}
		return NULL;
	}
	f->fd = f->request.ipcFd;
	f->id = f->request.requestId;
	f->body.kept.most = body_most;
	fcntl(f->fd, F_SETFL, O_NONBLOCK);
	return f;
}

int fcgi_epoll(void)
{
	if (waiter < 0) {
		waiter = epoll_create1(EPOLL_CLOEXEC);
		/* Of the processes that wait, the kernel wakes one. */
		watch(0, EPOLLIN | EPOLLEXCLUSIVE, &knocked);
		watch(stop_pipe[0], EPOLLIN, stop_pipe);
		knocked = true;
	}
	return waiter;
}

struct fcgi *fcgi_take(void)
{
	struct fcgi *f = whole;

	if (f) {
		whole = f->next;
		return f;
	}
	while (knocked && !stopping && (f = accept_one())) {
		if (read_body(f))
			return f;
		f->next = unread;
		unread = f;
		watch(f->fd, EPOLLIN, f);
	}
	return NULL;
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

/* Returns whether it was none of ours. */
static bool take_event(const struct epoll_event *e)
{
	struct fcgi **at;

	if (e->data.ptr == stop_pipe)
		return false;
	if (e->data.ptr == &knocked) {
		knocked = true;
		return false;
	}
	at = find_unread(e->data.ptr);
	if (!*at)
		return true;
	if (read_body(*at))
		end_unread(at);
	return false;
}

bool fcgi_wait(int64_t until, bool *other)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int epoll = fcgi_epoll(), n;
	int64_t next = end_expired();

	*other = false;
	n = epoll_wait(epoll, events, EVENTS_AT_ONCE, whole || knocked ? 0 :
		       left_of(until < next ? until : next));
	if (n < 0 && errno != EINTR)
		abort();
	for (int i = 0; i < n; i++)
		*other = take_event(&events[i]) || *other;
	while (stopping && unread) {
		struct fcgi *f = unread;

		unread = f->next;
		fcgi_free(f);
	}
	return whole || !stopping;
}

/* mod_cgid gives one socket as input and output, so that both do not block. */
static bool wait_readable(void)
{
	return poll(&(struct pollfd){ 0, POLLIN, 0 }, 1, READ_MS) > 0;
}

/* Its input does not end with the body. */
static void read_cgi_body(struct fcgi_body *body)
{
	const char *length = getenv("CONTENT_LENGTH");
	size_t left = length ? strtoul(length, NULL, 10) : 0;
	char bytes[4096];
	ssize_t n;

	for (; left && body->len < DRAIN_MOST; left -= (size_t)n) {
		do
			n = read(0, bytes, left < sizeof bytes ? left :
				 sizeof bytes);
		while (n < 0 && (errno == EINTR ||
				 (errno == EAGAIN && wait_readable())));
		if (n <= 0)
			return;
		buf_add(&body->kept, bytes, (size_t)n);
		body->len += (size_t)n;
	}
	body->whole = true;
}

struct fcgi *fcgi_cgi(void)
{
	struct fcgi *f = xcalloc(1, sizeof *f);

	f->cgi = true;
	f->fd = 1;
	f->request.envp = environ;
	f->body.kept.most = body_most;
	fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_NONBLOCK);
	read_cgi_body(&f->body);
	return f;
}

const char *fcgi_env(const struct fcgi *f, const char *name)
{
	return f->light ? NULL : FCGX_GetParam(name, f->request.envp);
}

const struct fcgi_body *fcgi_body(const struct fcgi *f)
{
	return &f->body;
}

void fcgi_lighten(struct fcgi *f)
{
	if (!f->cgi && !f->light)
		FCGX_Free(&f->request, 0);
	buf_free(&f->body.kept);
	f->light = true;
}

int fcgi_fd(const struct fcgi *f)
{
	return f->fd;
}

bool fcgi_is_cgi(const struct fcgi *f)
{
	return f->cgi;
}

bool fcgi_gone(const struct fcgi *f)
{
	char bytes[64];
	ssize_t n;

	if (f->cgi)
		return true;	/* a pipe that only tells of its end */
	/* The web server sends nothing more but its end. */
	n = recv(f->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	return !n || (n < 0 && errno != EAGAIN);
}

static void put_header(const struct fcgi *f, struct buf *wire, int type,
		       size_t len)
{
	const char bytes[8] = {
		1, (char)type, (char)(f->id >> 8), (char)f->id,
		(char)(len >> 8), (char)len, 0, 0,
	};

	buf_add(wire, bytes, sizeof bytes);
}

void fcgi_put(const struct fcgi *f, struct buf *wire, const char *data,
	      size_t len, bool last)
{
	static const char complete[8];

	if (f->cgi) {
		buf_add(wire, data, len);
		return;
	}
	while (len) {
		size_t n = len < RECORD_MOST ? len : RECORD_MOST;

		put_header(f, wire, STDOUT, n);
		buf_add(wire, data, n);
		data += n;
		len -= n;
	}
	if (last) {
		put_header(f, wire, STDOUT, 0);
		put_header(f, wire, END_REQUEST, sizeof complete);
		buf_add(wire, complete, sizeof complete);
	}
}

ssize_t fcgi_send(struct fcgi *f, const char *wire, size_t len)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = f->cgi ? write(f->fd, wire + sent, len - sent) :
			send(f->fd, wire + sent, len - sent,
			     MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			sent += (size_t)n;
	}
	return (ssize_t)sent;
}

void fcgi_answer(struct fcgi *f, const char *data, size_t len)
{
	struct buf wire = BUF_INIT(len + len / 1024 + 1024);
	struct pollfd p = { f->fd, POLLOUT, 0 };
	size_t sent = 0;

	fcgi_put(f, &wire, data, len, true);
	while (sent < wire.len) {
		ssize_t n = fcgi_send(f, wire.data + sent, wire.len - sent);

		if (n < 0 || (!n && poll(&p, 1, WRITE_MS) <= 0))
			break;
		sent += (size_t)n;
	}
	buf_free(&wire);
}

void fcgi_free(struct fcgi *f)
{
	if (!f)
		return;
	fcgi_lighten(f);
	/* The request was read to its end, so closing at once cuts nothing. */
	if (!f->cgi)
		close(f->fd);
	free(f);
}
