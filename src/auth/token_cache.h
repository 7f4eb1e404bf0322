/*
 * token_cache.h - tokens that were verified before. A peer sends the same one with each
 * request, and verifying it again would cost more than the rest of a relay.
 */
#ifndef AUTH_TOKEN_CACHE_H
#define AUTH_TOKEN_CACHE_H

#include "auth/token.h"

/* As token_verify(); conf must stay the same while the program runs. Any thread. */
enum err token_cache_verify(const struct conf *c, const char *token, int64_t now,
			    struct claims *to, const char **why);

#endif
