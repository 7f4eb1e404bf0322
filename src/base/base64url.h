/*
 * base64url.h - the Base64 of URLs, without padding (RFC 4648, 5; RFC 7515, 2).
 */
#ifndef BASE_BASE64URL_H
#define BASE_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

void base64url_encode(struct buf *to, const void *data, size_t len);

/* Appends the decoded bytes. False: text is not Base64 of this kind. */
bool base64url_decode(struct buf *to, const char *text, size_t len);

#endif
