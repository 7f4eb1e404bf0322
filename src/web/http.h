/*
 * http.h - a request as our routes see it, and the answer to it.
 * Paths come from REQUEST_URI alone, which is the one parameter that no web
 * server has decoded.
 */
#ifndef WEB_HTTP_H
#define WEB_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/token.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/fifo.h"
#include "base/network.h"
#include "store/redis.h"
#include "web/fcgi.h"

enum { SEGMENTS_MOST = 4, SEGMENT_MOST = 200, BEARER_MOST = 5000 };

/* Not below the mount; the mount itself, but for the slash at its end. */
enum { PATH_OUTSIDE = -1, PATH_NO_SLASH = -2 };

/* What stands for a segment of a route's path that is any. */
struct path {
	int count;		/* or PATH_OUTSIDE, PATH_NO_SLASH */
	char segment[SEGMENTS_MOST][SEGMENT_MOST];	/* decoded */
	size_t len[SEGMENTS_MOST];
	const char *query;	/* behind the '?', in the request's URI */
};

void path_parse(const char *request_uri, const char *mount, struct path *to);

/* The decoded value of a name in a query. QUERY_MALFORMED: what is there is too
 * long, or has a NUL or half an escape in it. */
enum query { QUERY_NONE, QUERY_VALUE, QUERY_MALFORMED };
enum query query_get(const char *query, const char *name, char *to, size_t size);

/* The value of a cookie (RFC 6265, 5.4). */
bool cookie_get(const char *header, const char *name, char *to, size_t size);

/* Does this Accept header take event streams? Of the ranges that have them the most
 * specific decides (RFC 9110, 12.5.1). */
bool accepts_event_stream(const char *accept);

struct call;

enum route_token {
	TOKEN_NEEDED,		/* by header, query or cookie */
	TOKEN_OF_OUR_PAGE,	/* likewise; a cookie only from a page of our origin
				 * or of ORIGINS, as for all that is POSTed */
	TOKEN_RENEWS,		/* none, or one by header that must be valid */
	TOKEN_NONE,		/* not looked at */
};

struct route {
	const char *method;	/* GET stands for HEAD too */
	const char *path;	/* "/{room}/join": a part in braces is an id */
	enum route_token token;
	bool waits;		/* for Redis, while it runs */
	enum err (*run)(struct call *c);	/* LATER: it calls http_end() */
};

struct call {
	struct link link;		/* where it waits to be run */
	const struct conf *conf;
	struct fcgi *fcgi;
	struct redis *redis;		/* while its route runs */
	const struct route *route;
	int64_t now;			/* Unix seconds */
	struct path path;
	const char *room, *peer, *event;	/* from the path; or NULL */
	struct claims who;
	bool bearer;			/* there was an Authorization: Bearer */
	const struct buf *body;		/* of the request */
	/* the answer */
	int status;			/* 0: by the error, or 200 */
	struct buf head;		/* header lines of the route's own */
	const char *type;		/* of out; NULL: JSON */
	struct buf out;
	char detail[200];		/* of an error, for the person */
	const char *why;		/* for the log alone; or NULL */
	int wait_ms;			/* of ERR_RATE */
};

/* The address of who asks: see forwarded_client(). */
bool http_client(const struct call *c, char to[NETWORK_HOST_MAX]);

/* The token of Authorization: Bearer (RFC 6750, 2.1). False: there is none. */
bool http_bearer(const struct call *c, char to[BEARER_MOST]);

/* May a peer relay an event of this name? Else c->detail says what may be. */
bool http_event_valid(struct call *c, const char *name);

/* Takes one request to the point where its route can run: path, method, token,
 * rights, body, ids. routes end with a row without method. */
enum err http_begin(struct call *c, const struct route *routes);

/* Whether a request is answered without its body: see fcgi_on_head(). */
bool http_refused(struct fcgi *f, const struct conf *conf,
		  const struct route *routes);

/* What a call holds, but for its request. http_finish does it too. */
void http_call_free(struct call *c);

/* Sends the answer: what the route made, or the error; frees the call. */
void http_finish(struct call *c, enum err e);

/* The answer's header lines that are the same for all: CORS. */
void http_common_head(const struct call *c, struct buf *head);

/* Takes a request up to where its route can run; NULL: it is answered, and freed. */
struct call *http_take(struct fcgi *f, const struct conf *conf,
		       const struct route *routes);

/* Runs the route and answers; then call and request are freed: now, or in
 * http_end(). */
void http_run(struct call *c, struct redis *redis);

/* The end of a call whose route said LATER. */
void http_end(struct call *c, enum err e);

#endif
