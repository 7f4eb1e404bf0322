#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/metric.h"
#include "store/dial.h"
#include "store/redis.h"

enum {
	WORDS = REDIS_ARGS + 3,
	UNANSWERED_MOST = 128,
	TOGETHER_MS = 1,		/* between two writes, while something is
					 * unanswered */
};

struct redis {
	struct fifo waiting;		/* to be sent */
	struct fifo asked;		/* sent, in that order */
	int unanswered;			/* of both */
	int64_t sent_at;		/* of clock_ms(), the last write */
	int epoll;			/* that its connection is in; -1: none */
	struct dialled dialled;		/* context NULL: none */
};

struct redis *redis_new(int epoll)
{
	struct redis *r = xcalloc(1, sizeof *r);

	r->epoll = epoll;
	return r;
}

static void finish(struct redis *r, struct question *q, enum err e,
		   redisReply *reply)
{
	r->unanswered--;
	q->done(q, e, (struct reply *)reply);
}

/* Whatever was asked there will not be answered. */
static void hang_up(struct redis *r)
{
	struct question *q;

	/* epoll forgets it too. */
	if (r->dialled.context)
		redisFree(r->dialled.context);
	r->dialled.context = NULL;
	while ((q = fifo_take(&r->asked)))
		finish(r, q, ERR_STORE, NULL);
}

void redis_free(struct redis *r)
{
	if (!r)
		return;
	redis_finish(r);
	hang_up(r);
	free(r);
}

/* Whether Redis has closed it since: found out before anything is sent, as
 * afterwards nobody knows whether a script ran. */
static bool stale(const redisContext *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
		errno != EAGAIN;
}

static enum err connect_anew(struct redis *r)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = r };
	enum err bad = dial(&r->dialled);

	if (!bad && r->epoll >= 0)
		epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->dialled.context->fd, &e);
	return bad;
}

static enum err ready(struct redis *r)
{
	if (r->dialled.context &&
	    (stale(r->dialled.context) || dial_moved(&r->dialled)))
		hang_up(r);
	return r->dialled.context ? OK : connect_anew(r);
}

static void put(const struct redis *r, const struct question *q)
{
	const char *argv[WORDS];
	size_t lens[WORDS], n = 0;
	char number[24];

	if (q->which != SCRIPT_NONE) {
		snprintf(number, sizeof number, "%zu", q->keys);
		argv[n++] = q->whole ? "EVAL" : "EVALSHA";
		argv[n++] = q->whole ? script_text(q->which) :
			script_sha1(q->which);
		argv[n++] = number;
	}
	for (size_t i = 0; i < n; i++)
		lens[i] = strlen(argv[i]);
	for (size_t i = 0; i < q->count; i++, n++) {
		const struct arg *a = &q->args[i];

		argv[n] = a->data ? a->data : r->dialled.server;
		lens[n] = a->data ? a->len : strlen(r->dialled.server);
	}
	redisAppendCommandArgv(r->dialled.context, (int)n, argv, lens);
}

/* When the first was asked that is not answered, of clock_ms(). */
static int64_t asked_at(const struct redis *r)
{
	const struct question *first = (const struct question *)r->asked.first;

	return first ? first->start / 1000000 : clock_ms();
}

static void lose(struct redis *r)
{
	dial_broken("redis.ask", r->dialled.context, asked_at(r));
	hang_up(r);
}

/* Where Redis is near, its answers are there first: what waits for them goes together,
 * and is not lost with its connection. Where it is far, not all wait for one. */
static bool waits(struct redis *r)
{
	int64_t now = clock_ms();

	if (!r->asked.first)
		return false;
	if (now < r->sent_at + TOGETHER_MS)
		return true;
	if (!dial_moved(&r->dialled))
		return false;
	r->sent_at = now;		/* it is looked at again in that time */
	return true;
}

void redis_send(struct redis *r)
{
	struct fifo now = r->waiting;
	struct question *q;
	enum err e;
	int done = 0;

	if (!now.first || waits(r))
		return;
	r->waiting.first = NULL;
	e = r->asked.first ? OK : ready(r);
	r->sent_at = clock_ms();
	while ((q = fifo_take(&now))) {
		if (e) {
			finish(r, q, e, NULL);
			continue;
		}
		q->start = clock_ns();
		put(r, q);
		fifo_put(&r->asked, &q->link);
	}
	while (!e && !done)
		if (redisBufferWrite(r->dialled.context, &done) != REDIS_OK) {
			lose(r);
			break;
		}
}

/* The first that was asked has its answer. Returns whether there may be more. */
static bool settle(struct redis *r, redisReply *reply)
{
	struct question *q = fifo_take(&r->asked);
	bool refused = reply->type == REDIS_REPLY_ERROR, useless = false;

	metric_observe(METRIC_ROUND_TRIPS, clock_ns() - q->start);
	dial_answered();
	/* Redis does not know the script, yet or any more. */
	if (refused && !q->whole && !strncmp(reply->str, "NOSCRIPT", 8)) {
		freeReplyObject(reply);
		q->whole = true;	/* which loads it too */
		fifo_put(&r->waiting, &q->link);
		return true;
	}
	if (refused) {
		useless = dial_refused("redis.ask", reply->str);
		freeReplyObject(reply);
	}
	finish(r, q, refused ? ERR_STORE : OK, refused ? NULL : reply);
	return !useless;
}

/* Waits, where nothing is there. */
static void take_answers(struct redis *r)
{
	redisContext *c = r->dialled.context;
	redisReply *reply = NULL;
	bool good = redisBufferRead(c) == REDIS_OK;

	while (good && r->asked.first) {
		good = redisGetReplyFromReader(c, (void **)&reply) == REDIS_OK;
		if (good && !reply)
			return;
		if (good && !settle(r, reply)) {
			hang_up(r);
			return;
		}
	}
	if (!good)
		lose(r);
}

void redis_start(struct redis *r, struct question *q)
{
	if (q->count > REDIS_ARGS)
		abort();
	if (r->unanswered == UNANSWERED_MOST)
		redis_finish(r);
	q->whole = false;
	r->unanswered++;
	fifo_put(&r->waiting, &q->link);
}

static int64_t late_at(const struct redis *r)
{
	return r->asked.first ? asked_at(r) + COMMAND_MS : INT64_MAX;
}

int64_t redis_until(const struct redis *r)
{
	int64_t send_at = r->sent_at + TOGETHER_MS, late = late_at(r);

	return r->waiting.first && r->asked.first && send_at < late ? send_at : late;
}

static bool readable(const struct redis *r)
{
	return poll(&(struct pollfd){ r->dialled.context->fd, POLLIN, 0 }, 1, 0) > 0;
}

void redis_receive(struct redis *r, bool ready)
{
	bool late = clock_ms() >= late_at(r);

	if (!r->dialled.context)
		return;
	if (ready && !r->asked.first) {
		hang_up(r);	/* closed, or it says what nobody asked */
	} else if (ready || (late && readable(r))) {
		take_answers(r);
	} else if (late) {
		dial_late("redis.ask", asked_at(r));
		hang_up(r);
	}
}

static void step(struct redis *r)
{
	redis_send(r);
	if (r->asked.first)
		take_answers(r);
}

void redis_finish(struct redis *r)
{
	while (r->unanswered)
		step(r);
}

struct waiting {
	struct question q;
	struct reply *result;
	enum err e;
	bool done;
};

static void stop_waiting(struct question *q, enum err e, struct reply *result)
{
	struct waiting *w = (struct waiting *)q;

	w->e = e;
	w->result = result;
	w->done = true;
}

static enum err wait_for(struct redis *r, struct waiting *w,
			 struct reply **result)
{
	w->q.done = stop_waiting;
	redis_start(r, &w->q);
	while (!w->done)
		step(r);
	if (!w->e)
		*result = w->result;
	return w->e;
}

enum err redis_run(struct redis *r, enum script which, size_t keys,
		   const struct arg *args, size_t count, struct reply **result)
{
	struct waiting w = { .q = {
		.which = which, .keys = keys, .args = args, .count = count,
	} };

	return wait_for(r, &w, result);
}

enum err redis_publish(struct redis *r, const char *channel, const char *message)
{
	const struct arg words[] = {
		{ "PUBLISH", 7 }, { channel, strlen(channel) },
		{ message, strlen(message) },
	};
	struct waiting w = { .q = {
		.which = SCRIPT_NONE, .args = words, .count = 3,
	} };
	struct reply *result = NULL;
	enum err e = wait_for(r, &w, &result);

	reply_free(result);
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
