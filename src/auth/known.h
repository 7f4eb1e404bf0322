/*
 * known.h - tokens that were verified before. A peer sends the same one with
 * each request, and to verify it again costs more than all else that a relay
 * takes here.
 */
#ifndef AUTH_KNOWN_H
#define AUTH_KNOWN_H

#include "auth/token.h"

/* As token_verify(), of settings that stay the same while the program runs. */
enum err known_verify(const struct conf *c, const char *token, int64_t now,
		      struct claims *to, const char **why);

#endif
