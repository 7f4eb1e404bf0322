/*
 * fcgi.h - one request from the web server: FastCGI 1.0 (responder), or CGI/1.1
 * (RFC 3875) where standard input is no listening socket.
 *
 * No connection keeps the thread that takes requests waiting: record.h makes
 * requests of what has come, and what is not whole in time is given up.
 */
#ifndef WEB_FCGI_H
#define WEB_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct fcgi;

enum { BODY_RATE = 512 };		/* bytes a second, the least of a body */

/* Call once. Returns whether standard input is a listening socket; else there
 * is one request of CGI. Of a body no more than body_most bytes are kept; it has
 * so many seconds to come. */
bool fcgi_init(size_t body_most, unsigned body_timeout);

/* Asked once the parameters of a request are there and its body is not: is it
 * refused without it? Then it is handed out at once. */
void fcgi_on_head(bool (*refused)(struct fcgi *f));

/* Makes SIGTERM and SIGINT end fcgi_wait. Returns a descriptor that is
 * readable from then on, for whoever waits elsewhere. */
int fcgi_stop_fd(void);

/*
 * One thread takes all requests:
 *
 *	do {
 *		while ((f = fcgi_take()))
 *			...
 *	} while (fcgi_wait(INT64_MAX, &other));
 */

/* The next request, with its whole body, or what came of it where it was given up
 * (see fcgi_on_head, too). NULL: there is none now. */
struct fcgi *fcgi_take(void);

/* Waits until there may be one; or until then (of clock_ms; INT64_MAX: for ever);
 * or, and says so in *other, for what others have put into the epoll. False: the
 * program is to stop. */
bool fcgi_wait(int64_t until, bool *other);

/* What fcgi_wait waits with. data.ptr of what is put there is an address of one's
 * own, of a thing that is aligned: odd ones are of connections. */
int fcgi_epoll(void);

/* The one request of CGI. */
struct fcgi *fcgi_cgi(void);

/* A parameter, as REQUEST_URI; NULL: none. */
const char *fcgi_env(const struct fcgi *f, const char *name);
/* What came of the body; until the request is freed or lightened. */
struct fcgi_body {
	struct buf kept;		/* overflow: there was more */
	size_t len;			/* of all */
	bool whole;			/* else it is not all that was sent */
	bool slow;			/* and was given up for that */
};
const struct fcgi_body *fcgi_body(const struct fcgi *f);

/* Forgets the parameters and buffers: only writing is left. */
void fcgi_lighten(struct fcgi *f);

/* The connection to the web server, to be waited on: see fcgi_gone. */
int fcgi_fd(const struct fcgi *f);
bool fcgi_is_cgi(const struct fcgi *f);
/* Once the descriptor is readable: has the client, or the server, gone? */
bool fcgi_gone(struct fcgi *f);

/* Appends to wire the records of these bytes, and with last the request's end. */
void fcgi_put(struct fcgi *f, struct buf *wire, const char *data, size_t len,
	      bool last);
/* Sends what the connection takes at once: how much of it. -1: it is gone. */
ssize_t fcgi_send(struct fcgi *f, const char *wire, size_t len);
/* A whole answer and the request's end: what the connection does not take at once
 * goes out later. */
void fcgi_answer(struct fcgi *f, const char *data, size_t len);

/* By any thread. The connection may live on: for the next request, where the web
 * server asked for that; for the rest of the answer; or of the body, so that the
 * web server gets to read an answer that it did not wait for. */
void fcgi_free(struct fcgi *f);

#endif
