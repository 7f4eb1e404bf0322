#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/doctor.h"

enum { LATE_PART = 5 };	/* of what may be waited: what takes longer was held back */

/* The report */

static void print_line(const char *word, const char *fmt, va_list ap)
{
	printf("%-8s", word);
	vprintf(fmt, ap);
	putchar('\n');
	fflush(stdout);
}

void tell_fine(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line("ok", fmt, ap);
	va_end(ap);
	d->passed++;
}

void tell_note(struct doctor *d, enum cause cause, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line("note", fmt, ap);
	va_end(ap);
	advise(cause, d->server, d->front, d->mount);
	fflush(stdout);
}

bool tell_wrong(struct doctor *d, enum cause cause, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line("WRONG", fmt, ap);
	va_end(ap);
	advise(cause, d->server, d->front, d->mount);
	fflush(stdout);
	d->failed++;
	return false;
}

/* Asking */

struct exchange *ask(struct doctor *d, const char *method, const char *path,
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

bool tell_refused(struct doctor *d, const char *what, struct exchange *x)
{
	if (x->status)
		tell_wrong(d, cause_of(x), "%s: status %d%s", what, x->status,
			   is_ours(x) ? "" : ", from what stands before the program");
	else
		tell_wrong(d, cause_of(x), "%s: %s", what, x->why);
	client_end(d->client, x);
	return false;
}

json_t *ask_json(struct doctor *d, const char *what, const char *path,
		 const struct peer_here *who, const char *body)
{
	struct exchange *x = ask(d, "POST", path, who, body);
	char why[128];
	json_t *json = NULL;

	if (x->status != 200 && x->status != 202) {
		tell_refused(d, what, x);
		return NULL;
	}
	json = json_read(x->body.len ? x->body.data : "", x->body.len, why);
	if (!json)
		tell_wrong(d, CAUSE_MOUNT, "%s: the answer is no JSON, so not ours",
			   what);
	client_end(d->client, x);
	return json;
}

int ask_relay(struct doctor *d, const struct peer_here *from,
	      const struct peer_here *to, const char *event, const char *body)
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

struct exchange *stream_open(struct doctor *d, const struct peer_here *p,
			     const char *header, bool small)
{
	struct request r = {
		.method = "GET", .path = "connect", .token = p->token,
		.header = header, .small = small,
	};

	return client_begin(d->client, &r);
}

const char *stream_wait(struct doctor *d, const struct exchange *x,
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

bool tell_end(struct doctor *d, const char *what, const struct exchange *x)
{
	bool page = has_page(x);
	int64_t quiet = page ? x->gap_ms : x->done_ms - x->last_ms;
	int64_t before = x->gap_most_ms;

	if (!page && x->gap_ms > before)
		before = x->gap_ms;
	if (!*x->why && !page)
		return tell_wrong(d, CAUSE_ENDED, "%s: stream.fcgi ended the stream, "
				  "after %.1f s", what,
				  (double)(x->done_ms - x->began_ms) / 1000);
	/* What cuts by silence lets none pass that is longer. */
	return tell_wrong(d, quiet * 100 > before * 98 ? CAUSE_IDLE : CAUSE_AGE,
			  "%s: the stream was cut%s %.1f s after it began, after "
			  "%.1f s of silence%s%s%s", what,
			  page ? " (with a page of the web server in it)" : "",
			  (double)(x->done_ms - x->began_ms) / 1000,
			  (double)quiet / 1000, *x->why ? " (" : "", x->why,
			  *x->why ? ")" : "");
}

bool tell_closed(struct doctor *d, const struct peer_here *p,
		 const struct exchange *x)
{
	struct exchange *head;
	int status;

	if (x->status && x->status != 200) {
		enum cause cause = cause_of(x);

		return tell_wrong(d, cause == CAUSE_REDIS ? CAUSE_STREAMS : cause,
				  "stream: status %d for /connect", x->status);
	}
	if (x->done && x->status)
		return tell_end(d, "stream", x);
	if (x->done)
		return tell_wrong(d, CAUSE_DOWN, "stream: %s", x->why);
	if (x->status)
		return tell_wrong(d, CAUSE_BUFFERED, "stream: it is buffered: header "
				  "lines came, but no event in %ld s", d->wait);
	/* The answer to HEAD ends at once, so that no buffer holds it back. */
	head = ask(d, "HEAD", "connect", p, NULL);
	status = head->status;
	client_end(d->client, head);
	if (status == 200)
		return tell_wrong(d, CAUSE_BUFFERED, "stream: it is buffered: nothing "
				  "came in %ld s, though stream.fcgi answers HEAD at once",
				  d->wait);
	return tell_wrong(d, CAUSE_FULL, "stream: no answer in %ld s, nor to HEAD: not "
			  "enough processes, threads or connections?", d->wait);
}

bool stream_arrives(struct doctor *d, const struct peer_here *p, const char *event,
		    const char *text, const char *what)
{
	int64_t began = clock_ms();
	double s;

	if (!stream_wait(d, p->stream, event, text)) {
		if (p->stream->done)
			return tell_end(d, what, p->stream);
		return tell_wrong(d, CAUSE_BUFFERED, "%s: no %s on the stream of %s in "
				  "%ld s", what, event, p->name, d->wait);
	}
	s = (double)(clock_ms() - began) / 1000;
	if (s * LATE_PART > (double)d->wait)
		return tell_wrong(d, CAUSE_BUFFERED, "%s: it is buffered: %s came after "
				  "%.1f s", what, event, s);
	tell_fine(d, "%s", what);
	return true;
}
