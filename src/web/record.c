/*
 * Two state machines, one within the other. That of a record: header, content, padding,
 * end_record(). What belongs to a stream is passed on as it comes, other content is
 * collected. That of the request, which moves when a record ends, or at its header:
 *
 *	IDLE --BEGIN_REQUEST--> HEAD --empty PARAMS--> BODY --empty STDIN--> COMPLETE
 *	  ^                                                                     |
 *	  '---record_next(), where the connection is kept------------------------'
 *
 * ABORT_REQUEST ends a request in HEAD or BODY, which nobody has seen yet, right here;
 * one that is COMPLETE has been handed out, and becomes ABORTED. A fault of the
 * protocol leads to CLOSING from anywhere, and so does record_next() where the
 * connection is not kept.
 *
 * Section numbers are those of FastCGI 1.0.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <fastcgi.h>

#include "web/record.h"

enum {
	OUTPUT_MAX = 65528,		/* of one record; 3.3 advises multiples of 8 */
	CONTENT_MAX = 1024,		/* of a record that is parsed at its end */
};

void record_init(struct record *r, size_t body_max, unsigned conns_max)
{
	*r = (struct record){
		.body.kept.max = body_max, .params.max = PARAMS_MAX,
		.reply.max = REPLY_MAX, .content.max = CONTENT_MAX,
		.conns_max = conns_max,
	};
}

void record_release(struct record *r)
{
	buf_free(&r->params);
	buf_free(&r->body.kept);
}

void record_free(struct record *r)
{
	record_release(r);
	buf_free(&r->reply);
	buf_free(&r->content);
}

void record_next(struct record *r)
{
	record_release(r);
	r->body.len = 0;
	r->body.complete = r->body.slow = false;
	/* What is left of a record under way is skipped: it belongs to the request that
	 * has ended, as do all later records with its id, which is forgotten. While
	 * there is none they are ignored (3.3). */
	if (r->use == USE_PARAMS || r->use == USE_BODY)
		r->use = USE_NONE;
	r->id = 0;
	r->state = r->keep ? RECORD_IDLE : RECORD_CLOSING;
}

/* What we send */

static void append_record(struct buf *to, int type, unsigned id,
			  const char *content, size_t len)
{
	const char header[FCGI_HEADER_LEN] = {
		FCGI_VERSION_1, (char)type, (char)(id >> 8), (char)id,
		(char)(len >> 8), (char)len, 0, 0,
	};

	buf_add(to, header, sizeof header);
	buf_add(to, content, len);
}

/* Nothing where there is nothing: an empty record would end the stream (3.3). */
void record_append_output(struct buf *to, unsigned id, const char *data, size_t len)
{
	while (len) {
		size_t n = len < OUTPUT_MAX ? len : OUTPUT_MAX;

		append_record(to, FCGI_STDOUT, id, data, n);
		data += n;
		len -= n;
	}
}

/* A request that was completed ends its output first (6.1); appStatus, the first four
 * bytes of the body, is that of exit(0). */
void record_append_end(struct buf *to, unsigned id, int status)
{
	const char body[sizeof(FCGI_EndRequestBody)] = { [4] = (char)status };

	if (status == FCGI_REQUEST_COMPLETE)
		append_record(to, FCGI_STDOUT, id, "", 0);
	append_record(to, FCGI_END_REQUEST, id, body, sizeof body);
}

/* Names and values */

/* One byte, or four of which the first has its highest bit set (3.4). */
static bool parse_length(const char **at, const char *end, size_t *len)
{
	const unsigned char *p = (const unsigned char *)*at;
	size_t n = p < (const unsigned char *)end && (*p & 0x80) ? 4 : 1;

	if (end - *at < (ptrdiff_t)n)
		return false;
	*len = n == 1 ? p[0] : (size_t)(p[0] & 0x7f) << 24 |
		(size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	*at += n;
	return true;
}

/* The next name; its value follows it. */
static bool parse_pair(const char **at, const char *end, const char **name,
		       size_t *name_len, size_t *value_len)
{
	size_t left;

	if (!parse_length(at, end, name_len) || !parse_length(at, end, value_len))
		return false;
	left = (size_t)(end - *at);
	/* By subtraction, since the sum of two lengths of 31 bits may wrap where size_t
	 * has 32. */
	if (*name_len > left || *value_len > left - *name_len)
		return false;
	*name = *at;
	*at += *name_len + *value_len;
	return true;
}

/* Makes strings of them in place, name and value in turn: two lengths of a byte or more
 * go, two NULs come. A NUL ends a value: there should be none (6.1), but lighttpd
 * passes on those of a query. A parameter with a NUL in its name is dropped. */
static bool split_params(struct buf *b)
{
	const char *at = b->data, *end = at + b->len, *name;
	char *to = b->data;
	size_t name_len, value_len;

	while (at < end) {
		const char *value;

		if (!parse_pair(&at, end, &name, &name_len, &value_len))
			return false;
		if (memchr(name, '\0', name_len))
			continue;
		value = name + name_len;
		value_len = strnlen(value, value_len);
		memmove(to, name, name_len);
		to[name_len] = '\0';
		to += name_len + 1;
		memmove(to, value, value_len);
		to[value_len] = '\0';
		to += value_len + 1;
	}
	b->len = (size_t)(to - b->data);
	return true;
}

const char *record_param(const struct record *r, const char *name, size_t *count)
{
	const char *at = r->params.data, *end = at + r->params.len;
	const char *found = NULL;

	*count = 0;
	while (at < end) {
		const char *value = at + strlen(at) + 1;

		if (!strcmp(at, name)) {
			found = value;
			++*count;
		}
		at = value + strlen(value) + 1;
	}
	return found;
}

/* Records of no request */

/* Names that are not understood are left out (4.1). Lengths of these fit into a
 * byte. */
static void append_value(struct buf *to, const char *name, size_t name_len,
			 unsigned conns_max)
{
	/* A connection has one request at a time, so the two limits are the same. */
	const struct {
		const char *name;
		unsigned value;
	} values[] = {
		{ FCGI_MAX_CONNS, conns_max }, { FCGI_MAX_REQS, conns_max },
		{ FCGI_MPXS_CONNS, 0 },
	};
	char value[16];

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (strlen(values[i].name) == name_len &&
		    !memcmp(values[i].name, name, name_len)) {
			snprintf(value, sizeof value, "%u", values[i].value);
			buf_char(to, (char)name_len);
			buf_char(to, (char)strlen(value));
			buf_add(to, name, name_len);
			buf_str(to, value);
		}
}

static void answer_values(struct record *r)
{
	struct buf values = BUF_INIT(4 * CONTENT_MAX);
	const char *at = r->content.data, *end = at + r->content.len, *name;
	size_t name_len, value_len;

	while (at < end && parse_pair(&at, end, &name, &name_len, &value_len))
		append_value(&values, name, name_len, r->conns_max);
	append_record(&r->reply, FCGI_GET_VALUES_RESULT, 0,
		      values.data ? values.data : "", values.len);
	buf_free(&values);
}

/* At its header: of an unknown one the content is skipped (4.2). */
static void begin_management(struct record *r, int type)
{
	const char body[sizeof(FCGI_UnknownTypeBody)] = { (char)type };

	if (type == FCGI_GET_VALUES)
		r->use = USE_VALUES;
	else
		append_record(&r->reply, FCGI_UNKNOWN_TYPE, 0, body, sizeof body);
}

/* Records of requests */

/* By us, before it was handed out. */
static void end_request(struct record *r, int status)
{
	record_append_end(&r->reply, r->id, status);
	record_next(r);
}

/* The same id again while it is active is a fault. Another one is refused (5.5), as we
 * do not multiplex; its later records are ignored, since their id is not ours. */
static void begin_request(struct record *r, unsigned id)
{
	const unsigned char *body = (unsigned char *)r->content.data;
	int role = body[0] << 8 | body[1];

	if (r->state != RECORD_IDLE && id == r->id) {
		r->state = RECORD_CLOSING;
	} else if (r->state != RECORD_IDLE) {
		record_append_end(&r->reply, id, FCGI_CANT_MPX_CONN);
	} else {
		r->id = id;
		r->keep = body[2] & FCGI_KEEP_CONN;
		r->state = RECORD_HEAD;
		if (role != FCGI_RESPONDER)
			end_request(r, FCGI_UNKNOWN_ROLE);
	}
}

/* 5.4 wants END_REQUEST for an answer. A request that was handed out gets it from its
 * handler, which finds ABORTED by fcgi_is_gone(). */
static void abort_request(struct record *r)
{
	if (r->state == RECORD_COMPLETE)
		r->state = RECORD_ABORTED;
	else
		end_request(r, FCGI_REQUEST_COMPLETE);
}

static void end_params(struct record *r)
{
	static const char too_large[] =
		"Status: 431 Request Header Fields Too Large\r\n"
		"Content-Length: 0\r\n\r\n";

	/* Without parameters it is no request that http.c could answer, so that is done
	 * here. */
	if (!buf_ok(&r->params)) {
		record_append_output(&r->reply, r->id, too_large,
				     sizeof too_large - 1);
		r->keep = false;
		end_request(r, FCGI_REQUEST_COMPLETE);
	} else {
		r->state = split_params(&r->params) ? RECORD_BODY : RECORD_CLOSING;
	}
}

/* What a record of the request is for, by its header. */
static void begin_part(struct record *r, int type)
{
	if (type == FCGI_ABORT_REQUEST) {
		abort_request(r);
	} else if (type == FCGI_PARAMS && r->state == RECORD_HEAD) {
		r->use = USE_PARAMS;
	} else if (type == FCGI_STDIN && r->state == RECORD_BODY) {
		r->use = USE_BODY;
	} else if (type == FCGI_PARAMS || type == FCGI_STDIN) {
		r->state = RECORD_CLOSING;	/* it has none, or none any more */
	}
}

static void begin_record(struct record *r)
{
	const unsigned char *h = r->header;
	unsigned id = (unsigned)h[2] << 8 | h[3];

	r->use = USE_NONE;
	r->content_left = (size_t)h[4] << 8 | h[5];
	r->padding_left = h[6];
	/* Another version may have another header, so what follows cannot be
	 * skipped. */
	if (h[0] != FCGI_VERSION_1)
		r->state = RECORD_CLOSING;
	else if (!id)
		begin_management(r, h[1]);
	else if (h[1] == FCGI_BEGIN_REQUEST)
		r->use = USE_BEGIN;
	else if (id == r->id)	/* others are of requests that we have ended: 3.3 */
		begin_part(r, h[1]);
}

static void end_content(struct record *r)
{
	const unsigned char *h = r->header;
	bool is_empty = !h[4] && !h[5];	/* the end of a stream of them */

	switch (r->use) {
	case USE_BEGIN:
		if (r->content.len == sizeof(FCGI_BeginRequestBody))
			begin_request(r, (unsigned)h[2] << 8 | h[3]);
		else
			r->state = RECORD_CLOSING;
		break;
	case USE_PARAMS:
		if (is_empty)
			end_params(r);
		break;
	case USE_BODY:
		r->body.complete = is_empty;
		if (is_empty)
			r->state = RECORD_COMPLETE;
		break;
	case USE_VALUES:
		answer_values(r);
		break;
	case USE_NONE:
		break;
	}
}

/* Only after its padding: a web server that is answered before it has written that may
 * find the connection closed, and not read the answer. */
static void end_record(struct record *r)
{
	if (buf_ok(&r->content))
		end_content(r);
	else
		r->state = RECORD_CLOSING;
	buf_free(&r->content);
	r->use = USE_NONE;
	r->header_len = 0;
}

/* Bodies and parameters are stored without a look at the number of bytes: their buffers
 * have caps, and an overflow shows at the end of the parameters, or in requeue() of
 * conns.c. */
static void feed_content(struct record *r, const char *bytes, size_t len)
{
	switch (r->use) {
	case USE_PARAMS:
		buf_add(&r->params, bytes, len);
		break;
	case USE_BODY:
		buf_add(&r->body.kept, bytes, len);
		r->body.len += len;
		break;
	case USE_BEGIN:
	case USE_VALUES:
		buf_add(&r->content, bytes, len);
		break;
	case USE_NONE:
		break;
	}
}

static size_t size_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Consumes a piece of the current record: of its header, content or padding. A record
 * without content and padding, as those that end a stream, ends with its header: so the
 * end is looked for after each piece. */
static size_t feed_piece(struct record *r, const char *bytes, size_t len)
{
	size_t n;

	if (r->header_len < FCGI_HEADER_LEN) {
		n = size_min(FCGI_HEADER_LEN - r->header_len, len);
		memcpy(r->header + r->header_len, bytes, n);
		r->header_len += n;
		if (r->header_len < FCGI_HEADER_LEN)
			return n;
		begin_record(r);
	} else if (r->content_left) {
		n = size_min(r->content_left, len);
		feed_content(r, bytes, n);
		r->content_left -= n;
	} else {
		n = size_min(r->padding_left, len);
		r->padding_left -= n;
	}
	if (!r->content_left && !r->padding_left)
		end_record(r);
	if (!buf_ok(&r->reply))
		r->state = RECORD_CLOSING;	/* it asks, and reads no answers */
	return n;
}

void record_feed(struct record *r, const char *bytes, size_t len)
{
	while (len && r->state != RECORD_CLOSING) {
		size_t n = feed_piece(r, bytes, len);

		bytes += n;
		len -= n;
	}
}
