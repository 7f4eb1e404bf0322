/*
 * percent.h - percent-encoding (RFC 3986, 2.1), and back.
 */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* to has room for len bytes; the result may hold any byte. False: a % without two hex
 * digits. */
bool percent_decode(const char *s, size_t len, char *to, size_t *to_len);

/* Appends s, with all but the unreserved characters (2.3) encoded. */
void percent_encode(const char *s, size_t len, struct buf *to);

#endif
