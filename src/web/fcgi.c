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
#include "base/log.h"
#include "web/fcgi.h"

enum {
	RECORD_MOST = 65528,		/* a multiple of 8 below 64 KiB */
	STDOUT = 6, END_REQUEST = 3,	/* record types */
	READ_MS = 10000, WRITE_MS = 10000,
};

struct fcgi {
	FCGX_Request request;
	int fd;				/* written to */
	int id;				/* of the request */
	bool cgi, light;
};

static int stop_pipe[2] = { -1, -1 };
static atomic_bool stopping;		/* lock-free, so for a handler too */
static _Thread_local int waiter = -1;	/* epoll of this thread */

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

bool fcgi_init(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	bool listening;

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

static void watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

/* Waits for a connection; false: stop. Of the threads that wait, the kernel
 * wakes one for each connection. */
static bool wait_for_one(void)
{
	struct epoll_event e;

	if (waiter < 0) {
		waiter = epoll_create1(EPOLL_CLOEXEC);
		watch(waiter, 0, EPOLLIN | EPOLLEXCLUSIVE);
		watch(waiter, stop_pipe[0], EPOLLIN);
	}
	while (epoll_wait(waiter, &e, 1, -1) < 0)
		if (errno != EINTR)
			abort();
	return e.data.fd == 0;
}

struct fcgi *fcgi_accept(void)
{
	struct fcgi *f = xcalloc(1, sizeof *f);

	/* Under load the next one is there already: that saves a wait. */
	for (bool tried = false; !stopping; tried = true) {
		int e;

		if (tried && !wait_for_one())
			break;
		FCGX_InitRequest(&f->request, 0, FCGI_FAIL_ACCEPT_ON_INTR);
		e = FCGX_Accept_r(&f->request);
		if (e >= 0) {
			f->fd = f->request.ipcFd;
			f->id = f->request.requestId;
			return f;
		}
		if (e == -EMFILE || e == -ENFILE || e == -ENOMEM) {
			log_error("fcgi.accept", "why=%s", strerror(-e));
			/* Or this would spin until a descriptor is free. */
			poll(&(struct pollfd){ stop_pipe[0], POLLIN, 0 }, 1, 100);
		}
	}
	free(f);
	return NULL;
}

struct fcgi *fcgi_cgi(void)
{
	struct fcgi *f = xcalloc(1, sizeof *f);

	f->cgi = true;
	f->fd = 1;
	f->request.envp = environ;
	fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_NONBLOCK);
	return f;
}

const char *fcgi_env(const struct fcgi *f, const char *name)
{
	return f->light ? NULL : FCGX_GetParam(name, f->request.envp);
}

/* mod_cgid gives one socket as input and output, so that both do not block. */
static bool wait_readable(void)
{
	return poll(&(struct pollfd){ 0, POLLIN, 0 }, 1, READ_MS) > 0;
}

ssize_t fcgi_read(struct fcgi *f, char *to, size_t size)
{
	ssize_t n;

	if (!f->cgi)
		return FCGX_GetStr(to, (int)size, f->request.in);
	do
		n = read(0, to, size);
	while (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_readable())));
	return n;
}

void fcgi_lighten(struct fcgi *f)
{
	if (!f->cgi && !f->light)
		FCGX_Free(&f->request, 0);
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
