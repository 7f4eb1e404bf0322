/*
 * The states are those of the session: in some of them Redis is asked, which ends with its
 * answer and with nothing else. What happens meanwhile, such as the client leaving or
 * the subscription being lost, is noted, and dealt with then.
 *
 *	OPENING --> FOLLOWING <--> BEATING, REPLAYING
 *	   |           |  ^
 *	   |           v  |
 *	   |         AWAY --> CONNECTING --> FOLLOWING, AWAY
 *	   v           (each that does not ask) --> LEAVING --> ENDED
 *	 ENDED
 *
 * The client is served, and pings go out whatever Redis does, in all of them but OPENING,
 * whose request may yet be answered with an error, and LEAVING: its end comes first
 * (writer_end()), and when that is sent or given up the stream leaves.
 */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "shared/metric.h"
#include "shared/quota.h"
#include "stream/request.h"
#include "stream/session.h"
#include "stream/stream.h"
#include "stream/writer.h"
#include "web/sse.h"

enum {
	RETRY_MIN_MS = 500, RETRY_MAX_MS = 3000,
	AWAY_MIN_MS = 30000, AWAY_MAX_MS = 60000,
	RECONNECT_MIN_MS = 50, RECONNECT_MAX_MS = 2000,
	SETTLE_MAX_MS = 500,
	LAST_MS = 1000,			/* for what comes before the last event */
	PHASES = 20,			/* moments in PING */
	TRIMS_IN_TTL = 4,		/* of a mailbox in MAILBOX_TTL */
};

struct stream {
	const struct conf *conf;
	enum stream_state {
		STREAM_OPENING,		/* asks; then the request is answered */
		STREAM_FOLLOWING,	/* passes on messages */
		STREAM_BEATING,		/* asks; passes on messages */
		STREAM_REPLAYING,	/* asks */
		STREAM_AWAY,		/* Redis is lost */
		STREAM_CONNECTING,	/* asks */
		STREAM_LEAVING,		/* asks; the client has its end */
		STREAM_ENDED,
	} state;
	enum metric_end end_reason;	/* 0: it goes on */
	bool is_broken;			/* subscribe and connect again */
	bool has_missed;		/* there are pages to replay */
	bool was_connected;		/* the client was told so */
	struct writer writer;
	struct session session;
	/* of the request, until it is answered */
	struct call *call;
	char *cors;			/* header lines */
	/* on clock_ms() */
	int64_t phase;			/* of the next two */
	int64_t beat_at, ping_at;
	int64_t reconnect_at;		/* while it is away */
	int64_t end_at;
	enum metric_end end_at_reason;
	int64_t heard_at;		/* the last message */
	int64_t trim_at;		/* its mailbox, by a beat; INT64_MAX: it is empty */
};

static unsigned streams_alive;

static int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * The latest of the stream's moments within PING from now. It has so many of them in each
 * PING, one of them at its phase. Phases are random, so that streams which were opened
 * together do not beat and ping together for ever; and few, so that several streams are due
 * at one moment, which is one round of the loop, and one batch.
 *
 * A beat has one moment in each PING: it may come early, but not late (presence.lua). What
 * must not come at once, but in half a PING or more, has two: the first beat, by when what
 * was missed should have arrived (a beat trims it), and a ping, which is put off by
 * whatever else is sent.
 */
static int64_t next_moment(const struct stream *s, int moments)
{
	int64_t ping_ms = s->conf->ping * 1000, at = clock_ms() + ping_ms;

	return at - (at - s->phase) % (ping_ms / moments);
}

/* Whether Redis is asked: only its answer changes the state. */
static bool is_asking(const struct stream *s)
{
	switch (s->state) {
	case STREAM_OPENING:
	case STREAM_BEATING:
	case STREAM_REPLAYING:
	case STREAM_CONNECTING:
	case STREAM_LEAVING:
		return true;
	case STREAM_FOLLOWING:
	case STREAM_AWAY:
	case STREAM_ENDED:
		break;
	}
	return false;
}

/* Whether messages may be passed on. */
static bool is_following(const struct stream *s)
{
	return s->state == STREAM_FOLLOWING || s->state == STREAM_BEATING;
}

static void set_end(struct stream *s, enum metric_end why)
{
	if (!s->end_reason)
		s->end_reason = why;
}

/* Who is to leave keeps its subscription for that: see session_leave(). */
static void lose_redis(struct stream *s)
{
	if (!s->end_reason)
		session_drop(&s->session);
	s->is_broken = false;
	s->reconnect_at = clock_ms() + random_between(RECONNECT_MIN_MS, RECONNECT_MAX_MS);
	s->state = STREAM_AWAY;
}

/* The mailbox */

static int64_t mailbox_ttl_ms(const struct stream *s)
{
	return (int64_t)s->conf->mailbox_ttl * 1000;
}

/* A message in a mailbox is too old MAILBOX_TTL after it has come. */
static void note_message(struct stream *s)
{
	s->heard_at = clock_ms();
	s->trim_at = earlier_of(s->trim_at, s->heard_at + mailbox_ttl_ms(s));
}

/* The mailbox holds messages of the last MAILBOX_TTL. Where more come all the time, some are
 * too old at each beat; it is enough to trim a few times in MAILBOX_TTL. */
static void note_trim(struct stream *s)
{
	int64_t now = clock_ms(), empty_at = s->heard_at + mailbox_ttl_ms(s);

	s->trim_at = empty_at <= now ? INT64_MAX :
		earlier_of(empty_at, now + mailbox_ttl_ms(s) / TRIMS_IN_TTL);
}

/* Events */

static void emit_event(struct stream *s, const char *id, const char *name,
		       const char *data, size_t len)
{
	sse_event(&s->writer.out, id, name, data, len);
	if (*id)
		snprintf(s->session.position, sizeof s->session.position, "%s", id);
	if (event_is_last(id, name))
		set_end(s, END_DISCONNECTED);
}

static void emit_head(struct stream *s)
{
	buf_fmt(&s->writer.out, "Status: 200 OK\r\n"
		"Content-Type: text/event-stream\r\n"
		"Cache-Control: no-store, no-transform\r\n"
		"X-Accel-Buffering: no\r\n%s\r\nretry: %u\n", s->cors,
		random_between(RETRY_MIN_MS, RETRY_MAX_MS));
}

static void emit_connected(struct stream *s)
{
	const struct presence *p = &s->session.presence;
	struct buf data = BUF_INIT(64 * 1024);

	buf_str(&data, "{\"user\":");
	peer_append(&data, &s->session.peer);
	buf_fmt(&data, ",\"resumed\":%s,\"rooms\":[",
		p->resumed ? "true" : "false");
	for (size_t i = 0; i < reply_count(p->rooms); i++)
		buf_fmt(&data, "%s\"%s\"", i ? "," : "",
			reply_string(reply_at(p->rooms, i), NULL));
	buf_str(&data, "]}");
	emit_event(s, p->position, "connected", data.data, data.len);
	s->was_connected = true;
	buf_free(&data);
}

static void emit_entry(struct stream *s, const struct reply *entry)
{
	const char *id = reply_string(reply_at(entry, 0), NULL);
	struct message m;
	size_t len;
	const char *text = reply_string(reply_at(reply_at(entry, 1), 1), &len);

	if (message_parse(text, len, &m))
		emit_event(s, id, m.event, m.data, m.len);
	else	/* or the next page would begin with it again */
		snprintf(s->session.position, sizeof s->session.position, "%s", id);
}

/* One page. The next is asked for when the client has this one. */
static void emit_missed(struct stream *s)
{
	const struct reply *missed = s->session.presence.missed;

	for (size_t i = 0; i < reply_count(missed) && !s->end_reason; i++)
		emit_entry(s, reply_at(missed, i));
	s->has_missed = s->session.presence.more;
}

/* A ping is put off by whatever else is sent. */
static void send_events(struct stream *s)
{
	if (writer_send(&s->writer))
		s->ping_at = next_moment(s, 2);
}

/* Following */

/* A later incarnation of this peer has begun; or it has too many streams, of which those
 * up to a number end. */
static void receive_ping(struct stream *s, const struct message *m)
{
	long long number = s->session.number;

	if (id_is_above(m->id, s->session.incarnation))
		s->is_broken = true;
	else if (number && number <= strtoll(m->data, NULL, 10))
		set_end(s, END_PEER_STREAMS);
}

static void receive_message(struct stream *s, const char *text, size_t len)
{
	struct message m;

	if (!message_parse(text, len, &m)) {
		log_warn("stream.message", "peer=%s len=%zu why=malformed",
			 s->session.peer.id, len);
		return;
	}
	if (m.id[0] && !strcmp(m.event, "ping")) {
		receive_ping(s, &m);
		return;
	}
	if (m.id[0] && !id_is_above(m.id, s->session.position))
		return;			/* it was replayed */
	note_message(s);
	emit_event(s, m.id, m.event, m.data, m.len);
}

/* Whether the client has all before the messages that wait. */
static bool may_follow(const struct stream *s)
{
	return is_following(s) && !s->is_broken && !s->end_reason &&
		!writer_is_slow(&s->writer) && !s->has_missed;
}

static void follow_messages(struct stream *s)
{
	struct subscription *from = s->session.subscription;
	bool is_lost = subscription_state(from) == SUBSCRIPTION_LOST;
	const char *text;
	size_t len;

	while (!s->is_broken && !s->end_reason && subscription_next(from, &text, &len))
		receive_message(s, text, len);
	s->has_missed = subscription_missed(from);
	s->is_broken = s->is_broken || is_lost;
}

/* Answers of Redis */

/* What follows the mark of the incarnation. */
static bool mailbox_has_messages(const struct stream *s)
{
	const struct presence *p = &s->session.presence;

	return strcmp(p->position, p->incarnation) || reply_count(p->missed);
}

static void begin_following(struct stream *s)
{
	if (!s->session.subscription) {
		lose_redis(s);
		s->reconnect_at = subscription_settles_at() +
			random_between(0, SETTLE_MAX_MS);
		return;
	}
	s->state = STREAM_FOLLOWING;
	s->is_broken = false;
	s->beat_at = next_moment(s, 2);
	if (mailbox_has_messages(s))
		note_message(s);
	if (!s->was_connected || !s->session.presence.resumed)
		emit_connected(s);
	emit_missed(s);
	session_free_presence(&s->session);
}

static void refuse_request(struct stream *s)
{
	set_end(s, s->session.err == ERR_REVOKED ? END_DISCONNECTED : END_REDIS);
	http_complete(s->call, s->session.err);
	s->call = NULL;
	s->writer.fcgi = NULL;		/* it was the call's, too */
	s->state = STREAM_ENDED;
}

/* Where it is too early, `connected` comes later. */
static void finish_opening(struct stream *s)
{
	if (s->session.err) {
		refuse_request(s);
		return;
	}
	http_call_free(s->call);
	free(s->call);
	s->call = NULL;
	fcgi_release_request(s->writer.fcgi);
	emit_head(s);
	log_debug("stream.open", "peer=%s", s->session.peer.id);
	begin_following(s);
}

static void finish_connecting(struct stream *s)
{
	if (s->session.err == ERR_REVOKED)
		set_end(s, END_DISCONNECTED);
	if (s->session.err)
		lose_redis(s);
	else
		begin_following(s);
}

static void receive_beat(struct stream *s)
{
	const struct beat *b = &s->session.beat;

	s->state = STREAM_FOLLOWING;
	if (s->session.err) {
		s->is_broken = true;
		return;
	}
	if (!b->counted)
		subscription_distrust(s->session.subscription);
	if (b->trims && b->live && !b->again)
		note_trim(s);
	s->is_broken = s->is_broken || !b->live;
	s->beat_at = b->again ? clock_ms() : next_moment(s, 1);
}

static void receive_page(struct stream *s)
{
	s->state = STREAM_FOLLOWING;
	if (s->session.err || !s->session.presence.resumed)
		s->is_broken = true;
	else
		emit_missed(s);
	session_free_presence(&s->session);
}

static void dispatch_answer(struct stream *s)
{
	switch (s->state) {
	case STREAM_OPENING:
		finish_opening(s);
		break;
	case STREAM_CONNECTING:
		finish_connecting(s);
		break;
	case STREAM_BEATING:
		receive_beat(s);
		break;
	case STREAM_REPLAYING:
		receive_page(s);
		break;
	case STREAM_LEAVING:
		s->state = STREAM_ENDED;
		break;
	case STREAM_FOLLOWING:
	case STREAM_AWAY:
	case STREAM_ENDED:
		break;
	}
}

/* A round */

/* It ends with that event; but a client that is slow to read what comes before has not much
 * time for it. */
static void note_last(struct stream *s, int64_t now)
{
	if (!s->session.subscription || !subscription_has_last(s->session.subscription) ||
	    s->end_at_reason == END_DISCONNECTED)
		return;
	s->end_at = earlier_of(s->end_at, now + LAST_MS);
	s->end_at_reason = END_DISCONNECTED;
}

static void check_times(struct stream *s, int64_t now)
{
	if (s->end_reason)
		return;
	if (now >= s->end_at) {
		set_end(s, s->end_at_reason);
	} else if (now >= writer_deadline(&s->writer)) {
		set_end(s, END_SEND_TIMEOUT);
		writer_drop(&s->writer);
	} else if (!writer_is_slow(&s->writer) && now >= s->ping_at) {
		emit_event(s, "", "ping", "{}", 2);
		send_events(s);
	}
}

static void end_client(struct stream *s)
{
	/* Or its client would be back at once, and another would end. */
	if (s->end_reason == END_PEER_STREAMS)
		buf_fmt(&s->writer.out, "retry: %u\n\n",
			random_between(AWAY_MIN_MS, AWAY_MAX_MS));
	writer_end(&s->writer);
}

static void advance_client(struct stream *s, int64_t now)
{
	send_events(s);
	note_last(s, now);
	if (may_follow(s)) {
		follow_messages(s);
		send_events(s);
	}
	check_times(s, now);
	if (s->writer.state == WRITER_ENDED)
		set_end(s, END_CLIENT_GONE);
	else if (s->end_reason && s->writer.state == WRITER_OPEN)
		end_client(s);
	if (s->end_reason)
		writer_expire(&s->writer, now);
}

static void leave(struct stream *s)
{
	log_debug("stream.end", "peer=%s why=%s", s->session.peer.id,
		  metric_word(METRIC_STREAMS_ENDED, s->end_reason));
	s->state = STREAM_LEAVING;
	session_leave(&s->session);
}

/* Begins what is to be asked now. */
static void advance_session(struct stream *s, int64_t now)
{
	bool may_emit = !writer_is_slow(&s->writer);

	if (s->is_broken)
		lose_redis(s);
	if (s->end_reason) {
		if (s->writer.state == WRITER_ENDED)
			leave(s);
	} else if (s->state == STREAM_AWAY) {
		if (may_emit && now >= s->reconnect_at) {
			s->state = STREAM_CONNECTING;
			session_connect(&s->session);
		}
	} else if (now >= s->beat_at) {
		s->state = STREAM_BEATING;
		session_beat(&s->session, !s->has_missed && now >= s->trim_at);
	} else if (s->has_missed && may_emit) {
		s->state = STREAM_REPLAYING;
		session_replay(&s->session);
	}
}

/* When it is to be advanced if nothing comes before. */
static int64_t next_step_at(const struct stream *s)
{
	int64_t at = writer_deadline(&s->writer);

	if (s->state == STREAM_OPENING || s->state == STREAM_LEAVING)
		return INT64_MAX;
	if (s->end_reason)
		return s->writer.state == WRITER_ENDED ? INT64_MAX : at;
	if (!writer_is_slow(&s->writer)) {
		at = s->ping_at;
		if (s->state == STREAM_AWAY)
			at = earlier_of(at, s->reconnect_at);
	}
	if (s->state == STREAM_FOLLOWING)
		at = earlier_of(at, s->beat_at);
	return earlier_of(at, s->end_at);
}

bool stream_advance(struct stream *s, int64_t now, int64_t *next_at)
{
	if (is_asking(s) && !session_is_busy(&s->session))
		dispatch_answer(s);
	if (s->state == STREAM_ENDED)
		return false;
	if (s->state != STREAM_OPENING && s->state != STREAM_LEAVING)
		advance_client(s, now);
	if (!is_asking(s))
		advance_session(s, now);
	*next_at = next_step_at(s);
	return true;
}

void stream_stop(struct stream *s)
{
	set_end(s, END_STOP);
}

/* The web server */

/* Not while the request may yet be refused; and not once there is nothing more to send or
 * to hear. */
int stream_web_fd(const struct stream *s)
{
	bool is_over = s->end_reason && !writer_is_slow(&s->writer);

	return s->state == STREAM_OPENING || is_over ? -1 : fcgi_fd(s->writer.fcgi);
}

uint32_t stream_web_events(const struct stream *s)
{
	/* CGI writes to a pipe, or to a socket that has been read to its end. */
	uint32_t events = s->end_reason || fcgi_is_cgi(s->writer.fcgi) ? 0 :
		EPOLLIN | EPOLLRDHUP;

	return events | EPOLLERR | (writer_is_slow(&s->writer) ? EPOLLOUT : 0);
}

void stream_web_event(struct stream *s, uint32_t events)
{
	if ((events & ~(uint32_t)EPOLLOUT) && fcgi_is_gone(s->writer.fcgi))
		set_end(s, END_CLIENT_GONE);
}

/* Opening, and the end */

/* From the header; or from ?lastEventId=, which a page sends that had to create a new
 * EventSource. */
static void parse_last_event_id(struct stream *s, const struct call *c)
{
	const char *header = fcgi_env(c->fcgi, "HTTP_LAST_EVENT_ID");
	char query[ID_SIZE] = "";

	if ((!header || !*header) && query_get(c->path.query, "lastEventId", query,
					       sizeof query) != QUERY_VALUE)
		*query = '\0';
	position_parse(header && *header ? header : query, s->session.position);
}

static void draw_times(struct stream *s, const struct call *c)
{
	unsigned age = s->conf->stream_age * 1000;
	int64_t now = clock_ms();
	int64_t token_ms = (c->who.expires - c->now) * 1000;

	s->end_at = now + random_between(age - age / 5, age);
	s->end_at_reason = END_AGE;
	if (now + token_ms < s->end_at) {
		s->end_at = now + token_ms;
		s->end_at_reason = END_TOKEN;
	}
	s->phase = s->conf->ping * 1000 / PHASES * random_between(0, PHASES - 1);
	s->ping_at = next_moment(s, 2);
	s->trim_at = INT64_MAX;
}

static struct stream *stream_new(struct call *c)
{
	struct stream *s = xcalloc(1, sizeof *s);
	struct buf cors = BUF_INIT(4096);

	s->conf = c->conf;
	s->call = c;
	writer_init(&s->writer, c->fcgi, s->conf->send_timeout);
	session_init(&s->session, s->conf, &c->who.peer, c->who.issued);
	parse_last_event_id(s, c);
	draw_times(s, c);
	http_append_cors(c, &cors);
	s->cors = cors.data ? cors.data : xstrdup("");
	return s;
}

struct stream *stream_open(struct fcgi *f, const struct conf *conf)
{
	unsigned count = ++streams_alive;
	struct call *c = request_accept(f, conf, count);

	if (!c)
		streams_alive--;
	return c ? stream_new(c) : NULL;
}

void stream_start(struct stream *s, void *arg)
{
	s->session.arg = arg;
	session_connect(&s->session);
}

void stream_free(struct stream *s)
{
	metric_add(METRIC_STREAMS_ENDED, s->end_reason, 1);
	quota_release();
	session_free(&s->session);
	writer_free(&s->writer);
	free(s->cors);
	free(s);
	/* Where a crowd was, what is in use lies scattered, and malloc keeps what is free
	 * between. Now that nobody waits, that goes back to the system. */
	if (!--streams_alive)
		malloc_trim(0);
}

unsigned stream_count(void)
{
	return streams_alive;
}
