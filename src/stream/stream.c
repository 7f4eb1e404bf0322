#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "room/room.h"
#include "store/pool.h"
#include "store/subscription.h"
#include "stream/due.h"
#include "stream/message.h"
#include "stream/stream.h"
#include "web/http.h"
#include "web/sse.h"

enum {
	OUT_MOST = 64 * 1024 * 1024,	/* a whole mailbox of large messages */
	FLUSH_AT = 16 * 1024,
	RETRY_LEAST_MS = 500, RETRY_MOST_MS = 3000,
	AGAIN_LEAST_MS = 50, AGAIN_MOST_MS = 2000,
	STOP_WRITE_MS = 200,
};

struct stream {
	const struct conf *conf;
	struct fcgi *fcgi;
	struct peer peer;
	char *channel;
	char *cors;			/* header lines */
	char *stack;			/* its lowest address; NULL: unknown */
	struct subscription *subscription;	/* NULL: Redis is lost */
	char sent[48];			/* the last id that the client has */
	char life[48];
	bool open;			/* the head and `connected` are out */
	bool broken;			/* subscribe and connect again */
	const char *end;		/* why it ends; NULL: it goes on */
	/* in milliseconds of clock_ms() */
	int64_t beat_at, ping_at, again_at, end_at, write_until;
	const char *end_at_why;
	struct buf out;
};

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int until(int64_t at)
{
	int64_t ms = at - clock_ms();

	return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

/* Presence */

static void beat(struct stream *s)
{
	struct redis *r;
	struct later later;
	bool live = false;
	enum err e = ERR_STORE;

	s->beat_at = clock_ms() + s->conf->ping * 1000;
	if (!s->subscription || s->broken)
		return;
	r = pool_take();
	if (r) {
		e = presence_beat(r, s->conf, &s->peer, s->life, &live, &later);
		pool_give(r);
	}
	if (e || !live) {
		s->broken = true;
	} else {
		due_later(s->conf, &later);
		/* Who is alone here looks often enough as well. */
		due_in(s->conf, s->conf->ping * 500);
	}
}

static void lose(struct stream *s)
{
	subscription_free(s->subscription);
	s->subscription = NULL;
	s->broken = false;
	s->again_at = clock_ms() + random_between(AGAIN_LEAST_MS, AGAIN_MOST_MS);
}

static void end_presence(struct stream *s)
{
	struct redis *r;
	bool leaving = false;

	subscription_free(s->subscription);
	s->subscription = NULL;
	r = pool_take();
	if (!r)
		return;
	if (!presence_end(r, s->conf, &s->peer, &leaving) && leaving)
		due_in(s->conf, s->conf->grace * 1000);
	pool_give(r);
}

/* Writing */

/* The web server takes nothing at the moment: the beats go on meanwhile. */
static bool wait_writable(void *arg)
{
	struct stream *s = arg;
	struct pollfd p[] = {
		{ fcgi_fd(s->fcgi), POLLOUT, 0 },
		{ fcgi_stop_fd(), POLLIN, 0 },
	};
	int n = poll(p, s->end ? 1 : 2, until(earliest(s->beat_at, s->write_until)));

	if (n > 0 && p[1].revents) {
		s->end = "stop";
		return false;
	}
	if (n > 0)
		return true;
	if (clock_ms() >= s->write_until) {
		s->end = "send-timeout";
		return false;
	}
	if (clock_ms() >= s->beat_at)
		beat(s);
	return true;
}

static void flush(struct stream *s)
{
	if (!s->out.len || s->end) {
		buf_free(&s->out);
		return;
	}
	s->write_until = clock_ms() + s->conf->send_timeout * 1000;
	if (!fcgi_write(s->fcgi, s->out.data, s->out.len, false, wait_writable,
			s) && !s->end)
		s->end = "client-gone";
	s->ping_at = clock_ms() + s->conf->ping * 1000;
	buf_free(&s->out);
}

static void put(struct stream *s, const char *id, const char *name,
		const char *data, size_t len)
{
	sse_event(&s->out, id, name, data, len);
	if (*id)
		snprintf(s->sent, sizeof s->sent, "%s", id);
	if (s->out.len > FLUSH_AT)
		flush(s);
}

static void put_head(struct stream *s)
{
	buf_fmt(&s->out, "Status: 200 OK\r\n"
		"Content-Type: text/event-stream\r\n"
		"Cache-Control: no-store, no-transform\r\n"
		"X-Accel-Buffering: no\r\n%s\r\nretry: %u\n", s->cors,
		random_between(RETRY_LEAST_MS, RETRY_MOST_MS));
	s->open = true;
}

static void put_connected(struct stream *s, const struct presence *p)
{
	struct buf data = BUF_INIT(64 * 1024);

	buf_str(&data, "{\"user\":");
	peer_put(&data, &s->peer);
	buf_fmt(&data, ",\"resumed\":%s,\"rooms\":[",
		p->resumed ? "true" : "false");
	for (size_t i = 0; i < reply_count(p->rooms); i++)
		buf_fmt(&data, "%s\"%s\"", i ? "," : "",
			reply_string(reply_at(p->rooms, i), NULL));
	buf_str(&data, "]}");
	put(s, p->position, "connected", data.data, data.len);
	buf_free(&data);
}

/* Connecting */

static void put_missed(struct stream *s, const struct reply *missed)
{
	for (size_t i = 0; i < reply_count(missed) && !s->end; i++) {
		const struct reply *entry = reply_at(missed, i);
		const char *id = reply_string(reply_at(entry, 0), NULL);
		size_t len;
		const char *text = reply_string(
			reply_at(reply_at(entry, 1), 1), &len);
		struct message m;

		if (message_parse(text, len, &m))
			put(s, id, m.event, m.data, m.len);
	}
}

/* First the subscription, then the position: nothing is between them. Where it
 * fails, again_at says when to try again. */
static enum err connect_redis(struct stream *s)
{
	struct presence p = { .reply = NULL };
	struct redis *r;
	enum err e = subscription_open(s->channel, &s->subscription);

	if (!e) {
		r = pool_take();
		e = r ? presence_connect(r, s->conf, &s->peer, s->sent, &p) :
			ERR_STORE;
		if (r)
			pool_give(r);
	}
	if (e) {
		lose(s);
		return e;
	}
	strcpy(s->life, p.life);
	s->broken = false;
	s->beat_at = clock_ms() + s->conf->ping * 1000;
	/* Where all were killed, who comes back first looks who does not. */
	due_in(s->conf, 0);
	if (!s->open || !p.resumed) {
		if (!s->open)
			put_head(s);
		put_connected(s, &p);
	}
	put_missed(s, p.missed);
	reply_free(p.reply);
	flush(s);
	return OK;
}

/* Following */

static void take_message(struct stream *s, const char *text, size_t len)
{
	struct message m;

	if (!message_parse(text, len, &m)) {
		log_warn("stream.message", "peer=%s len=%zu why=malformed",
			 s->peer.id, len);
		return;
	}
	if (m.id[0] && !strcmp(m.event, "ping")) {
		/* A later life of this peer has begun. */
		if (id_above(m.id, s->life))
			s->broken = true;
		return;
	}
	if (m.id[0] && !id_above(m.id, s->sent))
		return;			/* it was replayed */
	put(s, m.id, m.event, m.data, m.len);
}

static void take_messages(struct stream *s)
{
	const char *text;
	size_t len;
	bool lost = subscription_read(s->subscription) != OK;

	while (!s->broken && !s->end &&
	       subscription_next(s->subscription, &text, &len))
		take_message(s, text, len);
	flush(s);
	if (lost)
		s->broken = true;
}

static void wait_and_take(struct stream *s)
{
	struct pollfd p[] = {
		{ fcgi_fd(s->fcgi),
		  fcgi_is_cgi(s->fcgi) ? 0 : POLLIN | POLLRDHUP, 0 },
		{ fcgi_stop_fd(), POLLIN, 0 },
		{ s->subscription ? subscription_fd(s->subscription) : -1,
		  POLLIN, 0 },
	};
	int64_t at = earliest(s->ping_at, s->end_at);

	at = earliest(at, s->subscription ? s->beat_at : s->again_at);
	if (poll(p, 3, until(at)) <= 0)
		return;
	if (p[0].revents && fcgi_gone(s->fcgi))
		s->end = "client-gone";
	else if (p[1].revents)
		s->end = "stop";
	else if (p[2].revents)
		take_messages(s);
}

static char *stack_of_thread(void)
{
	pthread_attr_t attr;
	void *low = NULL;
	size_t size;

	if (pthread_getattr_np(pthread_self(), &attr))
		return NULL;
	pthread_attr_getstack(&attr, &low, &size);
	pthread_attr_destroy(&attr);
	return low;
}

/* Gives back the pages of the stack below the caller's, which talking to Redis
 * has touched: a stream only waits most of the time. */
static void give_back_stack(const struct stream *s)
{
	char *here = __builtin_frame_address(0);
	size_t len = s->stack ? (size_t)(here - s->stack) : 0;

	if (len > 4096)
		madvise(s->stack, (len - 512) & ~(size_t)4095, MADV_DONTNEED);
}

static void follow(struct stream *s)
{
	while (!s->end) {
		int64_t now;

		wait_and_take(s);
		now = clock_ms();
		if (s->subscription && now >= s->beat_at) {
			beat(s);
			give_back_stack(s);
		}
		if (s->subscription && s->broken)
			lose(s);
		if (!s->end && !s->subscription && now >= s->again_at) {
			connect_redis(s);
			give_back_stack(s);
		}
		if (!s->end && now >= s->ping_at) {
			put(s, "", "ping", "{}", 2);
			flush(s);
		}
		if (!s->end && now >= s->end_at)
			s->end = s->end_at_why;
	}
}

/* The request */

static const struct route routes[] = {
	{ "GET", "/connect", TOKEN_NEEDED, NULL },
	{ NULL, NULL, TOKEN_NONE, NULL },
};

/* The header before ?lastEventId=, which a page gives that had to make a new
 * EventSource. */
static void take_position(struct stream *s, const struct call *c)
{
	const char *header = fcgi_env(c->fcgi, "HTTP_LAST_EVENT_ID");

	if (header && *header)
		snprintf(s->sent, sizeof s->sent, "%.47s", header);
	else if (!query_get(c->path.query, "lastEventId", s->sent,
			    sizeof s->sent))
		s->sent[0] = '\0';
	/* Anything else is a position that nobody knows. */
	if (s->sent[strspn(s->sent, "0123456789-")])
		strcpy(s->sent, "0");
}

static void take_times(struct stream *s, const struct call *c)
{
	unsigned age = s->conf->stream_age * 1000;
	int64_t now = clock_ms();
	int64_t token_ms = (c->who.expires - c->now) * 1000;

	s->end_at = now + random_between(age - age / 5, age);
	s->end_at_why = "age";
	if (now + token_ms < s->end_at) {
		s->end_at = now + token_ms;
		s->end_at_why = "token";
	}
	s->ping_at = s->beat_at = now + s->conf->ping * 1000;
}

/* Whether the stream is open; else the request is answered. */
static bool begin(struct stream *s, bool full)
{
	struct call c = { .conf = s->conf, .fcgi = s->fcgi };
	struct buf cors = BUF_INIT(4096);
	const char *method = fcgi_env(s->fcgi, "REQUEST_METHOD");
	enum err e = http_begin(&c, routes);
	bool head = method && !strcmp(method, "HEAD");

	if (!e && !c.status) {
		if (!accepts_event_stream(fcgi_env(s->fcgi, "HTTP_ACCEPT")))
			e = ERR_ACCEPT;
		else if (full && !head)
			e = ERR_BUSY;
		else if (head)
			buf_str(&c.head, "Content-Type: text/event-stream\r\n");
	}
	if (e || c.status || head) {
		http_finish(&c, e);
		return false;
	}
	s->peer = c.who.peer;
	s->channel = room_channel(s->conf, s->peer.id);
	take_position(s, &c);
	take_times(s, &c);
	http_common_head(&c, &cors);
	s->cors = cors.data ? cors.data : xstrdup("");
	e = connect_redis(s);
	if (e) {
		http_finish(&c, e);
		return false;
	}
	http_call_free(&c);
	return true;
}

static void stream_free(struct stream *s)
{
	buf_free(&s->out);
	free(s->channel);
	free(s->cors);
	fcgi_free(s->fcgi);
	free(s);
}

struct stream *stream_open(struct fcgi *f, const struct conf *conf, bool full)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->conf = conf;
	s->fcgi = f;
	s->out.most = OUT_MOST;
	if (!begin(s, full)) {
		stream_free(s);
		return NULL;
	}
	fcgi_lighten(f);
	log_debug("stream.open", "peer=%s", s->peer.id);
	return s;
}

void stream_follow(struct stream *s)
{
	/* The main thread, which CGI uses, has a stack that grows by itself. */
	s->stack = fcgi_is_cgi(s->fcgi) ? NULL : stack_of_thread();
	follow(s);
	/* A proper end, or Apache writes a page into the stream. */
	s->write_until = clock_ms() + STOP_WRITE_MS;
	fcgi_write(s->fcgi, "", 0, true, wait_writable, s);
	log_debug("stream.end", "peer=%s why=%s", s->peer.id, s->end);
	end_presence(s);
	stream_free(s);
}
