/*
 * percent.h - percent-decoding (RFC 3986, 2.1).
 */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

/* to has room for len bytes; any byte may come out. False: a % without two hex
 * digits. */
bool percent_decode(const char *s, size_t len, char *to, size_t *to_len);

#endif
