#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/doctor.h"

enum { LATE_DIVISOR = 5 };	/* of --wait: what takes longer than that was held back */

/* The report */

static void print_line(const char *word, const char *fmt, va_list ap)
{
	printf("%-8s", word);
	vprintf(fmt, ap);
	putchar('\n');
	/* A pipe would show nothing for half a minute otherwise. */
	fflush(stdout);
}

void report_ok(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line("ok", fmt, ap);
	va_end(ap);
	d->passed++;
}

static void print_problem(struct doctor *d, const char *word, enum cause cause,
			  const char *fmt, va_list ap)
{
	print_line(word, fmt, ap);
	advise(cause, d->server, d->front, d->mount);
	fflush(stdout);
}

void report_note(struct doctor *d, enum cause cause, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_problem(d, "note", cause, fmt, ap);
	va_end(ap);
}

bool report_wrong(struct doctor *d, enum cause cause, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_problem(d, "FAIL", cause, fmt, ap);
	va_end(ap);
	d->failed++;
	return false;
}

/* Asking */

struct exchange *doctor_ask(struct doctor *d, const char *method, const char *path,
			    const struct doctor_peer *who, const char *body)
{
	struct request r = {
		.method = method, .path = path,
		.token = who ? who->token : NULL, .body = body,
	};

	return client_ask(d->client, &r);
}

/* Every error of the programs has this type; pages of web servers have others. */
static bool is_ours(const struct exchange *x)
{
	char type[64];

	return !strncmp(exchange_header(x, "Content-Type", type, sizeof type),
			"application/problem+json", 24);
}

/* Why an answer is not the expected one. */
static enum cause cause_of(const struct exchange *x)
{
	switch (x->status) {
	/* No answer in time is a lack of something; otherwise libcurl's error says
	 * enough. */
	case 0: return strstr(x->why, "no answer") ? CAUSE_FULL : CAUSE_NONE;
	case 401: return CAUSE_TOKEN;
	case 403: case 404: case 405: return CAUSE_MOUNT;
	case 411: case 413: return CAUSE_BODY;
	case 429: return CAUSE_RATE;
	}
	/* 502 to 504 of the web server's own: it did not reach the program. */
	if (x->status >= 500)
		return is_ours(x) ? CAUSE_REDIS : CAUSE_DOWN;
	return CAUSE_MOUNT;
}

json_t *exchange_json(const struct exchange *x)
{
	char why[128];

	return json_parse(x->body.len ? x->body.data : "", x->body.len, why);
}

/* The detail of an error of ours, after ": ". */
static void append_detail(struct buf *to, const struct exchange *x)
{
	json_t *json = exchange_json(x);
	const char *detail = json_string_value(json_object_get(json, "detail"));

	if (detail)
		buf_fmt(to, ": %s", detail);
	json_decref(json);
}

bool report_refused(struct doctor *d, const char *what, struct exchange *x)
{
	struct buf more = BUF_INIT(4096);

	if (is_ours(x))
		append_detail(&more, x);
	else
		buf_str(&more, ", from what stands before the program");
	if (x->status)
		report_wrong(d, cause_of(x), "%s: status %d%s", what, x->status,
			     more.len ? more.data : "");
	else
		report_wrong(d, cause_of(x), "%s: %s", what, x->why);
	buf_free(&more);
	client_end(d->client, x);
	return false;
}

json_t *ask_json(struct doctor *d, const char *what, const char *path,
		 const struct doctor_peer *who, const char *body)
{
	struct exchange *x = doctor_ask(d, "POST", path, who, body);
	json_t *json = NULL;

	if (x->status != 200 && x->status != 202) {
		report_refused(d, what, x);
		return NULL;
	}
	json = exchange_json(x);
	if (!json)
		report_wrong(d, CAUSE_MOUNT, "%s: the answer is not JSON, so not from Drawbridge",
			     what);
	client_end(d->client, x);
	return json;
}

int doctor_relay(struct doctor *d, const struct doctor_peer *from,
		 const struct doctor_peer *to, const char *event, const char *body)
{
	struct buf path = BUF_INIT(256);
	json_t *json, *delivered;
	int status = 0;

	buf_fmt(&path, "relay/%s/%s", to->id, event);
	json = ask_json(d, "relay", path.data, from, body);
	delivered = json_object_get(json, "delivered");
	if (json)
		status = json_is_true(delivered) ? 200 : 202;
	json_decref(json);
	buf_free(&path);
	return status;
}

/* Streams */

/* Returns at once: several may be opened at the same time, and what comes is awaited by
 * await_event(). */
struct exchange *doctor_open_stream(struct doctor *d, const struct doctor_peer *p,
				    const char *header, bool small)
{
	struct request r = {
		.method = "GET", .path = "connect", .token = p->token,
		.header = header, .small = small,
	};

	return client_begin(d->client, &r);
}

const char *await_event(struct doctor *d, const struct exchange *x,
			const char *event, const char *text)
{
	int64_t end = clock_ms() + d->wait * 1000;
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

bool report_cut(struct doctor *d, const char *what, const struct exchange *x)
{
	bool page = has_page(x);
	/* A page came at the end of the silence, so the silence is the gap before
	 * it. */
	int64_t quiet = page ? x->gap_ms : x->done_ms - x->last_ms;
	int64_t before = x->gap_max_ms;

	if (!page && x->gap_ms > before)
		before = x->gap_ms;
	if (!*x->why && !page)
		return report_wrong(d, CAUSE_ENDED, "%s: stream.fcgi ended the stream, "
				    "after %.1f s", what,
				    (double)(x->done_ms - x->began_ms) / 1000);
	/* A time-out for silence would not have let a longer one pass: it was cut by
	 * silence if the last one was the longest, or nearly so, as pings come by a
	 * clock and not to the millisecond. */
	return report_wrong(d, quiet * 100 > before * 98 ? CAUSE_IDLE : CAUSE_AGE,
			    "%s: the stream was cut%s %.1f s after it began, after "
			    "%.1f s of silence%s%s%s", what,
			    page ? " (with a page of the web server in it)" : "",
			    (double)(x->done_ms - x->began_ms) / 1000,
			    (double)quiet / 1000, *x->why ? " (" : "", x->why,
			    *x->why ? ")" : "");
}

bool report_not_opened(struct doctor *d, const struct doctor_peer *p,
		       const struct exchange *x)
{
	struct exchange *head;
	int status;

	/* A 503 of ours is Redis elsewhere; but that has just been checked
	 * (health/ready), so here it is rather the number of streams. */
	if (x->status && x->status != 200) {
		enum cause cause = cause_of(x);

		return report_wrong(d, cause == CAUSE_REDIS ? CAUSE_STREAMS : cause,
				    "stream: status %d for /connect", x->status);
	}
	if (x->done && x->status)
		return report_cut(d, "stream", x);
	if (x->done)
		return report_wrong(d, CAUSE_DOWN, "stream: %s", x->why);
	if (x->status)
		return report_wrong(d, CAUSE_BUFFERED, "stream: it is buffered: header "
				    "lines came, but no event in %ld s", d->wait);
	/* The answer to HEAD ends at once, so that no buffer holds it back. */
	head = doctor_ask(d, "HEAD", "connect", p, NULL);
	status = head->status;
	client_end(d->client, head);
	if (status == 200)
		return report_wrong(d, CAUSE_BUFFERED, "stream: it is buffered: nothing "
				    "came in %ld s, though stream.fcgi answers HEAD at "
				    "once", d->wait);
	return report_wrong(d, CAUSE_FULL, "stream: no answer in %ld s, nor to HEAD: not "
			    "enough processes, threads or connections?", d->wait);
}

bool expect_event(struct doctor *d, const struct doctor_peer *p, const char *event,
		  const char *text, const char *what)
{
	int64_t began = clock_ms();
	double s;

	if (!await_event(d, p->stream, event, text)) {
		if (p->stream->done)
			return report_cut(d, what, p->stream);
		return report_wrong(d, CAUSE_BUFFERED, "%s: no %s on the stream of %s in "
				    "%ld s", what, event, p->name, d->wait);
	}
	/* It came in time, but a buffer that is flushed by the next ping passes things
	 * on, too. */
	s = (double)(clock_ms() - began) / 1000;
	if (s * LATE_DIVISOR > (double)d->wait)
		return report_wrong(d, CAUSE_BUFFERED, "%s: it is buffered: %s came "
				    "after %.1f s", what, event, s);
	report_ok(d, "%s", what);
	return true;
}
