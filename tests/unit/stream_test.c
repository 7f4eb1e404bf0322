/*
 * A stream, between a web server and a session that are the test's own: what it asks for, and
 * in which order, where several things happen at once.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <fastcgi.h>

#include "base/buf.h"
#include "base/clock.h"
#include "stream/request.h"
#include "stream/session.h"
#include "stream/stream.h"
#include "web/conns.h"

static struct conf stream_test_conf = {
	.ping = 10, .stream_age = 3600, .send_timeout = 30,
};

/* The session: it is connected, asks, and is output by the test */

struct subscription {
	enum subscription_state state;
};

static struct session *asked;

static void confirm_subscription(void)
{
	asked->subscription = xcalloc(1, sizeof *asked->subscription);
	asked->subscription->state = SUBSCRIPTION_CONFIRMED;
}

enum subscription_state subscription_state(const struct subscription *s)
{
	return s->state;
}

int64_t subscription_settles_at(void)
{
	return 0;
}

static const char *const *published;	/* NULL at the end; an empty one is for the next round */
static bool last_has_come;

static void publish(const char *const *messages)
{
	published = messages;
}

bool subscription_next(struct subscription *s, const char **message, size_t *len)
{
	(void)s;
	if (!published || !*published)
		return false;
	*message = *published++;
	*len = strlen(*message);
	return *len;
}

bool subscription_has_last(const struct subscription *s)
{
	(void)s;
	return last_has_come;
}

bool subscription_missed(struct subscription *s)
{
	(void)s;
	return false;
}

void subscription_distrust(struct subscription *s)
{
	s->state = SUBSCRIPTION_LOST;
}

void session_init(struct session *s, const struct conf *conf, const struct peer *peer,
		  int64_t issued)
{
	asked = s;
	s->conf = conf;
	s->peer = *peer;
	s->issued = issued;
}

bool session_is_busy(const struct session *s)
{
	return s->step != SESSION_IDLE;
}

void session_drop(struct session *s)
{
	free(s->subscription);
	s->subscription = NULL;
}

void session_free_presence(struct session *s)
{
	(void)s;
}

void session_free(struct session *s)
{
	session_drop(s);
}

void session_connect(struct session *s)
{
	s->step = SESSION_CONNECTING;
}

void session_beat(struct session *s, bool trims)
{
	s->beat.trims = trims;
	s->step = SESSION_BEATING;
}

void session_replay(struct session *s)
{
	s->step = SESSION_REPLAYING;
}

void session_leave(struct session *s)
{
	s->step = SESSION_LEAVING;
}

/* The request */

static int web_fd;			/* the web server's side */

struct call *request_accept(struct fcgi *f, const struct conf *conf, unsigned streams)
{
	struct call *c = xcalloc(1, sizeof *c);

	(void)streams;
	c->conf = conf;
	c->fcgi = f;
	c->now = clock_unix();
	c->who.expires = c->now + 3600;
	c->path.query = "";
	return c;
}

static void feed_record(struct record *r, int type, const char *content, size_t len)
{
	const char header[FCGI_HEADER_LEN] = { FCGI_VERSION_1, (char)type, 0, 1, 0, (char)len };

	record_feed(r, header, sizeof header);
	record_feed(r, content, len);
}

static struct fcgi *open_request(void)
{
	const char begin[sizeof(FCGI_BeginRequestBody)] = { 0, FCGI_RESPONDER };
	struct fcgi *f = xcalloc(1, sizeof *f);
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	f->fd = pair[0];
	web_fd = pair[1];
	record_init(&f->record, 1024, 1);
	feed_record(&f->record, FCGI_BEGIN_REQUEST, begin, sizeof begin);
	feed_record(&f->record, FCGI_PARAMS, "", 0);
	feed_record(&f->record, FCGI_STDIN, "", 0);
	assert_int_equal(f->record.state, RECORD_COMPLETE);
	return f;
}

/* A stream in the state that a row begins with */

static int64_t next_at;

static void answer(struct stream *s, enum err e)
{
	asked->err = e;
	asked->step = SESSION_IDLE;
	assert_true(stream_advance(s, clock_ms(), &next_at));
}

static struct stream *follow(void)
{
	struct stream *s = stream_open(open_request(), &stream_test_conf);

	stream_start(s, NULL);
	confirm_subscription();
	strcpy(asked->presence.position, "2-0");	/* a message, after the mark */
	answer(s, OK);
	assert_int_equal(asked->step, SESSION_IDLE);
	return s;
}

static struct stream *ask_beat(void)
{
	struct stream *s = follow();

	assert_true(stream_advance(s, clock_ms() + stream_test_conf.ping * 1000, &next_at));
	assert_int_equal(asked->step, SESSION_BEATING);
	return s;
}

static struct stream *ask_again(void)
{
	struct stream *s = ask_beat();

	answer(s, ERR_STORE);
	assert_null(asked->subscription);
	assert_true(stream_advance(s, next_at, &next_at));
	assert_int_equal(asked->step, SESSION_CONNECTING);
	confirm_subscription();
	return s;
}

/* The client goes while it asks, and the answer is that it has to connect again: it leaves,
 * and has its subscription yet to unsubscribe. */
static void test_gone(void **state)
{
	const struct {
		struct stream *(*begin)(void);
		enum err answer;
	} rows[] = {
		{ ask_beat, OK },	/* its life is over */
		{ ask_beat, ERR_STORE },
		{ ask_again, ERR_STORE },
		{ ask_again, OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct stream *s = rows[i].begin();

		close(web_fd);
		stream_web_event(s, EPOLLIN | EPOLLRDHUP);
		asked->beat = (struct beat){ .live = false, .counted = true };
		answer(s, rows[i].answer);
		assert_int_equal(asked->step, SESSION_LEAVING);
		assert_non_null(asked->subscription);
		asked->step = SESSION_IDLE;
		assert_false(stream_advance(s, clock_ms(), &next_at));
		stream_free(s);
	}
	assert_int_equal(stream_count(), 0);
}

/* Where a beat has not trimmed all that is to go, the next one comes at once and goes on.
 * (A message is too old at once, as MAILBOX_TTL is 0 here.) */
static void test_trim(void **state)
{
	struct stream *s = ask_beat();

	(void)state;
	assert_true(asked->beat.trims);
	asked->beat = (struct beat){ .live = true, .counted = true, .trims = true, .again = true };
	answer(s, OK);
	assert_int_equal(asked->step, SESSION_BEATING);
	assert_true(asked->beat.trims);
	asked->beat = (struct beat){ .live = true, .counted = true, .trims = true };
	answer(s, OK);
	assert_int_equal(asked->step, SESSION_IDLE);
	assert_true(stream_advance(s, next_at, &next_at));
	assert_int_equal(asked->step, SESSION_BEATING);
	assert_false(asked->beat.trims);
	stream_free(s);
	close(web_fd);
}

/* All that the web server was sent. */
static struct buf output;

static void read_sent(void)
{
	char *to;
	ssize_t n;

	while ((to = buf_space(&output, 4096)) &&
	       (n = recv(web_fd, to, 4096, MSG_DONTWAIT)) > 0)
		output.len += (size_t)n;
}

static bool was_sent(const char *text)
{
	return output.len && memmem(output.data, output.len, text, strlen(text));
}

static void expect_end(struct stream *s)
{
	assert_int_equal(asked->step, SESSION_LEAVING);
	asked->step = SESSION_IDLE;
	assert_false(stream_advance(s, clock_ms(), &next_at));
	stream_free(s);
	close(web_fd);
	buf_free(&output);
	published = NULL;
	last_has_come = false;
}

/* It is passed on, and nothing after it. One of the Node application, which has no id, is an event
 * like others. */
static void test_disconnected(void **state)
{
	static const char *const messages[] = {
		"{\"event\":\"disconnect\",\"data\":{}}",
		"{\"id\":\"3-0\",\"event\":\"x\",\"data\":1}",
		"{\"id\":\"4-0\",\"event\":\"disconnect\",\"data\":{\"reason\":\"why\"}}",
		"{\"id\":\"5-0\",\"event\":\"late\",\"data\":1}", NULL
	};
	struct stream *s = follow();

	(void)state;
	output = (struct buf)BUF_INIT(65536);
	publish(messages);
	assert_true(stream_advance(s, clock_ms(), &next_at));
	read_sent();
	assert_true(was_sent("id: 3-0\n"));
	assert_true(was_sent("event: disconnect\ndata: {\"reason\":\"why\"}\n"));
	assert_false(was_sent("late"));
	expect_end(s);
}

/* The client reads nothing, so what comes before cannot be passed on: it ends all the same. */
static void test_disconnected_slow(void **state)
{
	enum { COUNT = 30, LEN = 60000, END_MAX_MS = 1500 };
	char *texts[COUNT];
	const char *messages[2 * COUNT + 1] = { NULL };
	struct stream *s = follow();
	int64_t now = clock_ms();

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		texts[i] = xmalloc(LEN + 64);
		snprintf(texts[i], LEN + 64, "{\"id\":\"%d-0\",\"event\":\"x\",\"data\":\"%0*d\"}",
			 3 + i, LEN, 0);
		messages[2 * i] = texts[i];
		messages[2 * i + 1] = "";
	}
	publish(messages);
	for (int i = 0; i < COUNT; i++)
		assert_true(stream_advance(s, now, &next_at));
	assert_non_null(*published);
	last_has_come = true;
	assert_true(stream_advance(s, now, &next_at));
	assert_int_equal(asked->step, SESSION_IDLE);
	while (asked->step == SESSION_IDLE && next_at <= now + END_MAX_MS)
		assert_true(stream_advance(s, next_at, &next_at));
	expect_end(s);
	for (int i = 0; i < COUNT; i++)
		free(texts[i]);
}

/* Redis was away, and says on return that the token was revoked meanwhile. */
static void test_revoked_stream(void **state)
{
	struct stream *s = ask_again();

	(void)state;
	output = (struct buf)BUF_INIT(65536);
	answer(s, ERR_REVOKED);
	expect_end(s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_disconnected),
		cmocka_unit_test(test_disconnected_slow),
		cmocka_unit_test(test_revoked_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
