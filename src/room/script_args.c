/*
 * Nothing here checks for the room in struct script_args: whoever appends knows how
 * much it is. The most that is appended is 73 args of REDIS_ARGS (80), by a full batch of
 * messages: three keys, six words, and one for each; 7 keys of 8, by a join; and 3 numbers
 * of 4.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "room/report.h"
#include "room/script_args.h"

void args_append_key(struct script_args *args, const struct conf *c, const char *prefix,
		     const char *id, const char *suffix)
{
	/* Copied, not formatted: this runs for each key of every request. A key is
	 * never cut off: conf/kinds.c bounds the prefix to 64 bytes, and an id or an
	 * address is not longer. */
	const char *parts[] = { c->prefix, prefix, id, suffix };
	char *to = args->text[args->keys++];
	size_t len = 0;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		size_t n = strnlen(parts[i], KEY_MAX - len);

		memcpy(to + len, parts[i], n);
		len += n;
	}
	args->args[args->count++] = (struct arg){ to, len };
}

void args_append_word(struct script_args *args, const char *s, size_t len)
{
	args->args[args->count++] = (struct arg){ s, len };
}

void args_append_string(struct script_args *args, const char *s)
{
	args_append_word(args, s, strlen(s));
}

void args_append_number(struct script_args *args, long long n)
{
	char *to = args->digits[args->numbers++];

	snprintf(to, sizeof args->digits[0], "%lld", n);
	args_append_string(args, to);
}

long long server_window_cost(const struct conf *c)
{
	return (long long)c->server_rate * RATE_WINDOW_S;
}

enum err args_run(struct redis *r, enum script script, const struct script_args *args,
		  struct reply **reply)
{
	report_if_due(r);
	return redis_run(r, script, args->keys, args->args, args->count, reply);
}

bool reply_is_again(const struct reply *reply)
{
	return reply_number(reply) == AGAIN || reply_number(reply) == AGAIN_BEGUN;
}

enum err parse_outcome(const struct reply *reply, enum err if_negative, int *n, int *wait_ms)
{
	if (reply_kind(reply) == REPLY_LIST) {
		*wait_ms = (int)reply_number(reply_at(reply, 0));
		return reply_number(reply_at(reply, 1)) == KEPT_OUT ?
			ERR_KEPT_OUT : ERR_RATE;
	}
	*n = (int)reply_number(reply);
	return *n == REVOKED ? ERR_REVOKED : *n < 0 ? if_negative : OK;
}

enum err parse_list_outcome(const struct reply *reply, enum err if_negative, int *wait_ms)
{
	int n = 0;

	if (reply_kind(reply) == REPLY_LIST &&
	    reply_kind(reply_at(reply, 0)) != REPLY_NUMBER)
		return OK;
	return parse_outcome(reply, if_negative, &n, wait_ms);
}

/* A plain AGAIN means that something older of the same peer must be finished first. Without
 * the difference the script would take the next part of a join for another join, and tell
 * everybody again. */
enum err run_parts(struct redis *r, enum script script, struct script_args *args,
		   struct reply **reply, bool *begun)
{
	enum err e;

	*begun = false;
	args_append_string(args, "0");
	e = args_run(r, script, args, reply);
	for (int i = 0; !e && reply_is_again(*reply); i++) {
		*begun = *begun || reply_number(*reply) == AGAIN_BEGUN;
		reply_free(*reply);
		*reply = NULL;
		/* The last argument, which is replaced. */
		args->count--;
		args_append_string(args, *begun ? "1" : "0");
		e = i < AGAIN_MAX ? args_run(r, script, args, reply) : ERR_STORE;
	}
	return e;
}

void args_enqueue(struct redis *r, struct redis_command *cmd, enum script script,
		  const struct script_args *args,
		  void (*done)(struct redis_command *cmd, enum err e,
			       struct reply *reply))
{
	report_if_due(r);
	*cmd = (struct redis_command){
		.script = script, .keys = args->keys, .args = args->args,
		.count = args->count, .done = done,
	};
	redis_enqueue(r, cmd);
}

void args_append_peer_keys(struct script_args *args, const struct conf *c, const char *id)
{
	/* In the order of KEYS in connect.lua. */
	args_append_key(args, c, "peer:", id, "");
	args_append_key(args, c, "mailbox:", id, "");
	args_append_key(args, c, "", id, ":channels");
	args_append_key(args, c, "present", "", "");
	args_append_key(args, c, "leaving", "", "");
}
