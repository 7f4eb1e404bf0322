/*
 * doctor.h - what the parts of the doctor share: doctor.c is its command line, examine.c
 * has the checks, front.c those of a proxy, probe.c sends requests and reports.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>

#include "base/id.h"
#include "cli/advice.h"
#include "cli/client.h"
#include "conf/conf.h"
#include "room/json.h"

enum {
	/* Of a peer: what DRAWBRIDGE_PEER_STREAMS is by default. */
	STREAMS_EACH = 8,
	/* For these 50 tokens are needed, and two more, at once: DRAWBRIDGE_ACCESS_RATE
	 * allows 60 in a minute by default. */
	STREAMS_MAX = 400,
	SECONDS_MAX = 86400,
};

struct doctor_peer {
	const char *name;
	char *token;
	char id[ID_MAX + 1];
	struct exchange *stream;
};

struct doctor {
	/* the options */
	const char *mount;	/* the path of the URL */
	bool insecure;
	struct conf *sign;	/* NULL: tokens come from /access */
	long streams, hold, unread, wait;
	/* the findings */
	struct client *client;
	char server[128];	/* the header */
	char front[128];	/* the proxy in front; empty: none is known */
	bool proxied;		/* there may be one */
	char room[ID_RANDOM_LEN + 1];
	struct doctor_peer ann, bob;
	int passed, failed;
};

/* examine.c: runs all checks. url ends with '/'. Returns the exit status. */
int doctor_examine(struct doctor *d, const char *url);

/* front.c */
void doctor_find_front(struct doctor *d);
bool doctor_check_host(struct doctor *d);
bool doctor_check_metrics(struct doctor *d);

/* probe.c. Lines of the report. What is right: */
void report_ok(struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What is wrong, with what to change. Returns false, as those below do. */
bool report_wrong(struct doctor *d, enum cause cause, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* What could be better, though perhaps it cannot be changed. */
void report_note(struct doctor *d, enum cause cause, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* An answer that is not the expected one, which it ends. */
bool report_refused(struct doctor *d, const char *what, struct exchange *x);
/* A stream that has ended too early. */
bool report_cut(struct doctor *d, const char *what, const struct exchange *x);
/* A stream of p that did not begin. */
bool report_not_opened(struct doctor *d, const struct doctor_peer *p,
		       const struct exchange *x);

/* Asks, and waits for the answer; who and body may be NULL. */
struct exchange *doctor_ask(struct doctor *d, const char *method, const char *path,
			    const struct doctor_peer *who, const char *body);
/* The body of an answer, owned by the caller; NULL where it is no JSON. */
json_t *exchange_json(const struct exchange *x);
/* Posts. The JSON of the answer; NULL: there was an error, which is reported. */
json_t *ask_json(struct doctor *d, const char *what, const char *path,
		 const struct doctor_peer *who, const char *body);
/* Relays. 200, or 202: kept; 0: there was an error, which is reported. */
int doctor_relay(struct doctor *d, const struct doctor_peer *from,
		 const struct doctor_peer *to, const char *event, const char *body);

/* Begins a stream of p. header: one more line, as "Last-Event-ID: 1-1"; or NULL. */
struct exchange *doctor_open_stream(struct doctor *d, const struct doctor_peer *p,
				    const char *header, bool small);
/* Waits for an event: see exchange_event(). NULL also when the stream has ended. */
const char *await_event(struct doctor *d, const struct exchange *x,
			const char *event, const char *text);
/* Waits for an event, and reports whether it came at once. */
bool expect_event(struct doctor *d, const struct doctor_peer *p,
		  const char *event, const char *text, const char *what);

#endif
