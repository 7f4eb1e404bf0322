/*
 * Sessions of streams, on a Redis, without a loop: many at once, and what becomes of them
 * where connections are lost, or Redis stands still, or is another.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis_server.h"
#include "shared/metric.h"
#include "store/dial.h"
#include "stream/session.h"
#include "tab.h"

enum { CROWD = 300, LONG_MS = 20000, ROUND_MS = 10 };

static int round_epoll;
static struct session crowd[CROWD];
static int ready_count;			/* what session_ready() has returned */

/* Ahead of the kernel's: what is to come later comes now. */
static time_t ahead_s;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	long e = syscall(SYS_clock_gettime, clock, t);

	if (clock == CLOCK_MONOTONIC)
		t->tv_sec += ahead_s;
	return (int)e;
}

/* Of the process: eventfd(2) fails. */
static bool has_no_descriptors;

int eventfd(unsigned count, int flags)
{
	if (!has_no_descriptors)
		return (int)syscall(SYS_eventfd2, count, flags);
	errno = EMFILE;
	return -1;
}

/* A round waits for its epoll alone. */
static _Thread_local bool is_in_round;

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000 };

	assert_true(!is_in_round || !timeout_ms);
	return (int)syscall(SYS_ppoll, fds, count, timeout_ms < 0 ? NULL : &timeout, NULL, 8);
}

static void do_round(void)
{
	struct epoll_event events[8];
	int64_t left;
	int count;

	is_in_round = true;
	sessions_flush(false);
	left = sessions_deadline() - clock_ms();
	count = epoll_wait(round_epoll, events, 8, left > ROUND_MS ? ROUND_MS :
			   left > 0 ? (int)left : 0);
	for (int i = 0; i < count; i++)
		assert_true(sessions_dispatch(&events[i]));
	sessions_receive();
	while (session_ready())
		ready_count++;
	is_in_round = false;
}

static void finish_all(const struct session *all, int count)
{
	int64_t end_at = clock_ms() + LONG_MS;

	for (int i = 0; i < count; i++)
		while (session_is_busy(&all[i])) {
			assert_true(clock_ms() < end_at);
			do_round();
		}
}

static void init_all(struct session *all, int count)
{
	char id[16];

	for (int i = 0; i < count; i++) {
		snprintf(id, sizeof id, "p%d", i);
		all[i] = (struct session){ .arg = &all[i] };
		session_init(&all[i], &conf, (struct peer[]){ peer_named(id) }, 0);
	}
}

static void connect_all(struct session *all, int count)
{
	for (int i = 0; i < count; i++)
		session_connect(&all[i]);
	finish_all(all, count);
	for (int i = 0; i < count; i++) {
		assert_int_equal(all[i].err, OK);
		assert_non_null(all[i].subscription);
		session_free_presence(&all[i]);
	}
}

static void beat_all(struct session *all, int count)
{
	for (int i = 0; i < count; i++)
		session_beat(&all[i], false);
	finish_all(all, count);
}

/* All that was asked besides has its answer, as a sweep does: it is sent after the first of
 * these, and an answer shows that Redis is there. */
static void settle(struct session *s)
{
	beat_all(s, 1);
	beat_all(s, 1);
}

static void leave_all(struct session *all, int count)
{
	for (int i = 0; i < count; i++)
		session_leave(&all[i]);
	finish_all(all, count);
	for (int i = 0; i < count; i++)
		session_free(&all[i]);
}

/* All by two connections; they beat together; and of each the last stream is known to have
 * gone, as its subscription is not counted when the script runs. */
static void test_crowd(void **state)
{
	uint64_t batches = metric_value(METRIC_BEAT_BATCHES, 0);

	(void)state;
	init_all(crowd, CROWD);
	connect_all(crowd, CROWD);
	assert_int_equal(server_clients(0, 0), 1);
	assert_int_equal(server_clients(2, INT_MAX), 1);
	beat_all(crowd, CROWD);
	for (int i = 0; i < CROWD; i++) {
		assert_int_equal(crowd[i].err, OK);
		assert_true(crowd[i].beat.live && crowd[i].beat.counted);
	}
	assert_int_equal(metric_value(METRIC_BEAT_BATCHES, 0) - batches,
			 (CROWD + BEATS_AT_ONCE - 1) / BEATS_AT_ONCE);
	assert_int_equal(ask_number("ZCARD %spresent", conf.prefix), CROWD);
	leave_all(crowd, CROWD);
	assert_int_equal(server_clients(2, INT_MAX), 0);
	assert_int_equal(ask_number("ZCARD %sleaving", conf.prefix), CROWD);
	tell("FLUSHALL");
}

/* A message is announced to who is idle, and not to who connects: it waits. */
static void test_announced(void **state)
{
	struct session *s = crowd;
	const char *text;
	size_t len;

	(void)state;
	init_all(s, 1);
	connect_all(s, 1);
	ready_count = 0;
	tell("PUBLISH %smessages:p0 1", conf.prefix);
	while (!ready_count)
		do_round();
	assert_true(subscription_next(s->subscription, &text, &len));
	assert_string_equal(text, "1");
	leave_all(s, 1);
}

/* That a connection was closed says nothing of Redis: who asks does not hear of it. Who has
 * lost the subscription does, and connects again. */
static void test_cut(void **state)
{
	struct session *s = crowd;

	(void)state;
	init_all(s, 1);
	connect_all(s, 1);
	tell("CLIENT KILL TYPE normal SKIPME yes");
	beat_all(s, 1);
	assert_int_equal(s->err, OK);
	assert_true(s->beat.live);
	ready_count = 0;
	tell("CLIENT KILL TYPE pubsub");
	while (!ready_count)
		do_round();
	assert_int_equal(subscription_state(s->subscription), SUBSCRIPTION_LOST);
	session_drop(s);
	connect_all(s, 1);
	leave_all(s, 1);
}

/* The same for what is under way on it, which is asked again. */
static void test_cut_asking(void **state)
{
	struct session *s = crowd;

	(void)state;
	init_all(s, 2);
	connect_all(s, 1);
	tell("CLIENT PAUSE 60000 WRITE");
	session_beat(s, false);
	session_connect(s + 1);
	while (s[1].step != SESSION_CONNECTING)
		do_round();
	do_round();
	tell("CLIENT KILL TYPE normal SKIPME yes");
	tell("CLIENT UNPAUSE");
	finish_all(s, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(s[i].err, OK);
	assert_true(s->beat.live);
	session_free_presence(s + 1);
	leave_all(s, 2);
}

/* Those that are due at one moment are not advanced all in one round. */
static void test_gathered_beats(void **state)
{
	const int late = 10;

	(void)state;
	init_all(crowd, BEATS_AT_ONCE + late);
	connect_all(crowd, BEATS_AT_ONCE + late);
	for (int i = 0; i < BEATS_AT_ONCE + late; i++) {
		session_beat(&crowd[i], false);
		sessions_flush(true);
		assert_int_equal(crowd[0].step, i + 1 < BEATS_AT_ONCE ?
				 SESSION_TO_BEAT : SESSION_BEATING);
	}
	assert_int_equal(crowd[BEATS_AT_ONCE].step, SESSION_TO_BEAT);
	assert_true(sessions_deadline() <= clock_ms());
	sessions_flush(false);
	assert_int_equal(crowd[BEATS_AT_ONCE].step, SESSION_BEATING);
	finish_all(crowd, BEATS_AT_ONCE + late);
	leave_all(crowd, BEATS_AT_ONCE + late);
	tell("FLUSHALL");
}

/* However many beats wait for their answers, and ask one by one: what comes meanwhile does not
 * wait for them. */
static void test_many_beats(void **state)
{
	struct session *s = crowd;

	(void)state;
	init_all(s, CROWD);
	connect_all(s, CROWD - 1);
	tell("CLIENT PAUSE 60000 WRITE");
	session_connect(&s[CROWD - 1]);
	sessions_flush(false);
	for (int i = 0; i < CROWD - 1; i++) {
		session_beat(&s[i], false);
		sessions_flush(false);
	}
	while (session_is_busy(&s[CROWD - 1]) && s[CROWD - 1].step < SESSION_CONNECTING)
		do_round();
	tell("CLIENT UNPAUSE");
	finish_all(s, CROWD);
	for (int i = 0; i < CROWD; i++)
		session_free_presence(&s[i]);
	leave_all(s, CROWD);
}

/* Nobody is asked for the position of one that may not be subscribed, nor told of the end of
 * one that may still be; until an answer is late. */
static void test_standstill(void **state)
{
	struct session *s = crowd;
	int64_t from, end_at;

	(void)state;
	init_all(s, 3);
	connect_all(s, 2);
	settle(s);
	server_freeze();
	from = clock_ms();
	session_beat(s, false);
	session_leave(s + 1);
	session_connect(s + 2);
	do_round();
	assert_int_equal(s[1].step, SESSION_UNSUBSCRIBING);
	assert_int_equal(s[2].step, SESSION_SUBSCRIBING);
	finish_all(s, 3);
	assert_true(clock_ms() >= from + COMMAND_MS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s[i].err, ERR_STORE);
	assert_null(s[2].subscription);
	server_thaw();
	end_at = clock_ms() + LONG_MS;
	while (s[2].err) {
		assert_true(clock_ms() < end_at);
		session_connect(s + 2);
		finish_all(s + 2, 1);
	}
	session_free_presence(s + 2);
	beat_all(s, 1);
	assert_int_equal(s->err, OK);
	assert_true(s->beat.live);	/* its subscription was never lost */
	leave_all(s, 3);
}

/* Redis is taken for away as an answer is late, of a subscription that begins or ends, until
 * that has come: or whoever left after that would not wait for the end of a subscription. */
static void check_back(void (*begin)(struct session *s))
{
	struct session *s = crowd;
	int64_t end_at;

	init_all(s, 2);
	connect_all(s, begin == session_leave ? 2 : 1);
	settle(s);
	server_freeze();
	begin(s + 1);
	while (session_is_busy(s + 1) && s[1].step != SESSION_TO_LEAVE)
		do_round();
	assert_true(dial_is_away());
	server_thaw();
	end_at = clock_ms() + LONG_MS;
	while (dial_is_away()) {
		assert_true(clock_ms() < end_at);
		do_round();
	}
	session_leave(s);
	assert_int_equal(s->step, SESSION_UNSUBSCRIBING);
	finish_all(s, 2);
	session_free(s);
	session_free(s + 1);
}

static void test_back(void **state)
{
	(void)state;
	check_back(session_connect);
	check_back(session_leave);
}

/* Another Redis, which knows nobody. */
static void test_restart(void **state)
{
	struct session *s = crowd;

	(void)state;
	init_all(s, 1);
	connect_all(s, 1);
	strcpy(s->position, "1-1");
	server_restart();
	while (subscription_state(s->subscription) != SUBSCRIPTION_LOST)
		do_round();
	session_drop(s);
	do {
		session_connect(s);
		finish_all(s, 1);
	} while (s->err);
	assert_false(s->presence.resumed);
	session_free_presence(s);
	leave_all(s, 1);
}

/* Connections are kept for who comes next, and closed when they were not used for a while. */
static void test_unused(void **state)
{
	struct session *s = crowd;
	int64_t end_at = clock_ms() + LONG_MS;

	(void)state;
	init_all(s, 1);
	connect_all(s, 1);
	leave_all(s, 1);
	assert_int_equal(server_clients(2, INT_MAX), 0);
	assert_int_equal(server_clients(0, 1), 2);
	init_all(s, 1);
	connect_all(s, 1);
	assert_int_equal(server_clients(2, INT_MAX), 1);
	assert_int_equal(server_clients(0, 0), 1);
	leave_all(s, 1);
	/* The last sweep is due after GRACE. */
	while (server_clients(0, 1)) {
		assert_true(clock_ms() < end_at + (int64_t)ahead_s * 1000);
		ahead_s += REDIS_IDLE_MS / 1000;
		/* What is asked has its answer before the clock is moved again, or that would be late. */
		for (int i = 0; i < 10; i++) {
			do_round();
			tell("PING");
		}
	}
	connect_all((init_all(s, 1), s), 1);
	leave_all(s, 1);
}

static int lines_logged;

static void count_line(enum log_level level, const char *fact)
{
	(void)level;
	(void)fact;
	lines_logged++;
}

/* A replica refuses each script in words that name it: the log has a line a second. */
static void test_words_differ(void **state)
{
	struct session *s = crowd;
	int64_t from;

	(void)state;
	init_all(s, 2);
	connect_all(s, 1);
	tell("REPLICAOF 127.0.0.1 1");
	log_set_sink(count_line);
	lines_logged = 0;
	from = clock_ms();
	for (int i = 0; i < 20; i++) {
		session_connect(s + 1);
		finish_all(s, 2);
		beat_all(s, 1);
		assert_int_equal(s->err, ERR_STORE);
		assert_int_equal(s[1].err, ERR_STORE);
	}
	assert_in_range(lines_logged, 1, 1 + (clock_ms() - from) / 1000);
	log_set_sink(NULL);
	tell("REPLICAOF NO ONE");
	leave_all(s, 2);
}

/* No more connections are to be had: who needs one finds Redis away, who does not finds it
 * there. The log has that once a second. */
static void test_flapping(void **state)
{
	struct session *s = crowd;
	int64_t from;

	(void)state;
	init_all(s, 3);
	connect_all(s, 1);
	strcpy(s[1].peer.id, s[0].peer.id);
	free(s[1].channel);
	s[1].channel = presence_channel(&conf, s[1].peer.id);
	tell("CONFIG SET maxclients 3");
	log_set_sink(count_line);
	lines_logged = 0;
	from = clock_ms();
	for (int i = 0; i < 20; i++) {
		session_connect(s + 1);
		finish_all(s, 2);
		assert_int_equal(s[1].err, ERR_STORE);
		connect_all(s + 2, 1);
		session_leave(s + 2);
		finish_all(s, 3);
	}
	assert_in_range(lines_logged, 1, 3 * (1 + (clock_ms() - from) / 1000));
	log_set_sink(NULL);
	tell("CONFIG SET maxclients 10000");
	leave_all(s, 3);
}

/* It is not connected, and cannot be: who asks is told, and the log once; and then it can. */
static void test_no_descriptors(void **state)
{
	struct session *s = crowd;
	int64_t from;

	(void)state;
	init_all(s, 1);
	connect_all(s, 1);
	tell("CLIENT KILL TYPE normal SKIPME yes");
	tell("CLIENT KILL TYPE pubsub");
	while (subscription_state(s->subscription) != SUBSCRIPTION_LOST)
		do_round();
	session_drop(s);
	init_all(s + 1, CROWD - 1);
	has_no_descriptors = true;
	log_set_sink(count_line);
	lines_logged = 0;
	from = clock_ms();
	for (int i = 0; i < CROWD; i++)
		session_connect(&s[i]);
	finish_all(s, CROWD);
	assert_in_range(lines_logged, 1, 1 + (clock_ms() - from) / 1000);
	log_set_sink(NULL);
	has_no_descriptors = false;
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(s[i].err, ERR_STORE);
	connect_all(s, CROWD);
	leave_all(s, CROWD);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_announced),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_asking),
		cmocka_unit_test(test_gathered_beats),
		cmocka_unit_test(test_many_beats),
		cmocka_unit_test(test_standstill),
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_unused),
		cmocka_unit_test(test_words_differ),
		cmocka_unit_test(test_flapping),
		cmocka_unit_test(test_no_descriptors),
	};
	static const char *const settings[] = { "DRAWBRIDGE_PING=1", "DRAWBRIDGE_GRACE=1", NULL };
	int failed;

	server_start();
	conf_setup(settings);
	round_epoll = epoll_create1(EPOLL_CLOEXEC);
	sessions_init(round_epoll, &conf);
	alarm(120);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	server_stop();
	conf_free(&conf);
	return failed;
}
