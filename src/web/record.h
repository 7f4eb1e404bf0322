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
	RECORD_HEAD,		/* its parameters are not whole */
	RECORD_BODY,		/* they are, its body is not */
	RECORD_WHOLE,
	RECORD_ABORTED,		/* by the web server, after it was whole */
	RECORD_OVER,		/* nothing more can come: send reply, and close */
};

/* What the record under way is for. */
enum record_use { USE_NONE, USE_BEGIN, USE_PARAMS, USE_BODY, USE_VALUES };

struct record {
	enum record_state state;
	unsigned id;		/* of the request */
	bool keep;		/* the connection is to outlive it */
	struct fcgi_body body;
	struct buf reply;	/* whole records; to be cleared once sent */
	struct buf params;	/* see record_param() */
	/* of the record under way */
	enum record_use use;
	unsigned char header[8];
	size_t header_len, content_left, padding_left;
	struct buf content;	/* where it is looked at as a whole */
	unsigned conns_max;
};

/* Of a body no more than body_max bytes are kept. conns_max is told to who asks
 * for FCGI_MAX_CONNS. */
void record_init(struct record *r, size_t body_max, unsigned conns_max);
void record_free(struct record *r);

/* Takes all of these bytes. Those behind the end of a request that was not
 * answered yet cannot begin another: see record_next(). */
void record_feed(struct record *r, const char *bytes, size_t len);

/* A parameter, once they are whole; NULL: none. */
const char *record_param(const struct record *r, const char *name);

/* Forgets parameters and body. */
void record_lighten(struct record *r);

/* The request was answered: the next may begin. What still comes of its body is
 * passed over. */
void record_next(struct record *r);

/* Append records of a request: of its output; and of its end, with FCGI_REQUEST_COMPLETE
 * or another status of the protocol. */
void record_append_output(struct buf *to, unsigned id, const char *data, size_t len);
void record_append_end(struct buf *to, unsigned id, int status);

#endif
