/*
 * A subscription is in the tree of its connection, by the name of its channel, from its start
 * until UNSUBSCRIBE is answered, or the connection is gone; one that is freed earlier stays
 * there as an orphan, so that its reply is not taken for another's. A connection that has none
 * left is closed after UNUSED_MS: where peers come and go one at a time, each would have to
 * connect. Its struct stays, as the epoll may be about to report an event of it.
 *
 * One thread does it all. What would block is done by others (dialler.c): to connect, while
 * the connection is IS_DIALLING; and to ask the Sentinels, once a second, whether the one that
 * is open is still to the master, which without that would go on confirming subscriptions that
 * nobody publishes to. Meanwhile SUBSCRIBE is not sent, and those who wait for it are in the
 * connection's list `unsent`. What is to be sent goes out by subscription_flush(), all at once.
 *
 * Each connection begins with its own channel. Nothing is published there: by it others can ask
 * Redis whether it knows the connection, once for all that are subscribed by it.
 *
 * Commands whose answer is awaited are in the list `awaited`, the oldest first: all may take
 * equally long. What has an answer, or a message, or is lost or late, is in the list `ready`.
 */
#include "config.h"

#include <poll.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fifo.h"
#include "base/id.h"
#include "store/dial.h"
#include "store/dialler.h"
#include "store/push.h"
#include "store/redis.h"
#include "store/master.h"
#include "store/subscription.h"

enum { UNUSED_MS = REDIS_IDLE_MS };

static const char SUBSCRIBE[] = "SUBSCRIBE %s", UNSUBSCRIBE[] = "UNSUBSCRIBE %s";

struct held_message {
	struct link link;
	size_t len;
	char bytes[];			/* ends with a NUL */
};

TAILQ_HEAD(subscription_list, subscription);

struct connection {
	TAILQ_ENTRY(connection) entry;
	char *own;			/* its channel */
	enum { IS_CLOSED, IS_DIALLING, IS_OPEN } state;
	struct dialler *dialler;	/* of one that is dialled */
	struct dialled dialled;		/* of an open one */
	enum err error;			/* why it was closed, or not opened */
	int64_t heard_at;		/* the last read, on clock_ms() */
	bool is_late;			/* with a reply: no other is to join it */
	bool has_output;		/* for subscription_flush() */
	bool is_unsent;			/* the socket has not taken all */
	void *subscriptions;		/* a tree, by channel: tsearch(3) */
	unsigned count;			/* of these */
	int64_t unused_at;		/* since when it has none, on clock_ms() */
	struct subscription_list unsent;	/* which are to be asked for */
};

struct subscription {
	struct connection *connection;	/* NULL: it is in no tree */
	char *channel;
	void *arg;
	enum subscription_state state;
	enum err lost_by;
	int64_t asked_at;		/* the last command, on clock_ms() */
	struct subscription_list *asked;	/* unsent, or awaited, or NULL */
	TAILQ_ENTRY(subscription) asked_entry, ready_entry;
	bool is_ready;			/* in that list */
	bool is_unsubscribing;		/* UNSUBSCRIBE was sent */
	bool is_orphan;			/* freed by its user */
	bool has_missed;
	bool has_last;
	struct fifo texts;
	size_t held;			/* bytes of these */
	struct held_message *current;	/* what the last message points into */
};

static TAILQ_HEAD(connection_list, connection) connections =
	TAILQ_HEAD_INITIALIZER(connections);
static struct subscription_list awaited = TAILQ_HEAD_INITIALIZER(awaited);
static struct subscription_list ready = TAILQ_HEAD_INITIALIZER(ready);
static struct dialler *refresher;	/* asks the Sentinels; NULL: none does */
static int subscription_epoll = -1;
static char *own_prefix;
static subscription_is_last *is_last_message;

void subscription_init(int epoll_fd, const char *own, subscription_is_last *is_last)
{
	subscription_epoll = epoll_fd;
	is_last_message = is_last;
	free(own_prefix);
	own_prefix = xstrdup(own);
}

/* The tree and the lists */

static int compare_channels(const void *a, const void *b)
{
	return strcmp(((const struct subscription *)a)->channel,
		      ((const struct subscription *)b)->channel);
}

static struct subscription *find_subscription(struct connection *c, char *channel)
{
	const struct subscription key = { .channel = channel };
	struct subscription **found = tfind(&key, &c->subscriptions, compare_channels);

	return found ? *found : NULL;
}

static void add_subscription(struct connection *c, struct subscription *s)
{
	if (!tsearch(s, &c->subscriptions, compare_channels))
		abort();
	s->connection = c;
	c->count++;
}

static void set_ready(struct subscription *s)
{
	if (!s->is_ready && !s->is_orphan)
		TAILQ_INSERT_TAIL(&ready, s, ready_entry);
	s->is_ready = !s->is_orphan;
}

/* Into unsent or awaited; NULL: into none. */
static void set_asked(struct subscription *s, struct subscription_list *list)
{
	if (s->asked)
		TAILQ_REMOVE(s->asked, s, asked_entry);
	if (list)
		TAILQ_INSERT_TAIL(list, s, asked_entry);
	s->asked = list;
}

/* Its user hears of it. */
static void set_state(struct subscription *s, enum subscription_state state)
{
	set_asked(s, NULL);
	s->state = state;
	set_ready(s);
}

static void destroy_subscription(struct subscription *s)
{
	struct held_message *t;

	set_asked(s, NULL);
	free(s->current);
	while ((t = fifo_pop(&s->texts)))
		free(t);
	free(s->channel);
	free(s);
}

/* The connection */

static uintptr_t name_event(const void *target)
{
	return (uintptr_t)target | SUBSCRIPTION_EVENT;
}

static void watch_connection(struct connection *c, int operation)
{
	struct epoll_event e = {
		.events = EPOLLIN | (c->is_unsent ? EPOLLOUT : 0),
		.data.u64 = name_event(c),
	};

	epoll_ctl(subscription_epoll, operation, c->dialled.context->fd, &e);
}

static void lose_subscription(void *node)
{
	struct subscription *s = node;

	if (s->is_orphan) {
		destroy_subscription(s);
		return;
	}
	s->lost_by = s->connection->error;
	s->connection = NULL;
	set_state(s, SUBSCRIPTION_LOST);
}

static void lose_subscriptions(struct connection *c)
{
	tdestroy(c->subscriptions, lose_subscription);
	c->subscriptions = NULL;
	c->count = 0;
}

/* Closing the socket removes it from the epoll. */
static void close_connection(struct connection *c)
{
	if (c->state != IS_OPEN)
		return;
	c->state = IS_CLOSED;
	c->error = ERR_STORE;
	redisFree(c->dialled.context);
	lose_subscriptions(c);
}

static void lose_connection(struct connection *c)
{
	/* Redis, too, may close what is not used. */
	if (c->count)
		dial_note_broken("redis.subscribe", c->dialled.context, c->heard_at);
	close_connection(c);
}

static void flush_connection(struct connection *c)
{
	bool was_unsent = c->is_unsent;
	int done = 0;

	c->has_output = false;
	if (redisBufferWrite(c->dialled.context, &done) != REDIS_OK) {
		lose_connection(c);
		return;
	}
	c->is_unsent = !done;
	if (c->is_unsent != was_unsent)
		watch_connection(c, EPOLL_CTL_MOD);
}

void subscription_flush(void)
{
	struct connection *c;

	TAILQ_FOREACH(c, &connections, entry)
		if (c->state == IS_OPEN && c->has_output)
			flush_connection(c);
}

static void send_command(struct subscription *s, const char *format)
{
	s->asked_at = clock_ms();
	set_asked(s, &awaited);
	redisAppendCommand(s->connection->dialled.context, format, s->channel);
	s->connection->has_output = true;
}

static void send_unsent(struct connection *c)
{
	struct subscription *s;

	while ((s = TAILQ_FIRST(&c->unsent)))
		send_command(s, SUBSCRIBE);
}

static void send_unsubscribe(struct subscription *s)
{
	s->is_unsubscribing = true;
	send_command(s, UNSUBSCRIBE);
}

static void remove_subscription(struct subscription *s)
{
	struct connection *c = s->connection;

	set_asked(s, NULL);
	tdelete(s, &c->subscriptions, compare_channels);
	s->connection = NULL;
	if (!--c->count)
		c->unused_at = clock_ms();
}

/* What has come */

static void append_text(struct subscription *s, const redisReply *message)
{
	struct held_message *t;

	if (is_last_message(message->str, message->len)) {
		s->has_last = true;
		set_ready(s);
	}
	if (s->is_unsubscribing || s->has_missed)
		return;
	if (s->held && s->held + message->len > SUBSCRIPTION_HELD_MAX) {
		s->has_missed = true;
		return;
	}
	t = xmalloc(sizeof *t + message->len + 1);
	t->len = message->len;
	memcpy(t->bytes, message->str, message->len + 1);
	fifo_push(&s->texts, &t->link);
	s->held += t->len;
	set_ready(s);
}

/* A late one, too: Redis may have been taken for away since, and be there. */
static void receive_confirmation(struct subscription *s)
{
	if (s->state == SUBSCRIPTION_STARTING || s->state == SUBSCRIPTION_LATE)
		/* Or the next script would not be tried yet. */
		dial_note_found("redis.subscribe");
	if (s->state == SUBSCRIPTION_STARTING)
		set_state(s, SUBSCRIPTION_CONFIRMED);
}

static void receive_end(struct subscription *s)
{
	if (!s->is_unsubscribing)
		return;
	if (s->state == SUBSCRIPTION_LATE)
		dial_note_found("redis.subscribe");
	remove_subscription(s);
	if (s->is_orphan)
		destroy_subscription(s);
	else if (s->state == SUBSCRIPTION_STOPPING)
		set_state(s, SUBSCRIPTION_STOPPED);
}

static void receive_push(struct connection *c, const redisReply *r)
{
	const redisReply *message = push_member(r, "message", 2);
	struct subscription *s;

	if (r->type == REDIS_REPLY_ERROR) {
		dial_note_error("redis.subscribe", r->str);
		close_connection(c);
		return;
	}
	if (r->type != REDIS_REPLY_ARRAY || r->elements < 3 ||
	    r->element[1]->type != REDIS_REPLY_STRING)
		return;
	s = find_subscription(c, r->element[1]->str);
	if (!s)
		return;
	if (message && message->type == REDIS_REPLY_STRING)
		append_text(s, message);
	else if (push_member(r, "subscribe", 2))
		receive_confirmation(s);
	else if (push_member(r, "unsubscribe", 2))
		receive_end(s);
}

static void receive_pushes(struct connection *c)
{
	redisReply *r = NULL;

	while (c->state == IS_OPEN) {
		if (redisReaderGetReply(c->dialled.context->reader, (void **)&r) != REDIS_OK) {
			lose_connection(c);
			return;
		}
		if (!r)
			return;
		receive_push(c, r);
		freeReplyObject(r);
	}
}

static void read_connection(struct connection *c)
{
	c->heard_at = clock_ms();
	c->is_late = false;
	if (redisBufferRead(c->dialled.context) != REDIS_OK)
		lose_connection(c);
	receive_pushes(c);
}

/* Threads */

static bool start_dialling(struct connection *c)
{
	if (dial_was_just_tried())
		return false;
	c->dialler = dialler_start(subscription_epoll, (void *)name_event(c));
	if (c->dialler)
		c->state = IS_DIALLING;
	return c->dialler;
}

static void finish_dialling(struct connection *c)
{
	c->error = dialler_end(c->dialler, &c->dialled);
	c->dialler = NULL;
	c->state = c->error ? IS_CLOSED : IS_OPEN;
	if (c->error) {
		lose_subscriptions(c);
		return;
	}
	c->is_unsent = c->is_late = false;
	c->heard_at = c->unused_at = clock_ms();
	watch_connection(c, EPOLL_CTL_ADD);
	redisAppendCommand(c->dialled.context, SUBSCRIBE, c->own);
	c->has_output = true;
	if (!refresher)
		send_unsent(c);
}

static bool has_open_connection(void)
{
	struct connection *c;

	TAILQ_FOREACH(c, &connections, entry)
		if (c->state == IS_OPEN)
			return true;
	return false;
}

static void start_refreshing(void)
{
	if (!refresher && has_open_connection() && dial_is_stale())
		refresher = dialler_refresh(subscription_epoll, (void *)name_event(&refresher));
}

static void leave_replaced(void)
{
	struct connection *c;

	TAILQ_FOREACH(c, &connections, entry)
		if (c->state == IS_OPEN && dial_master_replaced(&c->dialled))
			close_connection(c);
}

static void finish_refreshing(void)
{
	struct connection *c;

	dialler_free(refresher);
	refresher = NULL;
	leave_replaced();
	TAILQ_FOREACH(c, &connections, entry)
		if (c->state == IS_OPEN)
			send_unsent(c);
}

void subscription_receive(uint64_t data)
{
	struct connection *c = (struct connection *)((uintptr_t)data - SUBSCRIPTION_EVENT);

	if ((uintptr_t)data == name_event(&refresher)) {
		if (refresher && dialler_is_done(refresher))
			finish_refreshing();
		return;
	}
	if (c->state == IS_DIALLING && dialler_is_done(c->dialler)) {
		finish_dialling(c);
		return;
	}
	if (c->state == IS_OPEN && c->is_unsent)
		flush_connection(c);
	if (c->state == IS_OPEN)
		read_connection(c);
}

/* Answers that are late, and connections that are not used */

static int64_t answer_deadline(void)
{
	const struct subscription *s = TAILQ_FIRST(&awaited);

	return s ? s->asked_at + COMMAND_MS : INT64_MAX;
}

static int64_t unused_deadline(const struct connection *c)
{
	return c->state == IS_OPEN && !c->count ? c->unused_at + UNUSED_MS : INT64_MAX;
}

int64_t subscription_deadline(void)
{
	int64_t first = answer_deadline();
	const struct connection *c;

	TAILQ_FOREACH(c, &connections, entry)
		if (unused_deadline(c) < first)
			first = unused_deadline(c);
	return first;
}

static bool has_input(const struct connection *c)
{
	return poll(&(struct pollfd){ c->dialled.context->fd, POLLIN, 0 }, 1, 0) > 0;
}

static void close_unused(int64_t at)
{
	struct connection *c;

	TAILQ_FOREACH(c, &connections, entry)
		if (at >= unused_deadline(c))
			close_connection(c);
}

/* The connection is kept: a server that was stopped goes on with all subscriptions; a dead
 * connection is found out by the kernel (dial.c), or by a beat, which does not count it. */
static void expire_answers(void)
{
	while (clock_ms() >= answer_deadline()) {
		struct subscription *s = TAILQ_FIRST(&awaited);
		struct connection *c = s->connection;

		/* Perhaps this thread is what is late. */
		while (s == TAILQ_FIRST(&awaited) && has_input(c))
			read_connection(c);
		if (s != TAILQ_FIRST(&awaited))
			continue;
		dial_note_late("redis.subscribe", s->asked_at);
		c->is_late = c->heard_at <= s->asked_at;
		/* Or the next one would wait as long on one of those. */
		close_unused(INT64_MAX - 1);
		set_state(s, SUBSCRIPTION_LATE);
	}
}

void subscription_expire(void)
{
	expire_answers();
	close_unused(clock_ms());
}

/* Subscriptions */

static bool may_join(struct connection *c, char *channel)
{
	return (c->state != IS_OPEN || !c->is_late) && !find_subscription(c, channel);
}

static char *own_channel(void)
{
	struct buf name = BUF_INIT(256);
	char id[ID_RANDOM_LEN + 1];

	id_random(id);
	buf_fmt(&name, "%s%s", own_prefix, id);
	return name.data;
}

static struct connection *connection_new(void)
{
	struct connection *c = xcalloc(1, sizeof *c);

	c->own = own_channel();
	TAILQ_INIT(&c->unsent);
	TAILQ_INSERT_TAIL(&connections, c, entry);
	return c;
}

/* One that is open; else one that is being opened, or a closed one. Of those that are open
 * one that is used, so that others, if there are too many, grow old. */
static int rank_of(const struct connection *c)
{
	return c->state == IS_OPEN && c->count ? IS_OPEN + 1 : (int)c->state;
}

static struct connection *choose_connection(char *channel)
{
	struct connection *c, *best = NULL;

	TAILQ_FOREACH(c, &connections, entry)
		if (may_join(c, channel) && (!best || rank_of(c) > rank_of(best)))
			best = c;
	return best ? best : connection_new();
}

struct subscription *subscription_start(const char *channel, void *arg)
{
	struct subscription *s = xcalloc(1, sizeof *s);
	struct connection *c;

	s->channel = xstrdup(channel);
	s->arg = arg;
	start_refreshing();
	leave_replaced();
	c = choose_connection(s->channel);
	if (c->state == IS_CLOSED && !start_dialling(c)) {
		destroy_subscription(s);
		return NULL;
	}
	add_subscription(c, s);
	if (c->state == IS_OPEN && !refresher)
		send_command(s, SUBSCRIBE);
	else
		set_asked(s, &c->unsent);
	return s;
}

enum subscription_state subscription_state(const struct subscription *s)
{
	return s->state;
}

enum err subscription_error(const struct subscription *s)
{
	return s->lost_by;
}

const char *subscription_connection(const struct subscription *s)
{
	return s->connection ? s->connection->own : own_prefix;
}

int64_t subscription_settles_at(void)
{
	return master_left_at();
}

void subscription_distrust(struct subscription *s)
{
	if (s->connection)
		close_connection(s->connection);
}

/* Whether it is in the tree only until it is asked for. */
static bool is_unasked(const struct subscription *s)
{
	return s->connection && s->asked == &s->connection->unsent;
}

void subscription_stop(struct subscription *s)
{
	if (is_unasked(s)) {
		remove_subscription(s);
		s->state = SUBSCRIPTION_STOPPED;
	} else if (s->connection && !s->is_unsubscribing) {
		send_unsubscribe(s);
		s->state = SUBSCRIPTION_STOPPING;
	}
	if (s->state == SUBSCRIPTION_STOPPING && dial_is_away()) {
		set_asked(s, NULL);
		s->state = SUBSCRIPTION_STOPPED;
	}
}

void subscription_free(struct subscription *s)
{
	if (!s)
		return;
	if (s->is_ready)
		TAILQ_REMOVE(&ready, s, ready_entry);
	s->is_ready = false;
	s->is_orphan = true;
	if (is_unasked(s))
		remove_subscription(s);
	if (s->connection && !s->is_unsubscribing)
		send_unsubscribe(s);
	set_asked(s, NULL);
	if (!s->connection)
		destroy_subscription(s);
}

bool subscription_has_ready(void)
{
	return !TAILQ_EMPTY(&ready);
}

void *subscription_ready(void)
{
	struct subscription *s = TAILQ_FIRST(&ready);

	if (!s)
		return NULL;
	TAILQ_REMOVE(&ready, s, ready_entry);
	s->is_ready = false;
	return s->arg;
}

bool subscription_next(struct subscription *s, const char **message, size_t *len)
{
	free(s->current);
	s->current = fifo_pop(&s->texts);
	if (!s->current)
		return false;
	s->held -= s->current->len;
	*message = s->current->bytes;
	*len = s->current->len;
	return true;
}

bool subscription_has_last(const struct subscription *s)
{
	return s->has_last;
}

bool subscription_missed(struct subscription *s)
{
	bool missed = s->has_missed;

	s->has_missed = false;
	return missed;
}
