/*
 * script.h - the Lua scripts, one for each step that must not be seen half
 * done. Their contracts (KEYS, ARGV, result) stand at the head of lua/NAME.lua.
 * A new one is a file there, a row here and one in the Makefile.
 */
#ifndef STORE_SCRIPT_H
#define STORE_SCRIPT_H

#include "base/conf.h"

enum script {
	SCRIPT_ACCESS,
	SCRIPT_BEAT,
	SCRIPT_BROADCAST,
	SCRIPT_CONNECT,
	SCRIPT_DUE,
	SCRIPT_END,
	SCRIPT_JOIN,
	SCRIPT_LEAVE,
	SCRIPT_PEERS,
	SCRIPT_RELAY,
	SCRIPT_COUNT,
	SCRIPT_NONE = SCRIPT_COUNT
};

enum {
	RATE_WINDOW_S = 6,	/* the burst is what six seconds allow */
	ACCESS_WINDOW_S = 60,
};

/* The bodies and the names of their files, made from lua/ by embed.sh. */
extern const char *const script_bodies[SCRIPT_COUNT];
extern const char *const script_names[SCRIPT_COUNT];
extern const char script_deliver[];	/* put before every script */
extern const char script_presence[];	/* and this, but for the lightest */

/* Puts the settings into all of them. Once, before the others. */
void script_init(const struct conf *conf);

/* The whole of a script as Redis gets it, and its SHA-1 in hexadecimal digits,
 * by which Redis knows it (EVALSHA). */
const char *script_text(enum script which);
const char *script_sha1(enum script which);

#endif
