/*
 * redis.h - a connection to Redis that runs our scripts; kept between requests, and opened
 * again when it is lost.
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

/* Stands for what the Redis that the script runs on says of itself: see connect.lua. */
#define ARG_SERVER ((struct arg){ NULL, 0 })

/* For one thread at a time. Connects at its first use; the connection is then in that
 * epoll (-1: none), with the struct redis as data.ptr. A thread with an epoll must not
 * block, so others connect for it, and ask the Sentinels. */
struct redis *redis_new(int epoll);
/* Waits first for all commands, as redis_drain() does. */
void redis_free(struct redis *r);

/* Connects now, unless it is connected; only without an epoll. ERR_STORE,
 * ERR_STORE_VERSION: the log says why. */
enum err redis_connect(struct redis *r);

/* Only with an epoll: starts to connect, unless it is connected or Redis is away. */
void redis_prepare(struct redis *r);

/* Only with an epoll: closes the connection if it was not used for REDIS_IDLE_MS: well above
 * the usual PING, as each ping uses it; and so that a process has none a minute after its
 * last stream. Returns when to call it again, on clock_ms(); INT64_MAX: there is none. */
enum { REDIS_IDLE_MS = 40000 };
int64_t redis_trim(struct redis *r);

enum { REDIS_ARGS = 80 };

/*
 * A script to run, and what is done with its result. args are the KEYS, keys of them, then
 * the ARGV; at most REDIS_ARGS. It must stay where it is, with its args, until done is
 * called, once: with OK and the result, which done owns; with ERR_STORE: Redis is away,
 * refuses, or did not reply in time (then the script may have run, or may still run); or
 * with ERR_STORE_VERSION: Redis is too old, and nothing was sent.
 */
struct redis_command {
	struct link link;		/* of redis.c, as the last four are */
	enum script script;
	size_t keys, count;
	const struct arg *args;
	void (*done)(struct redis_command *cmd, enum err e, struct reply *result);
	int64_t started_ns;		/* when it was sent, on clock_ns() */
	bool sends_text;		/* EVAL, as Redis does not know its SHA-1 */
	bool was_moved;			/* it was sent to a node that has our slot no more */
	int64_t give_up_at;		/* on clock_ms(), where a Cluster was not settled; or 0 */
};

/*
 * For many commands at once: those that are enqueued one after the other are sent
 * together. From then on done is called by any of these functions. Where so many have no
 * reply yet, redis_enqueue() waits for all of them.
 */
enum { REDIS_UNANSWERED_MAX = 256 };
void redis_enqueue(struct redis *r, struct redis_command *cmd);
/* Sends; call it before you wait. While there are commands without a reply it sends at most
 * once a millisecond. */
void redis_flush(struct redis *r);
/* Call it when the epoll reports something (ready), and at redis_deadline(), when a reply is
 * late, or redis_flush() is due. */
void redis_receive(struct redis *r, bool ready);
/* On clock_ms(); INT64_MAX: none. */
int64_t redis_deadline(const struct redis *r);
/* Sends all commands, and waits until all are done. */
void redis_drain(struct redis *r);

/* Runs a script, and waits for its result. */
enum err redis_run(struct redis *r, enum script script, size_t keys,
		   const struct arg *args, size_t count, struct reply **result);

/* PUBLISH, for the health check, and to measure; likewise. */
enum err redis_publish(struct redis *r, const char *channel,
		       const char *message);

/* Results. Strings may hold any byte, and end with a NUL. What is not there is NULL, of
 * the kind REPLY_NONE: whatever is behind the port of Redis, no reply ends a program. */
enum reply_kind { REPLY_NUMBER, REPLY_STRING, REPLY_LIST, REPLY_NONE };

enum reply_kind reply_kind(const struct reply *r);
long long reply_number(const struct reply *r);	/* 0 where it is none */
const char *reply_string(const struct reply *r, size_t *len); /* or "" */
size_t reply_count(const struct reply *r);	/* 0 where it is no list */
const struct reply *reply_at(const struct reply *r, size_t i);
void reply_free(struct reply *r);

#endif
