/*
 * What the doctor looks at: two peers do what browsers do.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/doctor.h"

enum {
	RELAYS_MOST = 25,	/* until the end of a stream must be known */
	RELAY_EACH_MS = 200,
	CLOSE_PART = 10,	/* of what may be waited: the end of a connection has arrived */
	UNREAD_RELAYS = 24,	/* within DRAWBRIDGE_RATE_BYTES' burst */
	UNREAD_BYTES = 60000,	/* each, within DRAWBRIDGE_BODY_MAX */
};

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
		tell_wrong(d, CAUSE_NONE, "answers: it redirects to %s: ask there", to);
		client_end(d->client, x);
		return false;
	}
	if (x->status != 200)
		return tell_refused(d, "answers: health/live", x);
	find_front(d);
	if (!*exchange_header(x, "Via", to, sizeof to))
		snprintf(to, sizeof to, "%s", d->front);
	/* nginx has its own Server in what it passes on. */
	d->proxied = *to || strstr(d->server, "nginx");
	tell_fine(d, "answers: signal.fcgi runs%s%s%s%s",
		  *d->server ? ", behind " : "", d->server,
		  *to ? ", by way of " : "", to);
	client_end(d->client, x);

	x = ask(d, "GET", "health/ready", NULL, NULL);
	if (x->status != 200)
		return tell_refused(d, "redis: health/ready", x);
	client_end(d->client, x);
	tell_fine(d, "redis: a message that was published came back");
	return true;
}

static bool check_page(struct doctor *d)
{
	struct exchange *x = ask(d, "GET", d->room, NULL, NULL);
	char type[64];

	exchange_header(x, "Content-Type", type, sizeof type);
	if (x->status == 200 && !strncmp(type, "text/html", 9))
		tell_fine(d, "page: a room is a page");
	else
		tell_wrong(d, CAUSE_FILES, "page: status %d, type \"%s\" for a room",
			   x->status, type);
	client_end(d->client, x);
	x = ask(d, "POST", d->room, NULL, "{}");
	if (x->status == 405)
		tell_fine(d, "page: a POST on it is refused");
	else
		tell_wrong(d, CAUSE_PAGE, "page: status %d for a POST on it, not 405",
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
	json = ask_json(d, "access (where it is off: --sign)", "access", NULL, body);
	token = json_string_value(json_object_get(json, "token"));
	if (token)
		p->token = xstrdup(token);
	else if (json)
		tell_wrong(d, CAUSE_MOUNT, "access: no token in the answer");
	json_decref(json);
	return token;
}

static bool join(struct doctor *d, const struct peer_here *p)
{
	struct buf path = BUF_INIT(256);
	json_t *json;

	buf_fmt(&path, "%s/join", d->room);
	json = ask_json(d, "join", path.data, p, "");
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
	tell_fine(d, "tokens: they reach the program");
	return true;
}

/* As a browser asks, which takes what is compressed. */
#define ACCEPT "Accept-Encoding: gzip, deflate, br"

/* Where it is compressed, coding says how, and its events cannot be read. */
static bool open_one(struct doctor *d, struct peer_here *p, const char *header,
		     char coding[32])
{
	int64_t end = clock_ms() + d->wait * 1000;

	p->stream = stream_open(d, p, header, false);
	while (!p->stream->status && !p->stream->done &&
	       client_step(d->client, end))
		;
	exchange_header(p->stream, "Content-Encoding", coding, 32);
	return *coding || stream_wait(d, p->stream, "connected", "");
}

static bool check_stream(struct doctor *d)
{
	char coding[32];

	if (!open_one(d, &d->ann, ACCEPT, coding))
		return tell_closed(d, &d->ann, d->ann.stream);
	if (*coding) {
		tell_wrong(d, CAUSE_COMPRESSED, "stream: it is compressed (%s)", coding);
		client_end(d->client, d->ann.stream);
		if (!open_one(d, &d->ann, NULL, coding) || *coding)
			return tell_closed(d, &d->ann, d->ann.stream);
	} else {
		tell_fine(d, "stream: it is not compressed");
	}
	if (!open_one(d, &d->bob, NULL, coding) || *coding)
		return tell_closed(d, &d->bob, d->bob.stream);
	if (!take_id(&d->ann) || !take_id(&d->bob))
		return tell_wrong(d, CAUSE_MOUNT, "stream: connected tells no id");
	tell_fine(d, "stream: two are open");
	return join(d, &d->ann) && join(d, &d->bob);
}

static bool check_relay(struct doctor *d)
{
	const char *text = "\"\\u00e4 <&> 1.50\"";

	return stream_arrives(d, &d->ann, "add-peer", d->bob.id, "join: ann hears of bob") &&
		stream_arrives(d, &d->bob, "add-peer", d->ann.id, "join: bob hears of ann") &&
		ask_relay(d, &d->ann, &d->bob, "doctor", text) &&
		stream_arrives(d, &d->bob, "doctor", text, "relay: ann to bob") &&
		ask_relay(d, &d->bob, &d->ann, "doctor", text) &&
		stream_arrives(d, &d->ann, "doctor", text, "relay: bob to ann");
}

static void wait_ms(struct doctor *d, int64_t ms)
{
	int64_t end = clock_ms() + ms;

	while (client_step(d->client, end))
		;
}

/* The end of a stream that was noticed with the n-th relay. */
static void tell_noticed(struct doctor *d, int n)
{
	/* Apache does so only when it writes twice; lighttpd can tell at once. */
	bool late = n > 1 && strstr(d->server, "lighttpd");

	if (late && strstr(d->front, "Apache"))
		tell_note(d, CAUSE_NONE, "return: that bob's stream was closed is noticed "
			  "when something is sent to it: mod_proxy tells no sooner");
	else if (late)
		tell_wrong(d, CAUSE_CLOSE, "return: that bob's stream was closed is "
			   "only noticed when something is sent to it");
	else
		tell_fine(d, "return: that bob's stream was closed is noticed");
}

/* Closes bob's stream, which must be noticed: the relays make Apache write. Returns
 * the status of the last one, which body is the body of. */
static int close_stream(struct doctor *d, char *body, size_t size)
{
	int n = 0, status = 200;

	client_end(d->client, d->bob.stream);
	d->bob.stream = NULL;
	wait_ms(d, d->wait * 1000 / CLOSE_PART);
	while (status == 200 && n < RELAYS_MOST) {
		snprintf(body, size, "{\"n\":%d}", ++n);
		status = ask_relay(d, &d->ann, &d->bob, "doctor", body);
		if (status == 200)
			wait_ms(d, RELAY_EACH_MS);
	}
	if (status == 202)
		tell_noticed(d, n);
	else if (status)
		tell_wrong(d, CAUSE_CLOSE, "return: that bob's stream was closed is "
			   "not noticed though much was sent to it");
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
	d->bob.stream = stream_open(d, &d->bob, position.data, false);
	status = 0;
	if (!stream_wait(d, d->bob.stream, "connected", "")) {
		tell_closed(d, &d->bob, d->bob.stream);
		goto out;
	}
	status = 1;
	if (!stream_wait(d, d->bob.stream, "connected", "\"resumed\":true"))
		tell_wrong(d, CAUSE_POSITION, "return: bob came back with his position, "
			   "and was not resumed");
	else if (stream_wait(d, d->bob.stream, "doctor", body))
		tell_fine(d, "return: bob got what he missed");
	else
		tell_wrong(d, CAUSE_POSITION, "return: bob was resumed, but did not get "
			   "what he missed");
out:
	buf_free(&position);
	return status;
}

/* How many are open; status: of one that was refused. */
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
		tell_fine(d, "processes: a request beside them is answered");
	else
		tell_wrong(d, CAUSE_FULL, "processes: a request beside them is not "
			   "answered");
	client_end(d->client, x);
}

/* Many streams at a time, of peers with as many as one may have. A position that
 * nobody knows begins nothing anew beside the others of its peer. */
static bool check_processes(struct doctor *d)
{
	struct exchange *x[STREAMS_MOST] = { NULL };
	struct peer_here crowd[STREAMS_MOST / STREAMS_EACH + 1] = { 0 };
	bool good = true;
	int64_t began, end;
	int status = 0;
	long open;

	for (long i = 0; good && i * STREAMS_EACH < d->streams; i++) {
		crowd[i].name = "doctor-crowd";
		good = take_token(d, &crowd[i]);
	}
	if (!good)
		goto out;
	began = clock_ms();
	end = began + d->wait * 1000;
	for (long i = 0; i < d->streams; i++)
		x[i] = stream_open(d, &crowd[i / STREAMS_EACH], "1-1", false);
	while ((open = count_open(x, d->streams, &status)) < d->streams &&
	       client_step(d->client, end))
		;
	if (open == d->streams)
		tell_fine(d, "processes: %ld streams at a time, open in %.1f s", open,
			  (double)(clock_ms() - began) / 1000);
	else
		tell_wrong(d, status == 503 ? CAUSE_STREAMS : CAUSE_FULL,
			   "processes: of %ld streams at a time %ld are open after %ld s",
			   d->streams, open, d->wait);
	check_beside(d);
	for (long i = 0; i < d->streams; i++)
		client_end(d->client, x[i]);
out:
	for (size_t i = 0; i < sizeof crowd / sizeof *crowd; i++)
		free(crowd[i].token);
	return good;
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
	d->bob.stream = x = stream_open(d, &d->bob, position.data, true);
	if (!stream_wait(d, x, "connected", "")) {
		tell_closed(d, &d->bob, x);
		goto out;
	}
	x->unread = true;
	buf_char(&body, '"');
	for (int i = 0; i < UNREAD_BYTES; i++)
		buf_char(&body, 'x');
	buf_char(&body, '"');
	while (sent < UNREAD_RELAYS &&
	       ask_relay(d, &d->ann, &d->bob, "doctor", body.data))
		sent++;
	if (sent < UNREAD_RELAYS)
		goto out;
	wait_ms(d, d->unread * 1000);
	client_read(x);
	end = clock_ms() + d->wait * 1000;
	while (!x->done && x->body.len < all && client_step(d->client, end))
		;
	if (x->body.len < all)
		tell_fine(d, "unread: a stream that was not read for %ld s was ended, "
			  "after %zu KiB", d->unread, x->body.len / 1024);
	else if (d->proxied)
		tell_note(d, CAUSE_UNREAD, "unread: a stream that was not read for %ld s "
			  "was kept, with all of %zu KiB: so much fits into the connection "
			  "between a proxy and the web server", d->unread, all / 1024);
	else
		tell_wrong(d, CAUSE_UNREAD, "unread: a stream that was not read for %ld "
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
		return tell_end(d, "hold", x);
	if (x->body.len == before)
		return tell_wrong(d, CAUSE_BUFFERED, "hold: no ping in %ld s (is "
				  "DRAWBRIDGE_PING longer? then try a longer --hold)",
				  d->hold);
	tell_fine(d, "hold: an idle stream is open after %.0f s, with pings",
		  (double)(clock_ms() - x->began_ms) / 1000);
	return true;
}

static bool (*const checks[])(struct doctor *d) = {
	check_answers, check_page, check_metrics, check_tokens, check_host,
	check_stream, check_relay, check_return, check_processes, check_unread, check_hold,
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

int doctor_examine(struct doctor *d, const char *url)
{
	size_t i = 0;

	d->client = client_new(url, d->insecure, d->wait);
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
