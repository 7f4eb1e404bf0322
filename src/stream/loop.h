/*
 * loop.h - accepts requests and serves all streams of the process, on one thread, which
 * never blocks.
 */
#ifndef STREAM_LOOP_H
#define STREAM_LOOP_H

#include <stdbool.h>

#include "stream/stream.h"

/* Call once, before all else. */
void loop_init(const struct conf *conf);

/* A new stream, which the loop owns from now on. */
void loop_add(struct stream *s);

/* Accepts requests, and serves the streams; with once until there is none. From SIGTERM on
 * it ends them, and returns when that is done, or after LOOP_STOP_MS. */
enum { LOOP_STOP_MS = 700 };
void loop_run(bool once);

#endif
