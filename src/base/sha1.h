/*
 * sha1.h - SHA-1 by Nettle, where others have chosen it: Redis for the names
 * of scripts, TURN's REST scheme for credentials (as HMAC, which its collisions
 * do not concern).
 */
#ifndef BASE_SHA1_H
#define BASE_SHA1_H

enum { SHA1_HEX = 40, SHA1_BASE64 = 28 };	/* characters, without a NUL */

/* In hexadecimal digits, lower case. */
void sha1_hex(const char *text, char to[SHA1_HEX + 1]);

/* HMAC (RFC 2104) in Base64. */
void sha1_hmac_base64(const char *key, const char *text,
		      char to[SHA1_BASE64 + 1]);

#endif
