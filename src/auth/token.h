/*
 * token.h - who a request is from: JSON Web Tokens (RFC 7519), HS256 only.
 * Claims: id (or sub), username (or name), exp, nbf, and rooms: patterns of the rooms that
 * the bearer may join, where a '*' at the end matches any rest. A claim of these with the
 * wrong type makes the token invalid; other claims are ignored. In the header alg must be
 * HS256, and there must be no crit.
 *
 * With "server": true it is the token of a site's own server, and of no peer: id is for the
 * log and may be absent, there is no username, rooms bound what it may ask of, and it is
 * valid for SERVER_TTL_MAX seconds at most, counted from iat where it has one.
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "conf/conf.h"
#include "room/peer.h"

enum { SERVER_TTL_MAX = 3600 };

struct claims {
	struct peer peer;	/* of a server: its id alone */
	bool server;
	int64_t expires;	/* Unix seconds */
	int64_t issued;		/* likewise, by iat; 0: it has none */
	char *rooms;		/* JSON array of strings; NULL: any room. Owned. */
};

/* ERR_TOKEN: *why is the reason, for the log. now is in Unix seconds. */
enum err token_verify(const struct conf *c, const char *token, int64_t now,
		      struct claims *to, const char **why);

/* A token for these claims, issued now, signed with the first secret. Owned by the caller. */
char *token_sign(const struct conf *c, const struct claims *claims, int64_t now);

/* Whether the claims allow this room. */
bool token_covers(const struct claims *claims, const char *room);

/* Where, in their order, rooms that the claims of a bounded token allow may be after this name.
 * False: none is. from: from this text on, itself included, or if it is empty at once. end:
 * all that begin before `after` are at or before it; both are known by the claims alone. */
bool token_seek(const struct claims *claims, const char *after, char from[ID_MAX + 1],
		char end[ID_MAX + 2]);

void claims_free(struct claims *claims);

#endif
