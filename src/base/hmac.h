/*
 * hmac.h - HMAC-SHA-256 (RFC 2104, FIPS 180-4) by Nettle.
 */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include <stdbool.h>
#include <stddef.h>

enum { HMAC_SIZE = 32 };	/* bytes */

void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
		 unsigned char to[HMAC_SIZE]);

/* Whether two secrets are equal, in constant time; their lengths are not secret. */
bool secret_equal(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
