/*
 * conns.h - the connections to the web server that no request handler has: those whose
 * request is incomplete, whose answer is not sent, or that are kept for the next request.
 *
 * All belong to one thread, that of fcgi_accept() and fcgi_wait(). Each operation costs
 * the same however many there are, and how long each stays is limited.
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
	bool cgi;
	bool released;			/* fcgi_release_request() */
	/* the answer */
	size_t framed, sent;		/* bytes of records */
	bool ended;			/* the last record was framed */
	struct buf unsent;		/* conns.c sends it */
	size_t unsent_sent;
	/* while no request handler has it */
	TAILQ_ENTRY(fcgi) entry;
	struct queue *queue;
	int64_t deadline;		/* in the queue */
	uint64_t serial;		/* the lower, the older */
	int64_t started_at;		/* its request, on clock_ms() */
	uint32_t watched;		/* events of epoll */
	size_t received, checked;	/* bytes: so far, and at the last check */
	int checks;			/* of the rate of a body */
	bool drains;			/* what comes is discarded */
	bool closes;			/* evicted: its descriptor is needed */
	size_t held;			/* bytes of memory, as accounted */
};

/* listening: standard input is the socket that connections come to. */
void conns_init(size_t body_max, unsigned body_timeout, int stop_fd, bool listening);

/* The answer of the callback of fcgi_on_head(). */
bool conns_refused(struct fcgi *f);

/* By any thread: its request was answered. It is closed once it is of no use. */
void conns_return(struct fcgi *f);

/* Closes and frees a connection that is in no queue. */
void conns_close(struct fcgi *f);

#endif
