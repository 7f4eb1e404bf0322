/*
 * turn.h - a password for a TURN server that expires: the TURN REST API
 * (draft-uberti-behave-turn-rest-00), use-auth-secret in coturn.
 */
#ifndef AUTH_TURN_H
#define AUTH_TURN_H

#include <stdint.h>

#include "base/buf.h"

/* Appends "expires:peer". expires is in Unix seconds. */
void turn_username(struct buf *to, int64_t expires, const char *peer);

/* Appends base64(HMAC-SHA1(secret, username)). */
void turn_credential(struct buf *to, const char *secret, const char *username);

#endif
