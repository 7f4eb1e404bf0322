/*
 * dial.h - a new connection to Redis. For this folder alone.
 *
 * Together with one command a request waits less than 2 s, then its answer is 503. While
 * Redis is away one thread tries to connect, a few times a second, and the others fail at
 * once: nothing piles up behind a server that does not respond.
 */
#ifndef STORE_DIAL_H
#define STORE_DIAL_H

#include <stdint.h>

#include <hiredis/hiredis.h>

#include "base/err.h"
#include "conf/conf.h"
#include "store/script.h"

enum {
	DIAL_MS = 900,			/* to resolve the host's name, connect to one of
					 * its addresses, with TLS, and for the greeting */
	COMMAND_MS = 1000,
};

struct dialled {
	redisContext *context;
	char server[64];		/* run_id; of a node of a Cluster master_replid */
	unsigned epoch;			/* of the master: see master.h */
	int64_t deadline;		/* to connect, on clock_ms() */
	size_t tried, untried;		/* addresses of its host */
};

/* Call once, before any thread. conf must stay. */
void dial_init(const struct conf *conf);

/* Connects, authenticates, and asks for the server's id, the version, and whether keys may be
 * evicted, of which the log warns. It tries again where it is closed meanwhile. Reads time
 * out after COMMAND_MS from then on. ERR_STORE_VERSION: Redis is too old, which the log
 * says. */
enum err dial(struct dialled *d);

/* Whether dial() would fail at once now, as Redis is away and was just tried. */
bool dial_was_just_tried(void);

/* The same in steps: connections that are started one after the other connect at the same
 * time, and a command that may be sent twice is sent with the greeting. */
/* Starts to connect. Where this or the next step fails d->context is NULL. */
enum err dial_start(struct dialled *d);
/* Waits until it is connected, and appends the greeting to what is sent. */
enum err dial_send_greeting(struct dialled *d);
/* Waits for the replies to the greeting, which come before all others. Where it fails an
 * error reply is logged; any other error the context has. */
enum err dial_await_greeting(struct dialled *d);

/* Whether Redis was lost, and no thread has reached it since. */
bool dial_is_away(void);

/* The Redis of this connection cannot serve us: where others know the master they are asked for
 * another. */
void dial_reject(const struct dialled *d);

/* Whether this error of a command says that our slot has moved to another node of the Cluster,
 * which is then the master; the command has not run. */
bool dial_note_moved(const struct dialled *d, const char *error);

/* Another Redis is master now: the connection is of no use any more. */
bool dial_master_changed(const struct dialled *d);

/* The same without asking the Sentinels. Where what is known of them is stale, a thread that
 * may block refreshes it first. */
bool dial_master_replaced(const struct dialled *d);
bool dial_is_stale(void);
void dial_refresh(void);

/* Redis has responded: all threads may try at once. */
void dial_note_found(const char *at);
/* Redis is away; logs why, the first time. */
void dial_note_lost(const char *at, const redisContext *context);
/* A command got its reply. */
void dial_note_reply(void);
/* A connection that was in use is broken; its oldest command is of asked_at (on
 * clock_ms()). Where it was just closed, or other commands got replies since, Redis may
 * well be there: it is not taken for away, and the next dial() finds out. */
void dial_note_broken(const char *at, const redisContext *context, int64_t asked_at);
/* The reply to a command of asked_at has not come in time. */
void dial_note_late(const char *at, int64_t asked_at);
/* A reply is an error: logs it, now and then. Returns whether another connection may do
 * better. */
bool dial_note_error(const char *at, const char *error);

#endif
