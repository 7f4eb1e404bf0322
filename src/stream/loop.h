/*
 * loop.h - waits for all streams of the process at once, on one thread; what
 * blocks is done by workers, which are started as they are needed.
 */
#ifndef STREAM_LOOP_H
#define STREAM_LOOP_H

#include <stdbool.h>

#include "stream/stream.h"

/* Call once, before all else. */
void loop_init(void);

/* From any thread: opens new streams, which are the loop's from now on. At most
 * STREAMS_AT_ONCE. */
void loop_add(struct stream *streams[], int count);

/* Follows the streams; with once until there is none, else for ever. From
 * SIGTERM on (fcgi_stop_fd) it ends them. */
void loop_run(bool once);

#endif
