/*
 * script.h - the Lua scripts, one for each atomic step. Their contracts (KEYS, ARGV,
 * result) are at the head of lua/NAME.lua. A new one is a file there, SCRIPT_NAME here, and
 * a word in the list of Makefile.am.
 */
#ifndef STORE_SCRIPT_H
#define STORE_SCRIPT_H

#include "conf/conf.h"

/* The first version of Redis that has all that they use. */
#define REDIS_VERSION_MIN "7.0"

enum script {
	SCRIPT_ACCESS,
	SCRIPT_BEAT,
	SCRIPT_BROADCAST,
	SCRIPT_CONNECT,
	SCRIPT_DISCONNECT,
	SCRIPT_JOIN,
	SCRIPT_LEAVE,
	SCRIPT_PEERS,
	SCRIPT_RELAY,
	SCRIPT_REPLAY,
	SCRIPT_REPORT,
	SCRIPT_REVOKED,
	SCRIPT_SERVER_PEER,
	SCRIPT_SERVER_REMOVE,
	SCRIPT_SERVER_ROOM,
	SCRIPT_SERVER_ROOMS,
	SCRIPT_STREAM_END,
	SCRIPT_SWEEP,
	SCRIPT_WATCH,
	SCRIPT_WEBHOOK_END,
	SCRIPT_WEBHOOK_SENT,
	SCRIPT_WEBHOOK_STATE,
	SCRIPT_WEBHOOK_TAKE,
	SCRIPT_COUNT,
	SCRIPT_NONE = SCRIPT_COUNT
};

enum {
	RATE_WINDOW_S = 6,	/* the burst is what six seconds allow */
	ACCESS_WINDOW_S = 60,
	PAGE_BYTES = 16 * 1024,	/* of missed events, at a time */
};

/* Generated from lua/ by embed.sh: the steps, what of deliver.lua and presence.lua comes before
 * each, and the names of their files. */
extern const char *const script_bodies[SCRIPT_COUNT];
extern const char *const script_helpers[SCRIPT_COUNT];
extern const char *const script_names[SCRIPT_COUNT];

/* Call once, before the others. conf, whose settings are in all of them, must stay. */
void script_init(const struct conf *conf);

/* A script as Redis gets it, owned by the caller; and its SHA-1 in hexadecimal digits, by
 * which Redis knows it (EVALSHA). */
char *script_text(enum script which);
const char *script_sha1(enum script which);

/* A key that is never there, to be the last of the KEYS of each script; NULL: none is needed, as
 * there is no Cluster. A script names but some of the keys that it may use. While the slot is
 * moved to another node some of these are here and some there, and a script that has begun would
 * fail halfway; one that names a key that is missing is refused before it begins (ASK,
 * TRYAGAIN). */
const char *script_absent_key(void);

#endif
