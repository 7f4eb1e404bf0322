#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/metric.h"
#include "store/dial.h"
#include "store/redis.h"

enum { WORDS = REDIS_ARGS + 3, UNANSWERED_MOST = 128 };

struct redis {
	pthread_mutex_t lock;
	pthread_cond_t fewer;
	struct question *first, **last;	/* in the order that they came */
	int unanswered;
	bool led;			/* a thread is asking for all */
	struct dialled dialled;		/* its own; context NULL: none */
};

struct redis *redis_new(void)
{
	struct redis *r = xcalloc(1, sizeof *r);

	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->fewer, NULL);
	r->last = &r->first;
	return r;
}

static void hang_up(struct redis *r)
{
	if (r->dialled.context)
		redisFree(r->dialled.context);
	r->dialled.context = NULL;
}

void redis_free(struct redis *r)
{
	if (!r)
		return;
	hang_up(r);
	pthread_cond_destroy(&r->fewer);
	pthread_mutex_destroy(&r->lock);
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

static void append(const struct redis *r, const struct question *q)
{
	const char *argv[WORDS];
	size_t lens[WORDS];
	char number[24];

	argv[0] = q->whole ? "EVAL" : "EVALSHA";
	argv[1] = q->whole ? script_text(q->which) : script_sha1(q->which);
	argv[2] = number;
	snprintf(number, sizeof number, "%zu", q->keys);
	for (size_t i = 0; i < 3; i++)
		lens[i] = strlen(argv[i]);
	for (size_t i = 0; i < q->count; i++) {
		const struct arg *a = &q->args[i];

		argv[3 + i] = a->data ? a->data : r->dialled.server;
		lens[3 + i] = a->data ? a->len : strlen(r->dialled.server);
	}
	redisAppendCommandArgv(r->dialled.context, (int)q->count + 3, argv, lens);
}

/* The answer to what was sent at start; NULL: lost. */
static redisReply *answer(struct redis *r, int64_t start)
{
	redisReply *reply = NULL;

	if (!r->dialled.context)
		return NULL;
	if (redisGetReply(r->dialled.context, (void **)&reply) != REDIS_OK) {
		dial_broken("redis.ask", r->dialled.context);
		hang_up(r);
		return NULL;
	}
	metric_observe(METRIC_ROUND_TRIPS, clock_ns() - start);
	return reply;
}

/* Redis does not know the script, yet or any more. */
static bool unknown(const struct question *q)
{
	const redisReply *r = (const redisReply *)q->reply;

	return !q->whole && r && r->type == REDIS_REPLY_ERROR &&
		!strncmp(r->str, "NOSCRIPT", 8);
}

static void ask(struct redis *r, struct question *all)
{
	enum err e = ready(r);
	int64_t start = clock_ns();
	bool moved = false;

	for (struct question *q = all; q; q = q->next)
		if (!e)
			append(r, q);
	for (struct question *q = all; q; q = q->next) {
		redisReply *reply = e ? NULL : answer(r, start);

		q->reply = (struct reply *)reply;
		q->e = reply ? OK : ERR_STORE;
		if (!reply || reply->type != REDIS_REPLY_ERROR || unknown(q))
			continue;
		moved = dial_refused("redis.ask", reply->str) || moved;
		freeReplyObject(reply);
		q->reply = NULL;
		q->e = ERR_STORE;
	}
	if (moved)
		hang_up(r);
}

static void enqueue(struct redis *r, struct question *q)
{
	q->next = NULL;
	*r->last = q;
	r->last = &q->next;
}

static void settle(struct redis *r, struct question *q)
{
	bool again = unknown(q);

	if (again) {
		reply_free(q->reply);
		q->whole = true;	/* which loads it too */
	}
	pthread_mutex_lock(&r->lock);
	if (again)
		enqueue(r, q);
	else if (r->unanswered-- == UNANSWERED_MOST)
		pthread_cond_broadcast(&r->fewer);
	pthread_mutex_unlock(&r->lock);
	if (!again)
		q->done(q, q->e, q->reply);
}

static void lead(struct redis *r)
{
	struct question *all, *next;

	for (;;) {
		pthread_mutex_lock(&r->lock);
		all = r->first;
		r->first = NULL;
		r->last = &r->first;
		r->led = all;
		pthread_mutex_unlock(&r->lock);
		if (!all)
			return;
		ask(r, all);
		for (; all; all = next) {
			next = all->next;	/* done may free it */
			settle(r, all);
		}
	}
}

void redis_start(struct redis *r, struct question *q)
{
	bool leads;

	if (q->count > REDIS_ARGS)
		abort();
	q->whole = false;
	pthread_mutex_lock(&r->lock);
	while (r->unanswered == UNANSWERED_MOST)
		pthread_cond_wait(&r->fewer, &r->lock);
	r->unanswered++;
	enqueue(r, q);
	leads = !r->led;
	r->led = true;
	pthread_mutex_unlock(&r->lock);
	if (leads)
		lead(r);
}

struct waiting {
	struct question q;
	struct reply *result;
	enum err e;
};

static void stop_waiting(struct question *q, enum err e, struct reply *result)
{
	struct waiting *w = (struct waiting *)q;

	w->e = e;
	w->result = result;
}

enum err redis_run(struct redis *r, enum script which, size_t keys,
		   const struct arg *args, size_t count, struct reply **result)
{
	struct waiting w = { .q = {
		.which = which, .keys = keys, .args = args, .count = count,
		.done = stop_waiting,
	} };

	redis_start(r, &w.q);
	if (!w.e)
		*result = w.result;
	return w.e;
}

enum err redis_publish(struct redis *r, const char *channel, const char *message)
{
	redisReply *reply;
	int64_t start = clock_ns();
	enum err e = ready(r);

	if (e)
		return e;
	redisAppendCommand(r->dialled.context, "PUBLISH %s %s", channel, message);
	reply = answer(r, start);
	if (!reply)
		return ERR_STORE;
	if (reply->type == REDIS_REPLY_ERROR) {
		e = ERR_STORE;
		if (dial_refused("redis.ask", reply->str))
			hang_up(r);
	}
	freeReplyObject(reply);
	return e;
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
