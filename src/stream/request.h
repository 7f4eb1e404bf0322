/*
 * request.h - whether a request may open a stream: its token, its origin, what it accepts,
 * and whether there is room for one more. All of it without Redis.
 */
#ifndef STREAM_REQUEST_H
#define STREAM_REQUEST_H

#include <stdbool.h>

#include "web/http.h"

/* Whether a request is answered whatever its body: see fcgi_on_head(). */
bool request_refused(struct fcgi *f, const struct conf *conf);

/* Owns f. The call of a request that may, which is then counted in the quota; NULL: it was
 * answered. streams: how many this process would have with it. */
struct call *request_accept(struct fcgi *f, const struct conf *conf, unsigned streams);

#endif
