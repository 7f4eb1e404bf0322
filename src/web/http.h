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
#include "base/err.h"
#include "base/fifo.h"
#include "base/network.h"
#include "conf/conf.h"
#include "store/redis.h"
#include "web/fcgi.h"

enum { SEGMENTS_MAX = 5, SEGMENT_SIZE = 200, BEARER_SIZE = 5000 };

/* Not below the mount; the mount itself without its last slash. */
enum { PATH_OUTSIDE = -1, PATH_NO_SLASH = -2 };

/* The path of a request below the mount, split at its slashes. */
struct path {
	int count;		/* or PATH_OUTSIDE, PATH_NO_SLASH */
	char segment[SEGMENTS_MAX][SEGMENT_SIZE];	/* decoded */
	size_t len[SEGMENTS_MAX];
	const char *query;	/* after the '?'; borrowed from the URI */
};

void path_parse(const char *request_uri, const char *mount, struct path *to);

/* The decoded value of a name in a query. QUERY_MALFORMED: it is too long, or has a NUL
 * or an incomplete escape in it. */
enum query { QUERY_NONE, QUERY_VALUE, QUERY_MALFORMED };
enum query query_get(const char *query, const char *name, char *to, size_t size);

/* The value of a cookie (RFC 6265, 5.4). */
bool cookie_get(const char *header, const char *name, char *to, size_t size);

/* Whether this Accept header allows event streams. The most specific range that matches
 * decides (RFC 9110, 12.5.1). */
bool accepts_event_stream(const char *accept);

struct call;

enum route_token {
	TOKEN_REQUIRED,		/* by header, query or cookie */
	TOKEN_SAME_ORIGIN,	/* likewise; a cookie only from a page of our origin
				 * or of ORIGINS, which holds for every POST */
	TOKEN_OPTIONAL,		/* one by header, if there is one, must be valid */
	TOKEN_SERVER,		/* that of a site's own server, by header; from no page.
				 * All others are for peers alone. */
	TOKEN_IGNORED,		/* not looked at */
};

struct route {
	const char *method;	/* GET stands for HEAD too */
	/* "/{room}/join". A part in braces stands for any: {room}, {peer} and {event} must
	 * be valid, and are in struct call; {page} matches valid names alone. */
	const char *path;
	enum route_token token;
	bool blocks;		/* run() waits for Redis: a worker runs it, unless there
				 * is none or too many calls wait (signal/main.c) */
	/* ERR_PENDING: it calls http_complete() itself, later. */
	enum err (*run)(struct call *c);
};

struct call {
	struct link link;		/* while it is queued */
	const struct conf *conf;
	struct fcgi *fcgi;
	struct redis *redis;		/* while its route runs */
	const struct route *route;
	bool is_server;			/* its path is for TOKEN_SERVER */
	int64_t now;			/* Unix seconds */
	struct path path;
	const char *room, *peer, *event;	/* of the path; NULL: it has none */
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

/* The address of the client: see forwarded_client(). */
bool http_client(const struct call *c, char to[NETWORK_HOST_MAX]);

/* The token of Authorization: Bearer (RFC 6750, 2.1). False: there is none. */
bool http_bearer(const struct call *c, char to[BEARER_SIZE]);

/* Whether a peer may relay an event of this name. Else c->detail says what is allowed. */
bool http_event_valid(struct call *c, const char *name);

/* Checks all that its route relies on: path, method, token, rights, body, ids. c has
 * conf and fcgi. routes end with NULL. Answer the call where this
 * fails, or has set c->status. */
enum err http_prepare(struct call *c, const struct route *const *routes);

/* Whether a request is answered whatever its body: see fcgi_on_head(). */
bool http_refused(struct fcgi *f, const struct conf *conf,
		  const struct route *const *routes);

/* Frees what a call holds, but for its fcgi. http_respond() does it, too. */
void http_call_free(struct call *c);

/* Sends the answer: the output of the route, or the error. Then http_call_free(). */
void http_respond(struct call *c, enum err e);

/* Appends the header lines that every answer has: CORS. */
void http_append_cors(const struct call *c, struct buf *head);

/* A call for a request, which it owns, with http_prepare() done. NULL: the request was
 * answered and freed. */
struct call *http_call_new(struct fcgi *f, const struct conf *conf,
			   const struct route *const *routes);

/* Runs the route and answers; then call and request are freed, now or by
 * http_complete(). */
void http_dispatch(struct call *c, struct redis *redis);

/* Answers a call whose route returned ERR_PENDING, and frees it and its request. */
void http_complete(struct call *c, enum err e);

#endif
