/*
 * Nothing here checks for the room in struct script_args: whoever appends knows how
 * much it is. The most that is appended is 71 args of REDIS_ARGS (80), by a full batch of
 * messages: three keys, four words, and one for each; 7 keys of 8, by a join; and 2 numbers
 * of 2.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

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

enum err args_run(struct redis *r, enum script script, const struct script_args *args,
		  struct reply **reply)
{
	return redis_run(r, script, args->keys, args->args, args->count, reply);
}

/* AGAIN, or a number below it that means the same and more (AGAIN_BEGUN of room.c). */
bool reply_is_again(const struct reply *reply)
{
	return reply_kind(reply) == REPLY_NUMBER && reply_number(reply) <= AGAIN;
}

void args_enqueue(struct redis *r, struct redis_command *cmd, enum script script,
		  const struct script_args *args,
		  void (*done)(struct redis_command *cmd, enum err e,
			       struct reply *reply))
{
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
