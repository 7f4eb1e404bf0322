/*
 * Each function allocates a struct ..._command. It begins with the struct redis_command
 * that store/redis.c queues, so that the callback can cast that back. It holds what
 * KEYS and ARGV point to, unless the caller keeps it, and is freed by its callback,
 * last of all: done() may still use what was parsed.
 *
 * All of them run on the thread that owns the struct redis, and done() is called on it
 * as well. After an error the reply is NULL, of which every reply_...() makes an empty
 * result.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "room/presence.h"
#include "room/script_args.h"
#include "shared/metric.h"

enum { BEAT_LIVES = 1, BEAT_AGAIN = 2, BEAT_NOT_COUNTED = -2 };	/* results of beat.lua */

char *presence_channel(const struct conf *c, const char *peer)
{
	char name[KEY_MAX];

	snprintf(name, sizeof name, "%smessages:%s", c->prefix, peer);
	return xstrdup(name);
}

/* What all have, and begin with. */
struct presence_command {
	struct redis_command command;
	struct script_args args;
	presence_done *done;
	void *arg;
};

/* Zeroed. size: of the struct that begins with it. */
static void *command_new(size_t size, presence_done *done, void *arg)
{
	struct presence_command *cmd = xcalloc(1, size);

	cmd->done = done;
	cmd->arg = arg;
	return cmd;
}

static void finish_command(struct presence_command *cmd, enum err e)
{
	cmd->done(cmd->arg, e);
	free(cmd);
}

static void append_presence_keys(struct presence_command *cmd, const struct conf *c)
{
	args_append_key(&cmd->args, c, "present", "", "");
	args_append_key(&cmd->args, c, "leaving", "", "");
}

/* Of presence_connect() and presence_replay(). */
struct connect_command {
	struct presence_command base;
	struct redis *redis;
	int parts;
	struct buf user;
	const char *position;
	struct presence *to;
};

static void parse_page(struct presence *to, const struct reply *missed,
		       const struct reply *more)
{
	to->missed = missed;
	to->more = reply_number(more);
	metric_add(METRIC_REPLAYED, 0, reply_count(missed));
}

/* The result of connect.lua, by its places in the list. */
static void parse_presence(const struct connect_command *cmd, struct presence *to)
{
	to->resumed = reply_number(reply_at(to->reply, 0));
	snprintf(to->position, sizeof to->position, "%s",
		 reply_string(reply_at(to->reply, 1), NULL));
	snprintf(to->incarnation, sizeof to->incarnation, "%s",
		 reply_string(reply_at(to->reply, 2), NULL));
	to->rooms = reply_at(to->reply, 3);
	parse_page(to, reply_at(to->reply, 4), reply_at(to->reply, 5));
	to->number = reply_number(reply_at(to->reply, 6));
	metric_add(METRIC_CONNECTS, to->resumed ? CONNECT_RESUMED :
		   *cmd->position ? CONNECT_NOT_RESUMED : CONNECT_NEW, 1);
}

static void on_connect_reply(struct redis_command *command, enum err e, struct reply *reply)
{
	struct connect_command *cmd = (struct connect_command *)command;

	/* Rooms of an older incarnation are still being left: the same command once
	 * more, with the same arguments. Other commands get their turn in between. */
	if (!e && reply_is_again(reply)) {
		reply_free(reply);
		reply = NULL;
		if (cmd->parts++ < AGAIN_MAX) {
			redis_enqueue(cmd->redis, command);
			return;
		}
		e = ERR_STORE;
	}
	if (!e && reply_number(reply) == REVOKED) {
		reply_free(reply);
		reply = NULL;
		e = ERR_REVOKED;
	}
	/* Also after an error: whoever gets it frees its reply. */
	memset(cmd->to, 0, sizeof *cmd->to);
	cmd->to->reply = reply;
	if (!e)
		parse_presence(cmd, cmd->to);
	buf_free(&cmd->user);
	finish_command(&cmd->base, e);
}

void presence_connect(struct redis *r, const struct conf *c,
		      const struct peer *p, int64_t issued, const char *position,
		      long long stream, struct presence *to,
		      presence_done *done, void *arg)
{
	struct connect_command *cmd = command_new(sizeof *cmd, done, arg);

	cmd->redis = r;
	cmd->user = (struct buf)BUF_INIT(USER_MAX);
	cmd->position = position;
	cmd->to = to;
	peer_append(&cmd->user, p);
	args_append_peer_keys(&cmd->base.args, c, p->id);
	args_append_string(&cmd->base.args, p->id);
	args_append_string(&cmd->base.args, position);
	args_append_word(&cmd->base.args, cmd->user.data, cmd->user.len);
	/* redis.c puts it in when it sends the command. Only then is it known over
	 * which connection, and so on which Redis, it runs. */
	cmd->base.args.args[cmd->base.args.count++] = ARG_SERVER;
	args_append_number(&cmd->base.args, stream);
	args_append_number(&cmd->base.args, issued);
	args_enqueue(r, &cmd->base.command, SCRIPT_CONNECT, &cmd->base.args, on_connect_reply);
}

static void on_replay_reply(struct redis_command *command, enum err e, struct reply *reply)
{
	struct connect_command *cmd = (struct connect_command *)command;

	memset(cmd->to, 0, sizeof *cmd->to);
	cmd->to->reply = reply;
	/* A number, -1, says that the position was pushed out of the mailbox
	 * meanwhile. */
	cmd->to->resumed = reply_kind(reply) == REPLY_LIST;
	parse_page(cmd->to, reply_at(reply, 0), reply_at(reply, 1));
	finish_command(&cmd->base, e);
}

void presence_replay(struct redis *r, const struct conf *c,
		     const struct peer *p, const char *position,
		     struct presence *to, presence_done *done, void *arg)
{
	struct connect_command *cmd = command_new(sizeof *cmd, done, arg);

	cmd->to = to;
	args_append_key(&cmd->base.args, c, "mailbox:", p->id, "");
	args_append_string(&cmd->base.args, position);
	args_append_string(&cmd->base.args, p->id);
	args_enqueue(r, &cmd->base.command, SCRIPT_REPLAY, &cmd->base.args, on_replay_reply);
}

struct beat_command {
	struct presence_command base;
	struct beat *beats;
	int count;
	/* the words of beat.lua */
	char trims[BEATS_AT_ONCE], connection_of[BEATS_AT_ONCE];
	struct buf peers, incarnations, connections;
	bool *is_due;
};

static void parse_beat(struct beat *b, long long answer)
{
	b->live = answer > 0;
	b->counted = answer != BEAT_NOT_COUNTED;
	b->again = answer == BEAT_AGAIN;
}

/* Told are those that do not just live, each by its number, from 1. */
static void parse_beats(struct beat_command *cmd, const struct reply *told)
{
	for (int i = 0; i < cmd->count; i++)
		parse_beat(&cmd->beats[i], BEAT_LIVES);
	for (size_t i = 0; i + 1 < reply_count(told); i += 2) {
		long long n = reply_number(reply_at(told, i));

		if (n >= 1 && n <= cmd->count)
			parse_beat(&cmd->beats[n - 1], reply_number(reply_at(told, i + 1)));
	}
}

/* After an error the beats say nothing; the caller looks at the error first. */
static void on_beat_reply(struct redis_command *command, enum err e, struct reply *reply)
{
	struct beat_command *cmd = (struct beat_command *)command;

	parse_beats(cmd, reply_at(reply, 1));
	*cmd->is_due = reply_number(reply_at(reply, 0));
	reply_free(reply);
	buf_free(&cmd->peers);
	buf_free(&cmd->incarnations);
	buf_free(&cmd->connections);
	finish_command(&cmd->base, e);
}

static void append_part(struct buf *b, const char *word)
{
	buf_str(b, word);
	buf_char(b, ' ');
}

/* Its number among those that are known, from 1; a new one becomes known. */
static int number_of(const char *connection, const char *known[], int *count)
{
	int i = 0;

	while (i < *count && known[i] != connection)
		i++;
	if (i == *count)
		known[(*count)++] = connection;
	return i + 1;
}

static void format_beats(struct beat_command *cmd)
{
	const char *known[BEATS_AT_ONCE];
	int known_count = 0;

	cmd->peers = (struct buf)BUF_INIT(BEATS_AT_ONCE * (ID_MAX + 1));
	cmd->incarnations = (struct buf)BUF_INIT(BEATS_AT_ONCE * INCARNATION_SIZE);
	cmd->connections = (struct buf)BUF_INIT(BEATS_AT_ONCE * KEY_MAX);
	for (int i = 0; i < cmd->count; i++) {
		const struct beat *b = &cmd->beats[i];

		cmd->trims[i] = b->trims ? '1' : '0';
		cmd->connection_of[i] = (char)number_of(b->connection, known, &known_count);
		append_part(&cmd->peers, b->peer->id);
		append_part(&cmd->incarnations, b->incarnation);
	}
	for (int i = 0; i < known_count; i++)
		append_part(&cmd->connections, known[i]);
}

static void append_buf(struct script_args *args, const struct buf *b)
{
	args_append_word(args, b->data, b->len);
}

void presence_beat(struct redis *r, const struct conf *c, struct beat beats[],
		   int count, bool *is_due, presence_done *done, void *arg)
{
	struct beat_command *cmd = command_new(sizeof *cmd, done, arg);

	cmd->beats = beats;
	cmd->count = count;
	cmd->is_due = is_due;
	format_beats(cmd);
	append_presence_keys(&cmd->base, c);
	args_append_word(&cmd->base.args, cmd->trims, (size_t)count);
	args_append_word(&cmd->base.args, cmd->connection_of, (size_t)count);
	append_buf(&cmd->base.args, &cmd->peers);
	append_buf(&cmd->base.args, &cmd->incarnations);
	append_buf(&cmd->base.args, &cmd->connections);
	args_enqueue(r, &cmd->base.command, SCRIPT_BEAT, &cmd->base.args, on_beat_reply);
}

struct leave_command {
	struct presence_command base;
	bool *leaving;
};

static void on_leave_reply(struct redis_command *command, enum err e, struct reply *reply)
{
	struct leave_command *cmd = (struct leave_command *)command;

	*cmd->leaving = reply_number(reply) == 1;
	reply_free(reply);
	finish_command(&cmd->base, e);
}

void presence_leave(struct redis *r, const struct conf *c,
		    const struct peer *p, long long stream, bool *leaving,
		    presence_done *done, void *arg)
{
	struct leave_command *cmd = command_new(sizeof *cmd, done, arg);

	cmd->leaving = leaving;
	append_presence_keys(&cmd->base, c);
	args_append_key(&cmd->base.args, c, "peer:", p->id, "");
	args_append_string(&cmd->base.args, p->id);
	args_append_number(&cmd->base.args, stream);
	args_enqueue(r, &cmd->base.command, SCRIPT_STREAM_END, &cmd->base.args, on_leave_reply);
}

void presence_set_err(void *arg, enum err e)
{
	*(enum err *)arg = e;
}

struct sweep_command {
	struct presence_command base;
	struct sweep *sweep;
};

static void on_sweep_reply(struct redis_command *command, enum err e, struct reply *reply)
{
	struct sweep_command *cmd = (struct sweep_command *)command;

	cmd->sweep->moved = reply_number(reply_at(reply, 0));
	cmd->sweep->more = reply_number(reply_at(reply, 1));
	metric_add(METRIC_REAPED, 0, (uint64_t)reply_number(reply_at(reply, 2)));
	reply_free(reply);
	finish_command(&cmd->base, e);
}

void presence_sweep(struct redis *r, const struct conf *c, struct sweep *sweep,
		    presence_done *done, void *arg)
{
	struct sweep_command *cmd = command_new(sizeof *cmd, done, arg);

	cmd->sweep = sweep;
	append_presence_keys(&cmd->base, c);
	args_enqueue(r, &cmd->base.command, SCRIPT_SWEEP, &cmd->base.args, on_sweep_reply);
}
