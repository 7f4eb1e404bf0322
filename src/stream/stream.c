#include "config.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/quota.h"
#include "room/room.h"
#include "store/pool.h"
#include "store/subscription.h"
#include "stream/due.h"
#include "stream/message.h"
#include "stream/stream.h"
#include "web/http.h"
#include "web/sse.h"

enum {
	OUT_MOST = 64 * 1024 * 1024,	/* far above any message */
	WIRE_MOST = 2 * OUT_MOST,
	SEND_MIN = 8192,		/* bytes in a send timeout */
	RETRY_LEAST_MS = 500, RETRY_MOST_MS = 3000,
	AWAY_MIN_MS = 30000, AWAY_MAX_MS = 60000,
	AGAIN_LEAST_MS = 50, AGAIN_MOST_MS = 2000,
	SETTLED_MOST_MS = 500,
	PHASES = 40,			/* moments in PING */
	END_MS = 200,			/* for the last words of a stream */
	/* Of the process: the fixed ones, those of the pool, and those of
	 * requests that are refused. */
	OTHER_DESCRIPTORS = 40 + STREAMS_AT_ONCE,
};

struct stream {
	const struct conf *conf;
	struct fcgi *fcgi;
	struct peer peer;
	char *channel;
	char *cors;			/* header lines */
	struct call *call;		/* until it is open */
	struct subscription *subscription;	/* NULL: Redis is lost */
	enum err e;			/* of connecting */
	char sent[ID_SIZE];		/* the last id that the client has */
	char life[48];
	long long number;		/* among those of its peer; 0: none yet */
	bool open;			/* the head is out */
	bool told;			/* and `connected` */
	bool broken;			/* subscribe and connect again */
	bool too_much;			/* for this process */
	bool counted;			/* in the quota */
	bool leaving;			/* its peer, after it */
	enum metric_end end;		/* why it ends */
	bool ending, gone;		/* its end is written; nothing can be */
	enum stream_work work;
	/* in milliseconds of clock_ms() */
	int64_t beat_at, ping_at, again_at, end_at, write_until;
	int64_t phase;			/* of beat_at and ping_at */
	enum metric_end end_at_why;
	struct presence presence;	/* while a worker asks for it */
	bool replaying;			/* more was missed than is in out */
	struct buf out;			/* events */
	struct buf wire;		/* their records, of which wire_sent went */
	size_t wire_sent, wire_due;	/* due: before write_until */
};

static atomic_uint alive;

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * The latest moment within PING from now, of those that the stream has: so many in
 * each PING, one of them at its phase. Phases are drawn, so that streams which were
 * opened together do not beat and ping together from then on; and there are few, so
 * that several streams are due in one moment, which is one round of the loop and a
 * batch.
 *
 * A beat has one moment in each PING: it may be early, and must not be later
 * (presence.lua). Two has what is not to come at once, but in half a PING or more: the
 * first beat, by when what was missed should have arrived (beat.lua lets go of it), and
 * a ping, which whatever else is sent puts off.
 */
static int64_t next_at(const struct stream *s, int moments)
{
	int64_t ping_ms = s->conf->ping * 1000, at = clock_ms() + ping_ms;

	return at - (at - s->phase) % (ping_ms / moments);
}

/* Presence */

static void beaten(void *arg, enum err e, bool live, const struct later *later)
{
	struct stream *s = arg;

	s->e = e;
	if (e)
		return;
	if (live)
		due_later(s->conf, later);
	else
		s->broken = true;
}

/* What all ask is sent before the first answer is waited for. */
static void beat_once(struct stream *all[], int count)
{
	struct redis *r = count ? pool_take() : NULL;

	for (int i = 0; i < count; i++) {
		struct stream *s = all[i];

		s->beat_at = next_at(s, 1);
		if (r)
			presence_beat(r, s->conf, &s->peer, s->life,
				      !s->replaying, beaten, s);
		else
			s->e = ERR_STORE;
	}
	if (!r)
		return;
	redis_finish(r);
	pool_give(r);
	metric_add(METRIC_BEATS, 0, (uint64_t)count);
	metric_add(METRIC_BEAT_BATCHES, 0, 1);
}

/* Of those that connected or beat. */
static int failed(struct stream *all[], int count)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		if (all[i]->e)
			all[n++] = all[i];
	return n;
}

/* As connect_all(). */
static void beat_all(struct stream *all[], int count)
{
	int left;

	if (!count)
		return;
	/* Each looks, too; who is alone here does so often enough by this. */
	due_beat(all[0]->conf);
	beat_once(all, count);
	left = failed(all, count);
	beat_once(all, left);
	left = failed(all, left);
	for (int i = 0; i < left; i++)
		all[i]->broken = true;
}

static void lose(struct stream *s)
{
	subscription_free(s->subscription);
	s->subscription = NULL;
	s->broken = false;
	s->again_at = clock_ms() + random_between(AGAIN_LEAST_MS, AGAIN_MOST_MS);
}

static void ended(void *of, enum err e)
{
	const struct stream *s = of;

	if (!e && s->leaving)
		due_in(s->conf, s->conf->grace * 1000);
}

/* What all ask is sent before the first answer is waited for. */
static void end_all(struct stream *all[], int count)
{
	struct redis *r;

	/* Else the script could still count it, and take this for the end of one
	 * stream of two. */
	for (int i = 0; i < count; i++)
		subscription_stop(all[i]->subscription);
	/* The last one first: when its answer is there, so are the others. */
	for (int i = count - 1; i >= 0; i--) {
		subscription_end(all[i]->subscription);
		all[i]->subscription = NULL;
	}
	r = count ? pool_take() : NULL;
	if (!r)
		return;
	for (int i = 0; i < count; i++)
		presence_end_start(r, all[i]->conf, &all[i]->peer, all[i]->number,
				   &all[i]->leaving, ended, all[i]);
	redis_finish(r);
	pool_give(r);
}

static void put(struct stream *s, const char *id, const char *name,
		const char *data, size_t len)
{
	sse_event(&s->out, id, name, data, len);
	if (*id)
		snprintf(s->sent, sizeof s->sent, "%s", id);
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
	s->told = true;
	buf_free(&data);
}

/* Writing: what the web server does not take at once waits in wire, and nothing
 * more is read meanwhile. */

static void end(struct stream *s, enum metric_end why, bool gone)
{
	if (!s->end)
		s->end = why;
	s->gone = s->gone || gone;
}

/* A page of it. The next is asked for when the client has this one. */
static void put_missed(struct stream *s)
{
	const struct reply *missed = s->presence.missed;

	for (size_t i = 0; i < reply_count(missed); i++) {
		const struct reply *entry = reply_at(missed, i);
		const char *id = reply_string(reply_at(entry, 0), NULL);
		size_t len;
		const char *text = reply_string(
			reply_at(reply_at(entry, 1), 1), &len);
		struct message m;

		if (message_parse(text, len, &m))
			put(s, id, m.event, m.data, m.len);
		else	/* or the next page would begin here again */
			snprintf(s->sent, sizeof s->sent, "%s", id);
	}
	s->replaying = s->presence.more;
}

static void drop_presence(struct stream *s)
{
	reply_free(s->presence.reply);
	s->presence = (struct presence){ .reply = NULL };
}

static void clear_wire(struct stream *s)
{
	buf_free(&s->wire);
	s->wire_sent = 0;
}

/* The next bytes have to go in time, or all: one at a time would do for ever. */
static void extend_write(struct stream *s)
{
	s->wire_due = s->wire_sent + SEND_MIN;
	s->write_until = clock_ms() + s->conf->send_timeout * 1000;
}

static void send_wire(struct stream *s)
{
	ssize_t n = fcgi_send(s->fcgi, s->wire.data + s->wire_sent,
			      s->wire.len - s->wire_sent);

	if (n < 0)
		end(s, END_CLIENT_GONE, true);
	else
		s->wire_sent += (size_t)n;
	if (!s->ending && s->wire_sent >= s->wire_due)
		extend_write(s);
	if (s->gone || s->wire_sent == s->wire.len)
		clear_wire(s);
}

static void push(struct stream *s)
{
	for (;;) {
		if (!s->wire.len && s->out.len) {
			fcgi_put(s->fcgi, &s->wire, s->out.data, s->out.len,
				 false);
			buf_free(&s->out);
			extend_write(s);
			s->ping_at = next_at(s, 2);
		}
		if (!s->wire.len)
			return;
		send_wire(s);
		if (s->wire.len)
			return;
	}
}

/* Whether all is said, or cannot be. Without a proper end Apache writes a page
 * into the stream; and lighttpd calls it a failure, though the client has gone. */
static bool finished(struct stream *s, int64_t now)
{
	if (!s->ending && !s->gone) {
		/* Else its client is back at once, to end the next. */
		if (s->end == END_PEER_STREAMS)
			buf_fmt(&s->out, "retry: %u\n\n",
				random_between(AWAY_MIN_MS, AWAY_MAX_MS));
		fcgi_put(s->fcgi, &s->wire, s->out.data, s->out.len, true);
		buf_free(&s->out);
		s->write_until = now + END_MS;
		s->ending = true;
	}
	if (!s->gone && s->wire.len)
		send_wire(s);
	return s->gone || !s->wire.len || now >= s->write_until;
}

/* Connecting */

/* First the subscription, then the position: nothing is between them. Where it
 * fails, or is too early, again_at says when to try again. */

/* Whether it is time for the position. */
static bool confirm(struct stream *s, bool waits)
{
	int64_t settles_at = subscription_settles_at();

	if (!s->e)
		s->e = subscription_confirm(s->subscription, waits);
	if (s->e) {
		subscription_free(s->subscription);
		s->subscription = NULL;
		return false;
	}
	if (clock_ms() >= settles_at)
		return true;
	lose(s);
	s->again_at = settles_at + random_between(0, SETTLED_MOST_MS);
	return false;
}

static void connected(void *of, enum err e)
{
	struct stream *s = of;

	s->e = e;
	if (e)
		return;
	strcpy(s->life, s->presence.life);
	s->number = s->presence.number;
	s->broken = false;
	s->beat_at = next_at(s, 2);
	/* Where all were killed, who comes back first looks who does not. */
	due_in(s->conf, 0);
	if (!s->told || !s->presence.resumed) {
		if (!s->open)
			put_head(s);
		put_connected(s, &s->presence);
	}
	put_missed(s);
	drop_presence(s);
}

/* What all ask is sent before the first answer is waited for. */
static void connect_once(struct stream *all[], int count)
{
	struct redis *r = NULL;
	bool waits = true;

	for (int i = 0; i < count; i++)
		all[i]->e = all[i]->subscription ? OK :
			subscription_start(all[i]->channel,
					   &all[i]->subscription);
	for (int i = 0; i < count; i++)
		if (!all[i]->e)
			all[i]->e = subscription_ask(all[i]->subscription);
	/* The last one first: when its answer is there, so are the others. */
	for (int i = count - 1; i >= 0; i--) {
		struct stream *s = all[i];

		if (!confirm(s, waits)) {
			/* Where one has waited in vain the others do not. */
			waits = waits && !s->e;
			continue;
		}
		if (!r)
			r = pool_take();
		if (r)
			presence_connect(r, s->conf, &s->peer, s->sent, s->number,
					 &s->presence, connected, s);
		else
			s->e = ERR_STORE;
	}
	if (r) {
		redis_finish(r);
		pool_give(r);
	}
}

static void connect_all(struct stream *all[], int count)
{
	connect_once(all, count);
	count = failed(all, count);
	/* A connection that was closed says nothing of Redis, and another may be
	 * had; where Redis is away, this fails at once. */
	connect_once(all, count);
	count = failed(all, count);
	for (int i = 0; i < count; i++)
		lose(all[i]);
}

/* Replaying. What is said meanwhile waits in the subscription: it comes after. */

static void replayed(void *of, enum err e)
{
	struct stream *s = of;

	if (e || !s->presence.resumed)
		s->broken = true;
	else
		put_missed(s);
	drop_presence(s);
}

static void replay_all(struct stream *all[], int count)
{
	struct redis *r = count ? pool_take() : NULL;

	for (int i = 0; i < count; i++)
		if (r)
			presence_replay(r, all[i]->conf, &all[i]->peer,
					all[i]->sent, &all[i]->presence,
					replayed, all[i]);
		else
			all[i]->broken = true;
	if (r) {
		redis_finish(r);
		pool_give(r);
	}
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
		/* A later life of this peer has begun; or it has too many
		 * streams, of which those up to a number end. */
		if (id_above(m.id, s->life))
			s->broken = true;
		else if (s->number && s->number <= strtoll(m.data, NULL, 10))
			end(s, END_PEER_STREAMS, false);
		return;
	}
	if (m.id[0] && !id_above(m.id, s->sent))
		return;			/* it was replayed */
	put(s, m.id, m.event, m.data, m.len);
}

void stream_redis_event(struct stream *s)
{
	const char *text;
	size_t len;
	bool lost;

	if (!s->subscription)
		return;
	lost = subscription_read(s->subscription) != OK;
	while (!s->broken && subscription_next(s->subscription, &text, &len))
		take_message(s, text, len);
	s->broken = s->broken || lost;
}

void stream_web_event(struct stream *s, uint32_t events)
{
	if ((events & ~(uint32_t)EPOLLOUT) && fcgi_gone(s->fcgi))
		end(s, END_CLIENT_GONE, false);
}

void stream_stop(struct stream *s)
{
	end(s, END_STOP, false);
}

/* Until when nothing is to be done but for what the descriptors say. */
static int64_t quiet_until(const struct stream *s)
{
	int64_t at = s->wire.len ? s->write_until : s->ping_at;

	if (s->end)
		return s->write_until;
	if (s->subscription)
		at = earliest(at, s->beat_at);
	else if (!s->wire.len)
		at = earliest(at, s->again_at);
	return earliest(at, s->end_at);
}

enum stream_work stream_go_on(struct stream *s, int64_t now, int64_t *until)
{
	if (s->subscription && s->broken)
		lose(s);
	if (!s->ending)
		push(s);
	if (!s->end && now >= s->end_at)
		end(s, s->end_at_why, false);
	if (!s->end && s->wire.len && now >= s->write_until)
		end(s, END_SEND_TIMEOUT, true);
	if (!s->end && !s->wire.len && now >= s->ping_at) {
		put(s, "", "ping", "{}", 2);
		push(s);
	}
	s->work = WORK_NONE;
	if (s->end) {
		if (finished(s, now))
			s->work = WORK_END;
	} else if (s->subscription) {
		if (now >= s->beat_at)
			s->work = WORK_BEAT;
		else if (s->replaying && !s->wire.len)
			s->work = WORK_REPLAY;
	} else if (!s->wire.len && now >= s->again_at) {
		s->work = WORK_CONNECT;
	}
	*until = quiet_until(s);
	return s->work;
}

/* Into the number of streams that this host may hold. */
static bool count_in(struct stream *s)
{
	s->counted = quota_take(s->conf->streams);
	if (s->counted)
		metric_add(METRIC_STREAMS_OPENED, 0, 1);
	return s->counted;
}

static void count_out(struct stream *s)
{
	if (!s->counted)
		return;
	metric_add(METRIC_STREAMS_ENDED, s->end, 1);
	quota_give();
}

static void end_call(struct stream *s)
{
	http_call_free(s->call);
	free(s->call);
	s->call = NULL;
}

static void stream_free(struct stream *s)
{
	count_out(s);
	buf_free(&s->out);
	buf_free(&s->wire);
	if (s->call)
		end_call(s);
	free(s->channel);
	free(s->cors);
	fcgi_free(s->fcgi);
	free(s);
	atomic_fetch_sub(&alive, 1);
}

int stream_web_fd(const struct stream *s)
{
	return fcgi_fd(s->fcgi);
}

uint32_t stream_web_events(const struct stream *s)
{
	/* CGI writes to a pipe, or to a socket that was read to its end. */
	uint32_t events = fcgi_is_cgi(s->fcgi) ? 0 : EPOLLIN | EPOLLRDHUP;

	return events | EPOLLERR | (s->wire.len ? EPOLLOUT : 0);
}

int stream_redis_fd(const struct stream *s)
{
	return s->subscription && !s->broken && !s->wire.len && !s->replaying ?
		subscription_fd(s->subscription) : -1;
}

/* The request */

static const struct route routes[] = {
	{ "GET", "/connect", TOKEN_OF_OUR_PAGE, false, NULL },
	{ NULL, NULL, TOKEN_NONE, false, NULL },
};

bool stream_refused(struct fcgi *f, const struct conf *conf)
{
	return http_refused(f, conf, routes);
}

/* The header before ?lastEventId=, which a page gives that had to make a new
 * EventSource. */
static void take_position(struct stream *s, const struct call *c)
{
	const char *header = fcgi_env(c->fcgi, "HTTP_LAST_EVENT_ID");
	char query[ID_SIZE] = "";

	if ((!header || !*header) && query_get(c->path.query, "lastEventId", query,
					       sizeof query) != QUERY_VALUE)
		*query = '\0';
	position_take(header && *header ? header : query, s->sent);
}

static void take_times(struct stream *s, const struct call *c)
{
	unsigned age = s->conf->stream_age * 1000;
	int64_t now = clock_ms();
	int64_t token_ms = (c->who.expires - c->now) * 1000;

	s->end_at = now + random_between(age - age / 5, age);
	s->end_at_why = END_AGE;
	if (now + token_ms < s->end_at) {
		s->end_at = now + token_ms;
		s->end_at_why = END_TOKEN;
	}
	s->phase = s->conf->ping * 1000 / PHASES * random_between(0, PHASES - 1);
	s->ping_at = next_at(s, 2);
}

/* Whether the stream may be opened; else the request is answered. */
static bool begin(struct stream *s)
{
	struct call *c = s->call = xcalloc(1, sizeof *c);
	struct buf cors = BUF_INIT(4096);
	const char *method = fcgi_env(s->fcgi, "REQUEST_METHOD");
	bool head = method && !strcmp(method, "HEAD");
	enum err e;

	c->conf = s->conf;
	c->fcgi = s->fcgi;
	e = http_begin(c, routes);
	if (!e && !c->status) {
		if (!accepts_event_stream(fcgi_env(s->fcgi, "HTTP_ACCEPT")))
			e = ERR_ACCEPT;
		else if (!head && (s->too_much || !count_in(s)))
			e = ERR_BUSY;
		else if (head)
			buf_str(&c->head, "Content-Type: text/event-stream\r\n");
	}
	if (e || c->status || head) {
		http_finish(c, e);
		return false;
	}
	s->peer = c->who.peer;
	s->channel = room_channel(s->conf, s->peer.id);
	take_position(s, c);
	take_times(s, c);
	http_common_head(c, &cors);
	s->cors = cors.data ? cors.data : xstrdup("");
	return true;
}

/* Whether the stream is open; else the request is answered. */
static bool end_begin(struct stream *s)
{
	if (s->e) {
		end(s, END_REDIS, false);
		http_finish(s->call, s->e);
		return false;
	}
	end_call(s);
	if (!s->open)
		put_head(s);	/* `connected` comes later */
	fcgi_lighten(s->fcgi);
	log_debug("stream.open", "peer=%s", s->peer.id);
	return true;
}

/* Where descriptors ran out no request could be accepted, and so none refused:
 * the client would wait. A stream takes two. */
static bool has_descriptors(unsigned streams)
{
	static _Atomic int64_t next_at;	/* that it is logged */
	struct rlimit limit;
	rlim_t needed = 2 * (rlim_t)streams + OTHER_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) || needed <= limit.rlim_cur)
		return true;
	if (clock_due(&next_at, 1000))
		log_warn("stream.open", "streams=%u why=RLIMIT_NOFILE is %llu",
			 streams - 1, (unsigned long long)limit.rlim_cur);
	return false;
}

struct stream *stream_new(struct fcgi *f, const struct conf *conf)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->conf = conf;
	s->fcgi = f;
	s->work = WORK_OPEN;
	s->out.most = OUT_MOST;
	s->wire.most = WIRE_MOST;
	s->too_much = !has_descriptors(atomic_fetch_add(&alive, 1) + 1);
	return s;
}

static void drop(struct stream **s)
{
	stream_free(*s);
	*s = NULL;
}

void stream_work(struct stream *all[], int count)
{
	struct stream *connecting[STREAMS_AT_ONCE], *ending[STREAMS_AT_ONCE];
	struct stream *replaying[STREAMS_AT_ONCE], *beating[STREAMS_AT_ONCE];
	int connects = 0, ends = 0, replays = 0, beats = 0;

	for (int i = 0; i < count; i++)
		switch (all[i]->work) {
		case WORK_OPEN:
			if (!begin(all[i])) {
				drop(&all[i]);
				break;
			}
			/* fall through */
		case WORK_CONNECT:
			connecting[connects++] = all[i];
			break;
		case WORK_BEAT:
			beating[beats++] = all[i];
			break;
		case WORK_REPLAY:
			replaying[replays++] = all[i];
			break;
		case WORK_END:
			log_debug("stream.end", "peer=%s why=%s", all[i]->peer.id,
				  metric_word(METRIC_STREAMS_ENDED, all[i]->end));
			ending[ends++] = all[i];
			break;
		case WORK_NONE:
			break;
		}
	beat_all(beating, beats);
	connect_all(connecting, connects);
	replay_all(replaying, replays);
	end_all(ending, ends);
	for (int i = 0; i < count; i++)
		if (all[i] && (all[i]->work == WORK_END ||
			       (all[i]->work == WORK_OPEN && !end_begin(all[i]))))
			drop(&all[i]);
}

unsigned stream_count(void)
{
	return atomic_load(&alive);
}
