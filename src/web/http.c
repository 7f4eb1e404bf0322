/*
 * The checks of a request have an order, and the first that fails is the answer: path,
 * method, token, origin, room, what the head says of the body, ids; then the body
 * itself. So whoever has no valid token is told nothing else of the request.
 *
 * The acceptor runs them. check_head() may run twice for one request: before its body
 * is there (http_refused()), and again when it is. So it changes nothing but the call
 * and the cache of tokens; logging and counting are for http_respond().
 */
#include "config.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/token_cache.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/number.h"
#include "base/percent.h"
#include "room/json.h"
#include "shared/metric.h"
#include "store/script.h"
#include "web/forwarded.h"
#include "web/http.h"
#include "web/refusals.h"

/* Bytes. The largest answer lists the members of a room: 1024 users of at most
 * USER_MAX, 2 MiB. */
enum { RESPONSE_MAX = 4 * 1024 * 1024 };

static const struct {
	int status;
	const char *title, *detail;
} errors[ERR_COUNT] = {
	[OK] = { 200, "OK", "" },
	[ERR_ROUTE] = { 404, "Not Found", "There is nothing at this path." },
	[ERR_METHOD] = { 405, "Method Not Allowed", "This method is not allowed; Allow lists those that are." },
	[ERR_NO_TOKEN] = { 401, "Unauthorized", "A token is required, as Authorization: Bearer, ?token= or a cookie." },
	[ERR_TOKEN] = { 401, "Unauthorized", "The token is invalid or has expired." },
	[ERR_REVOKED] = { 401, "Unauthorized", "The token was revoked; another one, issued since, is required." },
	[ERR_ROOM_DENIED] = { 403, "Forbidden", "The token does not cover this room." },
	[ERR_SERVER] = { 403, "Forbidden", "A token with \"server\": true is required; this one is a peer's." },
	[ERR_BOUNDED] = { 403, "Forbidden", "The token is for its \"rooms\" alone, and a peer may be in others: one without \"rooms\" is required." },
	[ERR_KEPT_OUT] = { 403, "Forbidden", "You were removed from this room and are kept out of it." },
	[ERR_ORIGIN] = { 403, "Forbidden", "The cookie is not accepted from pages of other origins." },
	[ERR_ADDRESS] = { 403, "Forbidden", "Metrics are not available to this address." },
	[ERR_ACCEPT] = { 406, "Not Acceptable", "Only text/event-stream is available." },
	[ERR_LENGTH] = { 411, "Length Required", "A Content-Length is required." },
	[ERR_TOO_LARGE] = { 413, "Content Too Large", "The body is too large." },
	[ERR_MEDIA] = { 415, "Unsupported Media Type", "The body must be JSON, as application/json or text/plain." },
	[ERR_INPUT] = { 400, "Bad Request", "The request is malformed." },
	[ERR_NO_PEER] = { 404, "Not Found", "There is no such peer in any of your rooms." },
	[ERR_NOT_MEMBER] = { 404, "Not Found", "You are not in this room." },
	[ERR_ROOM_FULL] = { 409, "Conflict", "The room is full." },
	[ERR_MANY_ROOMS] = { 409, "Conflict", "You are in too many rooms; leave one first." },
	[ERR_IDEMPOTENCY] = { 422, "Unprocessable Content", "This Idempotency-Key was that of another request, with another path or body." },
	[ERR_RATE] = { 429, "Too Many Requests", "Rate limit exceeded; retry after the time in Retry-After." },
	[ERR_MAILBOX] = { 429, "Too Many Requests", "The peer is away and its mailbox is full; retry after the time in Retry-After." },
	[ERR_BUSY] = { 503, "Service Unavailable", "The limit of open streams is reached; try again later." },
	[ERR_STORE] = { 503, "Service Unavailable", "The server cannot reach Redis; try again shortly." },
	[ERR_STORE_VERSION] = { 503, "Service Unavailable", "The server's Redis is too old; " REDIS_VERSION_MIN " or later is required." },
	[ERR_SLOW] = { 408, "Request Timeout", "The body took too long to arrive." },
	[ERR_GONE] = { 400, "Bad Request", "The request ended prematurely." },
};

/* Routes */

/* A segment of a pattern in braces matches any; "{page}" one that is a valid name. */
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

/* HEAD is answered as GET, without the content (RFC 9110, 9.3.2). It must be answered
 * here, and at once: of a stream that goes on Apache would hold the process for
 * ever. */
static bool method_is(const char *method, const char *of_route)
{
	return !strcmp(method, of_route) ||
		(!strcmp(method, "HEAD") && !strcmp(of_route, "GET"));
}

/* "/draw" is "/draw/". Relative, since a proxy may have taken a prefix off. */
static enum err redirect_to_slash(struct call *c, const char *method)
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

/* A person asks for a room by a name that no room can have: a page explains the names,
 * and suggests one. (With a dot it is taken for the name of a file.) */
static enum err redirect_to_name_page(struct call *c, const char *method)
{
	const char *accept = fcgi_env(c->fcgi, "HTTP_ACCEPT");
	const struct path *p = &c->path;

	if (!method_is(method, "GET") || p->count != 1 ||
	    memchr(p->segment[0], '.', p->len[0]) ||
	    !accept || !strstr(accept, "text/html"))
		return ERR_ROUTE;
	c->status = 302;
	buf_str(&c->head, "Location: static/name.html#");
	percent_encode(p->segment[0], p->len[0], &c->head);
	buf_str(&c->head, "\r\n");
	return OK;
}

/* All that there is at this path (RFC 9110, 10.2.1). */
static void append_allow(const struct route *const *routes, const char *pattern,
			 struct buf *head)
{
	buf_str(head, "Allow: OPTIONS");
	for (; *routes; routes++)
		if (!strcmp((*routes)->path, pattern))
			buf_fmt(head, ", %s%s", (*routes)->method,
				strcmp((*routes)->method, "GET") ? "" : ", HEAD");
	buf_str(head, "\r\n");
}

/* Browsers send an Origin with each POST and DELETE of a page, and with whatever it asks
 * of another origin. No page has any business with a token that may do all of this. */
static enum err refuse_pages(struct call *c)
{
	if (!c->is_server || !fcgi_env(c->fcgi, "HTTP_ORIGIN"))
		return OK;
	snprintf(c->detail, sizeof c->detail, "This is for a site's own server, and "
		 "not for pages: a request with an Origin is refused.");
	return ERR_ORIGIN;
}

/* The first path that matches decides, so literal ones stand before ids. */
static enum err find_route(struct call *c, const struct route *const *routes,
			   const char *method)
{
	const char *pattern;

	if (c->path.count == PATH_NO_SLASH)
		return redirect_to_slash(c, method);
	while (*routes && !route_fits((*routes)->path, &c->path))
		routes++;
	if (c->path.count < 0 || !*routes)
		return redirect_to_name_page(c, method);
	pattern = (*routes)->path;
	c->is_server = (*routes)->token == TOKEN_SERVER;
	for (const struct route *const *r = routes; *r; r++)
		if (!strcmp((*r)->path, pattern) && method_is(method, (*r)->method)) {
			c->route = *r;
			return OK;
		}
	/* Without a token: a browser sends no credentials with a preflight (WHATWG
	 * Fetch, "CORS-preflight fetch"). */
	if (!strcmp(method, "OPTIONS")) {
		if (refuse_pages(c))
			return ERR_ORIGIN;
		c->status = 204;
	}
	append_allow(routes, pattern, &c->head);
	return c->status ? OK : ERR_METHOD;
}

/* Where a request comes from */

/* Of two X-Forwarded-For one may be the client's own, under a name like X_Forwarded_For,
 * which a proxy forwards as it came: then no proxy is believed. No other name becomes
 * HTTP_FORWARDED: of that the last line counts (see record_param()). */
bool http_client(const struct call *c, char to[NETWORK_HOST_MAX])
{
	static char *const no_proxies[] = { NULL };
	const char *remote = fcgi_env(c->fcgi, "REMOTE_ADDR");
	bool is_ambiguous = fcgi_env_is_ambiguous(c->fcgi, "HTTP_X_FORWARDED_FOR");

	return forwarded_client(is_ambiguous ? no_proxies : c->conf->proxies.words,
				remote ? remote : "-",
				fcgi_env(c->fcgi, "HTTP_X_FORWARDED_FOR"),
				fcgi_env(c->fcgi, "HTTP_FORWARDED"), to);
}

/* As text, since a browser writes an origin in one way only; but in any case, since
 * people may have written the setting in another. */
static bool is_known_origin(const struct call *c, const char *origin)
{
	for (size_t i = 0; i < c->conf->origins.count; i++)
		if (!strcasecmp(c->conf->origins.words[i], origin))
			return true;
	return false;
}

/* Whether the request is from a page of another origin, as the browser says: by Origin
 * (RFC 6454), which <img> and the like do not send, or by Sec-Fetch-Site (Fetch
 * Metadata), which is sent to HTTPS and localhost only. The scheme may differ from
 * ours, as a proxy in front may speak HTTPS. "null" has no host, and so is foreign. An
 * origin in ORIGINS is allowed whatever Sec-Fetch-Site says, so that is asked first. */
static bool is_foreign_origin(const struct call *c)
{
	const char *origin = fcgi_env(c->fcgi, "HTTP_ORIGIN");
	const char *site = fcgi_env(c->fcgi, "HTTP_SEC_FETCH_SITE");
	const char *host = fcgi_env(c->fcgi, "HTTP_HOST"), *at;

	if (origin && is_known_origin(c, origin))
		return false;
	if (site && (!strcmp(site, "same-site") || !strcmp(site, "cross-site")))
		return true;
	if (!origin)
		return false;
	at = strstr(origin, "://");
	return !at || !host || strcasecmp(at + 3, host);
}

/* Who it is */

/* The scheme is of any case (RFC 9110, 11.1). What does not fit is cut off, and then
 * still too long for a token: BEARER_SIZE is above TOKEN_MAX of auth/token.c. */
bool http_bearer(const struct call *c, char to[BEARER_SIZE])
{
	const char *header = fcgi_env(c->fcgi, "HTTP_AUTHORIZATION");

	if (!header || strncasecmp(header, "Bearer ", 7))
		return false;
	header += 7 + strspn(header + 7, " ");
	snprintf(to, BEARER_SIZE, "%s", header);
	return true;
}

/* In the query or the cookie, where there is none in a header. A malformed one in the
 * query decides, too, or the request would be that of the cookie's peer. */
static enum err find_token(struct call *c, char token[BEARER_SIZE], bool *cookie)
{
	switch (query_get(c->path.query, "token", token, BEARER_SIZE)) {
	case QUERY_VALUE:
		return OK;
	case QUERY_MALFORMED:
		c->why = "malformed";
		return ERR_TOKEN;
	case QUERY_NONE:
		break;
	}
	*cookie = cookie_get(fcgi_env(c->fcgi, "HTTP_COOKIE"), "drawbridge", token,
			     BEARER_SIZE);
	return *cookie ? OK : ERR_NO_TOKEN;
}

/* Whose it is. A server's is no peer's, and may do nothing in the name of one. */
static enum err check_kind(struct call *c)
{
	if (c->who.server == c->is_server)
		return OK;
	if (c->who.server)
		snprintf(c->detail, sizeof c->detail, "The token of a server is not "
			 "that of a peer, which is required.");
	return ERR_SERVER;
}

static enum err authenticate(struct call *c, const char *method)
{
	char token[BEARER_SIZE];
	bool cookie = false;
	enum err e;

	c->bearer = http_bearer(c, token);
	if (c->route->token == TOKEN_IGNORED ||
	    (c->route->token == TOKEN_OPTIONAL && !c->bearer))
		return OK;
	if (!c->bearer && c->is_server) {
		snprintf(c->detail, sizeof c->detail,
			 "A token is required, as Authorization: Bearer.");
		return ERR_NO_TOKEN;
	}
	/* The header before the query before the cookie: the first that is there
	 * decides, even if it is invalid. */
	e = c->bearer ? OK : find_token(c, token, &cookie);
	if (e)
		return e;
	if (token_cache_verify(c->conf, token, c->now, &c->who, &c->why))
		return ERR_TOKEN;
	e = check_kind(c);
	if (!e)
		e = refuse_pages(c);
	if (e)
		return e;
	/* No browser adds the others by itself: whoever sends them knows the token.
	 * After the token is verified, so that an invalid one is 401 from any
	 * origin. */
	if (cookie && is_foreign_origin(c) && (!strcmp(method, "POST") ||
			c->route->token == TOKEN_SAME_ORIGIN))
		return ERR_ORIGIN;
	return OK;
}

/* Body */

/* Caddy passes a body without a type on as a form. A type that the client has sent is
 * in HTTP_CONTENT_TYPE, too. */
static bool type_is_made_up(const struct call *c)
{
	const char *server = fcgi_env(c->fcgi, "SERVER_SOFTWARE");

	return server && !strncmp(server, "Caddy/", 6) &&
		!fcgi_env(c->fcgi, "HTTP_CONTENT_TYPE");
}

/* text/plain passes, since a page of another origin may send it without a preflight
 * (WHATWG Fetch, "CORS-safelisted request-header"). So it is authenticate() alone that
 * keeps such pages from using a cookie. Types that end in +json are JSON (RFC 6839,
 * 3.1). A body without a type is taken for JSON. */
static bool has_json_type(const struct call *c)
{
	const char *type = fcgi_env(c->fcgi, "CONTENT_TYPE");
	size_t len;

	if (!type || !*type || type_is_made_up(c))
		return true;
	len = strcspn(type, "; \t");
	return (len == 16 && !strncasecmp(type, "application/json", len)) ||
		(len == 10 && !strncasecmp(type, "text/plain", len)) ||
		(len > 17 && !strncasecmp(type, "application/", 12) &&
		 !strncasecmp(type + len - 5, "+json", 5));
}

enum length { LENGTH_NONE, LENGTH_KNOWN, LENGTH_MALFORMED };

/* 1*DIGIT (RFC 9110, 8.6). nginx passes on an empty text where there is none. */
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
		*length = LONG_MAX;	/* more than a long can hold */
	return LENGTH_KNOWN;
}

/* In place of what parse_ids() may have said of an invalid id. */
static enum err refuse_body(struct call *c, enum err e)
{
	c->detail[0] = '\0';
	if (e == ERR_TOO_LARGE)
		snprintf(c->detail, sizeof c->detail,
			 "The body is larger than %u bytes.", c->conf->body_max);
	return e;
}

/* What the head of the request says of the body. */
static enum err announced_body(struct call *c)
{
	const char *coding = fcgi_env(c->fcgi, "HTTP_TRANSFER_ENCODING");
	long length;
	enum length known = body_length(c, &length);

	/* Malformed: Caddy gives a body that is chunked the length -1. By FastCGI the
	 * end of a body is known without a length, by CGI it is not. */
	if (known == LENGTH_MALFORMED ||
	    (known == LENGTH_NONE && coding && fcgi_is_cgi(c->fcgi)))
		return refuse_body(c, ERR_LENGTH);
	if (length > c->conf->body_max)
		return refuse_body(c, ERR_TOO_LARGE);
	return length && !has_json_type(c) ? refuse_body(c, ERR_MEDIA) : OK;
}

static enum err attach_body(struct call *c)
{
	const struct request_body *body = fcgi_body(c->fcgi);
	long length;
	bool known = body_length(c, &length) == LENGTH_KNOWN;

	c->body = &body->kept;
	if (!buf_ok(c->body))
		return refuse_body(c, ERR_TOO_LARGE);
	if (body->slow) {
		snprintf(c->detail, sizeof c->detail,
			 "The body took too long to arrive: it must be complete "
			 "within %u seconds, and bring %d bytes a second in each "
			 "third of them.",
			 c->conf->body_timeout, BODY_RATE_MIN);
		return ERR_SLOW;
	}
	/* If the client goes away while it sends its body, that may look like the end
	 * of it here (FastCGI 1.0, 6.2), and what has come may even be JSON. */
	return body->complete && (!known || body->len == (size_t)length) ?
		OK : ERR_GONE;
}

/* For every route, even one that uses no body: what is not JSON is a mistake of the
 * client. */
static enum err check_json_body(struct call *c)
{
	json_t *json;

	if (!c->body->len)
		return OK;
	if (!has_json_type(c))
		return ERR_MEDIA;
	json = json_parse(c->body->data, c->body->len, c->detail);
	json_decref(json);
	return json ? OK : ERR_INPUT;
}

/* Ids */

static bool event_valid(struct call *c, const char *s, size_t len)
{
	bool good = id_valid_event(s, len);

	if (!good)
		snprintf(c->detail, sizeof c->detail, "Invalid event name: it "
			 "must be 1 to 64 characters of A-Z a-z 0-9 _ -, and not "
			 "that of one of the server's own events.");
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
		snprintf(c->detail, sizeof c->detail, "Missing or invalid id: "
			 "it must be 1 to 64 characters of A-Z a-z 0-9 _ -, and "
			 "not a reserved word.");
	return good;
}

static enum err parse_ids(struct call *c)
{
	const char *pattern = c->route->path;

	for (int i = 0; i < c->path.count; i++) {
		const char *s = c->path.segment[i];
		size_t len = c->path.len[i];
		const char **to = NULL;

		/* A part of the pattern for each of the path, as route_fits() has
		 * found. */
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

/* All checks that need no body. */
static enum err check_head(struct call *c, const struct route *const *routes)
{
	const char *given = fcgi_env(c->fcgi, "REQUEST_METHOD");
	const char *method = given ? given : "";
	const char *uri = fcgi_env(c->fcgi, "REQUEST_URI");
	enum err e, ids;

	c->now = clock_unix();
	c->head.max = c->out.max = RESPONSE_MAX;
	path_parse(uri ? uri : "", c->conf->mount, &c->path);
	e = find_route(c, routes, method);
	if (e || c->status)
		return e;
	e = authenticate(c, method);
	if (e)
		return e;
	/* A room that the token does not cover comes before what the head says of the
	 * body, an invalid id after it: 403 belongs to the token, as 401 does. */
	ids = parse_ids(c);
	if (!ids && c->room && !token_covers(&c->who, c->room))
		return ERR_ROOM_DENIED;
	if (!ids && c->is_server && c->peer && !c->room && c->who.rooms)
		return ERR_BOUNDED;
	e = announced_body(c);
	return e ? e : ids;
}

enum err http_prepare(struct call *c, const struct route *const *routes)
{
	enum err e = check_head(c, routes);

	if (e || c->status)
		return e;
	e = attach_body(c);
	return e ? e : check_json_body(c);
}

bool http_refused(struct fcgi *f, const struct conf *conf,
		  const struct route *const *routes)
{
	struct call *c = xcalloc(1, sizeof *c);
	bool refused;

	c->conf = conf;
	c->fcgi = f;
	refused = check_head(c, routes) || c->status;
	http_call_free(c);
	free(c);
	return refused;
}

/* Answers */

/* CORS, as WHATWG Fetch has it. The origin is repeated, and not answered by "*", which
 * would exclude the cookie. So answers vary by Origin, those to requests without one as
 * well, or a cache would give one page what is for another. Date and Retry-After, which
 * the client module reads, have to be exposed. Last-Event-ID is what EventSource sends
 * when it reconnects, and Cache-Control what some replacements for it send. Max-Age is
 * in seconds. */
void http_append_cors(const struct call *c, struct buf *head)
{
	const char *origin = fcgi_env(c->fcgi, "HTTP_ORIGIN");

	if (c->conf->origins.count || c->is_server)
		buf_str(head, "Vary: Origin\r\n");
	if (c->is_server || !origin || !is_known_origin(c, origin))
		return;
	buf_fmt(head, "Access-Control-Allow-Origin: %s\r\n"
		"Access-Control-Allow-Credentials: true\r\n"
		"Access-Control-Expose-Headers: Date, Retry-After\r\n", origin);
	if (fcgi_env(c->fcgi, "HTTP_ACCESS_CONTROL_REQUEST_METHOD"))
		buf_str(head, "Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
			"Access-Control-Allow-Headers: Authorization, "
			"Cache-Control, Content-Type, Idempotency-Key, Last-Event-ID\r\n"
			"Access-Control-Max-Age: 600\r\n");
}

static const char *detail_of(const struct call *c, enum err e)
{
	if (c->detail[0])
		return c->detail;
	/* A server is in no room. */
	return e == ERR_NO_PEER && c->is_server ? "There is no such peer." :
		errors[e].detail;
}

/*
 * RFC 9457. With about:blank the title is the phrase of the status (4.2.1). The detail
 * is for the person; the reason that the log has (why) may tell an attacker too much.
 *
 * RFC 6750, 3: no error where there was no token. Retry-After is drawn where many may
 * have been refused at the same time, so that they do not all return at the same time.
 */
static void append_problem(struct call *c, enum err e)
{
	buf_clear(&c->out);
	buf_fmt(&c->out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
		"\"detail\":", errors[e].title, errors[e].status);
	json_append_string(&c->out, detail_of(c, e));
	buf_char(&c->out, '}');
	switch (errors[e].status) {
	case 401:
		buf_fmt(&c->head, "WWW-Authenticate: Bearer%s\r\n",
			e != ERR_NO_TOKEN ? " error=\"invalid_token\"" : "");
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

/* Lines are limited by host, which of IPv6 is the first 64 bits; a line has the whole
 * address. */
static void report_refusal(const struct call *c, enum err e)
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

/* Status is how CGI and FastCGI say it (RFC 3875, 6.3.3). Content-Length is that of the
 * content also in an answer to HEAD (RFC 9110, 8.6), and not allowed for 204. Nothing
 * may be stored: answers hold tokens, or are out of date at once. */
void http_respond(struct call *c, enum err e)
{
	const char *method = fcgi_env(c->fcgi, "REQUEST_METHOD");
	int status = c->status ? c->status : errors[e].status;
	struct buf all = BUF_INIT(RESPONSE_MAX);

	if (e) {
		status = errors[e].status;
		report_refusal(c, e);
		append_problem(c, e);
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
	http_append_cors(c, &all);
	buf_str(&all, "\r\n");
	if (c->out.len && method && strcmp(method, "HEAD"))
		buf_add(&all, c->out.data, c->out.len);
	fcgi_answer(c->fcgi, all.data, all.len);
	buf_free(&all);
	http_call_free(c);
}

void http_complete(struct call *c, enum err e)
{
	struct fcgi *f = c->fcgi;

	http_respond(c, e);
	fcgi_free(f);
	free(c);
}

struct call *http_call_new(struct fcgi *f, const struct conf *conf,
			   const struct route *const *routes)
{
	struct call *c = xcalloc(1, sizeof *c);
	enum err e;

	c->conf = conf;
	c->fcgi = f;
	e = http_prepare(c, routes);
	if (!e && !c->status)
		return c;
	http_complete(c, e);
	return NULL;
}

void http_dispatch(struct call *c, struct redis *redis)
{
	enum err e;

	c->redis = redis;
	e = c->route->run(c);
	/* If it is pending the call may be answered and freed already. */
	if (e != ERR_PENDING)
		http_complete(c, e);
}
