/*
 * script_args.h - KEYS and ARGV of a script, appended one by one, and the script run with
 * them. For this folder alone.
 */
#ifndef ROOM_SCRIPT_ARGS_H
#define ROOM_SCRIPT_ARGS_H

#include "conf/conf.h"
#include "store/redis.h"

enum {
	KEY_MAX = 256,
	/* The result of a script that is to be run again, since it notifies many peers in
	 * parts: something older is to be finished first; or what it was asked for has
	 * begun. AGAIN_MAX: how often at most. A peer that leaves 64 rooms of 1024 takes
	 * half of that. */
	AGAIN = -3, AGAIN_BEGUN = -4, AGAIN_MAX = 2048,
	KEPT_OUT = -5,			/* of join.lua: in {ms, KEPT_OUT} */
	REVOKED = -6,			/* of all that are told when a token was issued */
};

/* The site's own servers, as scripts know them: the id of no peer. What they use is charged
 * to it; server_window_cost() is what they may use in a window, 0: any. */
#define SERVER_ID "@server"
long long server_window_cost(const struct conf *c);

/* All zero at first. KEYS are appended before ARGV. Words are borrowed; keys and numbers
 * are not. */
struct script_args {
	struct arg args[REDIS_ARGS];
	size_t count, keys, numbers;
	char text[8][KEY_MAX];		/* of the keys */
	char digits[4][24];		/* of the numbers */
};

/* PREFIX, prefix, id and suffix. */
void args_append_key(struct script_args *args, const struct conf *c, const char *prefix,
		     const char *id, const char *suffix);

/* The keys of a peer that presence needs. */
void args_append_peer_keys(struct script_args *args, const struct conf *c, const char *id);

void args_append_word(struct script_args *args, const char *s, size_t len);
void args_append_string(struct script_args *args, const char *s);
void args_append_number(struct script_args *args, long long n);

/* As redis_run() and redis_enqueue(). */
enum err args_run(struct redis *r, enum script script, const struct script_args *args,
		  struct reply **reply);
void args_enqueue(struct redis *r, struct redis_command *cmd, enum script script,
		  const struct script_args *args,
		  void (*done)(struct redis_command *cmd, enum err e, struct reply *reply));

bool reply_is_again(const struct reply *reply);

/* A number, negative for the error `if_negative`, or REVOKED; or {ms} where the rate is
 * exceeded, and {ms, KEPT_OUT}. */
enum err parse_outcome(const struct reply *reply, enum err if_negative, int *n, int *wait_ms);

/* Likewise; or a list, empty or of strings at its begin, which is OK. */
enum err parse_list_outcome(const struct reply *reply, enum err if_negative, int *wait_ms);

/* Runs a script until all parts are done. Its last argument, appended here, says whether it
 * has begun already what it was asked for; *begun, whether it had when it was run last. */
enum err run_parts(struct redis *r, enum script script, struct script_args *args,
		   struct reply **reply, bool *begun);

#endif
