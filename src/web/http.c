#include "config.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/known.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/number.h"
#include "room/json.h"
#include "web/forwarded.h"
#include "web/http.h"
#include "web/refusals.h"

enum { OUT_MOST = 4 * 1024 * 1024 };

static const struct {
	int status;
	const char *title, *detail;
} errors[ERR_COUNT] = {
	[OK] = { 200, "OK", "" },
	[ERR_ROUTE] = { 404, "Not Found", "There is nothing at this path." },
	[ERR_METHOD] = { 405, "Method Not Allowed", "This path has the methods that Allow names." },
	[ERR_NO_TOKEN] = { 401, "Unauthorized", "A token is needed, as Authorization: Bearer, ?token= or cookie." },
	[ERR_TOKEN] = { 401, "Unauthorized", "The token is not valid here, or has expired." },
	[ERR_ROOM_DENIED] = { 403, "Forbidden", "The token does not cover this room." },
	[ERR_ORIGIN] = { 403, "Forbidden", "A page of another origin cannot use the cookie." },
	[ERR_ADDRESS] = { 403, "Forbidden", "Metrics are not for this address." },
	[ERR_ACCEPT] = { 406, "Not Acceptable", "The answer is text/event-stream." },
	[ERR_LENGTH] = { 411, "Length Required", "The body needs a Content-Length." },
	[ERR_TOO_LARGE] = { 413, "Content Too Large", "The body is too large." },
	[ERR_MEDIA] = { 415, "Unsupported Media Type", "A body is application/json, or text/plain that holds JSON." },
	[ERR_INPUT] = { 400, "Bad Request", "The request is malformed." },
	[ERR_NO_PEER] = { 404, "Not Found", "There is no such peer in a room that you share." },
	[ERR_NOT_MEMBER] = { 404, "Not Found", "You are in no such room." },
	[ERR_ROOM_FULL] = { 409, "Conflict", "The room is full." },
	[ERR_MANY_ROOMS] = { 409, "Conflict", "You are in too many rooms: leave one." },
	[ERR_RATE] = { 429, "Too Many Requests", "You are over the rate: wait as Retry-After says." },
	[ERR_MAILBOX] = { 429, "Too Many Requests", "The peer is away, and as much is kept for it as may be: try again as Retry-After says." },
	[ERR_BUSY] = { 503, "Service Unavailable", "This server holds as many streams as it may." },
	[ERR_STORE] = { 503, "Service Unavailable", "The server cannot reach its store; try again soon." },
	[ERR_SLOW] = { 408, "Request Timeout", "The body was too long on its way." },
	[ERR_GONE] = { 400, "Bad Request", "The request ended too early." },
};

/* Routes */

/* "{" begins a segment of a route that is any; a page is only where a room's
 * name is one. */
static bool route_fits(const char *pattern, const struct path *p)
{
	int i = 0;

	while (*pattern == '/' && pattern[1]) {
		size_t len = strcspn(++pattern, "/");

		if (i == p->count)
			return false;
		if (*pattern != '{' &&
		    (p->len[i] != len || memcmp(p->segment[i], pattern, len)))
			return false;
		if (!strncmp(pattern, "{page}", len) &&
		    !id_valid_name(p->segment[i], p->len[i]))
			return false;
		pattern += len;
		i++;
	}
	return i == p->count;
}

static bool method_is(const char *method, const char *of_route)
{
	return !strcmp(method, of_route) ||
		(!strcmp(method, "HEAD") && !strcmp(of_route, "GET"));
}

/* "/draw" is "/draw/". Relative, since a proxy may have taken a prefix off. */
static enum err add_slash(struct call *c, const char *method)
{
	const char *mount = c->conf->mount, *last = mount + strlen(mount) - 1;

	if (!method_is(method, "GET"))
		return ERR_ROUTE;
	while (last[-1] != '/')
		last--;
	c->status = 301;
	buf_fmt(&c->head, "Location: %s\r\n", last);
	return OK;
}

static void put_allow(const struct route *routes, const struct path *p,
		      const char *pattern, struct buf *head)
{
	buf_str(head, "Allow: OPTIONS");
	for (const struct route *r = routes; r->method; r++)
		if (!strcmp(r->path, pattern) && route_fits(r->path, p))
			buf_fmt(head, ", %s%s", r->method,
				strcmp(r->method, "GET") ? "" : ", HEAD");
	buf_str(head, "\r\n");
}

/* The first path that fits decides, so literal ones stand before ids. */
static enum err find_route(struct call *c, const struct route *routes,
			   const char *method)
{
	const struct route *r = routes;

	if (c->path.count == PATH_NO_SLASH)
		return add_slash(c, method);
	while (r->method && !route_fits(r->path, &c->path))
		r++;
	if (c->path.count < 0 || !r->method)
		return ERR_ROUTE;
	for (const struct route *same = r; same->method; same++)
		if (!strcmp(same->path, r->path) &&
		    method_is(method, same->method)) {
			c->route = same;
			return OK;
		}
	put_allow(routes, &c->path, r->path, &c->head);
	if (!strcmp(method, "OPTIONS")) {
		c->status = 204;
		return OK;
	}
	return ERR_METHOD;
}

/* Where a request comes from */

bool http_client(const struct call *c, char to[NETWORK_HOST_MAX])
{
	const char *remote = fcgi_env(c->fcgi, "REMOTE_ADDR");

	return forwarded_client(c->conf->proxies.words, remote ? remote : "-",
				fcgi_env(c->fcgi, "HTTP_X_FORWARDED_FOR"),
				fcgi_env(c->fcgi, "HTTP_FORWARDED"), to);
}

static bool known_origin(const struct call *c, const char *origin)
{
	for (size_t i = 0; i < c->conf->origins.count; i++)
		if (!strcasecmp(c->conf->origins.words[i], origin))
			return true;
	return false;
}

/* Whether a page of another origin has made it, as the browser says: by Origin
 * (RFC 6454), which <img> and the like go without, or by Sec-Fetch-Site (Fetch
 * Metadata). Of ours but for the scheme is ours, as a proxy in front may have
 * changed that. */
static bool foreign_origin(const struct call *c)
{
	const char *origin = fcgi_env(c->fcgi, "HTTP_ORIGIN");
	const char *site = fcgi_env(c->fcgi, "HTTP_SEC_FETCH_SITE");
	const char *host = fcgi_env(c->fcgi, "HTTP_HOST"), *at;

	if (origin && known_origin(c, origin))
		return false;
	if (site && (!strcmp(site, "same-site") || !strcmp(site, "cross-site")))
		return true;
	if (!origin)
		return false;
	at = strstr(origin, "://");
	return !at || !host || strcasecmp(at + 3, host);
}

/* Who it is */

bool http_bearer(const struct call *c, char to[BEARER_MOST])
{
	const char *header = fcgi_env(c->fcgi, "HTTP_AUTHORIZATION");

	if (!header || strncasecmp(header, "Bearer ", 7))
		return false;
	header += 7 + strspn(header + 7, " ");
	snprintf(to, BEARER_MOST, "%s", header);
	return true;
}

/* Where none is in a header. One that is malformed decides too, or the request would
 * be that of the cookie's peer. */
static enum err other_token(struct call *c, char token[BEARER_MOST], bool *cookie)
{
	switch (query_get(c->path.query, "token", token, BEARER_MOST)) {
	case QUERY_VALUE:
		return OK;
	case QUERY_MALFORMED:
		c->why = "malformed";
		return ERR_TOKEN;
	case QUERY_NONE:
		break;
	}
	*cookie = cookie_get(fcgi_env(c->fcgi, "HTTP_COOKIE"), "drawbridge", token,
			     BEARER_MOST);
	return *cookie ? OK : ERR_NO_TOKEN;
}

static enum err authenticate(struct call *c, const char *method)
{
	char token[BEARER_MOST];
	bool cookie = false;
	enum err e;

	c->bearer = http_bearer(c, token);
	if (c->route->token == TOKEN_NONE ||
	    (c->route->token == TOKEN_RENEWS && !c->bearer))
		return OK;
	e = c->bearer ? OK : other_token(c, token, &cookie);
	if (e)
		return e;
	if (known_verify(c->conf, token, c->now, &c->who, &c->why))
		return ERR_TOKEN;
	/* The other two no browser adds by itself: who sends them knows the token. */
	if (cookie && foreign_origin(c) && (!strcmp(method, "POST") ||
			c->route->token == TOKEN_OF_OUR_PAGE))
		return ERR_ORIGIN;
	return OK;
}

/* Body */

static bool media_ok(const char *type)
{
	size_t len;

	if (!type || !*type)
		return true;
	len = strcspn(type, "; \t");
	return (len == 16 && !strncasecmp(type, "application/json", len)) ||
		(len == 10 && !strncasecmp(type, "text/plain", len)) ||
		(len > 17 && !strncasecmp(type, "application/", 12) &&
		 !strncasecmp(type + len - 5, "+json", 5));
}

enum length { LENGTH_NONE, LENGTH_KNOWN, LENGTH_MALFORMED };

static enum length body_length(const struct call *c, long *length)
{
	const char *text = fcgi_env(c->fcgi, "CONTENT_LENGTH");
	size_t digits = text ? strspn(text, "0123456789") : 0;

	*length = 0;
	if (!text || !*text)
		return LENGTH_NONE;
	if (text[digits])
		return LENGTH_MALFORMED;
	if (!number_parse(text, digits, 0, LONG_MAX, length))
		*length = LONG_MAX;	/* more than a number can say */
	return LENGTH_KNOWN;
}

static enum err too_large(struct call *c)
{
	snprintf(c->detail, sizeof c->detail,
		 "The body is larger than %u bytes.", c->conf->body_max);
	return ERR_TOO_LARGE;
}

/* What its head says of it. */
static enum err announced_body(struct call *c)
{
	const char *coding = fcgi_env(c->fcgi, "HTTP_TRANSFER_ENCODING");
	long length;
	enum length known = body_length(c, &length);

	/* Malformed: Caddy gives a body that is chunked the length -1. */
	if (known == LENGTH_MALFORMED ||
	    (known == LENGTH_NONE && coding && fcgi_is_cgi(c->fcgi)))
		return ERR_LENGTH;
	if (length > c->conf->body_max)
		return too_large(c);
	return length && !media_ok(fcgi_env(c->fcgi, "CONTENT_TYPE")) ?
		ERR_MEDIA : OK;
}

static enum err take_body(struct call *c)
{
	const struct fcgi_body *body = fcgi_body(c->fcgi);
	long length;
	bool known = body_length(c, &length) == LENGTH_KNOWN;

	c->body = &body->kept;
	if (!buf_ok(c->body))
		return too_large(c);
	if (body->slow) {
		snprintf(c->detail, sizeof c->detail,
			 "The body was too long on its way: it has %u seconds, "
			 "and each third of them must bring %d bytes a second.",
			 c->conf->body_timeout, BODY_RATE);
		return ERR_SLOW;
	}
	return body->whole && (!known || body->len == (size_t)length) ? OK : ERR_GONE;
}

static enum err check_body(struct call *c)
{
	json_t *json;

	if (!c->body->len)
		return OK;
	if (!media_ok(fcgi_env(c->fcgi, "CONTENT_TYPE")))
		return ERR_MEDIA;
	json = json_read(c->body->data, c->body->len, c->detail);
	json_decref(json);
	return json ? OK : ERR_INPUT;
}

/* Ids */

static const char *const server_events[] = {
	"connected", "add-peer", "remove-peer", "ping",
};

static bool event_valid(struct call *c, const char *s, size_t len)
{
	bool good = id_valid(s, len);

	for (size_t i = 0; i < sizeof server_events / sizeof *server_events; i++)
		good = good && strcmp(server_events[i], s) != 0;
	if (!good)
		snprintf(c->detail, sizeof c->detail, "An event's name is 1 to "
			 "64 of A-Z a-z 0-9 _ -, and none of the server's own "
			 "events.");
	return good;
}

bool http_event_valid(struct call *c, const char *name)
{
	return event_valid(c, name, strlen(name));
}

static bool name_valid(struct call *c, const char *s, size_t len)
{
	bool good = id_valid_name(s, len);

	if (!good)
		snprintf(c->detail, sizeof c->detail, "An id is 1 to 64 of A-Z "
			 "a-z 0-9 _ -, and no word of the server's own paths.");
	return good;
}

static enum err take_ids(struct call *c)
{
	const char *pattern = c->route->path;

	for (int i = 0; i < c->path.count; i++) {
		const char *s = c->path.segment[i];
		size_t len = c->path.len[i];
		const char **to = NULL;

		pattern += strcspn(pattern, "/") + 1;
		if (!strncmp(pattern, "{room}", 6))
			to = &c->room;
		else if (!strncmp(pattern, "{peer}", 6))
			to = &c->peer;
		else if (!strncmp(pattern, "{event}", 7))
			to = &c->event;
		if (!to)
			continue;
		if (to == &c->event ? !event_valid(c, s, len) :
		    !name_valid(c, s, len))
			return ERR_INPUT;
		*to = s;
	}
	return OK;
}

/* All that needs no body. */
static enum err begin_head(struct call *c, const struct route *routes)
{
	const char *given = fcgi_env(c->fcgi, "REQUEST_METHOD");
	const char *method = given ? given : "";
	const char *uri = fcgi_env(c->fcgi, "REQUEST_URI");
	enum err e, ids;

	c->now = clock_unix();
	c->head.most = c->out.most = OUT_MOST;
	path_parse(uri ? uri : "", c->conf->mount, &c->path);
	e = find_route(c, routes, method);
	if (e || c->status)
		return e;
	e = authenticate(c, method);
	if (e)
		return e;
	ids = take_ids(c);
	if (!ids && c->room && !token_covers(&c->who, c->room))
		return ERR_ROOM_DENIED;
	e = announced_body(c);
	return e ? e : ids;
}

enum err http_begin(struct call *c, const struct route *routes)
{
	enum err e = begin_head(c, routes);

	if (e || c->status)
		return e;
	e = take_body(c);
	return e ? e : check_body(c);
}

bool http_refused(struct fcgi *f, const struct conf *conf,
		  const struct route *routes)
{
	struct call *c = xcalloc(1, sizeof *c);
	bool refused;

	c->conf = conf;
	c->fcgi = f;
	refused = begin_head(c, routes) || c->status;
	http_call_free(c);
	free(c);
	return refused;
}

/* Answers */

void http_common_head(const struct call *c, struct buf *head)
{
	const char *origin = fcgi_env(c->fcgi, "HTTP_ORIGIN");

	if (c->conf->origins.count)
		buf_str(head, "Vary: Origin\r\n");
	if (!origin || !known_origin(c, origin))
		return;
	buf_fmt(head, "Access-Control-Allow-Origin: %s\r\n"
		"Access-Control-Allow-Credentials: true\r\n"
		"Access-Control-Expose-Headers: Date, Retry-After\r\n", origin);
	if (fcgi_env(c->fcgi, "HTTP_ACCESS_CONTROL_REQUEST_METHOD"))
		buf_str(head, "Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
			"Access-Control-Allow-Headers: Authorization, "
			"Cache-Control, Content-Type, Last-Event-ID\r\n"
			"Access-Control-Max-Age: 600\r\n");
}

static void put_problem(struct call *c, enum err e)
{
	buf_clear(&c->out);
	buf_fmt(&c->out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
		"\"detail\":", errors[e].title, errors[e].status);
	json_put_string(&c->out, c->detail[0] ? c->detail : errors[e].detail);
	buf_char(&c->out, '}');
	switch (errors[e].status) {
	case 401:
		buf_fmt(&c->head, "WWW-Authenticate: Bearer%s\r\n",
			e == ERR_TOKEN ? " error=\"invalid_token\"" : "");
		break;
	case 429:
		buf_fmt(&c->head, "Retry-After: %d\r\n",
			c->wait_ms > 0 ? (c->wait_ms + 999) / 1000 : 1);
		break;
	case 503:
		buf_fmt(&c->head, "Retry-After: %u\r\n", random_between(1, 3));
		break;
	}
}

static void note_refusal(const struct call *c, enum err e)
{
	char client[NETWORK_HOST_MAX], host[NETWORK_HOST_MAX], others[40] = "";
	uint64_t not_logged;

	metric_add(METRIC_REFUSED, e, 1);
	http_client(c, client);
	network_host(client, host);
	if (!refusal_is_logged(e, host, clock_ms(), &not_logged))
		return;
	if (not_logged)
		snprintf(others, sizeof others, " not_logged=%" PRIu64, not_logged);
	log_info("http.refuse", "status=%d error=%s route=%s peer=%s from=%s%s%s%s",
		 errors[e].status, err_words[e], c->route ? c->route->path : "-",
		 c->who.peer.id[0] ? c->who.peer.id : "-",
		 client, c->why ? " why=" : "", c->why ? c->why : "", others);
}

void http_call_free(struct call *c)
{
	buf_free(&c->head);
	buf_free(&c->out);
	claims_free(&c->who);
}

void http_finish(struct call *c, enum err e)
{
	const char *method = fcgi_env(c->fcgi, "REQUEST_METHOD");
	int status = c->status ? c->status : errors[e].status;
	struct buf all = BUF_INIT(OUT_MOST);

	if (e) {
		status = errors[e].status;
		note_refusal(c, e);
		put_problem(c, e);
	}
	buf_fmt(&all, "Status: %d %s\r\n", status,
		e ? errors[e].title : status == 301 ? "Moved Permanently" :
		status == 302 ? "Found" : status == 202 ? "Accepted" :
		status == 204 ? "No Content" : "OK");
	if (c->out.len)
		buf_fmt(&all, "Content-Type: %s\r\n",
			e ? "application/problem+json" :
			c->type ? c->type : "application/json");
	if (status != 204)
		buf_fmt(&all, "Content-Length: %zu\r\n", c->out.len);
	buf_str(&all, "Cache-Control: no-store\r\n");
	if (c->head.len)
		buf_add(&all, c->head.data, c->head.len);
	http_common_head(c, &all);
	buf_str(&all, "\r\n");
	if (c->out.len && method && strcmp(method, "HEAD"))
		buf_add(&all, c->out.data, c->out.len);
	fcgi_answer(c->fcgi, all.data, all.len);
	buf_free(&all);
	http_call_free(c);
}

void http_end(struct call *c, enum err e)
{
	struct fcgi *f = c->fcgi;

	http_finish(c, e);
	fcgi_free(f);
	free(c);
}

struct call *http_take(struct fcgi *f, const struct conf *conf,
		       const struct route *routes)
{
	struct call *c = xcalloc(1, sizeof *c);
	enum err e;

	c->conf = conf;
	c->fcgi = f;
	e = http_begin(c, routes);
	if (!e && !c->status)
		return c;
	http_end(c, e);
	return NULL;
}

void http_run(struct call *c, struct redis *redis)
{
	enum err e;

	c->redis = redis;
	e = c->route->run(c);
	if (e != LATER)
		http_end(c, e);
}
