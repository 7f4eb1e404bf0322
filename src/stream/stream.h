/*
 * stream.h - one event stream, from its request to its end: a state machine between its
 * client (writer.h) and Redis (session.h). Nothing here blocks.
 *
 * All of it is the loop's (loop.h).
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "web/fcgi.h"

struct stream;

/* Owns f. NULL: the request was answered, as it may not open a stream. */
struct stream *stream_open(struct fcgi *f, const struct conf *conf);

/* How many there are, including those that are being opened or ended. */
unsigned stream_count(void);

/* By the loop, once: begins to connect. arg is what session_ready() returns. */
void stream_start(struct stream *s, void *arg);

/* Does all that can be done now (on clock_ms()). *next_at: the time of the next step, where
 * nothing comes before. False: it has ended, and is to be freed. */
bool stream_advance(struct stream *s, int64_t now, int64_t *next_at);
void stream_free(struct stream *s);

/* The connection to the web server, and its events of epoll(7) to wait for; -1: none. */
int stream_web_fd(const struct stream *s);
uint32_t stream_web_events(const struct stream *s);
/* These have come. */
void stream_web_event(struct stream *s, uint32_t events);

/* The program is to stop. */
void stream_stop(struct stream *s);

#endif
