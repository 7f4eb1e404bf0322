/*
 * conns.h - the connections that nobody works on: those whose request is not whole,
 * whose answer is not sent, or that are kept for the next request.
 *
 * One thread has them all, that of fcgi_take() and fcgi_wait(). What any of them
 * costs is the same however many there are, and how long each stays is limited.
 */
#ifndef WEB_CONNS_H
#define WEB_CONNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "web/record.h"

struct queue;

/* A connection, and its request. */
struct fcgi {
	struct record record;
	int fd;				/* written to */
	bool cgi, light;
	/* of the answer */
	size_t put, sent;		/* bytes of records */
	bool ended;			/* the last of them was put */
	struct buf unsent;		/* is sent by conns.c */
	size_t unsent_sent;
	/* while nobody works on it */
	TAILQ_ENTRY(fcgi) entry;
	struct queue *queue;
	int64_t deadline;		/* in the queue */
	uint64_t serial;		/* the lower, the older */
	int64_t begun;			/* its request, of clock_ms() */
	uint32_t watched;		/* events of epoll */
	size_t received, checked;	/* bytes: so far, and at the last check */
	int checks;			/* of the rate of a body */
	bool drains;			/* what comes is dropped */
	bool closes;			/* its descriptor is needed */
	size_t held;			/* bytes of memory that were counted */
};

void conns_init(size_t body_max, unsigned body_timeout, int stop_fd);

/* What fcgi_on_head() was given says so. */
bool conns_refused(struct fcgi *f);

/* Gives one back, by any thread. It is closed once it has no use. */
void conns_return(struct fcgi *f);

/* Closes and frees one that is in no queue. */
void conns_close(struct fcgi *f);

#endif
