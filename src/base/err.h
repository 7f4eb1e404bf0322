/*
 * err.h - what can go wrong with a request, as one list.
 * Only web/ knows which HTTP status each of these is.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
	OK = 0,
	ERR_ROUTE,		/* no such route */
	ERR_METHOD,		/* another method */
	ERR_NO_TOKEN,
	ERR_TOKEN,		/* bad or expired */
	ERR_ROOM_DENIED,	/* the token's rooms do not cover it */
	ERR_ORIGIN,		/* cookie alone, from a foreign page */
	ERR_ADDRESS,		/* metrics are not for it */
	ERR_ACCEPT,		/* a client that takes no event stream */
	ERR_LENGTH,		/* a body without a length */
	ERR_TOO_LARGE,
	ERR_MEDIA,		/* a body that says it is no JSON */
	ERR_INPUT,		/* not JSON, wrong types, an ID that is none */
	ERR_NO_PEER,		/* in no shared room */
	ERR_NOT_MEMBER,
	ERR_ROOM_FULL,
	ERR_MANY_ROOMS,
	ERR_RATE,
	ERR_MAILBOX,		/* as much is kept for a peer as may be */
	ERR_BUSY,		/* too many streams here */
	ERR_STORE,		/* Redis cannot be reached, or refuses */
	ERR_SLOW,		/* a body that was too long on its way */
	ERR_GONE,		/* the web server has closed the request */
	ERR_COUNT,
	LATER			/* no error: the answer is not there yet */
};

/* One word for each but OK, for logs and metrics. */
extern const char *const err_words[ERR_COUNT];

#endif
