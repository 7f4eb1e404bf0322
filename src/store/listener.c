#include "config.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/dial.h"
#include "store/listener.h"
#include "store/push.h"

enum { LISTEN_TRIES = 3 };		/* where it is closed as it begins */

struct listener {
	redisContext *context;
	redisReply *current;		/* what the last message points into */
};

/* The first replies are those to the greeting. */
static enum err await_confirmation(struct dialled *d, int64_t asked_at)
{
	redisReply *r = NULL;
	enum err e = ERR_STORE;

	if (!dial_await_greeting(d) &&
	    redisGetReply(d->context, (void **)&r) == REDIS_OK && push_member(r, "subscribe", 2))
		e = OK;
	if (!e)
		dial_note_found("redis.subscribe");
	else if (d->context->err)
		dial_note_broken("redis.subscribe", d->context, asked_at);
	else if (r && r->type == REDIS_REPLY_ERROR)
		dial_note_error("redis.subscribe", r->str);
	if (r)
		freeReplyObject(r);
	return e;
}

/* The command is sent with the greeting: one round trip less. */
static enum err open_once(const char *channel, struct dialled *d)
{
	int64_t asked_at = clock_ms();
	enum err e = dial_start(d);

	if (!e)
		e = dial_send_greeting(d);
	if (e)
		return e;
	redisAppendCommand(d->context, "SUBSCRIBE %s", channel);
	return await_confirmation(d, asked_at);
}

enum err listener_open(const char *channel, struct listener **to)
{
	struct dialled d = { .context = NULL };
	bool closed = true;
	enum err e = ERR_STORE;

	for (int left = LISTEN_TRIES; e && left && closed; left--) {
		e = open_once(channel, &d);
		closed = e && d.context && d.context->err == REDIS_ERR_EOF;
		if (e && d.context)
			redisFree(d.context);
	}
	*to = NULL;
	if (!e) {
		*to = xcalloc(1, sizeof **to);
		(*to)->context = d.context;
	}
	return e;
}

int listener_fd(const struct listener *l)
{
	return l->context->fd;
}

enum err listener_read(struct listener *l)
{
	return redisBufferRead(l->context) == REDIS_OK ? OK : ERR_STORE;
}

bool listener_next(struct listener *l, const char **message, size_t *len)
{
	for (;;) {
		const redisReply *text;

		if (l->current)
			freeReplyObject(l->current);
		l->current = NULL;
		if (redisReaderGetReply(l->context->reader,
					(void **)&l->current) != REDIS_OK ||
		    !l->current)
			return false;
		text = push_member(l->current, "message", 2);
		if (text && text->type == REDIS_REPLY_STRING) {
			*message = text->str;
			*len = (size_t)text->len;
			return true;
		}
	}
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	if (l->current)
		freeReplyObject(l->current);
	redisFree(l->context);
	free(l);
}
