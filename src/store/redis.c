/*
 * A connection without an epoll blocks. With one it does not: what the socket does not take
 * is sent when the epoll says so, and two threads do what would block (dialler.c): one that
 * connects, as long as there is no connection; and one that asks the Sentinels, once a
 * second, if this is still to the master. Commands wait until either is done. Only
 * redis_run() and redis_drain() wait here, with poll(2).
 */
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
#include "shared/metric.h"
#include "store/cluster.h"
#include "store/dialler.h"
#include "store/redis.h"

enum {
	ARGV_MAX = REDIS_ARGS + 4,
	TOGETHER_MS = 1,		/* between two writes, while there are
					 * commands without a reply */
	UNSETTLED_MS = 20,		/* between two tries while the Cluster is not settled */
};

struct redis {
	struct fifo waiting;		/* to be sent */
	struct fifo asked;		/* sent, in this order */
	int unanswered;			/* commands in both */
	int64_t sent_at;		/* the last write, on clock_ms() */
	int64_t again_at;		/* nothing is sent before; 0: at once */
	int epoll;			/* for its connection; -1: none */
	bool is_unsent;			/* the socket has not taken all */
	struct dialler *dialler;	/* of one with an epoll: it connects */
	struct dialler *refresher;	/* likewise: it asks the Sentinels */
	struct dialled dialled;		/* context NULL: none */
};

struct redis *redis_new(int epoll)
{
	struct redis *r = xcalloc(1, sizeof *r);

	r->epoll = epoll;
	return r;
}

static void complete_command(struct redis *r, struct redis_command *cmd, enum err e,
			     redisReply *reply)
{
	r->unanswered--;
	cmd->done(cmd, e, (struct reply *)reply);
}

/* Closes the connection; the commands that were sent on it fail. */
static void disconnect(struct redis *r)
{
	struct redis_command *cmd;

	/* This removes it from the epoll, too. */
	if (r->dialled.context)
		redisFree(r->dialled.context);
	r->dialled.context = NULL;
	r->is_unsent = false;
	while ((cmd = fifo_pop(&r->asked)))
		complete_command(r, cmd, ERR_STORE, NULL);
}

void redis_free(struct redis *r)
{
	if (!r)
		return;
	redis_drain(r);
	if (r->dialler)
		dialler_end(r->dialler, &r->dialled);
	if (r->refresher)
		dialler_free(r->refresher);
	disconnect(r);
	free(r);
}

/* Whether Redis has closed it since. Found out before anything is sent, as afterwards it is
 * not known whether a script ran. */
static bool is_stale(const redisContext *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
		errno != EAGAIN;
}

static bool is_outdated(const struct redis *r)
{
	return r->epoll < 0 ? dial_master_changed(&r->dialled) :
		dial_master_replaced(&r->dialled);
}

/* Whether there is a connection that is of use. */
static bool is_connected(struct redis *r)
{
	if (r->dialled.context && (is_stale(r->dialled.context) || is_outdated(r)))
		disconnect(r);
	return r->dialled.context;
}

static void watch_connection_of(struct redis *r, int operation)
{
	struct epoll_event event = {
		.events = EPOLLIN | (r->is_unsent ? EPOLLOUT : 0),
		.data.ptr = r,
	};

	epoll_ctl(r->epoll, operation, r->dialled.context->fd, &event);
}

static enum err end_dial(struct redis *r)
{
	enum err e = dialler_end(r->dialler, &r->dialled);

	r->dialler = NULL;
	r->sent_at = clock_ms();
	if (e)
		r->dialled.context = NULL;
	else
		watch_connection_of(r, EPOLL_CTL_ADD);
	return e;
}

enum err redis_connect(struct redis *r)
{
	return is_connected(r) ? OK : dial(&r->dialled);
}

/* With an epoll it must not block: OK, with r->dialler set, while another thread
 * connects. */
static enum err connect_soon(struct redis *r)
{
	if (r->dialler)
		return dialler_is_done(r->dialler) ? end_dial(r) : OK;
	if (r->epoll < 0)
		return redis_connect(r);
	if (is_connected(r))
		return OK;
	if (!dial_was_just_tried())
		r->dialler = dialler_start(r->epoll, r);
	return r->dialler ? OK : ERR_STORE;
}

void redis_prepare(struct redis *r)
{
	if (!r->dialled.context && !r->dialler && !dial_is_away())
		r->dialler = dialler_start(r->epoll, r);
}

int64_t redis_trim(struct redis *r)
{
	if (r->unanswered || !r->dialled.context)
		return INT64_MAX;
	if (clock_ms() < r->sent_at + REDIS_IDLE_MS)
		return r->sent_at + REDIS_IDLE_MS;
	disconnect(r);
	return INT64_MAX;
}

struct words {
	const char *text[ARGV_MAX];
	size_t len[ARGV_MAX], count;
};

static void add_word(struct words *w, const char *text, size_t len)
{
	w->text[w->count] = text;
	w->len[w->count++] = len;
}

static void add_text(struct words *w, const char *text)
{
	add_word(w, text, strlen(text));
}

static void add_args(struct words *w, const struct arg *args, size_t count, const char *server)
{
	for (size_t i = 0; i < count; i++)
		if (args[i].data)
			add_word(w, args[i].data, args[i].len);
		else
			add_text(w, server);
}

static void append_command(const struct redis *r, const struct redis_command *cmd)
{
	const char *server = r->dialled.server, *absent = NULL;
	struct words w = { .count = 0 };
	char number[24], *text = NULL;

	if (cmd->script != SCRIPT_NONE) {
		absent = script_absent_key();
		text = cmd->sends_text ? script_text(cmd->script) : NULL;
		snprintf(number, sizeof number, "%zu", cmd->keys + (absent ? 1 : 0));
		add_text(&w, text ? "EVAL" : "EVALSHA");
		add_text(&w, text ? text : script_sha1(cmd->script));
		add_text(&w, number);
	}
	add_args(&w, cmd->args, cmd->keys, server);
	if (absent)
		add_text(&w, absent);
	add_args(&w, cmd->args + cmd->keys, cmd->count - cmd->keys, server);
	redisAppendCommandArgv(r->dialled.context, (int)w.count, w.text, w.len);
	free(text);
}

/* When the oldest command without a reply was sent, on clock_ms(). */
static int64_t asked_at(const struct redis *r)
{
	const struct redis_command *first = (const struct redis_command *)r->asked.first;

	return first ? first->started_ns / 1000000 : clock_ms();
}

static void drop_broken(struct redis *r)
{
	dial_note_broken("redis.ask", r->dialled.context, asked_at(r));
	disconnect(r);
}

/* Whether it can be known now if the connection is to the master. */
static bool knows_master(struct redis *r)
{
	if (r->refresher && !dialler_is_done(r->refresher))
		return false;
	if (r->refresher)
		dialler_free(r->refresher);
	r->refresher = NULL;
	if (r->epoll >= 0 && dial_is_stale())
		r->refresher = dialler_refresh(r->epoll, r);
	return !r->refresher;
}

/* Where Redis is near, replies come within TOGETHER_MS: the commands that wait for them are
 * sent together, and are not lost with the connection. Where it is far, they do not wait
 * for a round trip. */
static bool must_wait(struct redis *r)
{
	int64_t now = clock_ms();

	if (now < r->again_at)
		return true;
	if (r->asked.first && now < r->sent_at + TOGETHER_MS)
		return true;
	if (r->dialled.context && !knows_master(r))
		return true;
	if (!r->asked.first || !is_outdated(r))
		return false;
	r->sent_at = now;		/* tried again in that time */
	return true;
}

static void set_unsent(struct redis *r, bool is_unsent)
{
	if (r->is_unsent == is_unsent)
		return;
	r->is_unsent = is_unsent;
	watch_connection_of(r, EPOLL_CTL_MOD);
}

static void write_commands(struct redis *r)
{
	int done = 0;

	do {
		if (redisBufferWrite(r->dialled.context, &done) != REDIS_OK) {
			drop_broken(r);
			return;
		}
	} while (!done && r->epoll < 0);
	set_unsent(r, !done);
}

/* They are all that wait now; what their callbacks enqueue waits for the next time. */
static void fail_waiting(struct redis *r, enum err e)
{
	struct fifo failed = r->waiting;
	struct redis_command *cmd;

	r->waiting.first = NULL;
	while ((cmd = fifo_pop(&failed)))
		complete_command(r, cmd, e, NULL);
}

static void send_waiting(struct redis *r)
{
	struct redis_command *cmd;

	r->sent_at = clock_ms();
	r->again_at = 0;
	while ((cmd = fifo_pop(&r->waiting))) {
		cmd->started_ns = clock_ns();
		append_command(r, cmd);
		fifo_push(&r->asked, &cmd->link);
	}
	write_commands(r);
}

void redis_flush(struct redis *r)
{
	enum err e = OK;

	if (!r->waiting.first || must_wait(r))
		return;
	if (!r->asked.first)
		e = connect_soon(r);
	if (r->dialler)
		return;
	if (e)
		fail_waiting(r, e);
	else
		send_waiting(r);
}

/* Whether the Cluster refused it for a moment. It has as much time as an answer has. */
static bool may_settle(struct redis_command *cmd, const char *error)
{
	int64_t now = clock_ms();

	if (!script_absent_key() || !cluster_is_unsettled(error))
		return false;
	if (!cmd->give_up_at)
		cmd->give_up_at = now + COMMAND_MS;
	return now + UNSETTLED_MS < cmd->give_up_at;
}

/* Whether the command has not run, and may do where it is sent again. */
static bool is_sent_again(struct redis *r, struct redis_command *cmd, const char *error)
{
	/* Redis does not know the script, yet or any more. */
	if (!cmd->sends_text && !strncmp(error, "NOSCRIPT", 8))
		cmd->sends_text = true;	/* which also loads it */
	else if (!cmd->was_moved && dial_note_moved(&r->dialled, error))
		cmd->was_moved = true;
	else if (may_settle(cmd, error))
		r->again_at = clock_ms() + UNSETTLED_MS;
	else
		return false;
	return true;
}

/* The oldest command has its reply. Returns whether the connection is still of use. */
static bool complete_oldest(struct redis *r, redisReply *reply)
{
	struct redis_command *cmd = fifo_pop(&r->asked);
	bool refused = reply->type == REDIS_REPLY_ERROR, useless = false;

	metric_observe(METRIC_ROUND_TRIPS, clock_ns() - cmd->started_ns);
	dial_note_reply();
	if (refused && is_sent_again(r, cmd, reply->str)) {
		freeReplyObject(reply);
		fifo_push(&r->waiting, &cmd->link);
		return true;
	}
	if (refused) {
		useless = dial_note_error("redis.ask", reply->str);
		freeReplyObject(reply);
	}
	complete_command(r, cmd, refused ? ERR_STORE : OK, refused ? NULL : reply);
	return !useless;
}

/* Blocks where nothing is there. */
static void read_replies(struct redis *r)
{
	redisContext *c = r->dialled.context;
	redisReply *reply = NULL;
	bool good = redisBufferRead(c) == REDIS_OK;

	while (good && r->asked.first) {
		good = redisGetReplyFromReader(c, (void **)&reply) == REDIS_OK;
		if (good && !reply)
			return;
		if (good && !complete_oldest(r, reply)) {
			dial_reject(&r->dialled);
			disconnect(r);
			return;
		}
	}
	if (!good)
		drop_broken(r);
}

void redis_enqueue(struct redis *r, struct redis_command *cmd)
{
	if (cmd->count > REDIS_ARGS)
		abort();
	if (r->unanswered >= REDIS_UNANSWERED_MAX)
		redis_drain(r);
	cmd->sends_text = cmd->was_moved = false;
	cmd->give_up_at = 0;
	r->unanswered++;
	fifo_push(&r->waiting, &cmd->link);
}

static int64_t late_at(const struct redis *r)
{
	return r->asked.first ? asked_at(r) + COMMAND_MS : INT64_MAX;
}

int64_t redis_deadline(const struct redis *r)
{
	int64_t send_at = r->asked.first ? r->sent_at + TOGETHER_MS : INT64_MAX, late = late_at(r);

	if (r->again_at && (!r->asked.first || r->again_at > send_at))
		send_at = r->again_at;
	/* What waits for a thread (of dialler.c) is sent when the epoll reports its end. */
	return r->waiting.first && !r->refresher && !r->dialler && send_at < late ? send_at : late;
}

static bool is_readable(const struct redis *r)
{
	return poll(&(struct pollfd){ r->dialled.context->fd, POLLIN, 0 }, 1, 0) > 0;
}

/* What the threads have done is due to an event, too. */
static void collect_threads(struct redis *r)
{
	if (r->dialler && dialler_is_done(r->dialler)) {
		enum err e = end_dial(r);

		if (e)
			fail_waiting(r, e);
	}
	if (r->refresher && dialler_is_done(r->refresher)) {
		dialler_free(r->refresher);
		r->refresher = NULL;
	}
}

void redis_receive(struct redis *r, bool ready)
{
	bool late = clock_ms() >= late_at(r);

	if (ready)
		collect_threads(r);
	if (ready && r->is_unsent)
		write_commands(r);
	if (!r->dialled.context)
		return;
	if (ready && !r->asked.first) {
		/* It was closed, or sent something unsolicited. */
		if (is_stale(r->dialled.context))
			disconnect(r);
	} else if (ready || (late && is_readable(r))) {
		read_replies(r);
	} else if (late) {
		dial_note_late("redis.ask", asked_at(r));
		disconnect(r);
	}
}

/* With an epoll, whose events nobody reads meanwhile. */
static void await_replies(struct redis *r)
{
	struct pollfd p = { r->dialled.context->fd,
			    POLLIN | (r->is_unsent ? POLLOUT : 0), 0 };
	int64_t left = redis_deadline(r) - clock_ms();

	redis_receive(r, poll(&p, 1, left > 0 ? (int)left : 0) > 0);
}

static void make_progress(struct redis *r)
{
	redis_flush(r);
	if (r->asked.first && r->epoll >= 0)
		await_replies(r);
	else if (r->asked.first)
		read_replies(r);
	else if (r->dialler)
		dialler_wait(r->dialler);
	else if (r->refresher)
		dialler_wait(r->refresher);
	else if (r->again_at)
		poll(NULL, 0, UNSETTLED_MS);
}

void redis_drain(struct redis *r)
{
	while (r->unanswered)
		make_progress(r);
}

struct blocking_command {
	struct redis_command command;
	struct reply *result;
	enum err e;
	bool done;
};

static void on_reply(struct redis_command *cmd, enum err e, struct reply *result)
{
	struct blocking_command *w = (struct blocking_command *)cmd;

	w->e = e;
	w->result = result;
	w->done = true;
}

static enum err await_command(struct redis *r, struct blocking_command *w,
			      struct reply **result)
{
	w->command.done = on_reply;
	redis_enqueue(r, &w->command);
	while (!w->done)
		make_progress(r);
	if (!w->e)
		*result = w->result;
	return w->e;
}

enum err redis_run(struct redis *r, enum script script, size_t keys,
		   const struct arg *args, size_t count, struct reply **result)
{
	struct blocking_command w = { .command = {
		.script = script, .keys = keys, .args = args, .count = count,
	} };

	return await_command(r, &w, result);
}

enum err redis_publish(struct redis *r, const char *channel, const char *message)
{
	const struct arg words[] = {
		{ "PUBLISH", 7 }, { channel, strlen(channel) },
		{ message, strlen(message) },
	};
	struct blocking_command w = { .command = {
		.script = SCRIPT_NONE, .args = words, .count = 3,
	} };
	struct reply *result = NULL;
	enum err e = await_command(r, &w, &result);

	reply_free(result);
	return e;
}

static const redisReply *raw_reply(const struct reply *r)
{
	return (const redisReply *)r;
}

enum reply_kind reply_kind(const struct reply *r)
{
	if (!r)
		return REPLY_NONE;
	switch (raw_reply(r)->type) {
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
	return reply_kind(r) == REPLY_NUMBER ? raw_reply(r)->integer : 0;
}

const char *reply_string(const struct reply *r, size_t *len)
{
	bool string = reply_kind(r) == REPLY_STRING;

	if (len)
		*len = string ? (size_t)raw_reply(r)->len : 0;
	return string ? raw_reply(r)->str : "";
}

size_t reply_count(const struct reply *r)
{
	return reply_kind(r) == REPLY_LIST ? raw_reply(r)->elements : 0;
}

const struct reply *reply_at(const struct reply *r, size_t i)
{
	return i < reply_count(r) ?
		(const struct reply *)raw_reply(r)->element[i] : NULL;
}

void reply_free(struct reply *r)
{
	if (r)
		freeReplyObject((redisReply *)r);
}
