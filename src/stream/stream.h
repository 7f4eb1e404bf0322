/*
 * stream.h - one event stream, from its request to its end.
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include "base/conf.h"
#include "web/fcgi.h"

/* Serves the request on this thread, for as long as it takes; frees f. full:
 * there are too many streams already. */
void stream_serve(struct fcgi *f, const struct conf *conf, bool full);

#endif
