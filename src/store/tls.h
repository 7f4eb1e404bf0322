/*
 * tls.h - TLS to Redis and to Sentinels, below hiredis: what is connected is used by its
 * functions as any other connection, blocking or not. For this folder alone, and the only
 * place that knows OpenSSL.
 * Protocol: RFC 8446 (1.3) or RFC 5246 (1.2); whom to believe: RFC 6125.
 */
#ifndef STORE_TLS_H
#define STORE_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "conf/redis_url.h"

/* The error of a context, besides those of hiredis: either side has refused the other, and
 * will do so again. */
enum { TLS_ERR_REFUSED = 1000 };

/* Call once, before any thread; reads the files of the URL. NULL; or why it cannot be
 * used, as this build has no TLS, or a file is wrong: a text that stays. */
const char *tls_init(const struct redis_url *url);

/* Puts TLS on a connection, which may still be connecting. The certificate has to be for
 * that host, a name or an address. */
void tls_start(redisContext *c, const char *host);

/* Shakes hands, once it is connected; deadline is of clock_ms(). False: the context has
 * the error. From then on its descriptor does not block; a context with REDIS_BLOCK waits all
 * the same, as long as redisSetTimeout() says. */
bool tls_handshake(redisContext *c, int64_t deadline);

#endif
