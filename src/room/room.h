/*
 * room.h - what a peer does in rooms: each is one script in Redis.
 *
 * Ids are checked by the caller. Each may return ERR_STORE; then it is not
 * known whether it was done, and join and leave can be repeated.
 */
#ifndef ROOM_ROOM_H
#define ROOM_ROOM_H

#include "base/conf.h"
#include "base/err.h"
#include "room/json.h"
#include "room/peer.h"
#include "store/redis.h"

/* Twice is as once: p alone is told of the others again, unless it was away. peers gets
 * the others as a JSON array. ERR_ROOM_FULL, ERR_MANY_ROOMS; ERR_RATE, and *wait_ms is for
 * how long. */
enum err room_join(struct redis *r, const struct conf *c, const struct peer *p,
		   const char *room, struct buf *peers, int *wait_ms);

/* Also where p is no member. */
enum err room_leave(struct redis *r, const struct conf *c, const struct peer *p,
		    const char *room);

/* As join's answer. ERR_NOT_MEMBER. */
enum err room_peers(struct redis *r, const struct conf *c, const struct peer *p,
		    const char *room, struct buf *peers);

/* How a relay went: OK, and how many streams took it (0: it is kept);
 * ERR_NO_PEER; ERR_MAILBOX; or ERR_RATE, and for how many ms. */
typedef void relay_done(void *of, enum err e, int streams, int wait_ms);

/* All or none, in order; items are copied. done is called once, now or later:
 * see redis_start(). */
void room_relay(struct redis *r, const struct conf *c, const struct peer *p,
		const char *to, const struct item *items, int count,
		relay_done *done, void *of);

/* *peers: to how many. ERR_NOT_MEMBER; ERR_RATE, and *wait_ms is for how long. */
enum err room_broadcast(struct redis *r, const struct conf *c,
			const struct peer *p, const char *room,
			const struct item *item, int *peers, int *wait_ms);

/* May this address have a fresh token? ERR_RATE as above. */
enum err room_access(struct redis *r, const struct conf *c, const char *address,
		     int *wait_ms);

/* Presence: what a stream does. */
struct presence {
	bool resumed;
	char position[48];		/* the id that `connected` says */
	char life[48];			/* for the beats */
	const struct reply *rooms;	/* names */
	const struct reply *missed;	/* {id, {"m", message}} each: a page */
	bool more;			/* than this page: presence_replay() */
	long long number;		/* of the stream, among those of its peer */
	struct reply *reply;		/* owns rooms and missed: free it */
};

struct later {
	bool moved;			/* look again in GRACE + PING / 2 */
	bool more;			/* look again at once */
};

typedef void presence_done(void *of, enum err e);

/* position may be empty, and number 0: those that the stream has. position and to
 * stay until done is called, with to set: see redis_start(). */
void presence_connect(struct redis *r, const struct conf *c,
		      const struct peer *p, const char *position,
		      long long number, struct presence *to,
		      presence_done *done, void *of);
/* The page that follows a position, as missed, more and reply of to; with resumed
 * false where the position is not known any more: connect again. Otherwise as
 * presence_connect(). */
void presence_replay(struct redis *r, const struct conf *c,
		     const struct peer *p, const char *position,
		     struct presence *to, presence_done *done, void *of);
/* OK, and live: else the stream is to subscribe and connect again; later is what is
 * to be done then. Or ERR_STORE. */
typedef void beat_done(void *arg, enum err e, bool live, const struct later *later);

/* replayed: the stream has asked for all pages. p and life, as presence_connect() gave it,
 * stay until done is called: see redis_start(). */
void presence_beat(struct redis *r, const struct conf *c, const struct peer *p,
		   const char *life, bool replayed, beat_done *done, void *arg);
/* *leaving: look again in GRACE. */
enum err presence_end(struct redis *r, const struct conf *c,
		      const struct peer *p, long long number, bool *leaving);
/* The same as presence_connect() does it. */
void presence_end_start(struct redis *r, const struct conf *c,
			const struct peer *p, long long number, bool *leaving,
			presence_done *done, void *of);
enum err presence_due(struct redis *r, const struct conf *c,
		      struct later *later);

/* The channel of a peer: PREFIX messages:PEER. Owned by the caller. */
char *room_channel(const struct conf *c, const char *peer);

#endif
