/*
 * The checks of the doctor: two peers do what browsers do.
 *
 * Each check relies on what those before it have found and left: ann and bob have
 * tokens, then streams, then share a room. It returns false if the next ones could only
 * fail for the same reason.
 *
 * Requests here have the token in a header and no Origin, which is not what every page
 * sends: doctor_check_host() asks as a page does that lives by the cookie.
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
	RELAYS_MAX = 25,	/* until the end of a stream must be known */
	RELAY_EACH_MS = 200,
	CLOSE_DIVISOR = 10,	/* of --wait: until the end of a connection arrives */
	UNREAD_RELAYS = 24,	/* within DRAWBRIDGE_RATE_BYTES' burst */
	UNREAD_BYTES = 60000,	/* each, within DRAWBRIDGE_BODY_MAX */
};

/* The id in the event `connected`. (Tokens have it too, but are opaque to clients.) */
static bool parse_id(struct doctor_peer *p)
{
	const char *data = exchange_event(p->stream, "connected", "");
	char why[128];
	json_t *json = json_parse(data, strcspn(data, "\n"), why);
	const char *id = json_string_value(
		json_object_get(json_object_get(json, "user"), "id"));
	bool good = id && id_valid(id, strlen(id));

	if (good)
		strcpy(p->id, id);
	json_decref(json);
	return good;
}

/* "Last-Event-ID: " and the last id of a stream. */
static void append_position(struct buf *to, const struct exchange *x)
{
	const char *at = x->body.len ? x->body.data : "", *last = "";

	while ((at = strstr(at, "\nid: "))) {
		at += 5;
		last = at;
	}
	buf_fmt(to, "Last-Event-ID: %.*s", (int)strcspn(last, "\n"), last);
}

/* The checks, in their order. False: the rest would say nothing new. */

/* health/ready says whether it evicts keys. */
static void report_eviction(struct doctor *d, const struct exchange *x)
{
	json_t *json = exchange_json(x);
	const char *redis = json_string_value(json_object_get(json, "redis"));

	report_ok(d, "redis: a published message came back");
	if (redis && !strcmp(redis, "evicts"))
		report_wrong(d, CAUSE_EVICTS, "redis: it evicts keys once it reaches "
			     "maxmemory, as its maxmemory-policy is not noeviction");
	else if (redis && !strcmp(redis, "may-evict"))
		report_note(d, CAUSE_EVICTS, "redis: its maxmemory-policy is not "
			    "noeviction: it would evict keys if it had a maxmemory");
	json_decref(json);
}

/* By the two requests that need no token. health/live answers even if Redis is away, so
 * that the two causes are told apart. */
static bool check_answers(struct doctor *d)
{
	struct exchange *x = doctor_ask(d, "GET", "health/live", NULL, NULL);
	char to[256];

	exchange_header(x, "Server", d->server, sizeof d->server);
	if (x->status >= 300 && x->status < 400) {
		exchange_header(x, "Location", to, sizeof to);
		report_wrong(d, CAUSE_NONE, "answers: it redirects to %s: use that URL", to);
		client_end(d->client, x);
		return false;
	}
	if (x->status != 200)
		return report_refused(d, "answers: health/live", x);
	doctor_find_front(d);
	if (!*exchange_header(x, "Via", to, sizeof to))
		snprintf(to, sizeof to, "%s", d->front);
	/* nginx has its own Server in what it passes on. */
	d->proxied = *to || strstr(d->server, "nginx");
	report_ok(d, "answers: signal.fcgi is running%s%s%s%s",
		  *d->server ? ", behind " : "", d->server,
		  *to ? ", via " : "", to);
	client_end(d->client, x);

	x = doctor_ask(d, "GET", "health/ready", NULL, NULL);
	if (x->status != 200)
		return report_refused(d, "redis: health/ready", x);
	report_eviction(d, x);
	client_end(d->client, x);
	return true;
}

static bool check_page(struct doctor *d)
{
	struct exchange *x = doctor_ask(d, "GET", d->room, NULL, NULL);
	char type[64];

	exchange_header(x, "Content-Type", type, sizeof type);
	if (x->status == 200 && !strncmp(type, "text/html", 9))
		report_ok(d, "page: a room is a page");
	else
		report_wrong(d, CAUSE_FILES, "page: status %d, type \"%s\" for a room",
			     x->status, type);
	client_end(d->client, x);
	/* A web server that serves the page for any method would answer 200, and so
	 * hide that a request has gone to the wrong place. */
	x = doctor_ask(d, "POST", d->room, NULL, "{}");
	if (x->status == 405)
		report_ok(d, "page: a POST on it is refused");
	else
		report_wrong(d, CAUSE_PAGE, "page: status %d for a POST on it, not 405",
			     x->status);
	client_end(d->client, x);
	return true;
}

static bool obtain_token(struct doctor *d, struct doctor_peer *p)
{
	struct claims claims = { .expires = clock_unix() + SECONDS_MAX };
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
		report_wrong(d, CAUSE_MOUNT, "access: no token in the answer");
	json_decref(json);
	return token;
}

static bool join_room(struct doctor *d, const struct doctor_peer *p)
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
	if (!obtain_token(d, &d->ann) || !obtain_token(d, &d->bob) ||
	    !join_room(d, &d->ann))
		return false;
	report_ok(d, "tokens: they reach the programs");
	return true;
}

/* As a browser sends it. */
#define ACCEPT "Accept-Encoding: gzip, deflate, br"

/* Where it is compressed, coding says how, and its events cannot be read. */
static bool open_stream(struct doctor *d, struct doctor_peer *p, const char *header,
			char coding[32])
{
	int64_t end = clock_ms() + d->wait * 1000;

	p->stream = doctor_open_stream(d, p, header, false);
	while (!p->stream->status && !p->stream->done &&
	       client_step(d->client, end))
		;
	exchange_header(p->stream, "Content-Encoding", coding, 32);
	return *coding || await_event(d, p->stream, "connected", "");
}

static bool check_stream(struct doctor *d)
{
	char coding[32];

	if (!open_stream(d, &d->ann, ACCEPT, coding))
		return report_not_opened(d, &d->ann, d->ann.stream);
	if (*coding) {
		report_wrong(d, CAUSE_COMPRESSED, "stream: it is compressed (%s)",
			     coding);
		client_end(d->client, d->ann.stream);
		if (!open_stream(d, &d->ann, NULL, coding) || *coding)
			return report_not_opened(d, &d->ann, d->ann.stream);
	} else {
		report_ok(d, "stream: it is not compressed");
	}
	if (!open_stream(d, &d->bob, NULL, coding) || *coding)
		return report_not_opened(d, &d->bob, d->bob.stream);
	if (!parse_id(&d->ann) || !parse_id(&d->bob))
		return report_wrong(d, CAUSE_MOUNT, "stream: the event connected has no id");
	report_ok(d, "stream: two are open");
	return join_room(d, &d->ann) && join_room(d, &d->bob);
}

static bool check_relay(struct doctor *d)
{
	/* Characters that something in between might rewrite, and a number as a
	 * text. */
	const char *text = "\"\\u00e4 <&> 1.50\"";

	return expect_event(d, &d->ann, "add-peer", d->bob.id,
			    "join: ann hears of bob") &&
		expect_event(d, &d->bob, "add-peer", d->ann.id,
			     "join: bob hears of ann") &&
		doctor_relay(d, &d->ann, &d->bob, "doctor", text) &&
		expect_event(d, &d->bob, "doctor", text, "relay: ann to bob") &&
		doctor_relay(d, &d->bob, &d->ann, "doctor", text) &&
		expect_event(d, &d->ann, "doctor", text, "relay: bob to ann");
}

static void poll_for_ms(struct doctor *d, int64_t ms)
{
	int64_t end = clock_ms() + ms;

	while (client_step(d->client, end))
		;
}

/* The end of a stream that was noticed with the n-th relay. */
static void report_noticed(struct doctor *d, int n)
{
	/* Apache does so only when it writes twice; lighttpd can tell at once. */
	bool late = n > 1 && strstr(d->server, "lighttpd");

	if (late && strstr(d->front, "Apache"))
		report_note(d, CAUSE_NONE, "return: the end of bob's stream is only "
			    "noticed when something is sent to it: mod_proxy reports it "
			    "no sooner");
	else if (late)
		report_wrong(d, CAUSE_CLOSE, "return: the end of bob's stream is "
			     "only noticed when something is sent to it");
	else
		report_ok(d, "return: the end of bob's stream is noticed");
}

/* Closes bob's stream, which must be noticed: the relays make Apache write, which
 * learns of the end only by that. Returns the status of the last one, which body is the
 * body of. */
static int close_stream(struct doctor *d, char *body, size_t size)
{
	int n = 0, status = 200;

	client_end(d->client, d->bob.stream);
	d->bob.stream = NULL;
	poll_for_ms(d, d->wait * 1000 / CLOSE_DIVISOR);
	while (status == 200 && n < RELAYS_MAX) {
		snprintf(body, size, "{\"n\":%d}", ++n);
		status = doctor_relay(d, &d->ann, &d->bob, "doctor", body);
		if (status == 200)
			poll_for_ms(d, RELAY_EACH_MS);
	}
	if (status == 202)
		report_noticed(d, n);
	else if (status)
		report_wrong(d, CAUSE_CLOSE, "return: the end of bob's stream is "
			     "not noticed, although much was sent to it");
	return status;
}

/* What comes for bob while he is away must be there when he comes back. */
static bool check_return(struct doctor *d)
{
	struct buf position = BUF_INIT(256);
	char body[32];
	int status;

	append_position(&position, d->bob.stream);
	status = close_stream(d, body, sizeof body);
	if (!status)
		goto out;
	d->bob.stream = doctor_open_stream(d, &d->bob, position.data, false);
	status = 0;
	if (!await_event(d, d->bob.stream, "connected", "")) {
		report_not_opened(d, &d->bob, d->bob.stream);
		goto out;
	}
	status = 1;
	if (!await_event(d, d->bob.stream, "connected", "\"resumed\":true"))
		report_wrong(d, CAUSE_POSITION, "return: bob came back with his "
			     "position, but was not resumed");
	else if (await_event(d, d->bob.stream, "doctor", body))
		report_ok(d, "return: bob got what he missed");
	else
		report_wrong(d, CAUSE_POSITION, "return: bob was resumed, but did not "
			     "get what he missed");
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

static void check_other_request(struct doctor *d)
{
	struct exchange *x = doctor_ask(d, "GET", "health/live", NULL, NULL);

	if (x->status == 200)
		report_ok(d, "processes: another request is answered meanwhile");
	else
		report_wrong(d, CAUSE_FULL, "processes: no other request is answered "
			     "meanwhile");
	client_end(d->client, x);
}

/* Many streams at a time, of peers with as many as one may have. They bring a position
 * that nobody knows: without one each would begin a new incarnation of its peer, and
 * end that of the others. */
static bool check_processes(struct doctor *d)
{
	struct exchange *x[STREAMS_MAX] = { NULL };
	struct doctor_peer crowd[STREAMS_MAX / STREAMS_EACH + 1] = { 0 };
	bool good = true;
	int64_t began, end;
	int status = 0;
	long open;

	for (long i = 0; good && i * STREAMS_EACH < d->streams; i++) {
		crowd[i].name = "doctor-crowd";
		good = obtain_token(d, &crowd[i]);
	}
	if (!good)
		goto out;
	began = clock_ms();
	end = began + d->wait * 1000;
	for (long i = 0; i < d->streams; i++)
		x[i] = doctor_open_stream(d, &crowd[i / STREAMS_EACH],
					  "Last-Event-ID: 1-1", false);
	while ((open = count_open(x, d->streams, &status)) < d->streams &&
	       client_step(d->client, end))
		;
	if (open == d->streams)
		report_ok(d, "processes: %ld streams at a time, open in %.1f s", open,
			  (double)(clock_ms() - began) / 1000);
	else
		report_wrong(d, status == 503 ? CAUSE_STREAMS : CAUSE_FULL,
			     "processes: only %ld of %ld streams are open after %ld s",
			     open, d->streams, d->wait);
	check_other_request(d);
	for (long i = 0; i < d->streams; i++)
		client_end(d->client, x[i]);
out:
	for (size_t i = 0; i < sizeof crowd / sizeof *crowd; i++)
		free(crowd[i].token);
	return good;
}

/* A stream that is not read, and more for it than any buffer should take: where all of
 * that is there when it is read at last, something took it. With bob's position it goes
 * on where his stream has been. */
static bool check_unread(struct doctor *d)
{
	struct buf position = BUF_INIT(256), body = BUF_INIT(UNREAD_BYTES + 2);
	struct exchange *x;
	const size_t all = (size_t)UNREAD_RELAYS * UNREAD_BYTES;
	int64_t end;
	int sent = 0;

	if (!d->unread)
		return true;
	append_position(&position, d->bob.stream);
	client_end(d->client, d->bob.stream);
	d->bob.stream = x = doctor_open_stream(d, &d->bob, position.data, true);
	if (!await_event(d, x, "connected", "")) {
		report_not_opened(d, &d->bob, x);
		goto out;
	}
	x->unread = true;
	/* UNREAD_RELAYS of these are 1.4 MB: more than a web server and the kernel
	 * should keep for one client, and within the burst of a peer's rate. */
	buf_char(&body, '"');
	for (int i = 0; i < UNREAD_BYTES; i++)
		buf_char(&body, 'x');
	buf_char(&body, '"');
	while (sent < UNREAD_RELAYS &&
	       doctor_relay(d, &d->ann, &d->bob, "doctor", body.data))
		sent++;
	if (sent < UNREAD_RELAYS)
		goto out;
	poll_for_ms(d, d->unread * 1000);
	client_read(x);
	end = clock_ms() + d->wait * 1000;
	while (!x->done && x->body.len < all && client_step(d->client, end))
		;
	if (x->body.len < all)
		report_ok(d, "unread: a stream that was not read for %ld s was ended, "
			  "after %zu KiB", d->unread, x->body.len / 1024);
	else if (d->proxied)
		report_note(d, CAUSE_UNREAD, "unread: a stream that was not read for %ld "
			    "s was kept, with all of %zu KiB: so much fits into the "
			    "connection between a proxy and the web server", d->unread,
			    all / 1024);
	else
		report_wrong(d, CAUSE_UNREAD, "unread: a stream that was not read for "
			     "%ld s was kept, with all of %zu KiB", d->unread,
			     all / 1024);
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
		return report_cut(d, "hold", x);
	if (x->body.len == before)
		return report_wrong(d, CAUSE_BUFFERED, "hold: no ping in %ld s (is "
				    "DRAWBRIDGE_PING longer? then try a longer --hold)",
				    d->hold);
	report_ok(d, "hold: an idle stream is open after %.0f s, with pings",
		  (double)(clock_ms() - x->began_ms) / 1000);
	return true;
}

/* In an order in which each finds what it needs; those that may take long come last. */
static bool (*const checks[])(struct doctor *d) = {
	check_answers, check_page, doctor_check_metrics, check_tokens, doctor_check_host,
	check_stream, check_relay, check_return, check_processes, check_unread,
	check_hold,
};

/* So that the room is gone at once, and not only after the grace. Also after a check
 * that failed, when p may have neither a token nor a stream. */
static void leave_room(struct doctor *d, struct doctor_peer *p)
{
	struct buf path = BUF_INIT(256);

	if (p->token) {
		buf_fmt(&path, "%s/leave", d->room);
		client_end(d->client, doctor_ask(d, "POST", path.data, p, ""));
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
		puts("        Nothing else was tested: fix this first.");
	leave_room(d, &d->ann);
	leave_room(d, &d->bob);
	client_free(d->client);
	printf("%d passed, %d failed\n", d->passed, d->failed);
	return d->failed ? EXIT_WRONG : 0;
}
