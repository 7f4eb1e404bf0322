/*
 * What a request handler does with a request, on whatever thread it runs: until
 * fcgi_free() a struct fcgi belongs to it alone. conns.c has it before and after that.
 *
 * Of libfcgi only the question whether this is CGI, and the names of the protocol, are
 * used. FCGX_Accept_r() would read the parameters of a request in the one thread that
 * accepts, for as long as the web server takes to send them, and cannot be interrupted
 * and continued.
 *
 * Plain CGI is served by the same functions: there is one request, its parameters are
 * the environment, its body is standard input, and what is written goes to standard
 * output without records.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcgiapp.h>
#include <fastcgi.h>

#include "base/buf.h"
#include "base/clock.h"
#include "web/conns.h"
#include "web/fcgi.h"

enum {
	WRITE_MS = 10000,		/* of CGI, without progress */
	CGI_DRAIN_MAX = 8 << 20,	/* bytes of a body that is too large */
};

static size_t cgi_body_max;
static int64_t cgi_body_ms;
static int stop_pipe[2] = { -1, -1 };

/* On the main thread, as all others block signals. write(2) may be called here
 * (signal-safety(7)), and cannot block: the pipe is O_NONBLOCK, and one byte in it is
 * enough. */
static void on_stop(int sig)
{
	int kept = errno;
	ssize_t n = write(stop_pipe[1], "", 1);

	(void)sig;
	(void)n;
	errno = kept;
}

/* A descriptor that is readable from SIGTERM or SIGINT on. */
static int open_stop_fd(void)
{
	struct sigaction stop = { .sa_handler = on_stop };

	if (stop_pipe[0] >= 0)
		return stop_pipe[0];
	/* Never read: it stays readable. */
	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK))
		abort();
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	return stop_pipe[0];
}

bool fcgi_init(size_t body_max, unsigned body_timeout)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	bool listening;

	cgi_body_max = body_max;
	cgi_body_ms = (int64_t)body_timeout * 1000;
	/* Before FCGX_Init(): libfcgi handles SIGTERM itself where nobody does yet. */
	open_stop_fd();
	if (FCGX_Init())
		abort();
	listening = !FCGX_IsCGI();
	conns_init(body_max, body_timeout, open_stop_fd(), listening);
	/* After FCGX_Init(), which has handlers of its own for these two. To us a web
	 * server that has gone is EPIPE; and SIGUSR1 would only set a flag for
	 * FCGX_Accept_r(). */
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGUSR1, &ignore, NULL);
	/* Another process on this socket may accept what epoll has reported to both. */
	if (listening)
		fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
	return listening;
}

/* mod_cgid gives one socket as input and output, so neither blocks once
 * fcgi_accept_cgi() has made the output so. */
static bool wait_readable(int64_t deadline)
{
	int64_t left = deadline - clock_ms();

	return left > 0 && poll(&(struct pollfd){ 0, POLLIN, 0 }, 1, (int)left) > 0;
}

/* The input need not end where the body does: no more than CONTENT_LENGTH may be read
 * of it (RFC 3875, 4.2). A length that is not a number, or too large, is refused by the
 * head (announced_body() in http.c), and such a body never gets here. */
static void read_cgi_body(struct request_body *body)
{
	const char *length = getenv("CONTENT_LENGTH");
	size_t left = length ? strtoul(length, NULL, 10) : 0;
	int64_t deadline = clock_ms() + cgi_body_ms;
	char bytes[4096];
	ssize_t n;

	for (; left && body->len < CGI_DRAIN_MAX; left -= (size_t)n) {
		if (!wait_readable(deadline)) {
			body->slow = true;
			return;
		}
		do
			n = read(0, bytes, left < sizeof bytes ? left :
				 sizeof bytes);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno == EAGAIN)
			n = 0;
		else if (n <= 0)
			return;
		buf_add(&body->kept, bytes, (size_t)n);
		body->len += (size_t)n;
	}
	body->complete = true;
}

/* Not blocking, since a stream writes as one of FastCGI does: what is not taken at once
 * waits. */
struct fcgi *fcgi_accept_cgi(void)
{
	struct fcgi *f = xcalloc(1, sizeof *f);

	f->cgi = true;
	f->fd = 1;
	record_init(&f->record, cgi_body_max, 0);
	fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_NONBLOCK);
	if (!conns_refused(f))
		read_cgi_body(&f->record.body);
	return f;
}

const char *fcgi_env(const struct fcgi *f, const char *name)
{
	size_t count;

	return f->released ? NULL : f->cgi ? getenv(name) :
		record_param(&f->record, name, &count);
}

static size_t count_variables(const char *name)
{
	size_t count = 0, len = strlen(name);

	for (char **at = environ; *at; at++)
		count += !strncmp(*at, name, len) && (*at)[len] == '=';
	return count;
}

bool fcgi_env_is_ambiguous(const struct fcgi *f, const char *name)
{
	size_t count = 0;

	if (f->cgi)
		count = count_variables(name);
	else if (!f->released)
		record_param(&f->record, name, &count);
	return count > 1;
}

const struct request_body *fcgi_body(const struct fcgi *f)
{
	return &f->record.body;
}

void fcgi_release_request(struct fcgi *f)
{
	record_release(&f->record);
	f->released = true;
}

int fcgi_fd(const struct fcgi *f)
{
	return f->fd;
}

bool fcgi_is_cgi(const struct fcgi *f)
{
	return f->cgi;
}

/* No web server was seen to send FCGI_ABORT_REQUEST: the end of a client is the end of
 * the connection, or its reset. Whatever else comes on it is for record.c, which knows
 * what the protocol allows after a whole request: management records, or an abort. A
 * few bytes at a time are enough, as epoll reports the rest. */
bool fcgi_is_gone(struct fcgi *f)
{
	char bytes[64];
	ssize_t n;

	if (f->cgi)
		return true;	/* of a pipe there is an event at its end alone */
	n = recv(f->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n > 0)
		record_feed(&f->record, bytes, (size_t)n);
	return !n || (n < 0 && errno != EAGAIN) ||
		f->record.state != RECORD_COMPLETE;
}

void fcgi_append(struct fcgi *f, struct buf *wire, const char *data, size_t len,
		 bool last)
{
	struct buf *reply = &f->record.reply;
	size_t before = wire->len;

	if (f->cgi) {
		buf_add(wire, data, len);
		return;
	}
	if (reply->len)		/* to records that came meanwhile */
		buf_add(wire, reply->data, reply->len);
	/* Replies to management records go out here as well, since another write could
	 * cut a record of ours in two. */
	buf_free(reply);
	record_append_output(wire, f->record.id, data, len);
	if (last)
		record_append_end(wire, f->record.id, FCGI_REQUEST_COMPLETE);
	f->framed += wire->len - before;
	f->ended = last && buf_ok(wire);
}

/* EAGAIN is no error, but the end of what the connection takes now. sent and framed
 * tell in the end whether the answer went out whole: is_answered(). */
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
	f->sent += sent;
	return (ssize_t)sent;
}

/* CGI has no other request to serve meanwhile. WRITE_MS begins anew whenever something
 * is taken. */
static void send_rest(struct fcgi *f)
{
	struct pollfd p = { f->fd, POLLOUT, 0 };

	while (f->unsent_sent < f->unsent.len && poll(&p, 1, WRITE_MS) > 0) {
		ssize_t n = fcgi_send(f, f->unsent.data + f->unsent_sent,
				      f->unsent.len - f->unsent_sent);

		if (n < 0)
			break;
		f->unsent_sent += (size_t)n;
	}
	buf_free(&f->unsent);
}

void fcgi_answer(struct fcgi *f, const char *data, size_t len)
{
	/* Enough for the headers of all records, 8 bytes for each 65528; for the two
	 * that end a request, 24 bytes; and for replies. */
	struct buf wire = BUF_INIT(len + len / 1024 + 1024 + REPLY_MAX);
	ssize_t n;

	fcgi_append(f, &wire, data, len, true);
	n = fcgi_send(f, wire.data, wire.len);
	if (n < 0 || (size_t)n == wire.len) {
		buf_free(&wire);
		return;
	}
	f->unsent = wire;
	f->unsent_sent = (size_t)n;
	if (f->cgi)
		send_rest(f);
}

/* Closing mod_cgid's one socket with unread bytes of the body in it resets it, and the
 * answer is lost: the same as drain() in conns.c does for FastCGI. */
static void drain_cgi(struct fcgi *f)
{
	if (f->record.body.complete || f->record.body.slow)
		return;
	shutdown(f->fd, SHUT_WR);
	/* Emptied first: buf_add() expects len to be within max. */
	buf_free(&f->record.body.kept);
	f->record.body.kept.max = 0;
	read_cgi_body(&f->record.body);
}

/* Whether the answer is complete: all records are framed, and sent or in unsent. */
static bool is_answered(const struct fcgi *f)
{
	return f->ended && f->framed - f->sent == f->unsent.len - f->unsent_sent;
}

void fcgi_free(struct fcgi *f)
{
	struct record *r;

	if (!f)
		return;
	r = &f->record;
	if (f->cgi) {
		drain_cgi(f);
		record_free(r);
		free(f);
		return;
	}
	/* If the body is incomplete, what is left of it is read and discarded: by
	 * record.c before the next request, where the connection is kept, and else by
	 * drain() in conns.c. */
	r->keep = r->keep && !f->closes && r->state != RECORD_CLOSING;
	f->drains = !r->keep && !f->closes && r->state == RECORD_BODY;
	/* An answer that is not whole must not look as if it were: it ends without
	 * END_REQUEST. */
	if (!is_answered(f) || !(r->keep || f->drains || f->unsent.len)) {
		/* The request was read to its end, so nothing unread resets the
		 * connection. */
		conns_close(f);
		return;
	}
	/* All of this before it is returned: then it is the acceptor's. */
	record_next(r);
	f->released = f->ended = false;
	conns_return(f);
}
