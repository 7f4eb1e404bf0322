/*
 * stream.h - one event stream, from its request to its end.
 *
 * The loop has it (loop.h), which waits for its descriptors and its times, and
 * never blocks; what has to be asked of Redis a worker does meanwhile, from its
 * opening on. One at a time.
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "web/fcgi.h"

struct stream;

/* Whether a request is answered without its body: see fcgi_on_head(). */
bool stream_refused(struct fcgi *f, const struct conf *conf);

/* Takes f; to be opened by stream_work(). It counts from here on. */
struct stream *stream_new(struct fcgi *f, const struct conf *conf);

/* How many there are, with those that are being opened or ended. */
unsigned stream_count(void);

/* The connection to the web server, and the events of epoll(7) to watch. */
int stream_web_fd(const struct stream *s);
uint32_t stream_web_events(const struct stream *s);
/* Its subscription; -1: not to be watched now. */
int stream_redis_fd(const struct stream *s);

/* One of them has something. */
void stream_web_event(struct stream *s, uint32_t events);
void stream_redis_event(struct stream *s);

/* The program is to end. */
void stream_stop(struct stream *s);

enum stream_work {
	WORK_NONE, WORK_OPEN, WORK_BEAT, WORK_CONNECT, WORK_REPLAY, WORK_END
};

/* Does all that can be done now (in ms of clock_ms()) without blocking. Gives
 * what is left for stream_work(), or until when nothing is to be done. */
enum stream_work stream_go_on(struct stream *s, int64_t now, int64_t *until);

enum { STREAMS_AT_ONCE = 16 };

/* Does that, for some at once; may block. Those that are over are freed, and
 * NULL. */
void stream_work(struct stream *all[], int count);

#endif
