/*
 * sse.h - one server-sent event as bytes.
 * Format: WHATWG HTML, "Parsing an event stream". A line there ends at CR, LF
 * or CRLF, so data is split at all three.
 */
#ifndef WEB_SSE_H
#define WEB_SSE_H

#include "base/buf.h"

/* Appends an event; without an id where id is empty. name and id have no line end in them;
 * data is any UTF-8, and may be empty. */
void sse_event(struct buf *out, const char *id, const char *name,
	       const char *data, size_t len);

#endif
