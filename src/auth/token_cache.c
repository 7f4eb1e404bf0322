/*
 * A table with one slot for each hash: a token takes the place of another, which then
 * costs a verification again, and nothing has to be expired. It holds 2 MiB at most.
 *
 * A token is found by all of its text, signature included, so whoever is found has been
 * verified with the same bytes. Of the checks only the expiry can change its result
 * later: keys are those of the process for as long as it runs, and an nbf that has
 * passed stays passed.
 *
 * The lock guards all slots. It is not held during a verification: two threads may
 * verify the same token at the same time, and both insert it.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token_cache.h"
#include "base/buf.h"
#include "base/hmac.h"

enum { CACHED_TOKENS_MAX = 256 };

struct cached_token {
	char *token;			/* with its signature; NULL: the slot is free */
	struct claims claims;
};

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cached_token cache[CACHED_TOKENS_MAX];

/* The last bytes belong to the signature, so they are spread evenly. */
static struct cached_token *cache_slot(const char *token)
{
	size_t len = strlen(token);
	unsigned hash = 0;

	for (size_t i = len < 8 ? 0 : len - 8; i < len; i++)
		hash = hash * 31 + (unsigned char)token[i];
	return &cache[hash % CACHED_TOKENS_MAX];
}

static void copy_claims(struct claims *to, const struct claims *from)
{
	*to = *from;
	to->rooms = from->rooms ? xstrdup(from->rooms) : NULL;
}

/* expires is exp without its fraction: in that last second a token is verified anew,
 * never accepted for too long. */
static bool cache_lookup(const char *token, int64_t now, struct claims *to)
{
	const struct cached_token *k = cache_slot(token);
	bool found;

	pthread_mutex_lock(&cache_lock);
	/* In constant time, as in jws.c: how long it takes must not tell how much of a
	 * guessed signature is right. */
	found = k->token && now < k->claims.expires &&
		secret_equal(k->token, strlen(k->token), token, strlen(token));
	if (found)
		copy_claims(to, &k->claims);
	pthread_mutex_unlock(&cache_lock);
	return found;
}

static void cache_insert(const char *token, const struct claims *claims)
{
	struct cached_token *k = cache_slot(token);

	pthread_mutex_lock(&cache_lock);
	free(k->token);
	claims_free(&k->claims);
	k->token = xstrdup(token);
	copy_claims(&k->claims, claims);
	pthread_mutex_unlock(&cache_lock);
}

enum err token_cache_verify(const struct conf *c, const char *token, int64_t now,
			    struct claims *to, const char **why)
{
	enum err e;

	if (cache_lookup(token, now, to))
		return OK;
	e = token_verify(c, token, now, to, why);
	if (!e)
		cache_insert(token, to);
	return e;
}
