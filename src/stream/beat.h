/*
 * beat.h - what a stream says to Redis once in PING: its peer lives. The step
 * beat.lua, of many at once.
 */
#ifndef STREAM_BEAT_H
#define STREAM_BEAT_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/err.h"
#include "room/room.h"
#include "store/redis.h"

/* OK, and live: else the stream is to subscribe and connect again; later is what is
 * to be done then. Or ERR_STORE. */
typedef void beat_done(void *arg, enum err e, bool live, const struct later *later);

/* p and life, as presence_connect() gave it, stay until done is called, once: see
 * redis_start(). replayed: the stream has asked for all pages. */
void beat_start(struct redis *r, const struct conf *c, const struct peer *p,
		const char *life, bool replayed, beat_done *done, void *arg);

#endif
