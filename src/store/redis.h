/*
 * redis.h - a connection to Redis that runs our scripts, kept between requests
 * and made anew when it is lost.
 * Protocol: RESP2, by hiredis.
 */
#ifndef STORE_REDIS_H
#define STORE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fifo.h"
#include "store/script.h"

struct redis;
struct reply;

/* One word of KEYS or ARGV, borrowed. */
struct arg {
	const char *data;
	size_t len;
};

/* Stands for the run_id of the Redis that the script runs on. */
#define ARG_SERVER ((struct arg){ NULL, 0 })

/* For one thread at a time. Connects at its first use; the connection is then
 * in that epoll (-1: in none), for reading, with the struct redis as data.ptr. */
struct redis *redis_new(int epoll);
/* Waits first for all that were started. */
void redis_free(struct redis *r);

enum { REDIS_ARGS = 80 };

/*
 * A script, and what comes of it. args are the KEYS, keys of them, then the
 * ARGV; at most REDIS_ARGS. It stays where it is, with its args, until done is
 * called, once: with OK, and the script's result that is to be freed; or with
 * ERR_STORE: Redis is away, refuses, or did not answer in time (then the
 * script may have run, or may still run).
 */
struct question {
	struct link link;		/* of redis.c, as start and whole are */
	enum script which;
	size_t keys, count;
	const struct arg *args;
	void (*done)(struct question *q, enum err e, struct reply *result);
	int64_t start;
	bool whole;
};

/*
 * For those who wait for many things at once: questions that are started one
 * after the other are sent together, and done is called from then on by any of
 * these. Where very many are unanswered the next one waits for all of them.
 */
void redis_start(struct redis *r, struct question *q);
/* To be called before waiting. Sends at most once a millisecond while something is
 * unanswered. */
void redis_send(struct redis *r);
/* To be called when the epoll says that there is something to read (ready), and
 * at the time of redis_until, when an answer is late, or redis_send() is due. */
void redis_receive(struct redis *r, bool ready);
/* Of clock_ms(); INT64_MAX: never. */
int64_t redis_until(const struct redis *r);
/* Waits for all that were started. */
void redis_finish(struct redis *r);

/* Starts, and waits for the result. */
enum err redis_run(struct redis *r, enum script which, size_t keys,
		   const struct arg *args, size_t count, struct reply **result);

/* PUBLISH, for the health check; likewise. */
enum err redis_publish(struct redis *r, const char *channel,
		       const char *message);

/* Results. Strings may hold any byte, and end with a NUL. What is not there is
 * NULL, of the kind REPLY_NONE: whoever is behind the port of Redis, no answer
 * ends a program. */
enum reply_kind { REPLY_NUMBER, REPLY_STRING, REPLY_LIST, REPLY_NONE };

enum reply_kind reply_kind(const struct reply *r);
long long reply_number(const struct reply *r);	/* 0 where it is none */
const char *reply_string(const struct reply *r, size_t *len); /* or "" */
size_t reply_count(const struct reply *r);	/* 0 where it is no list */
const struct reply *reply_at(const struct reply *r, size_t i);
void reply_free(struct reply *r);

#endif
