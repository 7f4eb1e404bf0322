/*
 * webhook.h - what the site's own server is to hear of rooms. Where conf->webhook is set, the
 * steps put events into a stream in Redis; these functions take them from there, for the one
 * process of all hosts that sends them on.
 *
 * Each blocks, and may return ERR_STORE: it is not known whether it was done, and it may be
 * repeated.
 */
#ifndef ROOM_WEBHOOK_H
#define ROOM_WEBHOOK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"
#include "store/redis.h"

enum {
	WEBHOOK_BATCH_MAX = 100,	/* events */
	WEBHOOK_BODY_MAX = 256 * 1024,	/* bytes, of as many events */
	WEBHOOK_LEASE_MS = 20000,	/* so long one that was killed stays the sender */
	/* Of that, what webhook_take() leaves at least. */
	WEBHOOK_LEASE_LEFT_MS = WEBHOOK_LEASE_MS / 4 * 3,
	WEBHOOK_AGE_S = 24 * 60 * 60,	/* an older event is given up */
};

/* Events in the order in which they became true, and always the same until webhook_sent(). */
struct webhook_batch {
	int wait_ms;			/* another one is the sender, for so long; or 0 */
	size_t count;			/* of the events */
	const char *first, *last;	/* their ids */
	long long missing;		/* before or among these; -1: nobody knows */
	unsigned given_up, pushed_out;	/* since it was asked last, by anybody */
	bool more;			/* to give up: ask again at once */
	const struct reply *events;
	struct reply *reply;		/* owns all of it: free it */
};

/* The next events, at most `most`; 0: none are read, and the rest of batch means nothing.
 * sender: the name of who asks, an id. If batch->wait_ms is 0 it is the sender from now on,
 * for WEBHOOK_LEASE_LEFT_MS at least. */
enum err webhook_take(struct redis *r, const struct conf *c, const char *sender, int most,
		      struct webhook_batch *batch);

/* They have arrived. */
enum err webhook_sent(struct redis *r, const struct conf *c, const struct webhook_batch *batch);

/* It is the sender no more. */
enum err webhook_end(struct redis *r, const struct conf *c, const char *sender);

struct webhook_state {
	long long waiting;		/* events */
	long long oldest_ms;		/* since the oldest of them became true; 0: none */
	bool is_sent;			/* somebody is the sender */
};

enum err webhook_state(struct redis *r, const struct conf *c, struct webhook_state *state);

/* Appends what names this batch, and no other one. */
void webhook_append_id(struct buf *to, const struct webhook_batch *batch);

/* Appends {"events":[...]}, as drawbridge(7) has it. */
void webhook_append_body(struct buf *to, const struct webhook_batch *batch);

#endif
