/* Subscriptions of many channels, on a Redis: which connections there are, whom a message
 * reaches, and what happens where nobody takes it, or the connection goes. */
#include "config.h"

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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "redis_server.h"
#include "store/dial.h"
#include "store/subscription.h"
#include "tab.h"

enum { CHANNELS = 300, PATIENCE_MS = 20000 };

static int test_epoll;

/* A round, as the loop's: what it waits for, up to some ms. */
static void wait_once(int ms)
{
	int64_t left = subscription_deadline() - clock_ms();
	struct epoll_event e;

	subscription_flush();
	if (subscription_has_ready())
		return;
	if (epoll_wait(test_epoll, &e, 1, left > ms ? ms : left > 0 ? (int)left : 0) == 1)
		subscription_receive(e.data.u64);
	subscription_expire();
}

/* What is ready is heard of, and forgotten. */
static void run_until_now(void)
{
	while (subscription_ready())
		;
	wait_once(10);
}

/* What a test leaves behind is answered, and read: it is not the next one's. */
static int read_all(void **state)
{
	struct epoll_event e;

	(void)state;
	tell("PING"); /* Redis writes its answers to all before it reads the next command */
	while (epoll_wait(test_epoll, &e, 1, 0) == 1)
		subscription_receive(e.data.u64);
	return 0;
}

static struct subscription *start(const char *channel, void *arg)
{
	struct subscription *s = subscription_start(channel, arg);

	assert_non_null(s);
	return s;
}

/* Until it has left this state. */
static enum subscription_state wait_while(struct subscription *s,
					  enum subscription_state state)
{
	int64_t end_at = clock_ms() + PATIENCE_MS;

	while (subscription_state(s) == state) {
		assert_true(clock_ms() < end_at);
		run_until_now();
	}
	return subscription_state(s);
}

static struct subscription *subscribe(const char *channel, void *arg)
{
	struct subscription *s = start(channel, arg);

	assert_int_equal(wait_while(s, SUBSCRIPTION_STARTING), SUBSCRIPTION_CONFIRMED);
	while (subscription_ready())
		;
	return s;
}

static void unsubscribe(struct subscription *s)
{
	subscription_stop(s);
	wait_while(s, SUBSCRIPTION_STOPPING);
	subscription_free(s);
}

static long long subscribers(const char *channel)
{
	redisReply *r = ask("PUBSUB NUMSUB %s", channel);
	long long count = r->element[1]->integer;

	freeReplyObject(r);
	return count;
}

/* Connections that have subscriptions, besides their own channels. */
static int connections_in_use(void)
{
	return server_clients(2, INT_MAX);
}

/* Until it has come. Who is ready then is not forgotten. */
static const char *next(struct subscription *s)
{
	int64_t end_at = clock_ms() + PATIENCE_MS;
	const char *text;
	size_t len;

	while (!subscription_next(s, &text, &len)) {
		struct epoll_event e;

		if (clock_ms() > end_at)
			fail_msg("nothing has come");
		subscription_flush();
		if (epoll_wait(test_epoll, &e, 1, 10) == 1)
			subscription_receive(e.data.u64);
	}
	assert_int_equal(strlen(text), len);
	return text;
}

static void wait_lost(struct subscription *s)
{
	assert_int_equal(wait_while(s, SUBSCRIPTION_CONFIRMED), SUBSCRIPTION_LOST);
}

static void assert_none(struct subscription *s)
{
	const char *text;
	size_t len;

	assert_false(subscription_next(s, &text, &len));
}

/* All have what is theirs, by one connection, which all wait for; and it goes with the last
 * of them. */
static void test_many(void **state)
{
	struct subscription *all[CHANNELS];
	char name[16];

	(void)state;
	for (int i = 0; i < CHANNELS; i++) {
		snprintf(name, sizeof name, "c%d", i);
		all[i] = start(name, &all[i]);
	}
	for (int i = 0; i < CHANNELS; i++)
		assert_int_equal(wait_while(all[i], SUBSCRIPTION_STARTING),
				 SUBSCRIPTION_CONFIRMED);
	assert_int_equal(connections_in_use(), 1);
	for (int i = 0; i < CHANNELS; i++)
		assert_int_equal(ask_number("PUBLISH c%d %d", i, i), 1);
	for (int i = 0; i < CHANNELS; i++) {
		snprintf(name, sizeof name, "%d", i);
		assert_string_equal(next(all[i]), name);
		assert_none(all[i]);
		assert_false(subscription_missed(all[i]));
	}
	for (int i = 0; i < CHANNELS; i++)
		subscription_stop(all[i]);
	for (int i = CHANNELS - 1; i >= 0; i--) {
		assert_int_equal(wait_while(all[i], SUBSCRIPTION_STOPPING),
				 SUBSCRIPTION_STOPPED);
		subscription_free(all[i]);
	}
	assert_int_equal(subscribers("c0"), 0);
	assert_int_equal(connections_in_use(), 0);
}

/* Who goes before the connection is made is not asked for, also where that was all. */
static void test_early(void **state)
{
	struct subscription *s = subscribe("c", NULL), *other;

	(void)state;
	subscription_distrust(s);	/* there is no connection then */
	subscription_free(s);
	s = start("c", NULL);
	other = start("d", NULL);
	subscription_free(s);
	subscription_stop(other);
	assert_int_equal(subscription_state(other), SUBSCRIPTION_STOPPED);
	subscription_free(other);
	s = subscribe("e", NULL);
	assert_int_equal(subscribers("c") + subscribers("d"), 0);
	assert_int_equal(subscribers("e"), 1);
	assert_int_equal(connections_in_use(), 1);
	unsubscribe(s);
	s = start("c", NULL);
	subscription_free(s);
	unsubscribe(subscribe("c", NULL));
	assert_int_equal(connections_in_use(), 0);
}

/* Each is counted, and hears all; and so does who comes after one that has just gone. */
static void test_same_channel(void **state)
{
	struct subscription *a = subscribe("c", NULL), *b = subscribe("c", NULL);
	struct subscription *other = subscribe("d", NULL);

	(void)state;
	assert_int_equal(subscribers("c"), 2);
	assert_int_equal(connections_in_use(), 2);
	assert_int_equal(ask_number("PUBLISH c 1"), 2);
	assert_string_equal(next(a), "1");
	assert_string_equal(next(b), "1");
	assert_none(other);
	unsubscribe(a);
	assert_int_equal(subscribers("c"), 1);
	a = subscribe("c", NULL);
	assert_int_equal(subscribers("c"), 2);
	unsubscribe(b);
	assert_int_equal(connections_in_use(), 1);
	unsubscribe(a);
	a = subscribe("c", NULL);
	assert_int_equal(ask_number("PUBLISH c 2"), 1);
	assert_string_equal(next(a), "2");
	assert_int_equal(connections_in_use(), 1);
	unsubscribe(a);
	unsubscribe(other);
	assert_int_equal(connections_in_use(), 0);
}

/* Who does not wait for the end of one leaves an answer behind, which is not that of the
 * next. */
static void test_freed(void **state)
{
	int64_t end_at = clock_ms() + PATIENCE_MS;
	struct subscription *s, *other = subscribe("d", NULL);

	(void)state;
	for (int i = 0; i < CHANNELS; i++) {
		s = start("c", NULL);
		if (i % 2)
			wait_while(s, SUBSCRIPTION_STARTING);
		subscription_free(s);
		s = subscribe("c", NULL);
		assert_int_equal(ask_number("PUBLISH c %d", i) >= 1, 1);
		assert_int_equal(atoi(next(s)), i);
		subscription_free(s);
	}
	while (subscribers("c")) {
		assert_true(clock_ms() < end_at);
		run_until_now();
	}
	unsubscribe(other);
	while (connections_in_use()) {
		assert_true(clock_ms() < end_at);
		run_until_now();
	}
}

/* The one that has something is named, once. */
static void test_ready(void **state)
{
	int a = 0, b = 0;
	struct subscription *one = subscribe("c", &a), *two = subscribe("d", &b);

	(void)state;
	assert_null(subscription_ready());
	tell("PUBLISH d 1");
	tell("PUBLISH d 2");
	assert_string_equal(next(two), "1");
	assert_string_equal(next(two), "2");
	assert_ptr_equal(subscription_ready(), &b);
	assert_null(subscription_ready());
	tell("PUBLISH c 1");
	assert_string_equal(next(one), "1");
	subscription_free(one);	/* it is named no more */
	assert_null(subscription_ready());
	unsubscribe(two);
}

static bool is_last(const char *message, size_t len)
{
	return len == 4 && !strcmp(message, "last");
}

/* What nobody takes is bounded; what came before is there, and what comes after. */
static void test_held(void **state)
{
	struct subscription *s = subscribe("c", NULL), *other = subscribe("d", NULL);
	char *large = xmalloc(SUBSCRIPTION_HELD_MAX + 1);

	(void)state;
	memset(large, 'x', SUBSCRIPTION_HELD_MAX);
	large[SUBSCRIPTION_HELD_MAX] = '\0';
	tell("PUBLISH c first");
	tell("PUBLISH c %s", large);
	tell("PUBLISH c later");
	tell("PUBLISH d 1");
	assert_string_equal(next(other), "1");
	assert_false(subscription_has_last(s));
	/* It is known of, though it is dropped. */
	tell("PUBLISH c last");
	tell("PUBLISH d 2");
	assert_string_equal(next(other), "2");
	assert_true(subscription_has_last(s));
	assert_false(subscription_has_last(other));
	assert_string_equal(next(s), "first");
	assert_none(s);
	assert_true(subscription_missed(s));
	assert_false(subscription_missed(s));
	tell("PUBLISH c again");
	assert_string_equal(next(s), "again");
	/* One that is alone may be longer. */
	tell("PUBLISH c %sx", large);
	assert_int_equal(strlen(next(s)), SUBSCRIPTION_HELD_MAX + 1);
	assert_false(subscription_missed(s));
	unsubscribe(s);
	unsubscribe(other);
	free(large);
}

static void subscribe_again(struct subscription *s)
{
	wait_lost(s);
	subscription_free(s);
	s = subscribe("c", NULL);
	assert_int_equal(ask_number("PUBLISH c 2"), 1);
	assert_string_equal(next(s), "2");
	unsubscribe(s);
}

/* Those that are not in use, too: all have been seen to be closed. */
static void kill_connections(void)
{
	struct epoll_event e;

	tell("CLIENT KILL TYPE pubsub");
	while (epoll_wait(test_epoll, &e, 1, 0) == 1)
		subscription_receive(e.data.u64);
}

/* All that were on it hear of it, once; and have what came before. */
static void test_lost(void **state)
{
	int arg = 0;
	struct subscription *s = subscribe("c", &arg), *other = subscribe("d", NULL);

	(void)state;
	tell("PUBLISH c 1");
	tell("PUBLISH d 1");
	assert_string_equal(next(other), "1");
	while (subscription_ready())
		;
	kill_connections();
	assert_int_equal(subscription_state(s), SUBSCRIPTION_LOST);
	assert_int_equal(subscription_error(s), ERR_STORE);
	subscription_free(other);
	assert_ptr_equal(subscription_ready(), &arg);
	assert_null(subscription_ready());
	assert_string_equal(next(s), "1");
	subscribe_again(s);
}

/* By its own channel one asks Redis for all that are subscribed by a connection. */
static void test_own_channel(void **state)
{
	struct subscription *a = subscribe("c", NULL), *b = subscribe("d", NULL);
	struct subscription *twin = subscribe("c", NULL);
	const char *own = subscription_connection(a), *other = subscription_connection(twin);

	(void)state;
	assert_ptr_equal(own, subscription_connection(b));
	assert_string_not_equal(own, other);
	assert_memory_equal(own, "own:", 4);
	assert_int_equal(subscribers(own), 1);
	assert_int_equal(subscribers(other), 1);
	kill_connections();
	assert_int_equal(subscribers(own), 0);
	wait_lost(a);
	assert_int_equal(subscribers(subscription_connection(a)), 0);
	wait_lost(twin);
	wait_lost(b);
	subscription_free(b);
	subscription_free(twin);
	subscribe_again(a);
}

/* A master that became a replica confirms it, and counts elsewhere. */
static void test_distrust(void **state)
{
	struct subscription *s = subscribe("c", NULL), *other = subscribe("d", NULL);

	(void)state;
	subscription_distrust(other);
	assert_int_equal(connections_in_use(), 0);
	wait_lost(other);
	subscription_free(other);
	subscribe_again(s);
}

/* Redis stands still: who comes or goes is told in time, and who is there goes on when it
 * does; nobody else waits on that connection meanwhile. */
static void test_frozen(void **state)
{
	struct subscription *s = subscribe("c", NULL), *gone = subscribe("f", NULL);
	struct subscription *late = NULL, *other = NULL;
	int64_t from = clock_ms();

	(void)state;
	server_freeze();
	late = start("d", NULL);
	subscription_stop(gone);
	subscription_flush();
	assert_int_equal(subscription_state(late), SUBSCRIPTION_STARTING);
	assert_int_equal(subscription_state(gone), SUBSCRIPTION_STOPPING);
	assert_int_equal(wait_while(late, SUBSCRIPTION_STARTING), SUBSCRIPTION_LATE);
	assert_int_equal(wait_while(gone, SUBSCRIPTION_STOPPING), SUBSCRIPTION_LATE);
	assert_true(clock_ms() >= from + COMMAND_MS);
	assert_null(subscription_start("e", NULL));
	subscription_free(late);
	subscription_free(gone);
	server_thaw();
	assert_int_equal(ask_number("PUBLISH c 1"), 1);
	assert_string_equal(next(s), "1");
	assert_int_equal(subscription_state(s), SUBSCRIPTION_CONFIRMED);
	other = subscribe("e", NULL);
	assert_int_equal(connections_in_use(), 1);
	assert_int_equal(subscribers("d") + subscribers("f"), 0);
	unsubscribe(other);
	unsubscribe(s);
}

/* It is this thread that is late: the answer waits, behind what takes many reads. */
static void test_late_reader(void **state)
{
	struct subscription *s = subscribe("c", NULL), *other;
	const struct timespec late = { 0, (COMMAND_MS + 100) * 1000000L - 1000000000L };
	char text[1025];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < 40; i++)
		tell("PUBLISH c %s", text);
	other = start("d", NULL);
	subscription_flush();
	while (subscribers("d") == 0)
		;
	sleep(1);
	nanosleep(&late, NULL);
	subscription_expire();
	assert_int_equal(subscription_state(other), SUBSCRIPTION_CONFIRMED);
	assert_false(dial_is_away());
	unsubscribe(other);
	unsubscribe(s);
}

/* One that does not know the user any more. */
static void test_refused(void **state)
{
	struct subscription *s;

	(void)state;
	tell("ACL SETUSER default resetchannels");
	s = start("c", NULL);
	assert_int_equal(wait_while(s, SUBSCRIPTION_STARTING), SUBSCRIPTION_LOST);
	assert_int_equal(subscription_error(s), ERR_STORE);
	subscription_free(s);
	tell("ACL SETUSER default allchannels");
	unsubscribe(subscribe("c", NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_many, read_all),
		cmocka_unit_test_teardown(test_early, read_all),
		cmocka_unit_test_teardown(test_same_channel, read_all),
		cmocka_unit_test_teardown(test_freed, read_all),
		cmocka_unit_test_teardown(test_ready, read_all),
		cmocka_unit_test_teardown(test_held, read_all),
		cmocka_unit_test_teardown(test_lost, read_all),
		cmocka_unit_test_teardown(test_own_channel, read_all),
		cmocka_unit_test_teardown(test_distrust, read_all),
		cmocka_unit_test_teardown(test_late_reader, read_all),
		cmocka_unit_test_teardown(test_refused, read_all),
		cmocka_unit_test_teardown(test_frozen, read_all),
	};
	static const char *const settings[] = { NULL };
	int failed;

	server_start();
	test_epoll = epoll_create1(EPOLL_CLOEXEC);
	subscription_init(test_epoll, "own:", is_last);
	conf_setup(settings);
	conf.redis.db = 1;	/* so that there is a greeting to be answered */
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	server_stop();
	conf_free(&conf);
	return failed;
}
