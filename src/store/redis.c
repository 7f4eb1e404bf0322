#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/metric.h"
#include "store/dial.h"
#include "store/redis.h"

struct redis {
	struct dialled dialled;		/* context NULL: not connected */
};

struct redis *redis_new(void)
{
	return xcalloc(1, sizeof(struct redis));
}

static void hang_up(struct redis *r)
{
	if (r->dialled.context)
		redisFree(r->dialled.context);
	r->dialled.context = NULL;
}

void redis_free(struct redis *r)
{
	if (r)
		hang_up(r);
	free(r);
}

/* Whether Redis has closed it since: found out before anything is sent, as
 * afterwards nobody knows whether a script ran. */
static bool stale(const redisContext *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static enum err ready(struct redis *r)
{
	if (r->dialled.context &&
	    (stale(r->dialled.context) || dial_moved(&r->dialled)))
		hang_up(r);
	return r->dialled.context ? OK : dial(&r->dialled, true);
}

static enum err ask(struct redis *r, int argc, const char **argv,
		    const size_t *lens, redisReply **reply)
{
	redisContext *c = r->dialled.context;
	int64_t start = clock_ns();

	*reply = redisCommandArgv(c, argc, argv, lens);
	metric_observe(METRIC_ROUND_TRIPS, clock_ns() - start);
	if (*reply)
		return OK;
	dial_broken("redis.ask", c);
	hang_up(r);
	return ERR_STORE;
}

static enum err refused(struct redis *r, redisReply *reply)
{
	if (dial_refused("redis.ask", reply->str))
		hang_up(r);
	freeReplyObject(reply);
	return ERR_STORE;
}

enum err redis_run(struct redis *r, enum script which, size_t keys,
		   const struct arg *args, size_t count, struct reply **result)
{
	const char *argv[REDIS_ARGS + 3];
	size_t lens[REDIS_ARGS + 3];
	char number[24];
	redisReply *reply = NULL;
	enum err e = ready(r);

	if (count > REDIS_ARGS)
		abort();
	if (e)
		return e;
	argv[0] = "EVALSHA";
	lens[0] = 7;
	argv[1] = script_sha1(which);
	lens[1] = strlen(argv[1]);
	argv[2] = number;
	lens[2] = (size_t)snprintf(number, sizeof number, "%zu", keys);
	for (size_t i = 0; i < count; i++) {
		argv[3 + i] = args[i].data ? args[i].data : r->dialled.server;
		lens[3 + i] = args[i].data ? args[i].len :
			strlen(r->dialled.server);
	}
	e = ask(r, (int)count + 3, argv, lens, &reply);
	if (!e && reply->type == REDIS_REPLY_ERROR &&
	    !strncmp(reply->str, "NOSCRIPT", 8)) {
		/* Redis does not know it, yet or any more; EVAL loads it too. */
		freeReplyObject(reply);
		argv[0] = "EVAL";
		lens[0] = 4;
		argv[1] = script_text(which);
		lens[1] = strlen(argv[1]);
		e = ask(r, (int)count + 3, argv, lens, &reply);
	}
	if (e)
		return e;
	if (reply->type == REDIS_REPLY_ERROR)
		return refused(r, reply);
	*result = (struct reply *)reply;
	return OK;
}

enum err redis_publish(struct redis *r, const char *channel, const char *message)
{
	const char *argv[] = { "PUBLISH", channel, message };
	const size_t lens[] = { 7, strlen(channel), strlen(message) };
	redisReply *reply;
	enum err e = ready(r);

	if (!e)
		e = ask(r, 3, argv, lens, &reply);
	if (e)
		return e;
	if (reply->type == REDIS_REPLY_ERROR)
		return refused(r, reply);
	freeReplyObject(reply);
	return OK;
}

static const redisReply *of(const struct reply *r)
{
	return (const redisReply *)r;
}

enum reply_kind reply_kind(const struct reply *r)
{
	if (!r)
		return REPLY_NONE;
	switch (of(r)->type) {
	case REDIS_REPLY_INTEGER:
		return REPLY_NUMBER;
	case REDIS_REPLY_STRING:
		return REPLY_STRING;
	case REDIS_REPLY_ARRAY:
		return REPLY_LIST;
	default:
		return REPLY_NONE;
	}
}

long long reply_number(const struct reply *r)
{
	return reply_kind(r) == REPLY_NUMBER ? of(r)->integer : 0;
}

const char *reply_string(const struct reply *r, size_t *len)
{
	bool string = reply_kind(r) == REPLY_STRING;

	if (len)
		*len = string ? (size_t)of(r)->len : 0;
	return string ? of(r)->str : "";
}

size_t reply_count(const struct reply *r)
{
	return reply_kind(r) == REPLY_LIST ? of(r)->elements : 0;
}

const struct reply *reply_at(const struct reply *r, size_t i)
{
	return i < reply_count(r) ?
		(const struct reply *)of(r)->element[i] : NULL;
}

void reply_free(struct reply *r)
{
	if (r)
		freeReplyObject((redisReply *)r);
}
