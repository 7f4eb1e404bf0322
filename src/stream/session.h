/*
 * session.h - the side of a stream that Redis has: its subscription, and its place among the
 * streams of its peer. Each step is begun by a function and is over when session_is_busy()
 * says so, which session_ready() announces; nothing blocks.
 *
 * All sessions of the process are one thread's, which waits with the epoll of sessions_init():
 *
 *	for (;;) {
 *		events = epoll_wait(until sessions_deadline())
 *		for (each event)
 *			sessions_dispatch(event)
 *		sessions_receive();
 *		while ((arg = session_ready()))
 *			...
 *		sessions_flush(false);
 *	}
 */
#ifndef STREAM_SESSION_H
#define STREAM_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include "room/presence.h"
#include "store/subscription.h"
#include "stream/message.h"

TAILQ_HEAD(session_list, session);

struct session {
	const struct conf *conf;
	struct peer peer;
	int64_t issued;			/* its token: as in struct claims */
	char position[ID_SIZE];		/* the last id sent to the client; only changed while
					 * it neither connects nor replays */
	char incarnation[INCARNATION_SIZE];
	void *arg;			/* what session_ready() returns */
	struct subscription *subscription;	/* NULL: it is not connected */
	/* the result of the last step */
	enum err err;
	struct presence presence;	/* of session_connect() and session_replay(): to be
					 * freed by session_free_presence() */
	struct beat beat;		/* of session_beat() */
	/* session.c's own */
	enum session_step {
		SESSION_IDLE,
		SESSION_TO_CONNECT,	/* waits for its turn, as all TO_ */
		SESSION_SUBSCRIBING,
		SESSION_CONNECTING,
		SESSION_TO_BEAT,
		SESSION_BEATING,
		SESSION_TO_REPLAY,
		SESSION_REPLAYING,
		SESSION_UNSUBSCRIBING,
		SESSION_TO_LEAVE,
		SESSION_LEAVING,
	} step;
	int tries;
	bool is_leaving;		/* its peer: this was the last stream */
	long long number;		/* among those of its peer; 0: none yet */
	char *channel;
	TAILQ_ENTRY(session) entry;
	struct session_list *list;	/* NULL: it is in none */
};

/* All else is zero. */
void session_init(struct session *s, const struct conf *conf, const struct peer *peer,
		  int64_t issued);

/* Not while it is busy. */
void session_free(struct session *s);

bool session_is_busy(const struct session *s);

/* First the subscription, then the position: nothing falls between. Tries twice: perhaps
 * just a connection was closed, and where Redis is away the second time fails at once. OK
 * without a subscription: it is too early (subscription_settles_at()), try again.
 * ERR_REVOKED at once. */
void session_connect(struct session *s);
void session_free_presence(struct session *s);

/* Also tries twice. trims: as in struct beat. */
void session_beat(struct session *s, bool trims);

/* The next page after the position. */
void session_replay(struct session *s);

/* The subscription goes, as Redis is lost. */
void session_drop(struct session *s);

/* First unsubscribes, or the script would count it, and believe that another stream is
 * left. */
void session_leave(struct session *s);

/* Call once. */
void sessions_init(int epoll, const struct conf *conf);

/* False: the event is not of a session. */
bool sessions_dispatch(const struct epoll_event *e);

/* Handles what has come, and what is late. */
void sessions_receive(void);

/* The arg of a session whose step is over; or whose subscription has a message or is lost,
 * while it is idle or beats. NULL: there is none. */
void *session_ready(void);

/* Begins what waits for its turn, and sends it: call it before you wait. more_to_come: it will
 * be called again without waiting, so a batch of beats that is not full yet stays. */
void sessions_flush(bool more_to_come);

/* When these two are to be called, on clock_ms(). */
int64_t sessions_deadline(void);

#endif
