/*
 * redis.h - a connection to Redis that runs our scripts, kept between requests
 * and made anew when it is lost.
 * Protocol: RESP2, by hiredis.
 */
#ifndef STORE_REDIS_H
#define STORE_REDIS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
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

/* Connects at its first use. */
struct redis *redis_new(void);
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
	enum script which;
	size_t keys, count;
	const struct arg *args;
	void (*done)(struct question *q, enum err e, struct reply *result);
	/* of redis.c */
	struct question *next;
	struct reply *reply;
	enum err e;
	bool whole;
};

/*
 * Any number of threads may ask at once. The first of them goes on asking, and
 * calls done, for all who come meanwhile, and they wait for nothing: questions
 * that come close together go to Redis together, in one round trip. Only where
 * very many are unanswered this waits until there are fewer.
 */
void redis_start(struct redis *r, struct question *q);

/* Starts, and waits for the result: for a connection that no other thread uses
 * meanwhile. */
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
