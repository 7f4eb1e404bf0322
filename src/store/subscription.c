#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/dial.h"
#include "store/sentinel.h"
#include "store/subscription.h"

enum { TRIES = 3 };			/* where it is closed as it begins */

struct subscription {
	struct dialled dialled;
	char *channel;			/* until it is asked for */
	redisReply *current;		/* what the last message points into */
	bool confirmed, stopping;
	int64_t asked;			/* of clock_ms(), the last command */
};

/* The bytes of part i of a push named kind, as "message". */
static const redisReply *part(const redisReply *r, const char *kind, size_t i)
{
	if (!r || r->type != REDIS_REPLY_ARRAY || r->elements <= i ||
	    r->element[0]->type != REDIS_REPLY_STRING ||
	    strcmp(r->element[0]->str, kind))
		return NULL;
	return r->element[i];
}

enum err subscription_start(const char *channel, struct subscription **to)
{
	struct dialled d = { .context = NULL };
	enum err e = dial_start(&d);

	if (e)
		return e;
	*to = xcalloc(1, sizeof **to);
	(*to)->dialled = d;
	(*to)->channel = xstrdup(channel);
	return OK;
}

/* What fails here fails again when the answer is read. */
static void send_command(struct subscription *s)
{
	int sent = 0;

	s->asked = clock_ms();
	while (!sent && redisBufferWrite(s->dialled.context, &sent) == REDIS_OK)
		;
}

enum err subscription_ask(struct subscription *s)
{
	enum err e;

	if (!s->channel)
		return s->dialled.context ? OK : ERR_STORE;
	e = dial_greet(&s->dialled);
	if (!e) {
		redisAppendCommand(s->dialled.context, "SUBSCRIBE %s", s->channel);
		send_command(s);
	}
	free(s->channel);
	s->channel = NULL;
	return e;
}

static bool readable(const struct subscription *s)
{
	struct pollfd there = { s->dialled.context->fd, POLLIN, 0 };

	return poll(&there, 1, 0) > 0;
}

enum err subscription_confirm(struct subscription *s, bool waits)
{
	redisContext *c = s->dialled.context;
	redisReply *r = NULL;

	if (s->confirmed)
		return OK;
	if (!waits && !readable(s))
		return ERR_STORE;
	if (!dial_greeted(&s->dialled) && redisGetReply(c, (void **)&r) == REDIS_OK)
		s->confirmed = part(r, "subscribe", 2);
	if (s->confirmed)
		/* Or the script that comes next would wait for another try. */
		dial_found("redis.subscribe");
	else if (c->err)
		dial_broken("redis.subscribe", c, s->asked);
	else if (r && r->type == REDIS_REPLY_ERROR)
		dial_refused("redis.subscribe", r->str);
	if (r)
		freeReplyObject(r);
	return s->confirmed ? OK : ERR_STORE;
}

static enum err open_once(const char *channel, struct subscription **to)
{
	enum err e = subscription_start(channel, to);

	if (!e)
		e = subscription_ask(*to);
	return e ? e : subscription_confirm(*to, true);
}

enum err subscription_open(const char *channel, struct subscription **to)
{
	bool closed = true;
	enum err e = ERR_STORE;

	for (int left = TRIES; e && left && closed; left--) {
		const redisContext *c;

		*to = NULL;
		e = open_once(channel, to);
		c = e && *to ? (*to)->dialled.context : NULL;
		closed = c && c->err == REDIS_ERR_EOF;
		if (e)
			subscription_free(*to);
	}
	if (e)
		*to = NULL;
	return e;
}

int64_t subscription_settles_at(void)
{
	return sentinel_left_at();
}

int subscription_fd(const struct subscription *s)
{
	return s->dialled.context->fd;
}

enum err subscription_read(struct subscription *s)
{
	return redisBufferRead(s->dialled.context) == REDIS_OK ? OK : ERR_STORE;
}

bool subscription_next(struct subscription *s, const char **message, size_t *len)
{
	for (;;) {
		const redisReply *text;

		if (s->current)
			freeReplyObject(s->current);
		s->current = NULL;
		if (redisReaderGetReply(s->dialled.context->reader,
					(void **)&s->current) != REDIS_OK ||
		    !s->current)
			return false;
		text = part(s->current, "message", 2);
		if (text && text->type == REDIS_REPLY_STRING) {
			*message = text->str;
			*len = (size_t)text->len;
			return true;
		}
	}
}

void subscription_free(struct subscription *s)
{
	if (!s)
		return;
	if (s->current)
		freeReplyObject(s->current);
	if (s->dialled.context)
		redisFree(s->dialled.context);
	free(s->channel);
	free(s);
}

void subscription_stop(struct subscription *s)
{
	if (!s || dial_is_away())
		return;
	redisAppendCommand(s->dialled.context, "UNSUBSCRIBE");
	send_command(s);
	s->stopping = true;
}

void subscription_end(struct subscription *s)
{
	redisContext *c = s ? s->dialled.context : NULL;
	redisReply *r = NULL;
	bool done = !s || !s->stopping || dial_is_away();

	while (!done) {
		if (redisGetReply(c, (void **)&r) != REDIS_OK) {
			/* Closed, it is not counted either. */
			if (c->err != REDIS_ERR_EOF)
				dial_broken("redis.unsubscribe", c, s->asked);
			break;
		}
		done = part(r, "unsubscribe", 2);
		freeReplyObject(r);
	}
	subscription_free(s);
}
