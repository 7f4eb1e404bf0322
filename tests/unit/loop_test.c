/*
 * The loop, with streams and a clock that are the test's own: what is done for many
 * of them, counted; and the order of what is done for one.
 *
 * Time passes while the loop waits and nothing has come: fcgi_wait() here then lets as
 * much pass as it was to wait for, and nobody sleeps.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "shared/metric.h"
#include "stream/loop.h"
#include "stream/session.h"
#include "web/fcgi.h"

enum { MANY = 10000, PERIOD_MS = 10000, GRID_MS = 250, HOUR_MS = 3600 * 1000 };

/* The clock */

static _Atomic int64_t now_ms = 1000000;

int64_t clock_ms(void)
{
	return now_ms;
}

int64_t clock_ns(void)
{
	return now_ms * 1000000;
}

bool clock_due(_Atomic int64_t *next_ms, int64_t interval_ms)
{
	*next_ms = now_ms + interval_ms;
	return true;
}

int64_t clock_unix(void)
{
	return now_ms / 1000;
}

static unsigned rounds;
static int loop_epoll;
static bool stopping;

int fcgi_epoll(void)
{
	return loop_epoll;
}

bool fcgi_is_stopping(void)
{
	return stopping;
}

/* None comes: the tests add streams by themselves. */
struct fcgi *fcgi_accept(void)
{
	return NULL;
}

bool fcgi_wait(int64_t deadline, struct epoll_event events[FCGI_EVENTS_MAX], int *count)
{
	*count = epoll_wait(loop_epoll, events, FCGI_EVENTS_MAX, 0);
	rounds++;
	if (!*count && deadline > now_ms)
		now_ms = deadline;
	return true;
}

/* Streams: each beats once in a time, and ends; in both it asks, which its session answers
 * in the round after it was flushed */

struct stream {
	TAILQ_ENTRY(stream) entry;	/* while it asks, or has its answer */
	int64_t beat_at, period_ms, end_at;
	int fd;				/* an eventfd, or -1 */
	enum { IS_IDLE, IS_ASKING, IS_ANSWERED } state;
	bool leaves;			/* it asks for its end */
	bool stopped;
	void (*visit)(struct stream *s);	/* also called by each step, */
	void (*beat)(struct stream *s);		/* and by each beat */
	struct stream *other;		/* for these */
	void *node;
	unsigned events;
};

static unsigned alive, beats, batches, stops, visits;
static TAILQ_HEAD(stream_list, stream) asking = TAILQ_HEAD_INITIALIZER(asking);
static struct stream_list with_answer = TAILQ_HEAD_INITIALIZER(with_answer);
static struct stream *signalled;		/* something has come for it */

static struct stream *stream(int64_t beat_at, int64_t end_at)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->beat_at = beat_at;
	s->period_ms = HOUR_MS;
	s->end_at = end_at;
	s->fd = -1;
	return s;
}

static struct stream *begin(struct stream *s)
{
	alive++;
	loop_add(s);
	return s;
}

static struct stream *with_fd(struct stream *s)
{
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s;
}

struct stream *stream_open(struct fcgi *f, const struct conf *conf)
{
	(void)f;
	(void)conf;
	return NULL;
}

unsigned stream_count(void)
{
	return alive;
}

int stream_web_fd(const struct stream *s)
{
	return s->fd;
}

uint32_t stream_web_events(const struct stream *s)
{
	(void)s;
	return EPOLLIN;
}

static void start_asking(struct stream *s)
{
	s->state = IS_ASKING;
	TAILQ_INSERT_TAIL(&asking, s, entry);
}

void stream_start(struct stream *s, void *arg)
{
	s->node = arg;
	start_asking(s);
}

void stream_web_event(struct stream *s, uint32_t events)
{
	eventfd_t got;

	(void)events;
	eventfd_read(s->fd, &got);
	s->events++;
}

void stream_stop(struct stream *s)
{
	s->stopped = true;
	stops++;
}

static void beat_stream(struct stream *s)
{
	beats++;
	s->beat_at += s->period_ms;
	if (s->beat)
		s->beat(s);
	start_asking(s);
}

bool stream_advance(struct stream *s, int64_t now, int64_t *next_at)
{
	visits++;
	if (s->visit)
		s->visit(s);
	if (s->state == IS_ANSWERED) {
		TAILQ_REMOVE(&with_answer, s, entry);
		s->state = IS_IDLE;
		if (s->leaves)
			return false;
	}
	*next_at = INT64_MAX;
	if (s->state == IS_ASKING)
		return true;
	if (s->stopped || now >= s->end_at) {
		s->leaves = true;
		start_asking(s);
	} else if (now >= s->beat_at) {
		beat_stream(s);
	} else {
		*next_at = s->beat_at < s->end_at ? s->beat_at : s->end_at;
	}
	return true;
}

void stream_free(struct stream *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s);
	alive--;
}

/* Sessions */

void sessions_init(int epoll, const struct conf *conf)
{
	(void)epoll;
	(void)conf;
}

bool sessions_dispatch(const struct epoll_event *e)
{
	(void)e;
	return false;
}

void sessions_receive(void)
{
}

void *session_ready(void)
{
	struct stream *s = signalled ? signalled : TAILQ_FIRST(&with_answer);

	signalled = NULL;
	return s ? s->node : NULL;
}

/* What is asked gathers while more of it is to come. */
void sessions_flush(bool more_to_come)
{
	struct stream *s;

	if (more_to_come)
		return;
	batches += !TAILQ_EMPTY(&asking);
	/* cppcheck-suppress unknownMacro */
	TAILQ_FOREACH(s, &asking, entry)
		s->state = IS_ANSWERED;
	TAILQ_CONCAT(&with_answer, &asking, entry);
}

int64_t sessions_deadline(void)
{
	return signalled || !TAILQ_EMPTY(&with_answer) ? 0 : INT64_MAX;
}

/* Tests: each ends with no stream */

static int64_t begun_at;

static int begin_test(void **state)
{
	(void)state;
	begun_at = now_ms;
	visits = beats = batches = stops = rounds = 0;
	return 0;
}

/* Nothing happens to them for an hour, in which they end. */
static void begin_many(void)
{
	for (int i = 0; i < MANY; i++)
		begin(stream(INT64_MAX, begun_at + HOUR_MS));
}

/* When they begin, which they ask for, and when they end. */
enum { VISITS_ONE = 4, VISITS_MANY = VISITS_ONE * MANY };

/* Ten seconds of streams that beat once in them: two steps each, one that asks, one with the
 * answer. Those of one moment go together. */
static void test_idle(void **state)
{
	const unsigned at_once = MANY / (PERIOD_MS / GRID_MS);

	(void)state;
	for (int i = 0; i < MANY; i++) {
		int64_t at = begun_at + GRID_MS * (1 + i % (PERIOD_MS / GRID_MS));

		begin(stream(at, at + PERIOD_MS));
	}
	loop_run(true);
	assert_int_equal(beats, MANY);
	assert_int_equal(visits, VISITS_MANY + 2 * MANY);
	/* Of their begin, their beats and their ends. */
	assert_in_range(batches, 1, 1 + 2 * (MANY / at_once));
	assert_int_equal(metric_value(METRIC_STREAM_STEPS, 0), visits);
}

static void ring_other(struct stream *s)
{
	eventfd_write(s->other->fd, 1);
}

static void send_other(struct stream *s)
{
	signalled = s->other;
}

/* Two of many, of which one beats and tells the other: that costs the same as if
 * they were alone. */
static void check_others_cost_nothing(void (*tell)(struct stream *s))
{
	const unsigned count = PERIOD_MS / GRID_MS;
	struct stream *other, *teller;

	begin_many();
	other = begin(with_fd(stream(INT64_MAX, begun_at + HOUR_MS)));
	teller = stream(begun_at + GRID_MS, begun_at + GRID_MS + PERIOD_MS);
	teller->period_ms = GRID_MS;
	teller->beat = tell;
	teller->other = other;
	begin(teller);
	loop_run(true);
	assert_int_equal(beats, count);
	assert_int_equal(visits, VISITS_MANY + 2 * VISITS_ONE + 2 * count + count);
	/* Of a beat: its time, and the answer, which comes with the event. Of the hour at
	 * the end: as many as there are timers. */
	assert_in_range(rounds, 2 * count, 2 * count + MANY / 64 + 10);
}

static void test_others_cost_nothing(void **state)
{
	(void)state;
	check_others_cost_nothing(ring_other);
}

static void test_messages(void **state)
{
	(void)state;
	check_others_cost_nothing(send_other);
}

/* It is not deaf while it asks, and the event may come with the answer: one step for both. */
static unsigned events_asking;

static void ring_self(struct stream *s)
{
	eventfd_write(s->fd, 1);
}

static void note_events(struct stream *s)
{
	if (s->state == IS_ANSWERED && !s->leaves)
		events_asking = s->events;
}

static void test_asking(void **state)
{
	struct stream *s = with_fd(stream(begun_at + 10, begun_at + 20));

	(void)state;
	s->beat = ring_self;
	s->visit = note_events;
	begin(s);
	loop_run(true);
	assert_int_equal(events_asking, 1);
	assert_int_equal(visits, VISITS_ONE + 2);
}

static unsigned visits_at_event;

static void note_visits(struct stream *s)
{
	if (s->events && !visits_at_event)
		visits_at_event = visits;
}

static unsigned visits_at_ring;

static void ring_once(struct stream *s)
{
	if (visits_at_ring || now_ms < s->end_at)
		return;
	visits_at_ring = visits;
	ring_other(s);
}

/* Where very many are due at once, what happens meanwhile does not wait for all. */
static void test_many_due(void **state)
{
	struct stream *other = with_fd(stream(INT64_MAX, begun_at + 2 * HOUR_MS));

	(void)state;
	other->visit = note_visits;
	begin(other);
	for (int i = 0; i < MANY; i++) {
		struct stream *s = stream(INT64_MAX, begun_at + HOUR_MS);

		s->visit = ring_once;
		s->other = other;
		begin(s);
	}
	loop_run(true);
	assert_in_range(visits_at_event - visits_at_ring, 1, 64);
	assert_int_equal(visits, VISITS_MANY + VISITS_ONE + 1);
}

static void stop_all(struct stream *s)
{
	(void)s;
	stopping = true;
}

/* The last one: the loop stays stopped. One of them asks just then. */
static void test_stop(void **state)
{
	struct stream *s = stream(begun_at + 10, INT64_MAX);

	(void)state;
	begin_many();
	s->beat = stop_all;
	begin(s);
	loop_run(true);
	assert_int_equal(stops, MANY + 1);
	assert_int_equal(alive, 0);
	assert_in_range(visits, VISITS_MANY, VISITS_MANY + VISITS_ONE + 2);
	assert_true(now_ms < begun_at + HOUR_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_idle, begin_test),
		cmocka_unit_test_setup(test_others_cost_nothing, begin_test),
		cmocka_unit_test_setup(test_messages, begin_test),
		cmocka_unit_test_setup(test_asking, begin_test),
		cmocka_unit_test_setup(test_many_due, begin_test),
		cmocka_unit_test_setup(test_stop, begin_test),
	};

	alarm(120);		/* if a stream is never done */
	loop_epoll = epoll_create1(EPOLL_CLOEXEC);
	loop_init(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
