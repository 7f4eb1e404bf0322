/*
 * The loop, with streams and a clock that are the test's own: what is done for many
 * of them, counted; and the order of what is done for one.
 *
 * Time passes while the loop waits and nothing is under way: epoll_wait() here then
 * lets as much pass as it was to wait for, and nobody sleeps.
 */
#include "config.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/metric.h"
#include "stream/loop.h"

enum { MANY = 10000, PERIOD_MS = 10000, GRID_MS = 50, HOUR_MS = 3600 * 1000 };

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

static atomic_int under_way;		/* streams that workers have, or the inbox */
static atomic_int epoll;
static unsigned rounds;

static int really_wait(struct epoll_event *events, int max, int timeout_ms)
{
	return (int)syscall(SYS_epoll_pwait, epoll, events, max, timeout_ms, NULL, 8);
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	int count;

	epoll = fd;
	rounds++;
	/* A worker that has freed a stream has yet to say so. */
	count = really_wait(events, max, under_way || timeout_ms < 0 ? -1 : 0);
	if (!count)
		now_ms += timeout_ms;
	return count;
}

/* Streams: each beats once in a time, and ends */

struct stream {
	int64_t beat_at, period_ms, end_at;
	int fd;				/* an eventfd, or -1 */
	enum stream_work todo;		/* while handed */
	bool handed;			/* to a worker, until the next step */
	atomic_bool works;		/* a worker is at it */
	bool stopped;
	void (*visit)(struct stream *s);	/* also called by each step, */
	void (*beat)(struct stream *s);		/* and by each beat, of a worker */
	struct stream *other;		/* for these */
	unsigned events;
};

static atomic_uint alive, beats, batches, stops;
static unsigned visits;
static int stop_fd;

/* It is begun by begin(). */
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
	struct stream *given = s;

	alive++;
	under_way++;
	s->handed = true;
	loop_add(&given, 1);
	return s;
}

static struct stream *with_fd(struct stream *s)
{
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s;
}

int fcgi_stop_fd(void)
{
	return stop_fd;
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
	return s->fd < 0 ? 0 : EPOLLIN;
}

int stream_redis_fd(const struct stream *s)
{
	(void)s;
	return -1;
}

void stream_redis_event(struct stream *s)
{
	(void)s;
	abort();
}

void stream_web_event(struct stream *s, uint32_t events)
{
	eventfd_t got;

	(void)events;
	if (s->handed)
		abort();
	eventfd_read(s->fd, &got);
	s->events++;
}

void stream_stop(struct stream *s)
{
	if (s->works)
		abort();
	s->stopped = true;
	stops++;
}

enum stream_work stream_go_on(struct stream *s, int64_t now, int64_t *until)
{
	under_way -= s->handed;
	visits++;
	if (s->visit)
		s->visit(s);
	s->todo = s->stopped || now >= s->end_at ? WORK_END :
		now >= s->beat_at ? WORK_BEAT : WORK_NONE;
	s->handed = s->todo != WORK_NONE;
	under_way += s->handed;
	*until = s->beat_at < s->end_at ? s->beat_at : s->end_at;
	return s->todo;
}

static void end(struct stream **s)
{
	if ((*s)->fd >= 0)
		close((*s)->fd);
	free(*s);
	*s = NULL;
	under_way--;
	alive--;
}

static void beat(struct stream *s)
{
	s->works = true;
	s->beat_at += s->period_ms;
	if (s->beat)
		s->beat(s);
	s->works = false;
}

void stream_work(struct stream *all[], int count)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		if (all[i]->todo == WORK_END) {
			end(&all[i]);
		} else if (all[i]->todo == WORK_BEAT) {
			beat(all[i]);
			n++;
		}
	beats += n;
	batches += n > 0;
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

enum { VISITS_MANY = 2 * MANY };	/* when they have begun, and when they end */

/* Ten seconds of streams that beat once in them: two steps each, one to hand it over
 * and one when it is back. Those of one moment go together. */
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
	assert_in_range(batches, 1, MANY / at_once *
			((at_once + STREAMS_AT_ONCE - 1) / STREAMS_AT_ONCE));
	assert_int_equal(metric_value(METRIC_STREAM_STEPS, 0), visits);
}

static void ring_other(struct stream *s)
{
	eventfd_write(s->other->fd, 1);
}

/* Two of many, of which one beats and tells the other: that costs the same as if
 * they were alone. */
static void test_others_cost_nothing(void **state)
{
	const unsigned count = PERIOD_MS / GRID_MS;
	struct stream *told, *teller;
	unsigned rounds_before;

	(void)state;
	begin_many();
	told = begin(with_fd(stream(INT64_MAX, begun_at + HOUR_MS)));
	teller = stream(begun_at + GRID_MS, begun_at + GRID_MS + PERIOD_MS);
	teller->period_ms = GRID_MS;
	teller->beat = ring_other;
	teller->other = told;
	rounds_before = rounds;
	begin(teller);
	loop_run(true);
	assert_int_equal(beats, count);
	assert_int_equal(visits, VISITS_MANY + 2 + 2 * count + 2 + count);
	/* Of a beat: its time, the event, the worker. Of the hour at the end: as
	 * many as there are timers, and workers. */
	assert_in_range(rounds - rounds_before, 2 * count,
			3 * count + 2 * MANY / STREAMS_AT_ONCE + 10);
}

/* What is written there while a worker has it is unread for as long. */
static void write_and_wait(struct stream *s)
{
	struct epoll_event event;

	eventfd_write(s->fd, 1);
	while (really_wait(&event, 1, 0) > 0)
		sched_yield();
	if (s->events)
		abort();
}

static unsigned events_at_end;

static void note_events(struct stream *s)
{
	events_at_end = s->events;
}

static void test_busy(void **state)
{
	struct stream *s = with_fd(stream(begun_at + 10, begun_at + 20));

	(void)state;
	s->beat = write_and_wait;
	s->visit = note_events;
	begin(s);
	loop_run(true);
	assert_int_equal(events_at_end, 1);
	assert_int_equal(visits, 5);
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
	struct stream *told = with_fd(stream(INT64_MAX, begun_at + 2 * HOUR_MS));

	(void)state;
	told->visit = note_visits;
	begin(told);
	for (int i = 0; i < MANY; i++) {
		struct stream *s = stream(INT64_MAX, begun_at + HOUR_MS);

		s->visit = ring_once;
		s->other = told;
		begin(s);
	}
	loop_run(true);
	assert_in_range(visits_at_event - visits_at_ring, 1, 64);
	assert_int_equal(visits, VISITS_MANY + 3);
}

/* All others are stopped while a worker has this one. */
static void stop_and_wait(struct stream *s)
{
	(void)s;
	eventfd_write(stop_fd, 1);
	while (stops < MANY)
		sched_yield();
}

/* The last one: the loop stays stopped. */
static void test_stop(void **state)
{
	struct stream *s = stream(begun_at + 10, INT64_MAX);

	(void)state;
	begin_many();
	s->beat = stop_and_wait;
	begin(s);
	loop_run(true);
	assert_int_equal(stops, MANY + 1);
	assert_int_equal(visits, VISITS_MANY + 3);
	assert_true(now_ms < begun_at + HOUR_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_idle, begin_test),
		cmocka_unit_test_setup(test_others_cost_nothing, begin_test),
		cmocka_unit_test_setup(test_busy, begin_test),
		cmocka_unit_test_setup(test_many_due, begin_test),
		cmocka_unit_test_setup(test_stop, begin_test),
	};

	alarm(120);		/* if a stream is never done */
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
