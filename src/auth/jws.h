/*
 * jws.h - JSON Web Signature (RFC 7515), compact serialization, HS256 only.
 */
#ifndef AUTH_JWS_H
#define AUTH_JWS_H

#include <stdbool.h>

#include "base/buf.h"
#include "conf/conf.h"

/*
 * Verifies a token by these keys. True: one of them has signed it; the decoded header and
 * payload are appended. The signature is checked first, so that nothing unsigned reaches a
 * parser.
 */
bool jws_open(const char *text, const struct list *keys, struct buf *header,
	      struct buf *payload);

/* Appends the signed token. */
void jws_sign(struct buf *to, const char *header, const char *payload,
	      const char *key);

#endif
