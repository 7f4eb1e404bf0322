/*
 * base64.h - Base64 (RFC 4648, 4), with padding, by Nettle.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Appends the digits of at most BASE64_BYTES_MAX bytes. */
enum { BASE64_BYTES_MAX = 64 };
void base64_append(struct buf *to, const void *data, size_t len);

/* Appends the bytes of a secret as Standard Webhooks writes it: "whsec_" and Base64; any other
 * text is taken as it is. False: after whsec_ comes no Base64. */
bool base64_secret(struct buf *to, const char *secret);

#endif
