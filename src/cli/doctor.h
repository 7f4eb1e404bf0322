/*
 * doctor.h - what the parts of the doctor share: doctor.c is its command line,
 * examine.c what it looks at, front.c what of that is a proxy's, probe.c how it asks
 * and tells.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>

#include "base/conf.h"
#include "base/id.h"
#include "cli/advice.h"
#include "cli/client.h"
#include "room/json.h"

enum {
	STREAMS_MOST = 400,	/* the tokens of a minute: DRAWBRIDGE_ACCESS_RATE */
	STREAMS_EACH = 8,	/* of a peer: DRAWBRIDGE_PEER_STREAMS */
	SECONDS_MOST = 86400,
};

struct peer_here {
	const char *name;
	char *token;
	char id[ID_MAX + 1];
	struct exchange *stream;
};

struct doctor {
	/* as asked for */
	const char *mount;	/* the path of the URL */
	bool insecure;
	struct conf *sign;	/* NULL: tokens come from /access */
	long streams, hold, unread, wait;
	/* as found */
	struct client *client;
	char server[128];	/* the header */
	char front[128];	/* who answers first, where that is another */
	bool proxied;		/* perhaps */
	char room[ID_RANDOM_LEN + 1];
	struct peer_here ann, bob;
	int passed, failed;
};

/* examine.c: all of it. url ends with '/'. Returns the exit status. */
int doctor_examine(struct doctor *d, const char *url);

/* front.c */
void find_front(struct doctor *d);
bool check_host(struct doctor *d);
bool check_metrics(struct doctor *d);

/* probe.c. A line of the report: what is right, and what is not, with what to
 * change. The latter return false. */
void tell_fine(struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool tell_wrong(struct doctor *d, enum cause cause, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* What is not as it could be, and perhaps nothing mends. */
void tell_note(struct doctor *d, enum cause cause, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Of an answer that was not what was wanted; ends it. */
bool tell_refused(struct doctor *d, const char *what, struct exchange *x);
/* Of a stream that has ended though it should not. */
bool tell_end(struct doctor *d, const char *what, const struct exchange *x);
/* Of a stream of p that did not begin. */
bool tell_closed(struct doctor *d, const struct peer_here *p,
		 const struct exchange *x);

/* An answer; who and body may be NULL. */
struct exchange *ask(struct doctor *d, const char *method, const char *path,
		     const struct peer_here *who, const char *body);
/* The JSON of an answer to POST that is no error. NULL: it was told. */
json_t *ask_json(struct doctor *d, const char *what, const char *path,
		 const struct peer_here *who, const char *body);
/* The status; 0: it was told. */
int ask_relay(struct doctor *d, const struct peer_here *from,
	      const struct peer_here *to, const char *event, const char *body);

/* A stream of p, of which nothing is known yet. */
struct exchange *stream_open(struct doctor *d, const struct peer_here *p,
			     const char *header, bool small);
/* Waits until there is such an event, or the stream has ended: exchange_event. */
const char *stream_wait(struct doctor *d, const struct exchange *x,
			const char *event, const char *text);
/* Tells of an event that must come at once. */
bool stream_arrives(struct doctor *d, const struct peer_here *p,
		    const char *event, const char *text, const char *what);

#endif
