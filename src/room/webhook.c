#include "config.h"

#include <stdlib.h>
#include <time.h>

#include "room/peer.h"
#include "room/script_args.h"
#include "room/webhook.h"

/* An event, as presence.lua writes it: a user, a room, some words and numbers. */
_Static_assert(WEBHOOK_BATCH_MAX * (USER_MAX + 512) < WEBHOOK_BODY_MAX, "a batch may be too long");

static void append_keys(struct script_args *args, const struct conf *c)
{
	args_append_key(args, c, "webhook", "", "");
	args_append_key(args, c, "webhook:state", "", "");
}

static void append_sender_key(struct script_args *args, const struct conf *c)
{
	args_append_key(args, c, "webhook:sender", "", "");
}

static const struct reply *event_at(const struct webhook_batch *b, size_t i)
{
	return reply_at(b->events, i);
}

static const char *id_of(const struct reply *event)
{
	return reply_string(reply_at(event, 0), NULL);
}

/* Of {id, {"n", number, "m", message}}. */
static const char *field_of(const struct reply *event, size_t i, size_t *len)
{
	return reply_string(reply_at(reply_at(event, 1), i), len);
}

static const char *number_of_event(const struct reply *event)
{
	return field_of(event, 1, NULL);
}

static void parse_batch(struct webhook_batch *b, const struct reply *reply)
{
	b->events = reply_at(reply, 0);
	b->count = reply_count(b->events);
	if (b->count) {
		b->first = id_of(event_at(b, 0));
		b->last = id_of(event_at(b, b->count - 1));
	}
	b->missing = reply_number(reply_at(reply, 1));
	b->given_up = (unsigned)reply_number(reply_at(reply, 2));
	b->pushed_out = (unsigned)reply_number(reply_at(reply, 3));
	b->more = reply_number(reply_at(reply, 4));
}

enum err webhook_take(struct redis *r, const struct conf *c, const char *sender, int most,
		      struct webhook_batch *batch)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	enum err e;

	*batch = (struct webhook_batch){ .wait_ms = 0 };
	append_keys(&args, c);
	append_sender_key(&args, c);
	args_append_string(&args, sender);
	args_append_number(&args, WEBHOOK_LEASE_MS);
	args_append_number(&args, most);
	args_append_number(&args, WEBHOOK_AGE_S * 1000LL);
	e = args_run(r, SCRIPT_WEBHOOK_TAKE, &args, &reply);
	if (e)
		return e;
	batch->reply = reply;
	if (reply_count(reply) > 1) {
		parse_batch(batch, reply);
	} else {
		batch->wait_ms = (int)reply_number(reply_at(reply, 0));
		if (batch->wait_ms < 1)
			batch->wait_ms = 1;
	}
	return OK;
}

enum err webhook_sent(struct redis *r, const struct conf *c, const struct webhook_batch *batch)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	enum err e;

	append_keys(&args, c);
	args_append_string(&args, batch->last);
	args_append_string(&args, number_of_event(event_at(batch, batch->count - 1)));
	e = args_run(r, SCRIPT_WEBHOOK_SENT, &args, &reply);
	reply_free(reply);
	return e;
}

enum err webhook_end(struct redis *r, const struct conf *c, const char *sender)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	enum err e;

	append_sender_key(&args, c);
	args_append_string(&args, sender);
	e = args_run(r, SCRIPT_WEBHOOK_END, &args, &reply);
	reply_free(reply);
	return e;
}

enum err webhook_state(struct redis *r, const struct conf *c, struct webhook_state *state)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	enum err e;

	args_append_key(&args, c, "webhook", "", "");
	append_sender_key(&args, c);
	e = args_run(r, SCRIPT_WEBHOOK_STATE, &args, &reply);
	*state = (struct webhook_state){
		.waiting = reply_number(reply_at(reply, 0)),
		.oldest_ms = reply_number(reply_at(reply, 1)),
		.is_sent = reply_number(reply_at(reply, 2)),
	};
	reply_free(reply);
	return e;
}

/* Ids of Redis have a '-', so another character is between the two; not the full stop, which
 * separates what is signed. */
void webhook_append_id(struct buf *to, const struct webhook_batch *batch)
{
	buf_fmt(to, "%s_%s", batch->first, batch->last);
}

/* As RFC 3339 has it. An id begins with the milliseconds. */
static void append_time(struct buf *to, const char *id)
{
	long long ms = atoll(id);
	time_t seconds = (time_t)(ms / 1000);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	buf_fmt(to, "%s.%03dZ", text, (int)(ms % 1000));
}

static void append_webhook_event(struct buf *to, const struct reply *event)
{
	size_t len;
	const char *message = field_of(event, 3, &len);

	buf_fmt(to, "{\"id\":\"%s\",\"number\":%s,\"timestamp\":\"", id_of(event), number_of_event(event));
	append_time(to, id_of(event));
	buf_str(to, "\",");
	buf_add(to, message, len);
	buf_char(to, '}');
}

void webhook_append_body(struct buf *to, const struct webhook_batch *batch)
{
	buf_str(to, "{\"events\":[");
	for (size_t i = 0; i < batch->count; i++) {
		if (i)
			buf_char(to, ',');
		append_webhook_event(to, event_at(batch, i));
	}
	buf_char(to, ']');
	if (batch->missing > 0)
		buf_fmt(to, ",\"dropped\":%lld", batch->missing);
	else if (batch->missing < 0)
		buf_str(to, ",\"reset\":true");
	buf_char(to, '}');
}
