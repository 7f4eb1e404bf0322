/*
 * client.h - requests to one deployment from outside, several at a time, by libcurl.
 * HTTP/1.1, each on a connection of its own, so that nothing delays a stream but what the
 * doctor looks for.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct client;

/* An HTTP URL with '/' at its end, to be freed by the caller. NULL: the text is none. */
char *client_url(const char *text);

/* url as from client_url(). insecure: any certificate is accepted. wait_s: how long an
 * answer other than a stream may take. */
struct client *client_new(const char *url, bool insecure, long wait_s);
void client_free(struct client *c);

/* The origin of a page there (RFC 6454, 6.2). */
const char *client_origin(const struct client *c);

struct request {
	const char *method;
	const char *path;	/* below the URL, without '/' before it */
	const char *token;	/* NULL: none */
	bool cookie;		/* the token by cookie, else by header */
	const char *body;	/* JSON; NULL: none */
	const char *header;	/* one more line; NULL: none */
	bool small;		/* buffers as small as possible */
};

/* A request, and what has come of its answer: of a stream, its events. */
struct exchange {
	int status;		/* 0: no header lines yet */
	struct buf head;	/* the final answer's lines */
	struct buf body;
	bool done;
	char why[256];		/* the error; empty: none */
	int64_t began_ms, last_ms, done_ms;	/* last: when bytes came */
	int64_t gap_ms;		/* between the last bytes and those before */
	int64_t gap_max_ms;	/* the longest before that one */
	bool unread;		/* set: nothing is read until client_read() */
	void *easy, *lines;	/* libcurl's */
};

struct exchange *client_begin(struct client *c, const struct request *r);
/* Frees it, and closes its connection. NULL is fine. */
void client_end(struct client *c, struct exchange *x);

/* The same, and waits: it is done, or why says that there was no answer. */
struct exchange *client_ask(struct client *c, const struct request *r);

/* Waits a moment for what comes; false from end_ms on, on clock_ms(). To wait for
 * something: while (!it_is_there && client_step(c, end_ms)) ; */
bool client_step(struct client *c, int64_t end_ms);

/* Reads on where unread was set. */
void client_read(struct exchange *x);

/* The value of a header, in a buffer of size bytes; empty: it is not there. */
const char *exchange_header(const struct exchange *x, const char *name, char *to,
			    size_t size);

/* The data of the first event of this name whose data contains text; it ends at the end
 * of the line. NULL: none. */
const char *exchange_event(const struct exchange *x, const char *name,
			   const char *text);

#endif
