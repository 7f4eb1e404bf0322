/*
 * jws.h - what somebody has signed: JSON Web Signature (RFC 7515), its compact
 * form, HS256 alone.
 */
#ifndef AUTH_JWS_H
#define AUTH_JWS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/conf.h"

/*
 * Whether one of the keys has signed it; then header and payload, as they were
 * before they became Base64, are appended. Nothing of it is looked at before the
 * signature: what nobody has signed reaches no parser.
 */
bool jws_open(const char *text, const struct list *keys, struct buf *header,
	      struct buf *payload);

/* Appends header and payload, signed. */
void jws_sign(struct buf *to, const char *header, const char *payload,
	      const char *key);

#endif
