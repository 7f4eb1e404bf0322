/*
 * err.h - all that can go wrong with a request.
 * Only web/ knows the HTTP status of each.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err {
	OK = 0,
	ERR_ROUTE,		/* no such route */
	ERR_METHOD,		/* not with this method */
	ERR_NO_TOKEN,
	ERR_TOKEN,		/* bad or expired */
	ERR_REVOKED,		/* the token, by a server */
	ERR_ROOM_DENIED,	/* the token's rooms do not cover it */
	ERR_SERVER,		/* a peer's token for a server's route, or the reverse */
	ERR_BOUNDED,		/* a server's token with rooms, for a peer */
	ERR_KEPT_OUT,		/* of the room, by a server */
	ERR_ORIGIN,		/* cookie alone, from a foreign page */
	ERR_ADDRESS,		/* may not read the metrics */
	ERR_ACCEPT,		/* the client accepts no event stream */
	ERR_LENGTH,		/* a body without a length */
	ERR_TOO_LARGE,
	ERR_MEDIA,		/* a body with a type other than JSON */
	ERR_INPUT,		/* not JSON, wrong types, an invalid id */
	ERR_NO_PEER,		/* in no shared room */
	ERR_NOT_MEMBER,
	ERR_ROOM_FULL,
	ERR_MANY_ROOMS,
	ERR_IDEMPOTENCY,	/* the key is that of another request */
	ERR_RATE,
	ERR_MAILBOX,		/* of a peer that is away, full */
	ERR_BUSY,		/* too many streams here */
	ERR_STORE,		/* Redis cannot be reached, or refuses */
	ERR_STORE_VERSION,	/* Redis is too old */
	ERR_SLOW,		/* the body took too long to arrive */
	ERR_GONE,		/* the web server has closed the request */
	ERR_COUNT,
	ERR_PENDING		/* no error: http_complete() answers later */
};

/* Whether Redis is the cause. */
static inline bool err_is_store(enum err e)
{
	return e == ERR_STORE || e == ERR_STORE_VERSION;
}

/* A word for each but OK, for logs and metrics. */
extern const char *const err_words[ERR_COUNT];

#endif
