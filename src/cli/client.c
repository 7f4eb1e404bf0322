/*
 * One thread. An exchange is a transfer of libcurl (easy), which goes on only within
 * client_step(): that is where the callbacks run, and where an exchange becomes done.
 * So whoever waits for anything calls it in a loop, and all exchanges go on meanwhile.
 */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "cli/client.h"

enum {
	HEAD_MAX = 64 * 1024,
	BODY_MAX = 16 * 1024 * 1024,
	SMALL_WINDOW = 4096,		/* bytes: the least that Linux gives */
	SMALL_SEGMENT = 1400,
	STEP_MS = 500,			/* one wait, at most; then its caller looks */
};

struct client {
	CURLM *multi;
	char *url, *origin;
	bool insecure;
	long wait_s;
};

/* The default port of the scheme is left out. */
static char *origin_of(const char *url)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	struct buf origin = BUF_INIT(4096);
	CURLU *parts = curl_url();

	if (!parts || curl_url_set(parts, CURLUPART_URL, url, 0) ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(parts, CURLUPART_HOST, &host, 0)) {
		buf_str(&origin, "null");
	} else {
		curl_url_get(parts, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
		buf_fmt(&origin, "%s://%s%s%s", scheme, host, port ? ":" : "",
			port ? port : "");
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return origin.data;
}

/* Of a URL everything is refused that would end or change the paths that are appended
 * to it. */
char *client_url(const char *text)
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

struct client *client_new(const char *url, bool insecure, long wait_s)
{
	struct client *c = xcalloc(1, sizeof *c);

	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(c->multi = curl_multi_init()))
		abort();
	c->url = xstrdup(url);
	c->origin = origin_of(url);
	c->insecure = insecure;
	c->wait_s = wait_s;
	return c;
}

void client_free(struct client *c)
{
	curl_multi_cleanup(c->multi);
	curl_global_cleanup();
	free(c->url);
	free(c->origin);
	free(c);
}

const char *client_origin(const struct client *c)
{
	return c->origin;
}

/* An answer of 1xx comes before the final one. Lines come one by one; the empty one
 * ends a head. */
static size_t receive_head(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	n *= size;
	if (n > 5 && !memcmp(data, "HTTP/", 5))
		buf_clear(&x->head);
	buf_add(&x->head, data, n);
	if (n == 2 && buf_ok(&x->head)) {
		long status = 0;

		curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
		x->status = status >= 200 ? (int)status : 0;
		x->last_ms = clock_ms();
	}
	return n;
}

/* The gaps between bytes tell report_cut() whether silence ended a stream. The last gap
 * is kept apart from the longest one before it, as it may be before a page that the web
 * server appended. */
static size_t receive_body(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	int64_t now = clock_ms();

	/* libcurl keeps these bytes, reads no more, and hands them over again in
	 * client_read(). */
	if (x->unread)
		return CURL_WRITEFUNC_PAUSE;
	if (x->gap_ms > x->gap_max_ms)
		x->gap_max_ms = x->gap_ms;
	x->gap_ms = now - x->last_ms;
	x->last_ms = now;
	buf_add(&x->body, data, n * size);
	return buf_ok(&x->body) ? n * size : 0;
}

/* So that what is not read stays with the web server: to a client with a small window
 * and segments it sends little ahead. Before the connection is made, as the window is
 * agreed then. */
static int set_small_buffers(void *unused, curl_socket_t fd, curlsocktype purpose)
{
	int window = SMALL_WINDOW, segment = SMALL_SEGMENT;

	(void)unused;
	(void)purpose;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
	setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
	return CURL_SOCKOPT_OK;
}

static void add_line(struct exchange *x, const char *name, const char *value)
{
	struct buf line = BUF_INIT(16 * 1024);

	buf_fmt(&line, "%s%s", name, value);
	x->lines = curl_slist_append(x->lines, line.data);
	buf_free(&line);
}

static void set_request(struct exchange *x, const struct request *r)
{
	if (!strcmp(r->method, "HEAD"))
		curl_easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
	/* A body always, if only an empty one: with its length of 0, without which
	 * lighttpd answers 411. Without "Expect:", as libcurl would wait for a "100
	 * Continue" before a longer body. */
	if (!strcmp(r->method, "POST")) {
		curl_easy_setopt(x->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(x->easy, CURLOPT_COPYPOSTFIELDS,
				 r->body ? r->body : "");
		add_line(x, "Content-Type: application/json", "");
		add_line(x, "Expect:", "");
	}
	if (r->token)
		add_line(x, r->cookie ? "Cookie: drawbridge=" : "Authorization: Bearer ",
			 r->token);
	if (r->header)
		add_line(x, r->header, "");
	if (r->small) {
		curl_easy_setopt(x->easy, CURLOPT_BUFFERSIZE, 1024L);
		curl_easy_setopt(x->easy, CURLOPT_SOCKOPTFUNCTION, set_small_buffers);
	}
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->lines);
}

struct exchange *client_begin(struct client *c, const struct request *r)
{
	struct exchange *x = xcalloc(1, sizeof *x);
	struct buf url = BUF_INIT(16 * 1024);

	x->easy = curl_easy_init();
	if (!x->easy)
		abort();
	x->head.max = HEAD_MAX;
	x->body.max = BODY_MAX;
	x->began_ms = x->last_ms = clock_ms();
	buf_fmt(&url, "%s%s", c->url, r->path);
	curl_easy_setopt(x->easy, CURLOPT_URL, url.data);
	buf_free(&url);
	curl_easy_setopt(x->easy, CURLOPT_PRIVATE, x);
	curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, x->why);
	curl_easy_setopt(x->easy, CURLOPT_USERAGENT, "drawbridge/" PACKAGE_VERSION);
	curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	/* A connection of its own for each: what a web server does to a stream must not
	 * be mistaken for what another request does to it. Over HTTP/2 they would share
	 * one. */
	curl_easy_setopt(x->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(x->easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(x->easy, CURLOPT_FORBID_REUSE, 1L);
	/* Dots in a path are for the web server to see. */
	curl_easy_setopt(x->easy, CURLOPT_PATH_AS_IS, 1L);
	if (c->insecure) {
		curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, receive_head);
	curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, receive_body);
	curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
	set_request(x, r);
	curl_multi_add_handle(c->multi, x->easy);
	return x;
}

void client_end(struct client *c, struct exchange *x)
{
	if (!x)
		return;
	/* In this order. That it closes the connection is what tells the server of our
	 * end. */
	curl_multi_remove_handle(c->multi, x->easy);
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->lines);
	buf_free(&x->head);
	buf_free(&x->body);
	free(x);
}

static void finish_exchange(CURLMsg *message)
{
	CURLcode result = message->data.result;
	struct exchange *x;

	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &x);
	x->done = true;
	x->done_ms = clock_ms();
	/* libcurl writes errors into why (CURLOPT_ERRORBUFFER), also of attempts that
	 * it gets over. */
	if (!result)
		*x->why = '\0';
	else if (!*x->why)
		snprintf(x->why, sizeof x->why, "%s", curl_easy_strerror(result));
}

bool client_step(struct client *c, int64_t end_ms)
{
	int64_t left = end_ms - clock_ms();
	CURLMsg *message;
	int running, queued;

	if (left > 0)
		curl_multi_poll(c->multi, NULL, 0,
				left < STEP_MS ? (int)left : STEP_MS, NULL);
	curl_multi_perform(c->multi, &running);
	while ((message = curl_multi_info_read(c->multi, &queued)))
		if (message->msg == CURLMSG_DONE)
			finish_exchange(message);
	return left > 0;
}

/* The time limit is ours and not libcurl's, as streams, which have none, are asked for
 * by the same functions. */
struct exchange *client_ask(struct client *c, const struct request *r)
{
	struct exchange *x = client_begin(c, r);
	int64_t end = x->began_ms + c->wait_s * 1000;

	while (!x->done && client_step(c, end))
		;
	if (!x->done) {
		x->status = 0;
		snprintf(x->why, sizeof x->why, "no answer in %ld s",
			 c->wait_s);
	}
	return x;
}

void client_read(struct exchange *x)
{
	x->unread = false;
	curl_easy_pause(x->easy, CURLPAUSE_CONT);
}

/* Of several of that name the last. */
const char *exchange_header(const struct exchange *x, const char *name, char *to,
			    size_t size)
{
	size_t len = strlen(name);

	*to = '\0';
	for (const char *line = x->head.data; line && *line;) {
		size_t all = strcspn(line, "\r\n");

		if (all > len && line[len] == ':' && !strncasecmp(line, name, len)) {
			const char *value = line + len + 1;

			value += strspn(value, " \t");
			snprintf(to, size, "%.*s", (int)(line + all - value), value);
		}
		line += all;
		line += strspn(line, "\r\n");
	}
	return to;
}

const char *exchange_event(const struct exchange *x, const char *name,
			   const char *text)
{
	struct buf head = BUF_INIT(512);
	const char *at = x->body.data, *found = NULL;

	buf_fmt(&head, "event: %s\ndata: ", name);
	while (at && !found && (at = strstr(at, head.data))) {
		const char *end, *hit;

		at += head.len;
		end = at + strcspn(at, "\n");
		hit = strstr(at, text);
		/* Only when its line has ended. */
		if (*end && hit && hit <= end)
			found = at;
	}
	buf_free(&head);
	return found;
}
