#include "config.h"

#include <stdio.h>
#include <string.h>

#include "room/script_args.h"

void args_append_key(struct script_args *w, const struct conf *c, const char *prefix,
		     const char *id, const char *suffix)
{
	const char *parts[] = { c->prefix, prefix, id, suffix };
	char *to = w->text[w->keys++];
	size_t len = 0;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		size_t n = strnlen(parts[i], KEY_MAX - len);

		memcpy(to + len, parts[i], n);
		len += n;
	}
	w->args[w->count++] = (struct arg){ to, len };
}

void args_append_word(struct script_args *w, const char *s, size_t len)
{
	w->args[w->count++] = (struct arg){ s, len };
}

void args_append_string(struct script_args *w, const char *s)
{
	args_append_word(w, s, strlen(s));
}

void args_append_number(struct script_args *w, long long n)
{
	char *to = w->digits[w->numbers++];

	snprintf(to, sizeof w->digits[0], "%lld", n);
	args_append_string(w, to);
}

enum err args_run(struct redis *r, enum script s, const struct script_args *w,
		  struct reply **reply)
{
	return redis_run(r, s, w->keys, w->args, w->count, reply);
}

bool reply_is_again(const struct reply *reply)
{
	return reply_kind(reply) == REPLY_NUMBER && reply_number(reply) <= AGAIN;
}

void args_enqueue(struct redis *r, struct redis_command *cmd, enum script s,
		  const struct script_args *w,
		  void (*done)(struct redis_command *cmd, enum err e,
			       struct reply *reply))
{
	*cmd = (struct redis_command){
		.script = s, .keys = w->keys, .args = w->args,
		.count = w->count, .done = done,
	};
	redis_enqueue(r, cmd);
}

void args_append_peer_keys(struct script_args *w, const struct conf *c, const char *id)
{
	args_append_key(w, c, "peer:", id, "");
	args_append_key(w, c, "mailbox:", id, "");
	args_append_key(w, c, "", id, ":channels");
	args_append_key(w, c, "present", "", "");
	args_append_key(w, c, "leaving", "", "");
}
