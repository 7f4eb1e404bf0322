/*
 * subscription.h - subscriptions to many channels of Redis over few connections: a channel
 * costs some bytes here and there, and no connection of its own.
 * Protocol: RESP2, SUBSCRIBE and pushed messages.
 *
 * Redis counts connections (PUBSUB NUMSUB). So that it counts each subscription, two to the
 * same channel are on different ones: there are as many as one channel has subscriptions at
 * once.
 *
 * All is one thread's, which waits with the epoll of subscription_init(), and is never
 * blocked. What has come for a subscription, an answer, its loss or messages, makes it
 * ready; messages wait in it, up to SUBSCRIPTION_HELD_MAX bytes.
 */
#ifndef STORE_SUBSCRIPTION_H
#define STORE_SUBSCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { SUBSCRIPTION_HELD_MAX = 48 * 1024 };

struct subscription;

/* Call once. The connections are in this epoll, with SUBSCRIPTION_EVENT in data.u64: an
 * address, in which that bit is clear, marks those of others. Each is subscribed to a channel
 * of its own, whose name begins with own; copied. is_last: whether a message is one after which
 * none is to be waited for. */
enum { SUBSCRIPTION_EVENT = 2 };
typedef bool subscription_is_last(const char *message, size_t len);
void subscription_init(int epoll_fd, const char *own, subscription_is_last *is_last);

/* Begins to subscribe to a channel; connects first, if there is no connection for it. arg is
 * for subscription_ready(). NULL: Redis is away, and was just tried. */
struct subscription *subscription_start(const char *channel, void *arg);

enum subscription_state {
	SUBSCRIPTION_STARTING,		/* Redis has not answered yet */
	SUBSCRIPTION_CONFIRMED,		/* no message is missed that is published since */
	SUBSCRIPTION_STOPPING,		/* likewise */
	SUBSCRIPTION_STOPPED,		/* Redis does not count it any more */
	SUBSCRIPTION_LATE,		/* Redis did not answer in time, and may yet */
	SUBSCRIPTION_LOST,		/* its connection is gone, or was never made: see
					 * subscription_error() */
};
enum subscription_state subscription_state(const struct subscription *s);

/* Why it was lost: ERR_STORE, ERR_STORE_VERSION. */
enum err subscription_error(const struct subscription *s);

/* The channel of its connection, which is there for ever: where Redis counts a subscriber to
 * that, this subscription is counted, too. Where it was lost: one that nobody is subscribed to. */
const char *subscription_connection(const struct subscription *s);

/*
 * On clock_ms(). Where Sentinels have just named another master, other programs may write to
 * the old one until then. A client that was told before that its rooms are lost would join
 * them there, and that would be lost silently.
 */
int64_t subscription_settles_at(void);

/* Sends what was begun; call it before you wait. */
void subscription_flush(void);

/* Handles an event with this data.u64. */
void subscription_receive(uint64_t data);

/* When an answer is late, or a connection was not used for long, on clock_ms() (INT64_MAX:
 * there is none), and what is to be called then. */
int64_t subscription_deadline(void);
void subscription_expire(void);

/* Whether one is ready; and the arg of it, which is then ready no more. NULL: none is. */
bool subscription_has_ready(void);
void *subscription_ready(void);

/* The next message, which lives until the next call. False: none is left. Where the
 * subscription is lost, those that came before are still returned. */
bool subscription_next(struct subscription *s, const char **message, size_t *len);

/* Whether one that is the last has come, even if it waits behind others, or was dropped. */
bool subscription_has_last(const struct subscription *s);

/* Whether messages were dropped since this was asked, as too many waited: they came after
 * all that subscription_next() has returned, and before all that come from now on. */
bool subscription_missed(struct subscription *s);

/* Redis does not count it, though it was confirmed: closes its connection. */
void subscription_distrust(struct subscription *s);

/* Unsubscribes. Where Redis is away this is not waited for: it counts as stopped. */
void subscription_stop(struct subscription *s);

/* Unsubscribes, if that is not done. NULL is fine. */
void subscription_free(struct subscription *s);

#endif
