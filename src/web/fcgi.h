/*
 * fcgi.h - one request from the web server: FastCGI 1.0 (responder), or CGI/1.1
 * (RFC 3875) where standard input is no listening socket.
 *
 * No connection blocks the thread that accepts requests: record.h assembles requests from
 * what has come, and what is incomplete when its time is up is abandoned.
 */
#ifndef WEB_FCGI_H
#define WEB_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "base/buf.h"

struct fcgi;

enum { BODY_RATE_MIN = 512 };		/* bytes a second, the least of a body */

/* Call once. From then on SIGTERM and SIGINT end fcgi_wait(). Returns whether standard
 * input is a listening socket; otherwise there is one CGI request. At most body_max bytes
 * of a body are kept; body_timeout is in seconds. */
bool fcgi_init(size_t body_max, unsigned body_timeout);

/* Called once the parameters of a request are there and its body is not: would it be
 * refused whatever the body? Then fcgi_accept() returns it at once. */
void fcgi_on_head(bool (*refused)(struct fcgi *f));

/* Whether SIGTERM or SIGINT has come, as fcgi_wait() has noticed. */
bool fcgi_is_stopping(void);

/*
 * One thread accepts all requests:
 *
 *	do {
 *		while ((f = fcgi_accept()))
 *			...
 *	} while (fcgi_wait(INT64_MAX, events, &count));
 */

/* The next request with its body; or with the part of it that came, where it was
 * abandoned or fcgi_on_head() refuses it. NULL: there is none now. */
struct fcgi *fcgi_accept(void);

/* Waits until there may be one; until the deadline (on clock_ms(); INT64_MAX: none); or
 * for what others have added to fcgi_epoll(): *count events of theirs. False: the program
 * is to stop, and no request is to be answered any more. */
enum { FCGI_EVENTS_MAX = 64 };
bool fcgi_wait(int64_t deadline, struct epoll_event events[FCGI_EVENTS_MAX], int *count);

/* The epoll(7) of fcgi_wait(). The data.u64 of what others add is even, as an address of
 * their own is: odd ones are those of connections. */
int fcgi_epoll(void);

/* The one CGI request. */
struct fcgi *fcgi_accept_cgi(void);

/* A parameter, as REQUEST_URI; NULL: none. */
const char *fcgi_env(const struct fcgi *f, const char *name);

/* Whether there are several parameters of this name. Other names of header fields become
 * the same parameter (RFC 3875, 4.1.18): X-Forwarded-For and X_Forwarded_For. Some web
 * servers, as lighttpd, pass both on. */
bool fcgi_env_is_ambiguous(const struct fcgi *f, const char *name);

/* What came of the body; valid until the request is freed or released. */
struct request_body {
	struct buf kept;		/* overflow: there was more */
	size_t len;			/* of all that came */
	bool complete;			/* all that was sent is here */
	bool slow;			/* it was abandoned as it came too slowly */
};
const struct request_body *fcgi_body(const struct fcgi *f);

/* Frees the parameters and the body: from now on it can only be written to. */
void fcgi_release_request(struct fcgi *f);

/* The connection to the web server, to be polled: see fcgi_is_gone(). */
int fcgi_fd(const struct fcgi *f);
bool fcgi_is_cgi(const struct fcgi *f);
/* Once the descriptor is readable: has the client or the web server closed it? */
bool fcgi_is_gone(struct fcgi *f);

/* Appends these bytes to wire as records, and with last the end of the request. */
void fcgi_append(struct fcgi *f, struct buf *wire, const char *data, size_t len,
		 bool last);
/* Sends what the connection takes at once; returns how much. -1: it is closed. */
ssize_t fcgi_send(struct fcgi *f, const char *wire, size_t len);
/* A complete answer and the end of the request. What the connection does not take at
 * once is sent later. */
void fcgi_answer(struct fcgi *f, const char *data, size_t len);

/* By any thread. The connection may live on: for the next request, where the web server
 * asked for that (FCGI_KEEP_CONN); for the rest of the answer; or for the rest of the
 * body, so that the web server reads an answer that it did not wait for. */
void fcgi_free(struct fcgi *f);

#endif
