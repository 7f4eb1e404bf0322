/*
 * presence.h - what a stream does for its peer: each function enqueues one script in Redis,
 * and never blocks.
 *
 * done is called once, later, with OK, or with an error as in room.h. Until then all that is
 * passed by a pointer must stay, the peer and its id included.
 */
#ifndef ROOM_PRESENCE_H
#define ROOM_PRESENCE_H

#include "base/err.h"
#include "conf/conf.h"
#include "room/peer.h"
#include "store/redis.h"

enum { INCARNATION_SIZE = 48 };

struct presence {
	bool resumed;
	char position[48];		/* the id that `connected` says */
	char incarnation[INCARNATION_SIZE];	/* for presence_beat() */
	const struct reply *rooms;	/* names */
	const struct reply *missed;	/* {id, {"m", message}} each: a page */
	bool more;			/* pages follow: presence_replay() */
	long long number;		/* of the stream, among those of its peer */
	struct reply *reply;		/* owns rooms and missed: free it */
};

/* What is left to do after a sweep, which takes a few peers at a time, and tells a few others. */
struct sweep {
	bool moved;			/* peers are leaving: sweep in GRACE + PING / 2 */
	bool more;			/* others are due: sweep again at once */
};

typedef void presence_done(void *arg, enum err e);

/* For callers that wait: arg is an enum err, which it sets. */
void presence_set_err(void *arg, enum err e);

/* position is what the client has, or empty; stream is the number that the stream has, or
 * 0; issued is as in struct claims. position and to must stay until done is called, with to
 * set: see redis_enqueue(). ERR_REVOKED. */
void presence_connect(struct redis *r, const struct conf *c,
		      const struct peer *p, int64_t issued, const char *position,
		      long long stream, struct presence *to,
		      presence_done *done, void *arg);
/* The page after a position, in missed, more and reply of to. resumed is false where the
 * position is not known any more: connect again. Otherwise as presence_connect(). */
void presence_replay(struct redis *r, const struct conf *c,
		     const struct peer *p, const char *position,
		     struct presence *to, presence_done *done, void *arg);
struct beat {
	const struct peer *peer;
	const char *incarnation;	/* as presence_connect() gave it */
	const char *connection;		/* the channel of that which it is subscribed by */
	bool trims;			/* the mailbox, as the client has all of it */
	/* the result */
	bool live;			/* else connect again */
	bool counted;			/* else subscribe again, by another connection */
	bool again;			/* beat again at once */
};

enum { BEATS_AT_ONCE = 255 };	/* as a byte says of which connection each is */

/* At most BEATS_AT_ONCE. Those of one connection have the same pointer to its channel.
 * *is_due: a sweep has something to do. beats and is_due must stay until done is called, with
 * them set; they say nothing where it is an error. */
void presence_beat(struct redis *r, const struct conf *c, struct beat beats[],
		   int count, bool *is_due, presence_done *done, void *arg);
/* The end of a stream. *leaving: it was the last one of its peer, so sweep in GRACE. */
void presence_leave(struct redis *r, const struct conf *c, const struct peer *p,
		    long long stream, bool *leaving, presence_done *done, void *arg);
/* Takes peers that have not come back in time out of their rooms, a few at a time. */
void presence_sweep(struct redis *r, const struct conf *c, struct sweep *sweep,
		    presence_done *done, void *arg);

/* The channel of a peer, PREFIX messages:PEER. Owned by the caller. Of those of connections,
 * which no peer has, all begin as that of PRESENCE_CONNECTION. */
#define PRESENCE_CONNECTION "@"
char *presence_channel(const struct conf *c, const char *peer);

#endif
