/*
 * server.h - what a site's own server, or an operator, asks of rooms and peers: each function
 * runs one script in Redis, in parts where many peers are told.
 *
 * The caller has checked ids, names and bounds. out gets a JSON object; after an error it may
 * have a part of one. *wait_ms is set by ERR_RATE: all of them together are within SERVER_RATE.
 * Each may also return ERR_STORE and ERR_STORE_VERSION, as those of room.h, and may be repeated.
 */
#ifndef ROOM_SERVER_H
#define ROOM_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "conf/conf.h"
#include "room/peer.h"
#include "store/redis.h"

enum {
	SERVER_LIMIT_MAX = 100,		/* of a page */
	SERVER_SECONDS_MAX = 604800,	/* for which a peer can be kept out: also in join.lua */
	SERVER_REASON_MAX = 200,	/* characters of UTF-8 */
};

/* The rooms that a list is of, where it is not of all. */
struct server_scope {
	bool (*covers)(const void *arg, const char *room);
	/* Where there may be rooms of it after a name, as token_seek(). */
	bool (*seek)(const void *arg, const char *after, char from[ID_MAX + 1],
		     char end[ID_MAX + 2]);
	const void *arg;
};

/* {"rooms":[{"room":"tea","count":3},...],"next":"tea"}, by name: those after a name ("": from
 * the first on), of at most `limit` that were looked at. next, where there may be more, is what
 * `after` is to be then. With a scope (NULL: none) a page may be shorter, or empty, and nothing
 * in it is the name of a room that is not covered. */
enum err server_rooms(struct redis *r, const struct conf *c, const char *after, int limit,
		      const struct server_scope *scope, struct buf *out, int *wait_ms);

/* {"room":"tea","count":3,"members":[{"id":..,"username":..,"since":1790000000,"here":true},...],
 * "next":"id"}, by id; count is of all. since is in Unix seconds, or null where it is not known;
 * here: it has a stream. A peer of the Node application has no username. Nobody is in a room
 * that does not exist. */
enum err server_room(struct redis *r, const struct conf *c, const char *room, const char *after,
		     int limit, struct buf *out, int *wait_ms);

/* {"id":..,"username":..,"here":true,"streams":1,"since":1790000000,"rooms":["tea",...]}, likewise.
 * ERR_NO_PEER. */
enum err server_peer(struct redis *r, const struct conf *c, const char *peer, struct buf *out,
		     int *wait_ms);

/* Takes a peer out of a room; *was: it was a member. The others are told by remove-peer, and so
 * is the peer itself. For so many seconds it cannot join, whether it was a member or not; 0: it
 * can, or not for as long as was said before. */
enum err server_remove(struct redis *r, const struct conf *c, const char *room, const char *peer,
		       long seconds, bool *was, int *wait_ms);

/* Takes a peer out of all rooms, and ends its streams, *streams of them, by the event
 * `disconnect` with this reason (UTF-8; "": none). For so many seconds tokens are refused that
 * were issued by now, also those of a peer that is not here; 0: none is, or as was said before.
 * ERR_NO_PEER: with 0, and it is not here. */
enum err server_disconnect(struct redis *r, const struct conf *c, const char *peer,
			   const char *reason, long seconds, int *streams, int *wait_ms);

/* Whether a token of this peer that was issued then (as in struct claims) may be used: OK, or
 * ERR_REVOKED. It is not charged. room.h and presence.h ask by themselves. */
enum err server_revoked(struct redis *r, const struct conf *c, const struct peer *p,
			int64_t issued);

#endif
