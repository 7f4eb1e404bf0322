/*
 * stream.h - one event stream, from its request to its end.
 */
#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include "base/conf.h"
#include "web/fcgi.h"

struct stream;

/* Answers the request, and takes f. NULL: all was said, there is no stream.
 * full: there are too many streams already. */
struct stream *stream_open(struct fcgi *f, const struct conf *conf, bool full);

/* Serves an open stream on this thread until its end, and frees it. */
void stream_follow(struct stream *s);

#endif
