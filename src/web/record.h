/*
 * record.h - the requests of one connection, out of the records of FastCGI 1.0.
 *
 * Bytes are fed as they come, split anywhere; what comes of them does not depend
 * on how. There is no I/O here: what is to be sent is left in reply. Requests come
 * one after another, never two at a time (FCGI_MPXS_CONNS is 0), and we are a
 * responder.
 */
#ifndef WEB_RECORD_H
#define WEB_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "web/fcgi.h"

enum {
	PARAMS_MAX = 128 * 1024,	/* bytes of all; more are answered 431 */
	REPLY_MAX = 4096,		/* bytes */
};

enum record_state {
	RECORD_IDLE,		/* no request has begun */
	RECORD_HEAD,		/* its parameters are incomplete */
	RECORD_BODY,		/* its body is incomplete */
	RECORD_COMPLETE,
	RECORD_ABORTED,		/* by the web server, once complete */
	RECORD_CLOSING,		/* nothing more is read: send reply, and close */
};

/* What the record under way is for. */
enum record_use { USE_NONE, USE_BEGIN, USE_PARAMS, USE_BODY, USE_VALUES };

struct record {
	enum record_state state;
	unsigned id;		/* of the request */
	bool keep;		/* the connection is to outlive it */
	struct request_body body;
	struct buf reply;	/* records; to be cleared once sent */
	struct buf params;	/* see record_param() */
	/* of the record under way */
	enum record_use use;
	unsigned char header[8];
	size_t header_len, content_left, padding_left;
	struct buf content;	/* where it is parsed at its end */
	unsigned conns_max;
};

/* At most body_max bytes of a body are kept. conns_max is the answer to
 * FCGI_GET_VALUES of FCGI_MAX_CONNS. */
void record_init(struct record *r, size_t body_max, unsigned conns_max);
void record_free(struct record *r);

/* Consumes all of these bytes. After the end of a request no other can begin before it
 * is answered: see record_next(). */
void record_feed(struct record *r, const char *bytes, size_t len);

/* A parameter, once all are there; NULL: none. The last one of that name: nginx before
 * 1.23 passes on each line of a header, and the nearest proxy has added the last. *count
 * is how many have that name. */
const char *record_param(const struct record *r, const char *name, size_t *count);

/* Frees parameters and body. */
void record_release(struct record *r);

/* The request was answered: the next may begin. What still comes of its body is
 * skipped. */
void record_next(struct record *r);

/* Append records of a request: of its output; and of its end, with FCGI_REQUEST_COMPLETE
 * or another status of the protocol. */
void record_append_output(struct buf *to, unsigned id, const char *data, size_t len);
void record_append_end(struct buf *to, unsigned id, int status);

#endif
