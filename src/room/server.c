/*
 * Users are in Redis as JSON, so what is listed of a peer is that object with more members.
 */
#include "config.h"

#include <stdio.h>

#include "room/json.h"
#include "room/script_args.h"
#include "room/server.h"

/* A request costs one, a long list more: see the scripts. */
static void append_server_rate(struct script_args *args, const struct conf *c)
{
	args_append_number(args, server_window_cost(c));
}

static void append_server_rate_key(struct script_args *args, const struct conf *c)
{
	args_append_key(args, c, "rate:", SERVER_ID, "");
}

static void append_next(struct buf *out, const char *name)
{
	if (*name) {
		buf_str(out, ",\"next\":");
		json_append_string(out, name);
	}
}

static const char *next_of(const struct reply *page)
{
	return reply_string(reply_at(page, 0), NULL);
}

/* Begins an object: {"id":...,"username":..., and what the caller adds. */
static void append_user(struct buf *out, const struct reply *user)
{
	size_t len;
	const char *text = reply_string(user, &len);

	buf_add(out, text, len ? len - 1 : 0);
}

static void append_since(struct buf *out, const struct reply *since)
{
	long long ms = reply_number(since);

	if (ms)
		buf_fmt(out, ",\"since\":%lld", ms / 1000);
	else
		buf_str(out, ",\"since\":null");
}

static bool is_in_scope(const struct server_scope *scope, const char *room)
{
	return !scope || scope->covers(scope->arg, room);
}

static void append_rooms(struct buf *out, const struct reply *page,
			 const struct server_scope *scope)
{
	char from[ID_MAX + 1], end[ID_MAX + 2];
	const char *next = next_of(page);

	buf_str(out, "{\"rooms\":[");
	for (size_t i = 1; i + 1 < reply_count(page); i += 2) {
		const char *room = reply_string(reply_at(page, i), NULL);

		if (is_in_scope(scope, room))
			buf_fmt(out, "{\"room\":\"%s\",\"count\":%lld},", room,
				reply_number(reply_at(page, i + 1)));
	}
	json_end_array(out);
	/* The name of another room would tell of it. */
	if (*next && !is_in_scope(scope, next))
		next = scope->seek(scope->arg, next, from, end) ? end : "";
	append_next(out, next);
	buf_char(out, '}');
}

/* As ZRANGEBYLEX has it. */
static void append_min(struct buf *to, const struct server_scope *scope, const char *after)
{
	char from[ID_MAX + 1] = "", end[ID_MAX + 2];

	if (scope && !scope->seek(scope->arg, after, from, end))
		buf_char(to, '+');
	else if (*from)
		buf_fmt(to, "[%s", from);
	else if (*after)
		buf_fmt(to, "(%s", after);
	else
		buf_char(to, '-');
}

enum err server_rooms(struct redis *r, const struct conf *c, const char *after, int limit,
		      const struct server_scope *scope, struct buf *out, int *wait_ms)
{
	struct script_args args = { .count = 0 };
	struct buf min = BUF_INIT(1024);
	struct reply *reply = NULL;
	enum err e;

	append_min(&min, scope, after);
	args_append_key(&args, c, "rooms", "", "");
	append_server_rate_key(&args, c);
	args_append_word(&args, min.data, min.len);
	args_append_number(&args, limit);
	append_server_rate(&args, c);
	e = args_run(r, SCRIPT_SERVER_ROOMS, &args, &reply);
	if (!e)
		e = parse_list_outcome(reply, ERR_STORE, wait_ms);
	if (!e)
		append_rooms(out, reply, scope);
	reply_free(reply);
	buf_free(&min);
	return e;
}

static void append_members(struct buf *out, const char *room, const struct reply *page)
{
	buf_fmt(out, "{\"room\":\"%s\",\"count\":%lld,\"members\":[", room,
		reply_number(reply_at(page, 1)));
	for (size_t i = 2; i + 2 < reply_count(page); i += 3) {
		append_user(out, reply_at(page, i));
		append_since(out, reply_at(page, i + 1));
		buf_fmt(out, ",\"here\":%s},",
			reply_number(reply_at(page, i + 2)) ? "true" : "false");
	}
	json_end_array(out);
	append_next(out, next_of(page));
	buf_char(out, '}');
}

enum err server_room(struct redis *r, const struct conf *c, const char *room, const char *after,
		     int limit, struct buf *out, int *wait_ms)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	enum err e;

	args_append_key(&args, c, "channels:", room, "");
	append_server_rate_key(&args, c);
	args_append_string(&args, room);
	args_append_string(&args, after);
	args_append_number(&args, limit);
	append_server_rate(&args, c);
	e = args_run(r, SCRIPT_SERVER_ROOM, &args, &reply);
	if (!e)
		e = parse_list_outcome(reply, ERR_STORE, wait_ms);
	if (!e)
		append_members(out, room, reply);
	reply_free(reply);
	return e;
}

static void append_peer(struct buf *out, const struct reply *peer)
{
	long long streams = reply_number(reply_at(peer, 2));

	append_user(out, reply_at(peer, 0));
	buf_fmt(out, ",\"here\":%s,\"streams\":%lld", streams ? "true" : "false", streams);
	append_since(out, reply_at(peer, 1));
	buf_str(out, ",\"rooms\":[");
	for (size_t i = 3; i < reply_count(peer); i++)
		buf_fmt(out, "\"%s\",", reply_string(reply_at(peer, i), NULL));
	json_end_array(out);
	buf_char(out, '}');
}

enum err server_peer(struct redis *r, const struct conf *c, const char *peer, struct buf *out,
		     int *wait_ms)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	enum err e;

	args_append_key(&args, c, "peer:", peer, "");
	args_append_key(&args, c, "", peer, ":channels");
	append_server_rate_key(&args, c);
	args_append_string(&args, peer);
	append_server_rate(&args, c);
	e = args_run(r, SCRIPT_SERVER_PEER, &args, &reply);
	if (!e)
		e = parse_list_outcome(reply, ERR_NO_PEER, wait_ms);
	if (!e)
		append_peer(out, reply);
	reply_free(reply);
	return e;
}

enum err server_remove(struct redis *r, const struct conf *c, const char *room, const char *peer,
		       long seconds, bool *was, int *wait_ms)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	bool begun;
	int n = 0;
	enum err e;

	args_append_key(&args, c, "channels:", room, "");
	args_append_key(&args, c, "", peer, ":channels");
	args_append_key(&args, c, "peer:", peer, "");
	args_append_key(&args, c, "mailbox:", peer, "");
	args_append_key(&args, c, "banned:", room, "");
	append_server_rate_key(&args, c);
	args_append_string(&args, peer);
	args_append_string(&args, room);
	args_append_number(&args, seconds * 1000LL);
	append_server_rate(&args, c);
	e = run_parts(r, SCRIPT_SERVER_REMOVE, &args, &reply, &begun);
	if (!e)
		e = parse_outcome(reply, ERR_STORE, &n, wait_ms);
	*was = n;
	reply_free(reply);
	return e;
}

/* {streams, more}; a number; or {ms}. */
static enum err parse_disconnect(const struct reply *reply, int *streams, bool *more,
				 int *wait_ms)
{
	if (reply_count(reply) != 2)
		return parse_outcome(reply, ERR_NO_PEER, streams, wait_ms);
	*streams = (int)reply_number(reply_at(reply, 0));
	*more = reply_number(reply_at(reply, 1));
	return OK;
}

/* Not by run_parts(): its first part has the result, and says that it has begun. */
static enum err disconnect_in_parts(struct redis *r, struct script_args *args, int *streams,
				    int *wait_ms)
{
	bool begun = false, more = true;
	enum err e = OK;

	for (int i = 0; !e && more; i++) {
		struct reply *reply = NULL;
		int n = 0;

		args_append_string(args, begun ? "1" : "0");
		e = i < AGAIN_MAX ? args_run(r, SCRIPT_DISCONNECT, args, &reply) : ERR_STORE;
		args->count--;
		if (!e && !reply_is_again(reply)) {
			e = parse_disconnect(reply, &n, &more, wait_ms);
			if (!e && !begun)
				*streams = n;
			begun = true;
		}
		reply_free(reply);
	}
	return e;
}

enum err server_disconnect(struct redis *r, const struct conf *c, const char *peer,
			   const char *reason, long seconds, int *streams, int *wait_ms)
{
	struct script_args args = { .count = 0 };
	struct buf message = BUF_INIT(USER_MAX);
	enum err e;

	buf_str(&message, "\"event\":\"disconnect\",\"data\":{\"reason\":");
	json_append_string(&message, reason);
	buf_fmt(&message, ",\"for\":%ld}}", seconds);
	*streams = 0;
	args_append_key(&args, c, "", peer, ":channels");
	args_append_key(&args, c, "peer:", peer, "");
	args_append_key(&args, c, "mailbox:", peer, "");
	args_append_key(&args, c, "revoked:", peer, "");
	append_server_rate_key(&args, c);
	args_append_string(&args, peer);
	args_append_word(&args, message.data, message.len);
	args_append_number(&args, seconds * 1000LL);
	append_server_rate(&args, c);
	e = disconnect_in_parts(r, &args, streams, wait_ms);
	buf_free(&message);
	return e;
}

enum err server_revoked(struct redis *r, const struct conf *c, const struct peer *p,
			int64_t issued)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	int n, wait_ms;
	enum err e;

	args_append_key(&args, c, "revoked:", p->id, "");
	args_append_string(&args, p->id);
	args_append_number(&args, issued);
	e = args_run(r, SCRIPT_REVOKED, &args, &reply);
	if (!e)
		e = parse_outcome(reply, ERR_STORE, &n, &wait_ms);
	reply_free(reply);
	return e;
}
