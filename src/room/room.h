/*
 * room.h - what a peer does in rooms: each function runs one script in Redis.
 *
 * The caller has checked the ids. Each function may return ERR_STORE: it is not known
 * whether the script ran; join and leave may be repeated. After ERR_STORE_VERSION it
 * did not run.
 */
#ifndef ROOM_ROOM_H
#define ROOM_ROOM_H

#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "conf/conf.h"
#include "room/json.h"
#include "room/peer.h"
#include "store/redis.h"

/* Idempotent: a repeat only announces the others to p again, unless p was away. Appends
 * the others to peers, as a JSON array. issued: of its token, as in struct claims.
 * ERR_ROOM_FULL, ERR_MANY_ROOMS, ERR_REVOKED; ERR_RATE and ERR_KEPT_OUT, and *wait_ms says
 * for how long. */
enum err room_join(struct redis *r, const struct conf *c, const struct peer *p,
		   int64_t issued, const char *room, struct buf *peers, int *wait_ms);

/* OK also where p is no member; but then it may be ERR_REVOKED. */
enum err room_leave(struct redis *r, const struct conf *c, const struct peer *p,
		    int64_t issued, const char *room);

/* Appends to peers as room_join() does. ERR_NOT_MEMBER, ERR_REVOKED, ERR_RATE. */
enum err room_peers(struct redis *r, const struct conf *c, const struct peer *p,
		    int64_t issued, const char *room, struct buf *peers, int *wait_ms);

/* once, below, is of a request that may be repeated: "FINGERPRINT KEY", characters that tell it from
 * another one, and the id that its client has given it; else it is empty. A repeat within five minutes has
 * the result of the first, and nobody gets its messages twice; where a broadcast ended halfway, a repeat
 * goes on. ERR_IDEMPOTENCY: the key is that of another request of the same sender. What was refused may
 * be repeated as if it had not been. A sender may use ANSWERS_MAX keys (deliver.lua) in five minutes;
 * then it is ERR_RATE. */
enum { ONCE_FINGERPRINT = 16, ONCE_SIZE = ONCE_FINGERPRINT + 1 + ID_MAX + 1 };

/* The result of a relay: OK, and how many streams received it (0: it is kept);
 * ERR_NO_PEER; ERR_REVOKED; ERR_MAILBOX; ERR_IDEMPOTENCY; or ERR_RATE, and for how many ms. */
typedef void relay_done(void *arg, enum err e, int streams, int wait_ms);

/* All or none, in order; items and once are copied. done is called once, now or later:
 * see redis_enqueue(). Where p is NULL it is the site's own server that sends: to any peer
 * that there is, without a shared room, as "peer":null, and within SERVER_RATE. */
void room_relay(struct redis *r, const struct conf *c, const struct peer *p, int64_t issued,
		const char *once, const char *to, const struct item *items, int count,
		relay_done *done, void *arg);

/* *peers: to how many it was sent. ERR_NOT_MEMBER, ERR_REVOKED, ERR_IDEMPOTENCY;
 * ERR_RATE, as for room_join(). Where p is
 * NULL it is likewise to all members, and those who are entering; to nobody where the room
 * is empty. */
enum err room_broadcast(struct redis *r, const struct conf *c, const struct peer *p,
			int64_t issued, const char *once, const char *room,
			const struct item *item, int *peers, int *wait_ms);

/* Counts a token for this address. ERR_RATE, as for room_join(). */
enum err room_access(struct redis *r, const struct conf *c, const char *address,
		     int *wait_ms);

#endif
