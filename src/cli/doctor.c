/*
 * drawbridge doctor - is something between a browser and the programs in the
 * way? Two peers do what browsers do, and each answer that is not right is a
 * finding, with the line of configuration to change.
 */
#include "config.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/number.h"
#include "cli/advice.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "room/json.h"

enum {
	LATE_MS = 1000,		/* what takes longer was held back */
	RELAYS_MOST = 25,	/* until the end of a stream must be known */
	RELAY_EACH_MS = 200,
	CLOSE_MS = 500,		/* in which the end of a connection has arrived */
	STREAMS_MOST = 500,
	SECONDS_MOST = 86400,
	UNREAD_RELAYS = 24,	/* within DRAWBRIDGE_RATE_BYTES' burst */
	UNREAD_BYTES = 60000,	/* each, within DRAWBRIDGE_BODY_MAX */
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
	long streams, hold, unread;
	/* as found */
	struct client *client;
	char server[128];	/* the header */
	char room[ID_RANDOM_LEN + 1];
	struct peer_here ann, bob;
	int passed, failed;
};

/* The report */

__attribute__((format(printf, 2, 3)))
static void fine(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("ok      ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	fflush(stdout);
	d->passed++;
}

/* Returns false. */
__attribute__((format(printf, 3, 4)))
static bool finding(struct doctor *d, enum cause cause, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("WRONG   ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	advise(cause, d->server, d->mount);
	fflush(stdout);
	d->failed++;
	return false;
}

/* Asking */

static struct exchange *ask(struct doctor *d, const char *method, const char *path,
			    const struct peer_here *who, const char *body)
{
	struct request r = {
		.method = method, .path = path,
		.token = who ? who->token : NULL, .body = body,
	};

	return client_ask(d->client, &r);
}

static bool is_ours(const struct exchange *x)
{
	char type[64];

	return !strncmp(exchange_header(x, "Content-Type", type, sizeof type),
			"application/problem+json", 24);
}

/* Why an answer is not the one that was wanted. */
static enum cause cause_of(const struct exchange *x)
{
	switch (x->status) {
	case 0: return strstr(x->why, "no answer") ? CAUSE_FULL : CAUSE_NONE;
	case 401: return CAUSE_TOKEN;
	case 403: case 404: case 405: return CAUSE_MOUNT;
	case 411: case 413: return CAUSE_BODY;
	case 429: return CAUSE_RATE;
	}
	if (x->status >= 500)
		return is_ours(x) ? CAUSE_REDIS : CAUSE_DOWN;
	return CAUSE_MOUNT;
}

/* Ends x, which was not what was wanted. Returns false. */
static bool refused(struct doctor *d, const char *what, struct exchange *x)
{
	if (x->status)
		finding(d, cause_of(x), "%s: status %d%s", what, x->status,
			is_ours(x) ? "" : ", from what stands before the program");
	else
		finding(d, cause_of(x), "%s: %s", what, x->why);
	client_end(d->client, x);
	return false;
}

/* An answer of ours that is no error: its JSON. NULL: it was told. */
static json_t *must(struct doctor *d, const char *what, const char *path,
		    const struct peer_here *who, const char *body)
{
	struct exchange *x = ask(d, "POST", path, who, body);
	char why[128];
	json_t *json = NULL;

	if (x->status != 200 && x->status != 202) {
		refused(d, what, x);
		return NULL;
	}
	json = json_read(x->body.len ? x->body.data : "", x->body.len, why);
	if (!json)
		finding(d, CAUSE_MOUNT, "%s: the answer is no JSON, so not ours",
			what);
	client_end(d->client, x);
	return json;
}

/* 0: it was told; else the status. */
static int relay(struct doctor *d, const struct peer_here *from,
		 const struct peer_here *to, const char *event, const char *body)
{
	struct buf path = BUF_INIT(256);
	json_t *json, *delivered;
	int status = 0;

	buf_fmt(&path, "relay/%s/%s", to->id, event);
	json = must(d, "relay", path.data, from, body);
	delivered = json_object_get(json, "delivered");
	if (json)
		status = json_is_true(delivered) ? 200 : 202;
	json_decref(json);
	buf_free(&path);
	return status;
}

/* Streams */

static struct exchange *open_stream(struct doctor *d, const struct peer_here *p,
				    const char *header, bool small)
{
	struct request r = {
		.method = "GET", .path = "connect", .token = p->token,
		.header = header, .small = small,
	};

	return client_begin(d->client, &r);
}

/* Waits until there is such an event, or the stream has ended. */
static const char *wait_event(struct doctor *d, const struct exchange *x,
			      const char *event, const char *text)
{
	int64_t end = clock_ms() + ANSWER_MS;
	const char *found;

	while (!(found = exchange_event(x, event, text)) && !x->done &&
	       client_step(d->client, end))
		;
	return found;
}

/* The web server's own page in the stream, as Apache appends one. */
static bool has_page(const struct exchange *x)
{
	return x->body.len && (strcasestr(x->body.data, "<html") ||
			       strcasestr(x->body.data, "<!doctype"));
}

/* Of a stream that has ended though it should not. Returns false. */
static bool told_end(struct doctor *d, const char *what, const struct exchange *x)
{
	bool page = has_page(x);
	int64_t quiet = page ? x->gap_ms : x->done_ms - x->last_ms;
	int64_t before = x->gap_most_ms;

	if (!page && x->gap_ms > before)
		before = x->gap_ms;
	if (!*x->why && !page)
		return finding(d, CAUSE_ENDED, "%s: stream.fcgi ended the stream, "
			       "after %.1f s", what,
			       (double)(x->done_ms - x->began_ms) / 1000);
	/* What cuts by silence lets none pass that is longer. */
	return finding(d, quiet * 100 > before * 98 ? CAUSE_IDLE : CAUSE_AGE,
		       "%s: the stream was cut%s %.1f s after it began, after "
		       "%.1f s of silence%s%s%s", what,
		       page ? " (with a page of the web server in it)" : "",
		       (double)(x->done_ms - x->began_ms) / 1000,
		       (double)quiet / 1000, *x->why ? " (" : "", x->why,
		       *x->why ? ")" : "");
}

/* Of a stream that did not begin. Returns false. */
static bool told_closed(struct doctor *d, const struct peer_here *p,
			const struct exchange *x)
{
	struct exchange *head;
	int status;

	if (x->status && x->status != 200) {
		enum cause cause = cause_of(x);

		return finding(d, cause == CAUSE_REDIS ? CAUSE_STREAMS : cause,
			       "stream: status %d for /connect", x->status);
	}
	if (x->done && x->status)
		return told_end(d, "stream", x);
	if (x->done)
		return finding(d, CAUSE_DOWN, "stream: %s", x->why);
	if (x->status)
		return finding(d, CAUSE_BUFFERED, "stream: it is buffered: header "
			       "lines came, but no event in %d s", ANSWER_MS / 1000);
	/* The answer to HEAD ends at once, so that no buffer holds it back. */
	head = ask(d, "HEAD", "connect", p, NULL);
	status = head->status;
	client_end(d->client, head);
	if (status == 200)
		return finding(d, CAUSE_BUFFERED, "stream: it is buffered: nothing "
			       "came in %d s, though stream.fcgi answers HEAD at once",
			       ANSWER_MS / 1000);
	return finding(d, CAUSE_FULL, "stream: no answer in %d s, nor to HEAD: not "
		       "enough processes, threads or connections?", ANSWER_MS / 1000);
}

/* An event that must come at once. */
static bool arrives(struct doctor *d, const struct peer_here *p, const char *event,
		    const char *text, const char *what)
{
	int64_t began = clock_ms();
	double s;

	if (!wait_event(d, p->stream, event, text)) {
		if (p->stream->done)
			return told_end(d, what, p->stream);
		return finding(d, CAUSE_BUFFERED, "%s: no %s on the stream of %s in "
			       "%d s", what, event, p->name, ANSWER_MS / 1000);
	}
	s = (double)(clock_ms() - began) / 1000;
	if (s * 1000 > LATE_MS)
		return finding(d, CAUSE_BUFFERED, "%s: it is buffered: %s came after "
			       "%.1f s", what, event, s);
	fine(d, "%s", what);
	return true;
}

/* The id that connected tells. */
static bool take_id(struct peer_here *p)
{
	const char *data = exchange_event(p->stream, "connected", "");
	char why[128];
	json_t *json = json_read(data, strcspn(data, "\n"), why);
	const char *id = json_string_value(
		json_object_get(json_object_get(json, "user"), "id"));
	bool good = id && id_valid(id, strlen(id));

	if (good)
		strcpy(p->id, id);
	json_decref(json);
	return good;
}

/* "Last-Event-ID: " and the last id of a stream. */
static void put_position(struct buf *to, const struct exchange *x)
{
	const char *at = x->body.len ? x->body.data : "", *last = "";

	while ((at = strstr(at, "\nid: "))) {
		at += 5;
		last = at;
	}
	buf_fmt(to, "Last-Event-ID: %.*s", (int)strcspn(last, "\n"), last);
}

/* The checks, in their order. False: the rest would say nothing new. */

static bool check_answers(struct doctor *d)
{
	struct exchange *x = ask(d, "GET", "health/live", NULL, NULL);
	char to[256];

	exchange_header(x, "Server", d->server, sizeof d->server);
	if (x->status >= 300 && x->status < 400) {
		exchange_header(x, "Location", to, sizeof to);
		finding(d, CAUSE_NONE, "answers: it redirects to %s: ask there", to);
		client_end(d->client, x);
		return false;
	}
	if (x->status != 200)
		return refused(d, "answers: health/live", x);
	fine(d, "answers: signal.fcgi runs%s%s%s%s",
	     *d->server ? ", behind " : "", d->server,
	     *exchange_header(x, "Via", to, sizeof to) ? ", by way of " : "", to);
	client_end(d->client, x);

	x = ask(d, "GET", "health/ready", NULL, NULL);
	if (x->status != 200)
		return refused(d, "redis: health/ready", x);
	client_end(d->client, x);
	fine(d, "redis: a message that was published came back");
	return true;
}

static bool check_page(struct doctor *d)
{
	struct exchange *x = ask(d, "GET", d->room, NULL, NULL);
	char type[64];

	exchange_header(x, "Content-Type", type, sizeof type);
	if (x->status == 200 && !strncmp(type, "text/html", 9))
		fine(d, "page: a room is a page");
	else
		finding(d, CAUSE_FILES, "page: status %d, type \"%s\" for a room",
			x->status, type);
	client_end(d->client, x);
	x = ask(d, "POST", d->room, NULL, "{}");
	if (x->status == 405)
		fine(d, "page: a POST on it is refused");
	else
		finding(d, CAUSE_PAGE, "page: status %d for a POST on it, not 405",
			x->status);
	client_end(d->client, x);
	return true;
}

static bool take_token(struct doctor *d, struct peer_here *p)
{
	struct claims claims = { .expires = clock_unix() + SECONDS_MOST };
	char body[64];
	json_t *json;
	const char *token;

	if (d->sign) {
		id_random(claims.peer.id);
		strcpy(claims.peer.username, p->name);
		p->token = token_sign(d->sign, &claims, clock_unix());
		return true;
	}
	snprintf(body, sizeof body, "{\"username\":\"%s\"}", p->name);
	json = must(d, "access (where it is off: --sign)", "access", NULL, body);
	token = json_string_value(json_object_get(json, "token"));
	if (token)
		p->token = xstrdup(token);
	else if (json)
		finding(d, CAUSE_MOUNT, "access: no token in the answer");
	json_decref(json);
	return token;
}

static bool join(struct doctor *d, const struct peer_here *p)
{
	struct buf path = BUF_INIT(256);
	json_t *json;

	buf_fmt(&path, "%s/join", d->room);
	json = must(d, "join", path.data, p, "");
	buf_free(&path);
	json_decref(json);
	return json;
}

/* Before any stream, so that what a room needs is known to be there. */
static bool check_tokens(struct doctor *d)
{
	if (!take_token(d, &d->ann) || !take_token(d, &d->bob) ||
	    !join(d, &d->ann))
		return false;
	fine(d, "tokens: they reach the program");
	return true;
}

/* As a browser asks, which takes what is compressed. */
#define ACCEPT "Accept-Encoding: gzip, deflate, br"

/* Where it is compressed, coding says how, and its events cannot be read. */
static bool open_one(struct doctor *d, struct peer_here *p, const char *header,
		     char coding[32])
{
	int64_t end = clock_ms() + ANSWER_MS;

	p->stream = open_stream(d, p, header, false);
	while (!p->stream->status && !p->stream->done &&
	       client_step(d->client, end))
		;
	exchange_header(p->stream, "Content-Encoding", coding, 32);
	return *coding || wait_event(d, p->stream, "connected", "");
}

static bool check_stream(struct doctor *d)
{
	char coding[32];

	if (!open_one(d, &d->ann, ACCEPT, coding))
		return told_closed(d, &d->ann, d->ann.stream);
	if (*coding) {
		finding(d, CAUSE_COMPRESSED, "stream: it is compressed (%s)", coding);
		client_end(d->client, d->ann.stream);
		if (!open_one(d, &d->ann, NULL, coding) || *coding)
			return told_closed(d, &d->ann, d->ann.stream);
	} else {
		fine(d, "stream: it is not compressed");
	}
	if (!open_one(d, &d->bob, NULL, coding) || *coding)
		return told_closed(d, &d->bob, d->bob.stream);
	if (!take_id(&d->ann) || !take_id(&d->bob))
		return finding(d, CAUSE_MOUNT, "stream: connected tells no id");
	fine(d, "stream: two are open");
	return join(d, &d->ann) && join(d, &d->bob);
}

static bool check_relay(struct doctor *d)
{
	const char *text = "\"\\u00e4 <&> 1.50\"";

	return arrives(d, &d->ann, "add-peer", d->bob.id, "join: ann hears of bob") &&
		arrives(d, &d->bob, "add-peer", d->ann.id, "join: bob hears of ann") &&
		relay(d, &d->ann, &d->bob, "doctor", text) &&
		arrives(d, &d->bob, "doctor", text, "relay: ann to bob") &&
		relay(d, &d->bob, &d->ann, "doctor", text) &&
		arrives(d, &d->ann, "doctor", text, "relay: bob to ann");
}

static void wait_ms(struct doctor *d, int64_t ms)
{
	int64_t end = clock_ms() + ms;

	while (client_step(d->client, end))
		;
}

/* Closes bob's stream, which must be noticed. Apache does so only when it writes
 * twice, which these relays make it do; lighttpd can tell at once. Returns the
 * status of the last relay, which body is the body of. */
static int close_stream(struct doctor *d, char *body, size_t size)
{
	int n = 0, most = strstr(d->server, "lighttpd") ? 1 : RELAYS_MOST;
	int status = 200;

	client_end(d->client, d->bob.stream);
	d->bob.stream = NULL;
	wait_ms(d, CLOSE_MS);
	while (status == 200 && n < RELAYS_MOST) {
		snprintf(body, size, "{\"n\":%d}", ++n);
		status = relay(d, &d->ann, &d->bob, "doctor", body);
		if (status == 200)
			wait_ms(d, RELAY_EACH_MS);
	}
	if (status == 202 && n <= most)
		fine(d, "return: that bob's stream was closed is noticed");
	else if (status)
		finding(d, CAUSE_CLOSE, "return: that bob's stream was closed is "
			"%s noticed %s", status == 202 ? "only" : "not",
			status == 202 ? "when something is sent to it" :
			"though much was sent to it");
	return status;
}

/* What comes for bob while he is away must be there when he comes back. */
static bool check_return(struct doctor *d)
{
	struct buf position = BUF_INIT(256);
	char body[32];
	int status;

	put_position(&position, d->bob.stream);
	status = close_stream(d, body, sizeof body);
	if (!status)
		goto out;
	d->bob.stream = open_stream(d, &d->bob, position.data, false);
	status = 0;
	if (!wait_event(d, d->bob.stream, "connected", "")) {
		told_closed(d, &d->bob, d->bob.stream);
		goto out;
	}
	status = 1;
	if (!wait_event(d, d->bob.stream, "connected", "\"resumed\":true"))
		finding(d, CAUSE_POSITION, "return: bob came back with his position, "
			"and was not resumed");
	else if (wait_event(d, d->bob.stream, "doctor", body))
		fine(d, "return: bob got what he missed");
	else
		finding(d, CAUSE_POSITION, "return: bob was resumed, but did not get "
			"what he missed");
out:
	buf_free(&position);
	return status;
}

/* How many of bob's are open; status: of one that was refused. */
static long count_open(struct exchange *const *x, long streams, int *status)
{
	long open = 0;

	for (long i = 0; i < streams; i++)
		if (exchange_event(x[i], "connected", ""))
			open++;
		else if (x[i]->status && x[i]->status != 200)
			*status = x[i]->status;
	return open;
}

static void check_beside(struct doctor *d)
{
	struct exchange *x = ask(d, "GET", "health/live", NULL, NULL);

	if (x->status == 200)
		fine(d, "processes: a request beside them is answered");
	else
		finding(d, CAUSE_FULL, "processes: a request beside them is not "
			"answered");
	client_end(d->client, x);
}

/* Many streams at a time. They are bob's: with his position that changes nothing
 * for him. */
static bool check_processes(struct doctor *d)
{
	struct exchange *x[STREAMS_MOST] = { NULL };
	struct buf position = BUF_INIT(256);
	int64_t began = clock_ms(), end = began + ANSWER_MS;
	int status = 0;
	long open;

	put_position(&position, d->bob.stream);
	for (long i = 0; i < d->streams; i++)
		x[i] = open_stream(d, &d->bob, position.data, false);
	while ((open = count_open(x, d->streams, &status)) < d->streams &&
	       client_step(d->client, end))
		;
	if (open == d->streams)
		fine(d, "processes: %ld streams at a time, open in %.1f s", open,
		     (double)(clock_ms() - began) / 1000);
	else
		finding(d, status == 503 ? CAUSE_STREAMS : CAUSE_FULL,
			"processes: of %ld streams at a time %ld are open after %d s",
			d->streams, open, ANSWER_MS / 1000);
	check_beside(d);
	for (long i = 0; i < d->streams; i++)
		client_end(d->client, x[i]);
	buf_free(&position);
	return true;
}

/* A stream that is not read, and more for it than any buffer should take: where
 * all of that is there when it is read at last, something took it. */
static bool check_unread(struct doctor *d)
{
	struct buf position = BUF_INIT(256), body = BUF_INIT(UNREAD_BYTES + 2);
	struct exchange *x;
	const size_t all = (size_t)UNREAD_RELAYS * UNREAD_BYTES;
	int64_t end;
	int sent = 0;

	if (!d->unread)
		return true;
	put_position(&position, d->bob.stream);
	client_end(d->client, d->bob.stream);
	d->bob.stream = x = open_stream(d, &d->bob, position.data, true);
	if (!wait_event(d, x, "connected", "")) {
		told_closed(d, &d->bob, x);
		goto out;
	}
	x->unread = true;
	buf_char(&body, '"');
	for (int i = 0; i < UNREAD_BYTES; i++)
		buf_char(&body, 'x');
	buf_char(&body, '"');
	while (sent < UNREAD_RELAYS &&
	       relay(d, &d->ann, &d->bob, "doctor", body.data))
		sent++;
	if (sent < UNREAD_RELAYS)
		goto out;
	wait_ms(d, d->unread * 1000);
	client_read(x);
	end = clock_ms() + ANSWER_MS;
	while (!x->done && x->body.len < all && client_step(d->client, end))
		;
	if (x->body.len < all)
		fine(d, "unread: a stream that was not read for %ld s was ended, "
		     "after %zu KiB", d->unread, x->body.len / 1024);
	else
		finding(d, CAUSE_UNREAD, "unread: a stream that was not read for %ld "
			"s was kept, with all of %zu KiB", d->unread, all / 1024);
out:
	buf_free(&position);
	buf_free(&body);
	return true;
}

/* Last, since it takes longest: nothing but pings on ann's stream. */
static bool check_hold(struct doctor *d)
{
	const struct exchange *x = d->ann.stream;
	int64_t began = clock_ms(), end = began + d->hold * 1000;
	size_t before = x->body.len;

	while (!x->done && client_step(d->client, end))
		;
	if (x->done)
		return told_end(d, "hold", x);
	if (x->body.len == before)
		return finding(d, CAUSE_BUFFERED, "hold: no ping in %ld s (is "
			       "DRAWBRIDGE_PING longer? then try a longer --hold)",
			       d->hold);
	fine(d, "hold: an idle stream is open after %.0f s, with pings",
	     (double)(clock_ms() - x->began_ms) / 1000);
	return true;
}

static bool (*const checks[])(struct doctor *d) = {
	check_answers, check_page, check_tokens, check_stream, check_relay,
	check_return, check_processes, check_unread, check_hold,
};

static void leave(struct doctor *d, struct peer_here *p)
{
	struct buf path = BUF_INIT(256);

	if (p->token) {
		buf_fmt(&path, "%s/leave", d->room);
		client_end(d->client, ask(d, "POST", path.data, p, ""));
		buf_free(&path);
	}
	client_end(d->client, p->stream);
	free(p->token);
}

static int examine(struct doctor *d, const char *url)
{
	size_t i = 0;

	d->client = client_new(url, d->insecure);
	d->ann.name = "doctor-ann";
	d->bob.name = "doctor-bob";
	id_random(d->room);
	while (i < sizeof checks / sizeof *checks && checks[i](d))
		i++;
	if (i + 1 < sizeof checks / sizeof *checks)
		puts("        Nothing more was tried: change this first.");
	leave(d, &d->ann);
	leave(d, &d->bob);
	client_free(d->client);
	printf("%d right, %d wrong\n", d->passed, d->failed);
	return d->failed ? EXIT_WRONG : 0;
}

/* The command line */

/* With a slash at the end. NULL: it is none. */
static char *whole_url(const char *text)
{
	struct buf url = BUF_INIT(2048);
	size_t len = strlen(text);

	if ((strncmp(text, "http://", 7) && strncmp(text, "https://", 8)) ||
	    strpbrk(text, "?# \"\\") || !strstr(text, "://")[3])
		return NULL;
	buf_str(&url, text);
	if (text[len - 1] != '/')
		buf_char(&url, '/');
	if (buf_ok(&url))
		return url.data;
	buf_free(&url);
	return NULL;
}

static bool take_number(const char *name, long most, long *to)
{
	if (number_parse(optarg, strlen(optarg), 1, most, to))
		return true;
	complain("--%s: a number from 1 to %ld", name, most);
	return false;
}

static bool take_options(struct doctor *d, int argc, char **argv, bool *sign)
{
	static const struct option options[] = {
		{ "streams", required_argument, NULL, 's' },
		{ "hold", required_argument, NULL, 'h' },
		{ "unread", required_argument, NULL, 'u' },
		{ "sign", no_argument, NULL, 'g' },
		{ "insecure", no_argument, NULL, 'k' },
		{ 0 }
	};
	bool good = true;
	int option;

	while (good && (option = getopt_long(argc, argv, "k", options, NULL)) != -1)
		switch (option) {
		case 's': good = take_number("streams", STREAMS_MOST, &d->streams); break;
		case 'h': good = take_number("hold", SECONDS_MOST, &d->hold); break;
		case 'u': good = take_number("unread", SECONDS_MOST, &d->unread); break;
		case 'g': *sign = true; break;
		case 'k': d->insecure = true; break;
		default: good = false;
		}
	return good;
}

extern char **environ;

static int run(int argc, char **argv)
{
	struct doctor d = { .streams = 20, .hold = 20 };
	struct buf why = BUF_INIT(32 * 1024);
	struct conf conf = { 0 };
	bool sign = false;
	int status = EXIT_USAGE;
	char *url = NULL;

	if (!take_options(&d, argc, argv, &sign))
		return EXIT_USAGE;
	if (optind + 1 != argc)
		return complain("doctor needs one URL: see drawbridge doctor --help");
	url = whole_url(argv[optind]);
	if (!url)
		return complain("%s: allowed is http://HOST[:PORT][/PATH] or "
				"https://...", argv[optind]);
	d.mount = strchr(strstr(url, "://") + 3, '/');
	if (sign && !conf_read(&conf, environ, &why)) {
		fprintf(stderr, "%s", why.data);
		status = EXIT_WRONG;
	} else {
		d.sign = sign ? &conf : NULL;
		status = examine(&d, url);
	}
	conf_free(&conf);
	buf_free(&why);
	free(url);
	return status;
}

const struct command command_doctor = {
	"doctor",
	"[-k] [--sign] [--streams N] [--hold SECONDS] [--unread SECONDS] URL\n"
	"           Tries a deployment from outside, and names the line of configuration\n"
	"           to change where it is not right.\n"
	"           -k, --insecure    take any certificate\n"
	"           --sign            sign the tokens with the secret of the settings here,\n"
	"                             for where /access is off\n"
	"           --streams N       open so many at a time (20)\n"
	"           --hold SECONDS    keep an idle stream for so long (20)\n"
	"           --unread SECONDS  leave one unread for so long: more than\n"
	"                             DRAWBRIDGE_SEND_TIMEOUT (30); not done by itself",
	run,
};
