/* What must not be seen half done, by threads with connections of their own,
 * many times. */
#include "config.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/thread.h"
#include "redis_server.h"
#include "tab.h"

enum {
	THREADS = 12,
	ROOM_PEERS = 8,
	PEER_ROOMS = 3,
	ROUNDS = 300,
};

static struct redis *connections[THREADS];
static struct tab tabs[THREADS];
static struct conf conf_before;

/* Threads */

static pthread_barrier_t line;
static void (*task)(int number);

static void *run_task(void *number)
{
	pthread_barrier_wait(&line);
	/* Not always the same one first. */
	for (unsigned n = random_between(0, 20); n; n--)
		sched_yield();
	task((int)(intptr_t)number);
	return NULL;
}

/* n threads at once; what they find, the main thread asserts. */
static void together(int n, void (*what)(int number))
{
	pthread_t threads[THREADS];

	task = what;
	pthread_barrier_init(&line, NULL, (unsigned)n);
	for (intptr_t i = 0; i < n; i++)
		assert_int_equal(thread_start(&threads[i], run_task,
					      (void *)i), 0);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&line);
}

/* Peers p0, p1, ... with a stream each. */
static void open_tabs(int n)
{
	for (int i = 0; i < n; i++) {
		char id[8];
		struct presence p;

		snprintf(id, sizeof id, "p%d", i);
		tab_init(&tabs[i], id);
		tab_subscribe(&tabs[i]);
		assert_int_equal(tab_connect(&tabs[i], connections[i], "", &p), OK);
		reply_free(p.reply);
	}
}

/* What a tab has heard since it was asked last. */
static const char *heard(struct tab *t)
{
	static char texts[THREADS][512 * 1024];
	char *text = texts[t - tabs];
	size_t had;

	/* More than a socket holds comes in several goes. */
	do {
		had = t->heard.len;
		tell("PING");
		tab_receive(t);
	} while (t->heard.len > had);
	snprintf(text, sizeof *texts, "%s", t->heard.len ? t->heard.data : "");
	buf_clear(&t->heard);
	return text;
}

static void assert_heard(struct tab *t, const char *want)
{
	assert_string_equal(heard(t), want);
}

static void must_join(int number, const char *room)
{
	struct buf peers = BUF_INIT(8192);

	assert_int_equal(room_join(connections[number], &conf,
				   &tabs[number].peer, 0, room, &peers,
				   &(int){ 0 }), OK);
	buf_free(&peers);
}

static bool is_member(const char *set, const char *member)
{
	return ask_number("SISMEMBER %s%s %s", conf.prefix, set, member);
}

static bool is_in(const char *sorted, const struct tab *t)
{
	redisReply *r = ask("ZSCORE %s%s %s", conf.prefix, sorted, t->peer.id);
	bool is = r->str;

	freeReplyObject(r);
	return is;
}

/* The stream is closed, and its end is told. */
static void leave_stream(int number)
{
	bool leaving = false;

	tab_close(&tabs[number]);
	/* Until Redis has seen it too. */
	for (int tries = 0; !leaving && tries < 100000; tries++)
		assert_int_equal(leave_now(connections[number], &tabs[number].peer,
					   &leaving), OK);
	assert_true(leaving);
}

/* Who only watches lives on, however long the rounds before took. */
static void stay(int number)
{
	struct sweep sweep;
	bool is_live;

	assert_int_equal(beat_now(connections[number], &tabs[number].peer,
		tabs[number].incarnation, &is_live, &sweep), OK);
	assert_true(is_live);
}

static void is_due(const char *sorted, const struct tab *t)
{
	tell("ZREM %spresent %s", conf.prefix, t->peer.id);
	tell("ZREM %sleaving %s", conf.prefix, t->peer.id);
	tell("ZADD %s%s 1 %s", conf.prefix, sorted, t->peer.id);
}

/* What threads did */

static char room[16];
static struct buf answers[THREADS];
static enum err results[THREADS];
static bool resumed[THREADS], live[THREADS];
static size_t rooms[THREADS];
static atomic_int faults;
static atomic_bool done;

static void race_join(int number)
{
	answers[number] = (struct buf)BUF_INIT(8192);
	results[number] = room_join(connections[number], &conf,
				    &tabs[number].peer, 0, room, &answers[number],
				    &(int){ 0 });
}

static void race_sweep(int number)
{
	struct sweep sweep;

	results[number] = sweep_now(connections[number], &sweep);
}

/* With its position. */
static void come_back(int number, struct tab *t)
{
	struct presence p;

	if (!t->listener)
		tab_subscribe(t);
	results[number] = tab_connect(t, connections[number], t->position, &p);
	if (results[number])
		return;
	resumed[number] = p.resumed;
	rooms[number] = reply_count(p.rooms);
	reply_free(p.reply);
}

static void free_answers(int n)
{
	for (int i = 0; i < n; i++) {
		assert_int_equal(results[i], OK);
		buf_free(&answers[i]);
	}
}

static void all_leave(int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(room_leave(connections[i], &conf,
					    &tabs[i].peer, 0, room), OK);
	for (int i = 0; i < n; i++)
		heard(&tabs[i]);
}

/* Joining */

static void test_pair_joins(void **state)
{
	(void)state;
	open_tabs(2);
	for (int round = 0; round < ROUNDS; round++) {
		char first[64], second[64];
		bool zero_is_first;

		snprintf(room, sizeof room, "r%d", round);
		together(2, race_join);
		zero_is_first = !strcmp(answers[0].data, "[]");
		snprintf(first, sizeof first, "add-peer p%d %s",
			 zero_is_first, room);
		snprintf(second, sizeof second, "add-peer p%d %s offer",
			 !zero_is_first, room);
		assert_heard(&tabs[!zero_is_first], first);
		assert_heard(&tabs[zero_is_first], second);
		assert_non_null(strstr(answers[zero_is_first].data,
				       zero_is_first ? "p0" : "p1"));
		free_answers(2);
		all_leave(2);
	}
}

static void test_crowd_joins(void **state)
{
	(void)state;
	open_tabs(ROOM_PEERS);
	strcpy(room, "crowd");
	for (int round = 0; round < ROUNDS / 10; round++) {
		bool offers[ROOM_PEERS][ROOM_PEERS] = { { false } };

		together(ROOM_PEERS, race_join);
		for (int i = 0; i < ROOM_PEERS; i++) {
			const char *at = heard(&tabs[i]);
			int events = 0;

			while ((at = strstr(at, "add-peer p"))) {
				at += strlen("add-peer p");
				offers[i][atoi(at)] = !strncmp(at + 1,
					" crowd offer", 12);
				events++;
			}
			assert_int_equal(events, ROOM_PEERS - 1);
		}
		for (int i = 0; i < ROOM_PEERS; i++)
			for (int j = 0; j < i; j++)
				assert_true(offers[i][j] != offers[j][i]);
		free_answers(ROOM_PEERS);
		all_leave(ROOM_PEERS);
	}
}

static void test_last_places(void **state)
{
	(void)state;
	open_tabs(THREADS);
	strcpy(room, "small");
	for (int round = 0; round < ROUNDS / 10; round++) {
		int in = 0;

		together(THREADS, race_join);
		for (int i = 0; i < THREADS; i++) {
			in += results[i] == OK;
			assert_true(results[i] == OK || results[i] == ERR_ROOM_FULL);
			assert_int_equal(is_member("channels:small",
				tabs[i].peer.id), results[i] == OK);
			buf_free(&answers[i]);
		}
		assert_int_equal(in, ROOM_PEERS);
		all_leave(THREADS);
	}
}

static void do_join_own(int number)
{
	struct buf peers = BUF_INIT(8192);
	char name[16];

	snprintf(name, sizeof name, "own%d", number);
	results[number] = room_join(connections[number], &conf, &tabs[0].peer,
				    0, name, &peers, &(int){ 0 });
	buf_free(&peers);
}

static void test_last_rooms(void **state)
{
	(void)state;
	open_tabs(1);
	for (int round = 0; round < ROUNDS / 10; round++) {
		int in = 0;

		together(THREADS, do_join_own);
		for (int i = 0; i < THREADS; i++) {
			in += results[i] == OK;
			assert_true(results[i] == OK || results[i] == ERR_MANY_ROOMS);
		}
		assert_int_equal(in, PEER_ROOMS);
		tell("DEL %sp0:channels", conf.prefix);
		for (int i = 0; i < THREADS; i++)
			tell("DEL %schannels:own%d", conf.prefix, i);
	}
}

/* p0 leaves while p1 joins. */
static void leave_and_join(int number)
{
	if (number)
		race_join(number);
	else
		results[0] = room_leave(connections[0], &conf, &tabs[0].peer, 0, room);
}

static void test_leave_and_join(void **state)
{
	int met = 0;

	(void)state;
	open_tabs(2);
	strcpy(room, "r");
	for (int round = 0; round < ROUNDS; round++) {
		must_join(0, room);
		together(2, leave_and_join);
		if (!strcmp(answers[1].data, "[]")) {
			assert_heard(&tabs[0], "");
			assert_heard(&tabs[1], "");
		} else {
			met++;
			assert_heard(&tabs[0], "add-peer p1 r");
			assert_heard(&tabs[1],
				     "add-peer p0 r offer; remove-peer p0 r");
		}
		free_answers(2);
		all_leave(2);
	}
	print_message("  %d of %d met\n", met, ROUNDS);
}

/* The same peer, from two tabs: in both sets or in none. */
static void leave_and_join_self(int number)
{
	if (number)
		results[1] = room_leave(connections[1], &conf, &tabs[0].peer,
					0, room);
	else
		race_join(0);
}

static void test_leave_and_join_self(void **state)
{
	(void)state;
	open_tabs(2);
	strcpy(room, "r");
	must_join(1, room);
	for (int round = 0; round < ROUNDS; round++) {
		const char *last;
		bool in;

		together(2, leave_and_join_self);
		in = is_member("channels:r", "p0");
		assert_int_equal(in, is_member("p0:channels", "r"));
		last = heard(&tabs[1]);
		if (in)
			assert_string_equal(last, "add-peer p0 r");
		else
			assert_string_equal(last,
				"add-peer p0 r; remove-peer p0 r");
		buf_free(&answers[0]);
		room_leave(connections[0], &conf, &tabs[0].peer, 0, room);
		heard(&tabs[0]);
		heard(&tabs[1]);
	}
}

/* p1 is there and relays to p0 as soon as it may. */
static void join_and_relay(int number)
{
	struct item item = { .event = "x", .data = "1", .data_len = 1 };
	int streams, wait_ms;
	bool last;

	if (!number) {
		race_join(0);
		done = true;
		return;
	}
	do {
		last = done;
		results[1] = relay_now(connections[1], &tabs[1].peer, 0, "", "p0",
				       &item, 1, &streams, &wait_ms);
	} while (results[1] == ERR_NO_PEER && !last);
}

static void test_no_relay_before_add_peer(void **state)
{
	(void)state;
	open_tabs(2);
	strcpy(room, "r");
	must_join(1, room);
	for (int round = 0; round < ROUNDS; round++) {
		done = false;
		together(2, join_and_relay);
		assert_heard(&tabs[0], "add-peer p1 r offer; x p1 1");
		assert_int_equal(results[1], OK);
		buf_free(&answers[0]);
		assert_int_equal(room_leave(connections[0], &conf,
					    &tabs[0].peer, 0, room), OK);
		heard(&tabs[1]);
	}
}

/* Coming back */

static atomic_int seen, returns;
static int sent[THREADS];

static void relay_number(int number, int to, int n)
{
	char text[16], id[8];
	struct item item = { .event = "x", .data = text };
	int streams, wait_ms;

	snprintf(id, sizeof id, "p%d", to);
	item.data_len = (size_t)snprintf(text, sizeof text, "%d", n);
	if (relay_now(connections[number], &tabs[number].peer, 0, "", id, &item, 1,
		      &streams, &wait_ms) != OK)
		faults++;
}

enum { RELAYING = 4, AHEAD = 40 };	/* less than a mailbox holds */

/* Of what was heard behind the first bytes. */
static int count_messages(const struct buf *b, size_t from)
{
	const char *at = b->len ? b->data + from : "";
	int n = 0;

	for (; (at = strstr(at, "x p")); at++)
		n++;
	return n;
}

static int all_sent(void)
{
	int sum = 0;

	for (int i = 0; i < RELAYING; i++)
		sum += sent[i];
	return sum;
}

/* All relay numbers to the last, whose stream is cut again and again. */
static void relay_and_return(int number)
{
	struct tab *last = &tabs[RELAYING];

	while (number < RELAYING && returns < ROUNDS && !faults) {
		if (sent[number] < (seen + AHEAD) / RELAYING)
			relay_number(number, RELAYING, ++sent[number]);
		else
			nanosleep(&(struct timespec){ 0, 20000 }, NULL);
	}
	while (number == RELAYING && returns < ROUNDS) {
		size_t had = last->heard.len;

		come_back(number, last);
		if (results[number] || !resumed[number]) {
			faults++;
			return;
		}
		tab_receive(last);
		seen += count_messages(&last->heard, had);
		tab_close(last);
		returns++;
	}
}

static void test_relay_and_return(void **state)
{
	struct tab *last = &tabs[RELAYING];
	int next[RELAYING] = { 0 };
	const char *at;

	(void)state;
	open_tabs(RELAYING + 1);
	for (int i = 0; i <= RELAYING; i++)
		must_join(i, "r");
	heard(last);
	tab_close(last);
	seen = returns = faults = 0;
	memset(sent, 0, sizeof sent);
	together(RELAYING + 1, relay_and_return);
	assert_int_equal(faults, 0);
	come_back(RELAYING, last);
	assert_true(resumed[RELAYING]);
	for (at = heard(last); (at = strstr(at, "x p")); at++)
		assert_int_equal(atoi(at + 5), ++next[at[3] - '0']);
	for (int i = 0; i < RELAYING; i++)
		assert_int_equal(next[i], sent[i]);
	print_message("  %d messages over %d streams\n", all_sent(),
		      (int)returns);
}

/* Nobody waits for an answer. */

enum { UNANSWERED = 200 };	/* more than may be */

static atomic_int answered;

static void count_answer(void *arg, enum err e, int streams, int wait_ms)
{
	(void)arg;
	(void)wait_ms;
	answered++;
	faults += e != OK || streams != 1;
}

static void relay_ahead(int number)
{
	for (int i = 1; i <= UNANSWERED; i++) {
		char text[16];
		struct item item = { .event = "x", .data = text };

		item.data_len = (size_t)snprintf(text, sizeof text, "%d", i);
		room_relay(connections[number], &conf, &tabs[number].peer, 0, "",
			   tabs[RELAYING].peer.id, &item, 1, count_answer, NULL);
	}
	redis_drain(connections[number]);
}

static void test_relay_ahead(void **state)
{
	(void)state;
	open_tabs(RELAYING + 1);
	for (int i = 0; i <= RELAYING; i++)
		must_join(i, "r");
	for (int round = 0; round < 5; round++) {
		int next[RELAYING] = { 0 };
		const char *at;

		heard(&tabs[RELAYING]);
		answered = faults = 0;
		tell("CLIENT PAUSE 50");
		together(RELAYING, relay_ahead);
		assert_int_equal(answered, RELAYING * UNANSWERED);
		assert_int_equal(faults, 0);
		for (at = heard(&tabs[RELAYING]); (at = strstr(at, "x p")); at++)
			assert_int_equal(atoi(at + 5), ++next[at[3] - '0']);
		for (int i = 0; i < RELAYING; i++)
			assert_int_equal(next[i], UNANSWERED);
	}
}

/* p1 is due, twice over, and comes back. */
static void due_and_back(int number)
{
	if (number < 2)
		race_sweep(number);
	else
		come_back(number, &tabs[1]);
}

static void test_due_and_back(void **state)
{
	int back = 0;

	(void)state;
	open_tabs(2);
	strcpy(room, "r");
	must_join(0, room);
	for (int round = 0; round < ROUNDS; round++) {
		if (!is_member("channels:r", "p1"))
			must_join(1, room);
		stay(0);
		heard(&tabs[0]);
		heard(&tabs[1]);
		leave_stream(1);
		is_due("leaving", &tabs[1]);
		tab_subscribe(&tabs[1]);
		together(3, due_and_back);
		assert_int_equal(results[0] | results[1] | results[2], OK);
		assert_int_equal(rooms[2], resumed[2]);
		assert_int_equal(is_member("channels:r", "p1"), resumed[2]);
		assert_heard(&tabs[0], resumed[2] ? "" : "remove-peer p1 r");
		assert_true(is_in("present", &tabs[1]));
		assert_false(is_in("leaving", &tabs[1]));
		back += resumed[2];
	}
	print_message("  %d of %d were back in time\n", back, ROUNDS);
}

/* p1's entry is due, and it beats. */
static void due_and_beat(int number)
{
	struct sweep sweep;

	if (number < 2)
		race_sweep(number);
	else
		results[2] = beat_now(connections[2], &tabs[1].peer,
					  tabs[1].incarnation, &live[2], &sweep);
}

static void test_due_and_beat(void **state)
{
	int lives = 0;

	(void)state;
	open_tabs(2);
	strcpy(room, "r");
	must_join(0, room);
	for (int round = 0; round < ROUNDS; round++) {
		/* A lapse moves it first, which nobody may notice. */
		bool lapse = round % 2;

		if (!is_member("channels:r", "p1"))
			must_join(1, room);
		stay(0);
		heard(&tabs[0]);
		is_due(lapse ? "present" : "leaving", &tabs[1]);
		together(3, due_and_beat);
		assert_int_equal(results[0] | results[1] | results[2], OK);
		assert_true(live[2] || !lapse);
		lives += live[2];
		assert_heard(&tabs[0], live[2] ? "" : "remove-peer p1 r");
		assert_int_equal(is_member("channels:r", "p1"), live[2]);
		assert_int_equal(is_in("present", &tabs[1]), live[2]);
		assert_false(is_in("leaving", &tabs[1]));
		if (!live[2]) {
			tab_close(&tabs[1]);
			come_back(1, &tabs[1]);
			assert_false(resumed[1]);
		}
	}
	print_message("  %d of %d lived\n", lives, ROUNDS);
}

/* p1's stream ends while the next one begins. */
static struct tab next_tab;

static void end_and_next(int number)
{
	bool leaving;

	if (number) {
		come_back(1, &next_tab);
		return;
	}
	tab_close(&tabs[1]);
	results[0] = leave_now(connections[0], &tabs[1].peer, &leaving);
}

static void test_end_and_next(void **state)
{
	(void)state;
	open_tabs(2);
	must_join(0, "r");
	must_join(1, "r");
	heard(&tabs[0]);
	for (int round = 0; round < ROUNDS; round++) {
		heard(&tabs[1]);
		tab_init(&next_tab, "p1");
		strcpy(next_tab.position, tabs[1].position);
		together(2, end_and_next);
		tab_free(&tabs[1]);
		tabs[1] = next_tab;
		assert_int_equal(results[0] | results[1], OK);
		assert_true(resumed[1]);
		assert_true(is_in("present", &tabs[1]));
		assert_false(is_in("leaving", &tabs[1]));
		assert_heard(&tabs[0], "");
	}
}

/* p0 begins life upon life; the one before must not be taken for it by a position, and its
 * stream is told. */
static char lives[ROUNDS][48];
static atomic_int newest;

static void begin_lives(int number)
{
	struct presence p;

	if (number == 1) {
		for (int i = 1; i < ROUNDS; i++) {
			if (tab_presence(connections[1], &tabs[0].peer, 0, "",
					 &p) != OK)
				faults++;
			strcpy(lives[i], p.incarnation);
			reply_free(p.reply);
			newest = i;
		}
		done = true;
	}
	while (!done) {
		int at = newest;

		if (number == 2) {
			race_sweep(2);
		} else if (at) {
			if (tab_presence(connections[0], &tabs[0].peer, 0, lives[at - 1], &p) != OK ||
			    p.resumed)
				faults++;
			reply_free(p.reply);
		}
	}
}

static void test_old_life(void **state)
{
	(void)state;
	open_tabs(1);
	strcpy(lives[0], tabs[0].incarnation);
	newest = faults = 0;
	done = false;
	together(3, begin_lives);
	assert_int_equal(faults, 0);
	for (int i = 1; i < ROUNDS; i++)
		assert_true(strcmp(lives[i - 1], lives[i]) != 0);
	assert_heard(&tabs[0], "ping");
}

/* Limits */

enum { RATE_WANTED = 30, RATE_TRIES = 20 };

static atomic_int allowed;

static void relay_many(int number)
{
	struct item item = { .event = "x", .data = "1", .data_len = 1 };
	int streams, wait_ms;

	for (int i = 0; i < RATE_TRIES; i++) {
		enum err e = relay_now(connections[number],
			&tabs[0].peer, 0, "", "p1", &item, 1, &streams, &wait_ms);

		allowed += e == OK;
		faults += e != OK && (e != ERR_RATE || wait_ms < 1);
	}
}

static void access_many(int number)
{
	int wait_ms;

	for (int i = 0; i < RATE_TRIES; i++) {
		enum err e = room_access(connections[number], &conf, "h",
					 &wait_ms);

		allowed += e == OK;
		faults += e != OK && (e != ERR_RATE || wait_ms < 1);
	}
}

static void test_limits(void **state)
{
	(void)state;
	open_tabs(2);
	must_join(0, "r");
	must_join(1, "r");
	conf.rate = RATE_WANTED / RATE_WINDOW_S;
	conf.rate_bytes = 0;
	conf.access_rate = RATE_WANTED;
	for (int round = 0; round < 5; round++) {
		faults = allowed = 0;
		together(THREADS, relay_many);
		assert_int_equal(allowed, RATE_WANTED);
		allowed = 0;
		together(THREADS, access_many);
		assert_int_equal(allowed, RATE_WANTED);
		assert_int_equal(faults, 0);
		tell("DEL %srate:p0 %srate:@h", conf.prefix, conf.prefix);
	}
}

/* All of it */

static void relay_all(int number)
{
	for (int i = 1; i <= ROUNDS; i++)
		relay_number(number, THREADS - 1, i);
	done = true;
}

static void *flush_scripts(void *unused)
{
	/* A connection of its own: tell() is the main thread's. */
	redisContext *c = redisConnectUnix(server_url() + strlen("unix://"));

	(void)unused;
	while (!done) {
		redisReply *r = redisCommand(c, "SCRIPT FLUSH");

		faults += !r || r->type == REDIS_REPLY_ERROR;
		if (r)
			freeReplyObject(r);
	}
	redisFree(c);
	return NULL;
}

/* Redis forgets the scripts all the time: nothing is lost, nothing is twice. */
static void test_flush(void **state)
{
	int next[THREADS] = { 0 };
	pthread_t flusher;
	const char *at;

	(void)state;
	open_tabs(THREADS);
	for (int i = 0; i < 4; i++)
		must_join(i, "r");
	must_join(THREADS - 1, "r");
	heard(&tabs[THREADS - 1]);
	faults = 0;
	done = false;
	thread_start(&flusher, flush_scripts, NULL);
	together(4, relay_all);
	pthread_join(flusher, NULL);
	assert_int_equal(faults, 0);
	for (at = heard(&tabs[THREADS - 1]); (at = strstr(at, "x p")); at++) {
		int from = at[3] - '0';

		assert_int_equal(atoi(at + 5), ++next[from]);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(next[i], ROUNDS);
}

static void append_token(struct tab *t, const char *word, const char *where)
{
	buf_fmt(&t->heard, "%s%s %s", t->heard.len ? "; " : "", word, where);
}

static void mingle_once(int number)
{
	struct tab *t = &tabs[number];
	struct redis *r = connections[number];
	char name[8];
	struct buf peers = BUF_INIT(8192);
	struct presence p;
	struct sweep sweep;
	bool is_live;
	enum err e = OK;

	snprintf(name, sizeof name, "m%u", random_between(0, 2));
	switch (random_between(0, 6)) {
	case 0:
	case 1:
		e = room_join(r, &conf, &t->peer, 0, name, &peers, &(int){ 0 });
		break;
	case 2:
		e = room_leave(r, &conf, &t->peer, 0, name);
		/* What was pushed before the answer is here. */
		tab_receive(t);
		append_token(t, "left", name);
		break;
	case 3:
		tab_close(t);
		come_back(number, t);
		e = results[number];
		faults += !resumed[number];
		break;
	case 4:
		tab_close(t);
		tab_subscribe(t);
		append_token(t, "anew", "-");
		e = tab_connect(t, r, "", &p);
		if (!e)
			reply_free(p.reply);
		break;
	case 5:
		e = sweep_now(r, &sweep);
		break;
	default:
		e = beat_now(r, &t->peer, t->incarnation, &is_live, &sweep);
		faults += !is_live;
	}
	faults += e != OK;
	tab_receive(t);
	buf_free(&peers);
}

static void mingle(int number)
{
	for (int i = 0; i < ROUNDS; i++)
		mingle_once(number);
}

/* Whom the tab believes to be in a room, by all that it heard. */
static void view_of(const char *text, const char *name, bool view[THREADS])
{
	char *all = xstrdup(text), *rest = all, *event;

	memset(view, 0, THREADS * sizeof *view);
	while ((event = strtok_r(NULL, ";", &rest))) {
		char what[16] = "", who[16] = "", where[16] = "";

		sscanf(event, " %15s %15s %15s", what, who, where);
		if (!strcmp(what, "anew") ||
		    (!strcmp(what, "left") && !strcmp(who, name)))
			memset(view, 0, THREADS * sizeof *view);
		else if (!strcmp(where, name))
			view[atoi(who + 1)] = !strcmp(what, "add-peer");
	}
	free(all);
}

/* Joining, leaving, coming back, beginning anew, all at random: in the end
 * every tab has the others as they are. */
static void test_mingling(void **state)
{
	(void)state;
	open_tabs(ROOM_PEERS);
	faults = 0;
	together(ROOM_PEERS, mingle);
	assert_int_equal(faults, 0);
	for (int i = 0; i < ROOM_PEERS; i++) {
		const char *text = heard(&tabs[i]);

		for (int j = 0; j < 3; j++) {
			bool view[THREADS];
			char name[8], set[24];

			snprintf(name, sizeof name, "m%d", j);
			snprintf(set, sizeof set, "channels:%s", name);
			view_of(text, name, view);
			for (int k = 0; k < ROOM_PEERS; k++) {
				char own[24];

				snprintf(own, sizeof own, "p%d:channels", k);
				assert_int_equal(is_member(own, name),
					is_member(set, tabs[k].peer.id));
				if (k != i && is_member(set, tabs[i].peer.id))
					assert_int_equal(view[k], is_member(set,
						tabs[k].peer.id));
			}
		}
	}
}

static int races_setup(void **state)
{
	(void)state;
	tell("FLUSHALL");
	conf_before = conf;
	conf.rate = conf.rate_bytes = 0;
	for (int i = 0; i < THREADS; i++)
		connections[i] = redis_new(-1);
	return 0;
}

static int races_teardown(void **state)
{
	(void)state;
	for (int i = 0; i < THREADS; i++) {
		tab_free(&tabs[i]);
		tab_init(&tabs[i], "");
		redis_free(connections[i]);
	}
	conf = conf_before;
	return 0;
}

static int races_group_setup(void **state)
{
	static const char *const settings[] = {
		"DRAWBRIDGE_PREFIX={t}:", "DRAWBRIDGE_ROOM_PEERS=8",
		"DRAWBRIDGE_PEER_ROOMS=3", NULL,
	};

	(void)state;
	server_start();
	conf_setup(settings);
	return 0;
}

static int races_group_teardown(void **state)
{
	(void)state;
	server_stop();
	conf_free(&conf);
	return 0;
}

int main(void)
{
#define RACE(name) cmocka_unit_test_setup_teardown(name, races_setup, races_teardown)
	static const struct CMUnitTest tests[] = {
		RACE(test_pair_joins),
		RACE(test_crowd_joins),
		RACE(test_last_places),
		RACE(test_last_rooms),
		RACE(test_leave_and_join),
		RACE(test_leave_and_join_self),
		RACE(test_no_relay_before_add_peer),
		RACE(test_relay_and_return),
		RACE(test_relay_ahead),
		RACE(test_due_and_back),
		RACE(test_due_and_beat),
		RACE(test_end_and_next),
		RACE(test_old_life),
		RACE(test_limits),
		RACE(test_flush),
		RACE(test_mingling),
	};

	return cmocka_run_group_tests(tests, races_group_setup, races_group_teardown);
}
