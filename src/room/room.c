/*
 * A relay is enqueued, and answered by a callback. The other functions wait for their
 * script: they are for threads that may block (signal/main.c says when the acceptor
 * runs them itself).
 *
 * Scripts of large rooms run in parts. A script notifies a bounded number of peers
 * (TELL_AT_ONCE of store/script.c), because Redis serves nobody else meanwhile, and
 * returns AGAIN until all have been told. If nobody runs it again nothing is lost: what
 * is left to tell is kept in Redis, and the next step or beat of the same peer
 * continues with it.
 *
 * Costs, below, are in bytes, or in messages if RATE_BYTES is 0. Those of the site's own
 * server, for which there is no struct peer, are in messages.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room/room.h"
#include "room/script_args.h"
#include "shared/metric.h"

enum {
	ROOM_FULL = -1,			/* of join.lua */
	MAILBOX_FULL = -2,		/* of relay.lua */
	OTHER_REQUEST = -3,		/* of relay.lua and broadcast.lua */
	/* How far a run of peers.lua or broadcast.lua came. Of the latter it is the id of
	 * a peer, which may be one of the Node application's, and longer than ours. */
	POSITION_SIZE = 512,
	/* Of all messages of a batch: a body, at most 1,000,000 bytes, and beside each
	 * of 64 items the user (USER_MAX). */
	MESSAGE_MAX = 2 * 1024 * 1024,
	SERVER_BYTES = 4096,		/* a message counts once for each of these */
};

/* Each followed by a comma, from this one of the reply on. Users are in Redis as JSON, so
 * nothing is escaped here. */
static void append_users(struct buf *b, const struct reply *reply, size_t from)
{
	for (size_t i = from; i < reply_count(reply); i++) {
		size_t len;
		const char *user = reply_string(reply_at(reply, i), &len);

		buf_add(b, user, len);
		buf_char(b, ',');
	}
}

/* RATE and RATE_BYTES as one limit, so that scripts have one counter to charge: a
 * message costs its bytes, but at least so much that RATE messages a second use all
 * that a window allows. */
static long long min_cost(const struct conf *c)
{
	if (!c->rate)
		return 0;
	return c->rate_bytes > c->rate ? c->rate_bytes / c->rate : 1;
}

/* What may be used in a window, RATE_WINDOW_S; 0: any. Where RATE is above RATE_BYTES
 * it needs no part in this: a message has more than a byte, so RATE_BYTES is reached
 * first. */
static long long window_cost(const struct conf *c)
{
	return (long long)(c->rate_bytes ? c->rate_bytes : c->rate) * RATE_WINDOW_S;
}

static long long cost_of(const struct conf *c, size_t len)
{
	long long min = min_cost(c), bytes = (long long)len;

	if (!c->rate_bytes)
		return min;
	return bytes > min ? bytes : min;
}

static const char *id_of_sender(const struct peer *p)
{
	return p ? p->id : SERVER_ID;
}

static long long cost_of_message(const struct conf *c, const struct peer *p, size_t len)
{
	return p ? cost_of(c, len) : (long long)(len + SERVER_BYTES - 1) / SERVER_BYTES;
}

static long long window_of_sender(const struct conf *c, const struct peer *p)
{
	return p ? window_cost(c) : server_window_cost(c);
}

static void append_sender(struct buf *b, const struct peer *p)
{
	if (p)
		peer_append(b, p);
	else
		buf_str(b, "null");
}

/* The cost of a join or leave, for each peer that is notified: as that of a message. */
static long long cost_of_notice(const struct conf *c, const struct buf *user)
{
	return cost_of(c, user->len + sizeof "\"event\":\"remove-peer\"");
}

static enum err list_part(struct redis *r, struct script_args *args,
			  char position[POSITION_SIZE], struct buf *users, int *wait_ms)
{
	struct reply *reply = NULL;
	size_t len;
	enum err e;

	args_append_string(args, position);
	e = args_run(r, SCRIPT_PEERS, args, &reply);
	args->count--;
	if (!e)
		e = parse_list_outcome(reply, ERR_NOT_MEMBER, wait_ms);
	if (!e) {
		snprintf(position, POSITION_SIZE, "%s",
			 reply_string(reply_at(reply, 0), &len));
		append_users(users, reply, 1);
	}
	reply_free(reply);
	return e;
}

static enum err list_peers(struct redis *r, const struct conf *c,
			   const struct peer *p, int64_t issued, const char *room,
			   long long cost_max, struct buf *peers, int *wait_ms)
{
	struct script_args args = { .count = 0 };
	struct buf user = BUF_INIT(USER_MAX);
	char position[POSITION_SIZE] = "";
	size_t start = peers->len;
	int parts = 0;
	enum err e;

	peer_append(&user, p);
	args_append_key(&args, c, "channels:", room, "");
	args_append_key(&args, c, "rate:", p->id, "");
	args_append_string(&args, p->id);
	args_append_number(&args, cost_of_notice(c, &user));
	args_append_number(&args, cost_max);
	args_append_number(&args, issued);
	buf_char(peers, '[');
	do
		e = list_part(r, &args, position, peers, wait_ms);
	while (!e && *position && parts++ < AGAIN_MAX);
	if (e)
		peers->len = start;
	else
		json_end_array(peers);
	buf_free(&user);
	return e;
}

enum err room_peers(struct redis *r, const struct conf *c, const struct peer *p,
		    int64_t issued, const char *room, struct buf *peers, int *wait_ms)
{
	return list_peers(r, c, p, issued, room, window_cost(c), peers, wait_ms);
}

enum err room_join(struct redis *r, const struct conf *c, const struct peer *p,
		   int64_t issued, const char *room, struct buf *peers, int *wait_ms)
{
	struct script_args args = { .count = 0 };
	struct buf user = BUF_INIT(USER_MAX);
	struct reply *reply = NULL;
	bool begun;
	enum err e;

	peer_append(&user, p);
	args_append_key(&args, c, "channels:", room, "");
	args_append_key(&args, c, "", p->id, ":channels");
	args_append_key(&args, c, "peer:", p->id, "");
	args_append_key(&args, c, "mailbox:", p->id, "");
	args_append_key(&args, c, "present", "", "");
	args_append_key(&args, c, "leaving", "", "");
	args_append_key(&args, c, "rate:", p->id, "");
	args_append_string(&args, p->id);
	args_append_string(&args, room);
	args_append_word(&args, user.data, user.len);
	args.args[args.count++] = ARG_SERVER;
	args_append_number(&args, cost_of_notice(c, &user));
	args_append_number(&args, window_cost(c));
	args_append_number(&args, issued);
	e = run_parts(r, SCRIPT_JOIN, &args, &reply, &begun);
	if (!e)
		e = parse_list_outcome(reply, reply_number(reply) == ROOM_FULL ?
					ERR_ROOM_FULL : ERR_MANY_ROOMS, wait_ms);
	if (!e)
		metric_add(METRIC_JOINS, 0, 1);
	if (!e && reply_kind(reply) == REPLY_LIST) {
		buf_char(peers, '[');
		append_users(peers, reply, 0);
		json_end_array(peers);
	/* Joined in parts: the result is a number, so the members are asked for;
	 * without a limit, since the join has been charged for all of them. */
	} else if (!e) {
		e = list_peers(r, c, p, issued, room, 0, peers, wait_ms);
	}
	/* It was a member, and has left since the join. */
	if (e == ERR_NOT_MEMBER) {
		buf_str(peers, "[]");
		e = OK;
	}
	reply_free(reply);
	buf_free(&user);
	return e;
}

enum err room_leave(struct redis *r, const struct conf *c, const struct peer *p,
		    int64_t issued, const char *room)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	bool begun;
	enum err e;

	args_append_key(&args, c, "channels:", room, "");
	args_append_key(&args, c, "", p->id, ":channels");
	args_append_key(&args, c, "peer:", p->id, "");
	args_append_string(&args, p->id);
	args_append_string(&args, room);
	args_append_number(&args, issued);
	e = run_parts(r, SCRIPT_LEAVE, &args, &reply, &begun);
	if (!e && reply_number(reply) == REVOKED)
		e = ERR_REVOKED;
	if (!e && (begun || reply_number(reply) == 1))
		metric_add(METRIC_LEAVES, 0, 1);
	reply_free(reply);
	return e;
}

/* A message as deliver.lua expects it: without the opening brace, as the id goes first,
 * which only Redis knows. Ids and names of events are of characters that need no
 * escapes. */
static void append_message(struct buf *b, const char *user, const struct item *m)
{
	buf_fmt(b, "\"event\":\"%s\",\"data\":{\"peer\":%s,\"data\":", m->event,
		user);
	json_append_raw(b, m->data, m->data_len);
	buf_str(b, "}}");
}

static void count_relay(enum err e, bool repeated, int streams, int messages)
{
	metric_add(METRIC_RELAYS, err_is_store(e) ? RELAY_UNKNOWN :
		   e ? RELAY_REFUSED : repeated ? RELAY_REPEATED :
		   streams ? RELAY_DELIVERED : RELAY_KEPT, 1);
	if (!e && !repeated)
		metric_add(METRIC_MESSAGES, 0, (uint64_t)messages);
}

/* What a relay or broadcast was refused for. */
static enum err refusal_of(const struct reply *reply, enum err if_apart)
{
	switch (reply_number(reply)) {
	case MAILBOX_FULL: return ERR_MAILBOX;
	case OTHER_REQUEST: return ERR_IDEMPOTENCY;
	default: return if_apart;
	}
}

/* The answer of the first, to a repeat. */
static bool parse_repeated(const struct reply *reply, int *n)
{
	size_t len;

	if (reply_kind(reply) != REPLY_STRING)
		return false;
	*n = atoi(reply_string(reply, &len));
	return true;
}

struct relay_command {
	struct redis_command command;
	struct script_args args;
	int count;
	struct buf messages;		/* one after the other */
	size_t ends[REDIS_ARGS];	/* of each */
	char once[ONCE_SIZE];
	relay_done *done;
	void *arg;
};

static void complete_relay(struct relay_command *cmd, enum err e, struct reply *reply)
{
	int streams = 0, wait_ms = 0;
	bool repeated = !e && parse_repeated(reply, &streams);

	if (!e && !repeated)
		e = parse_outcome(reply, refusal_of(reply, ERR_NO_PEER), &streams, &wait_ms);
	count_relay(e, repeated, streams, cmd->count);
	reply_free(reply);
	cmd->done(cmd->arg, e, streams, wait_ms);
	buf_free(&cmd->messages);
	free(cmd);
}

static void on_relay_reply(struct redis_command *command, enum err e, struct reply *reply)
{
	complete_relay((struct relay_command *)command, e, reply);
}

/* Returns what they cost. The words of ARGV are made when all are appended, and not one
 * by one: cmd->messages may move as it grows. */
static long long append_messages(struct relay_command *cmd, const struct conf *c,
				  const struct peer *p, const struct item *items)
{
	struct buf user = BUF_INIT(USER_MAX);
	long long cost = 0;

	append_sender(&user, p);
	for (int i = 0; i < cmd->count; i++) {
		size_t start = cmd->messages.len;

		append_message(&cmd->messages, user.data, &items[i]);
		cmd->ends[i] = cmd->messages.len;
		cost += cost_of_message(c, p, cmd->messages.len - start);
	}
	buf_free(&user);
	return cost;
}

static void append_relay_args(struct relay_command *cmd, const struct conf *c,
			      const struct peer *p, int64_t issued, const char *to,
			      long long cost)
{
	const char *from = id_of_sender(p);
	size_t begin = 0;

	/* The rest of it is not initialized: see room_relay(). */
	cmd->args.count = cmd->args.keys = cmd->args.numbers = 0;
	args_append_key(&cmd->args, c, "", from, ":channels");
	args_append_key(&cmd->args, c, "", to, ":channels");
	args_append_key(&cmd->args, c, "rate:", from, "");
	args_append_string(&cmd->args, from);
	args_append_string(&cmd->args, to);
	args_append_number(&cmd->args, cost);
	args_append_number(&cmd->args, window_of_sender(c, p));
	args_append_number(&cmd->args, issued);
	args_append_string(&cmd->args, cmd->once);
	for (int i = 0; i < cmd->count; begin = cmd->ends[i++])
		args_append_word(&cmd->args, cmd->messages.data + begin, cmd->ends[i] - begin);
}

void room_relay(struct redis *r, const struct conf *c, const struct peer *p, int64_t issued,
		const char *once, const char *to, const struct item *items, int count,
		relay_done *done, void *arg)
{
	/* Not zeroed: most of its 7 KiB stay unused, and this is the most frequent
	 * request. */
	struct relay_command *cmd = xmalloc(sizeof *cmd);
	long long cost;

	cmd->done = done;
	cmd->arg = arg;
	cmd->count = count;
	snprintf(cmd->once, sizeof cmd->once, "%s", once);
	cmd->messages = (struct buf)BUF_INIT(MESSAGE_MAX);
	cost = append_messages(cmd, c, p, items);
	/* Cannot happen within the present bounds: see MESSAGE_MAX. */
	if (!buf_ok(&cmd->messages)) {
		complete_relay(cmd, ERR_TOO_LARGE, NULL);
		return;
	}
	append_relay_args(cmd, c, p, issued, to, cost);
	args_enqueue(r, &cmd->command, SCRIPT_RELAY, &cmd->args, on_relay_reply);
}

struct broadcast {
	char position[POSITION_SIZE];	/* where to continue: "" when it is done */
	bool repeated;			/* it was done before */
	int sent, peers;		/* by this request, and in all */
};

/* Of one part. The position is copied, since the reply that holds it is freed before the
 * next one is run. */
static enum err parse_broadcast(const struct reply *reply, struct broadcast *b, int *wait_ms)
{
	size_t len;
	int n;

	b->position[0] = '\0';
	b->repeated = parse_repeated(reply, &b->peers);
	if (b->repeated)
		return OK;
	if (reply_count(reply) < 3)
		return parse_outcome(reply, refusal_of(reply, ERR_NOT_MEMBER), &n, wait_ms);
	snprintf(b->position, POSITION_SIZE, "%s", reply_string(reply_at(reply, 1), &len));
	b->sent += (int)reply_number(reply_at(reply, 0));
	b->peers = (int)reply_number(reply_at(reply, 2));
	return OK;
}

/* In parts, where the peers are many or the message is long. */
static enum err broadcast_in_parts(struct redis *r, struct script_args *args,
				   struct broadcast *b, int *wait_ms)
{
	int parts = 0;
	enum err e;

	do {
		struct reply *reply = NULL;

		args_append_string(args, b->position);
		e = args_run(r, SCRIPT_BROADCAST, args, &reply);
		if (!e)
			e = parse_broadcast(reply, b, wait_ms);
		reply_free(reply);
		args->count--;
	} while (!e && *b->position && parts++ < AGAIN_MAX);
	return e;
}

enum err room_broadcast(struct redis *r, const struct conf *c, const struct peer *p,
			int64_t issued, const char *once, const char *room,
			const struct item *item, int *peers, int *wait_ms)
{
	struct script_args args = { .count = 0 };
	struct buf user = BUF_INIT(USER_MAX), message = BUF_INIT(MESSAGE_MAX);
	struct broadcast b = { .sent = 0 };
	enum err e;

	append_sender(&user, p);
	append_message(&message, user.data, item);
	args_append_key(&args, c, "channels:", room, "");
	args_append_key(&args, c, "rate:", id_of_sender(p), "");
	args_append_key(&args, c, "entering:", room, "");
	args_append_string(&args, id_of_sender(p));
	args_append_string(&args, room);
	args_append_number(&args, cost_of_message(c, p, message.len));
	args_append_number(&args, window_of_sender(c, p));
	args_append_number(&args, issued);
	args_append_string(&args, once);
	args_append_word(&args, message.data, message.len);
	e = broadcast_in_parts(r, &args, &b, wait_ms);
	*peers = b.peers;
	if (!e && !b.repeated)
		metric_add(METRIC_BROADCASTS, 0, 1);
	/* Also after an error: those in the parts before it have the message. */
	metric_add(METRIC_MESSAGES, 0, (uint64_t)b.sent);
	buf_free(&user);
	buf_free(&message);
	return e;
}

enum err room_access(struct redis *r, const struct conf *c, const char *address,
		     int *wait_ms)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	int allowed;
	enum err e;

	/* No id has an '@', so this is no peer's rate. */
	args_append_key(&args, c, "rate:@", address, "");
	args_append_number(&args, c->access_rate);
	e = args_run(r, SCRIPT_ACCESS, &args, &reply);
	if (!e)
		e = parse_outcome(reply, ERR_RATE, &allowed, wait_ms);
	reply_free(reply);
	return e;
}
