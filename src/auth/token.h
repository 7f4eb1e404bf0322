/*
 * token.h - who a request is from: JSON Web Tokens (RFC 7519), HS256 alone.
 * Claims: id (or sub), username (or name), exp, nbf, and rooms, patterns of rooms
 * that the bearer may join, with '*' at the end for any that begin so. One of
 * these that has another type makes the token none; other claims are not looked
 * at. Of the header alg counts, and that there is no crit.
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "room/peer.h"

struct claims {
	struct peer peer;
	int64_t expires;	/* Unix seconds */
	char *rooms;		/* JSON array of strings; NULL: any room. Owned. */
};

/* ERR_TOKEN; *why then says what for the log. now is in Unix seconds. */
enum err token_verify(const struct conf *c, const char *token, int64_t now,
		      struct claims *to, const char **why);

/* A token for these claims, by the first secret. Owned by the caller. */
char *token_sign(const struct conf *c, const struct claims *claims, int64_t now);

bool token_covers(const struct claims *claims, const char *room);

void claims_free(struct claims *claims);

#endif
