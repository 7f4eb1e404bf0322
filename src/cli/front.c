/*
 * Checks of what is in front of the web server: which proxy it is, and whether it
 * passes on what the programs need to know of its clients.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"

/* Texts in the error pages of servers whose answers have no Server header. */
static const struct {
	const char *text, *name;
} own_pages[] = {
	{ "Your browser sent an invalid request.", "HAProxy" },
	{ "400 Bad Request: ", "Caddy" },	/* or what else is made with Go's */
};

/* A field name with a space is invalid (RFC 9110, 5.1). Whoever comes first refuses
 * such a request, and does not pass it on: so the refusal is the work of a proxy in
 * front, if there is one. If its Server is the same as that of other answers there is
 * none, or none of another kind. */
void doctor_find_front(struct doctor *d)
{
	struct request r = { .method = "GET", .path = "", .header = "Not A Name: x" };
	struct exchange *x = client_ask(d->client, &r);

	exchange_header(x, "Server", d->front, sizeof d->front);
	for (size_t i = 0; i < sizeof own_pages / sizeof *own_pages; i++)
		if (!*d->front && x->body.len && strstr(x->body.data, own_pages[i].text))
			strcpy(d->front, own_pages[i].name);
	if (!strcmp(d->front, d->server))
		*d->front = '\0';
	client_end(d->client, x);
}

/* As a page that lives by the cookie: its Origin must be the Host that arrives. */
bool doctor_check_host(struct doctor *d)
{
	struct buf path = BUF_INIT(256), origin = BUF_INIT(2048);
	struct request r = { .method = "POST", .token = d->ann.token, .cookie = true };
	struct exchange *x;
	bool good = true;

	buf_fmt(&path, "%s/join", d->room);
	buf_fmt(&origin, "Origin: %s", client_origin(d->client));
	r.path = path.data;
	r.header = origin.data;
	x = client_ask(d->client, &r);
	if (x->status == 403) {
		report_wrong(d, CAUSE_HOST, "host: a page of %s is refused its own "
			     "cookie, as Host does not arrive as it was sent",
			     client_origin(d->client));
		client_end(d->client, x);
	} else if (x->status == 200) {
		report_ok(d, "host: it arrives as it was sent");
		client_end(d->client, x);
	} else {
		good = report_refused(d, "host: join by the cookie", x);
	}
	buf_free(&path);
	buf_free(&origin);
	return good;
}

bool doctor_check_metrics(struct doctor *d)
{
	struct exchange *x = doctor_ask(d, "GET", "metrics", NULL, NULL);

	if (x->status == 200)
		report_wrong(d, CAUSE_METRICS, "metrics: anyone can read them from here");
	else
		report_ok(d, "metrics: not everyone can read them");
	client_end(d->client, x);
	return true;
}
