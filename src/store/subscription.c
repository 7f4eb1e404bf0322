#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/dial.h"
#include "store/sentinel.h"
#include "store/subscription.h"

struct subscription {
	redisContext *context;
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
	struct dialled d;
	enum err e = dial(&d, false);
	int64_t asked = clock_ms();
	int sent = 0;

	if (e)
		return e;
	redisAppendCommand(d.context, "SUBSCRIBE %s", channel);
	while (!sent)
		if (redisBufferWrite(d.context, &sent) != REDIS_OK) {
			dial_broken("redis.subscribe", d.context, asked);
			redisFree(d.context);
			return ERR_STORE;
		}
	*to = xcalloc(1, sizeof **to);
	(*to)->context = d.context;
	(*to)->asked = asked;
	return OK;
}

enum err subscription_confirm(struct subscription *s, bool waits)
{
	struct pollfd there = { s->context->fd, POLLIN, 0 };
	redisReply *r = NULL;
	bool good;

	if (s->confirmed)
		return OK;
	if (!waits && poll(&there, 1, 0) <= 0)
		return ERR_STORE;
	redisGetReply(s->context, (void **)&r);
	good = s->confirmed = part(r, "subscribe", 2);
	if (good)
		/* Or the script that comes next would wait for another try. */
		dial_found("redis.subscribe");
	else if (!r)
		dial_broken("redis.subscribe", s->context, s->asked);
	else if (r->type == REDIS_REPLY_ERROR)
		dial_refused("redis.subscribe", r->str);
	if (r)
		freeReplyObject(r);
	return good ? OK : ERR_STORE;
}

enum err subscription_open(const char *channel, struct subscription **to)
{
	enum err e = subscription_start(channel, to);

	if (!e)
		e = subscription_confirm(*to, true);
	if (e) {
		subscription_free(*to);
		*to = NULL;
	}
	return e;
}

int64_t subscription_settles_at(void)
{
	return sentinel_left_at();
}

int subscription_fd(const struct subscription *s)
{
	return s->context->fd;
}

enum err subscription_read(struct subscription *s)
{
	return redisBufferRead(s->context) == REDIS_OK ? OK : ERR_STORE;
}

bool subscription_next(struct subscription *s, const char **message, size_t *len)
{
	for (;;) {
		const redisReply *text;

		if (s->current)
			freeReplyObject(s->current);
		s->current = NULL;
		if (redisReaderGetReply(s->context->reader,
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
	redisFree(s->context);
	free(s);
}

void subscription_stop(struct subscription *s)
{
	int sent = 0;

	if (!s || dial_is_away())
		return;
	redisAppendCommand(s->context, "UNSUBSCRIBE");
	s->asked = clock_ms();
	/* What fails here fails again when the answer is read. */
	while (!sent && redisBufferWrite(s->context, &sent) == REDIS_OK)
		;
	s->stopping = true;
}

void subscription_end(struct subscription *s)
{
	redisReply *r = NULL;
	bool done = !s || !s->stopping || dial_is_away();

	while (!done) {
		if (redisGetReply(s->context, (void **)&r) != REDIS_OK) {
			/* Closed, it is not counted either. */
			if (s->context->err != REDIS_ERR_EOF)
				dial_broken("redis.unsubscribe", s->context,
					    s->asked);
			break;
		}
		done = part(r, "unsubscribe", 2);
		freeReplyObject(r);
	}
	subscription_free(s);
}
