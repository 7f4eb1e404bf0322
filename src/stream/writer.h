/*
 * writer.h - the client's side of a stream: events go out as records of FastCGI. What the
 * web server does not take at once waits, and nothing here blocks.
 */
#ifndef STREAM_WRITER_H
#define STREAM_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "web/fcgi.h"

struct writer {
	enum writer_state {
		WRITER_OPEN,
		WRITER_ENDING,		/* its last words are being sent */
		WRITER_ENDED,		/* they were; or no more can be sent */
	} state;
	struct fcgi *fcgi;		/* owned */
	struct buf out;			/* events, to be sent by writer_send() */
	/* writer.c's own */
	unsigned send_timeout_ms;
	struct buf wire;		/* their records */
	size_t wire_sent;		/* bytes of it */
	size_t wire_goal;		/* by the deadline */
	int64_t deadline;
};

/* send_timeout is in seconds. */
void writer_init(struct writer *w, struct fcgi *f, unsigned send_timeout);
void writer_free(struct writer *w);

/* Sends what it takes now. Returns whether new events were among that. */
bool writer_send(struct writer *w);

/* Whether it has not taken all yet. */
bool writer_is_slow(const struct writer *w);

/* Where it is slow or ending, by when it must have taken more, on clock_ms(). */
int64_t writer_deadline(const struct writer *w);

/* Begins to end it: what is in out are the last words. writer_send() goes on with that, and
 * writer_expire() gives it up when its time is over. */
void writer_end(struct writer *w);
void writer_expire(struct writer *w, int64_t now);

/* No more can be sent. */
void writer_drop(struct writer *w);

#endif
