/*
 * dial.h - a new connection to Redis. For this folder alone.
 *
 * Together with one command a request waits less than 2 s, then it is told 503.
 * While Redis is away one thread tries, a few times a second, and the others
 * fail at once: nothing piles up behind a server that does not answer.
 */
#ifndef STORE_DIAL_H
#define STORE_DIAL_H

#include <stdint.h>

#include <hiredis/hiredis.h>

#include "base/err.h"
#include "store/script.h"

enum {
	DIAL_MS = 900,			/* to connect, and for the greeting */
	COMMAND_MS = 1000,
};

struct dialled {
	redisContext *context;
	char server[64];		/* run_id */
	unsigned turn;			/* of the master, by Sentinel */
	int64_t deadline;		/* of clock_ms(), until it is connected */
};

/* Connects, authenticates, asks for the run_id, and waits COMMAND_MS for what
 * comes then. It is tried again where it is closed meanwhile. */
enum err dial(struct dialled *d);

/* The same in steps, for those who dial many and ask for what they can ask twice:
 * begun one after the other they connect side by side, and what is asked goes out
 * with the greeting. */
/* Begins to connect. d->context is NULL where it fails, as in the next step. */
enum err dial_start(struct dialled *d);
/* Waits until it is connected, and appends the greeting to what is to be sent. */
enum err dial_greet(struct dialled *d);
/* Waits for the answers to the greeting, which come before all others. Where it
 * fails the context says why, if the greeting's refusal is not logged already. */
enum err dial_greeted(struct dialled *d);

/* It was lost a moment ago, and nobody has found it since. */
bool dial_is_away(void);

/* Another is master now: it is of no use any more. */
bool dial_moved(const struct dialled *d);

/* Redis has answered: whoever waits for it may try at once. */
void dial_found(const char *at);
/* The connection is of no use any more: logs why, the first time. */
void dial_lost(const char *at, const redisContext *context);
/* Somebody's command was answered. */
void dial_answered(void);
/* The same as dial_lost() of one that was in use, and was asked something then (of
 * clock_ms()). Where it was closed, or others were answered since, Redis may well
 * be there, and who dials next finds out: the others are not refused for it. */
void dial_broken(const char *at, const redisContext *context, int64_t asked);
/* Nothing has come in time of what was asked then. */
void dial_late(const char *at, int64_t asked);
/* Redis answered with an error: logs it, now and then. Returns whether
 * another connection may do better. */
bool dial_refused(const char *at, const char *error);

#endif
