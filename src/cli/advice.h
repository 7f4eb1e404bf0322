/*
 * advice.h - what to change in a deployment that does not work, by the cause and the web
 * server.
 */
#ifndef CLI_ADVICE_H
#define CLI_ADVICE_H

enum cause {
	CAUSE_NONE,
	CAUSE_BUFFERED,		/* what is written does not arrive at once */
	CAUSE_COMPRESSED,
	CAUSE_IDLE,		/* cut while nothing was sent */
	CAUSE_AGE,		/* cut though pings arrived */
	CAUSE_FULL,		/* of processes, threads or connections */
	CAUSE_UNREAD,		/* a client that does not read costs without bound */
	CAUSE_CLOSE,		/* the end of a client is not passed on */
	CAUSE_TOKEN,		/* Authorization does not arrive */
	CAUSE_HOST,		/* Host does not arrive as it was sent */
	CAUSE_METRICS,		/* anybody may read them */
	CAUSE_POSITION,		/* Last-Event-ID does not arrive, or Redis is another */
	CAUSE_PAGE,		/* files answer what the program should */
	CAUSE_FILES,		/* the page is not where it should be */
	CAUSE_MOUNT,		/* something else answers */
	CAUSE_DOWN,		/* a program does not run */
	CAUSE_BODY,		/* a body is refused by the web server */
	CAUSE_REDIS,
	CAUSE_EVICTS,		/* Redis evicts keys */
	CAUSE_STREAMS,		/* DRAWBRIDGE_STREAMS are open */
	CAUSE_RATE,
	CAUSE_ENDED,		/* a stream that stream.fcgi itself has ended */
	CAUSES
};

/* Prints a line for each thing to change. server is the header of this name, front the
 * proxy in front, or empty; where neither is known, the lines for all servers. Of
 * CAUSE_CLOSE only those of front, where it has some. mount is the path of the URL, with
 * a slash at each end. */
void advise(enum cause cause, const char *server, const char *front,
	    const char *mount);

#endif
