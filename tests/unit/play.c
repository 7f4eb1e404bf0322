#include "config.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "auth/token.h"
#include "base/sha1.h"
#include "play.h"
#include "room/report.h"
#include "room/script_args.h"
#include "redis_server.h"
#include "room/server.h"
#include "room/webhook.h"
#include "tab.h"

enum { TABS = 64, WORDS_MAX = 16, KEEP_MS = 48 * 60 * 60 * 1000 };

static struct tab played[TABS];
static char tab_names[TABS][16];
static size_t tab_count;
static struct redis *redis;		/* what the steps run on */
static struct conf conf_read_before;
static long long before, after;		/* the last step, by Redis' clock */
static bool frozen;			/* so it cannot be asked */

static long long clock_of_redis(void)
{
	redisReply *r;
	long long ms;

	if (frozen)
		return 0;
	r = ask("TIME");
	ms = atoll(r->element[0]->str) * 1000 +
		atoll(r->element[1]->str) / 1000;

	freeReplyObject(r);
	return ms;
}

static struct tab *tab_named(const char *name)
{
	char peer[16];

	for (size_t i = 0; i < tab_count; i++)
		if (!strcmp(tab_names[i], name))
			return &played[i];
	assert_true(tab_count < TABS);
	snprintf(tab_names[tab_count], sizeof *tab_names, "%s", name);
	snprintf(peer, sizeof peer, "%.*s", (int)strcspn(name, "0123456789"),
		 name);
	tab_init(&played[tab_count], peer);
	return &played[tab_count++];
}

static void append_error(struct buf *out, enum err e)
{
	buf_str(out, e ? err_words[e] : "ok");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void append_sorted(struct buf *out, const char **words, size_t n)
{
	qsort(words, n, sizeof *words, by_text);
	for (size_t i = 0; i < n; i++)
		buf_fmt(out, "%s%s", i ? " " : "", words[i]);
}

static const char *key_of(const char *name)
{
	static char keys[4][128];
	static unsigned next;
	char *key = keys[next++ % 4];

	snprintf(key, sizeof *keys, "%s%s", conf.prefix, name);
	return key;
}

/* Streams */

static void do_subscribe(int argc, char **argv, struct buf *out)
{
	(void)out;
	for (int i = 0; i < argc; i++)
		tab_subscribe(tab_named(argv[i]));
}

/* connect TAB [POSITION]: `at` is its own, the name of a tab is that one's. */
static void do_connect(int argc, char **argv, struct buf *out)
{
	struct tab *t = tab_named(argv[0]);
	char position[64] = "";
	struct presence p;
	size_t had = t->heard.len;
	enum err e;

	if (argc > 1 && !strcmp(argv[1], "at"))
		strcpy(position, t->position);
	else if (argc > 1 && islower((unsigned char)*argv[1]) && argv[1][1] != 'x')
		strcpy(position, tab_named(argv[1])->position);
	else if (argc > 1)
		snprintf(position, sizeof position, "%s", argv[1]);
	e = tab_connect(t, redis, position, &p);
	if (e) {
		append_error(out, e);
		return;
	}
	buf_str(out, p.resumed ? "resumed" : "not resumed");
	for (size_t i = 0; i < reply_count(p.rooms); i++)
		buf_fmt(out, "%s%s", i ? "+" : " in ",
			reply_string(reply_at(p.rooms, i), NULL));
	if (t->heard.len > had)
		buf_fmt(out, ", missed %s", t->heard.data + had +
			(had ? strlen("; ") : 0));
	/* What it missed was said here. */
	t->heard.len = had;
	if (t->heard.data)
		t->heard.data[had] = '\0';
	reply_free(p.reply);
}

static void do_open(int argc, char **argv, struct buf *out)
{
	for (int i = 0; i < argc; i++) {
		do_subscribe(1, argv + i, out);
		do_connect(1, argv + i, out);
	}
}

/* Until Redis has seen it. */
static void do_close(int argc, char **argv, struct buf *out)
{
	(void)out;
	for (int i = 0; i < argc; i++) {
		struct tab *t = tab_named(argv[i]);
		char *channel = presence_channel(&conf, t->peer.id);
		long long open = 0;

		for (size_t j = 0; j < tab_count; j++)
			open += played[j].listener &&
				!strcmp(played[j].peer.id, t->peer.id);
		tab_close(t);
		for (int tries = 0; tries < 5000; tries++) {
			const struct timespec ms = { 0, 1000000 };
			redisReply *r = ask("PUBSUB NUMSUB %s", channel);
			long long now = r->element[1]->integer;

			freeReplyObject(r);
			if (now < open)
				break;
			nanosleep(&ms, NULL);
		}
		free(channel);
	}
}

static void do_got(int argc, char **argv, struct buf *out)
{
	(void)argc;
	struct tab *t = tab_named(argv[0]);

	tell("PING");
	tab_receive(t);
	buf_str(out, t->heard.len ? t->heard.data : "nothing");
	buf_clear(&t->heard);
	if (t->heard.data)
		t->heard.data[0] = '\0';
}

/* The same where the order is chance. */
static void do_heard(int argc, char **argv, struct buf *out)
{
	struct buf got = BUF_INIT(65536);
	const char *events[WORDS_MAX * 4] = { NULL };
	char *rest, *event;
	size_t n = 0;

	do_got(argc, argv, &got);
	for (rest = got.data; rest && (event = rest); n++) {
		rest = strstr(event, "; ");
		if (rest) {
			*rest = '\0';
			rest += 2;
		}
		assert_true(n < WORDS_MAX * 4);
		events[n] = event;
	}
	qsort(events, n, sizeof *events, by_text);
	for (size_t i = 0; i < n; i++)
		buf_fmt(out, "%s%s", i ? "; " : "", events[i]);
	buf_free(&got);
}

/* beat TAB...: all by one script */
static void do_beat(int argc, char **argv, struct buf *out)
{
	struct beat beats[WORDS_MAX];
	struct sweep sweep;
	enum err e;

	for (int i = 0; i < argc; i++) {
		const struct tab *t = tab_named(argv[i]);

		beats[i] = (struct beat){
			.peer = &t->peer, .incarnation = t->incarnation, .trims = true,
		};
	}
	e = beats_now(redis, beats, argc, &sweep);
	if (e) {
		append_error(out, e);
		return;
	}
	for (int i = 0; i < argc; i++)
		buf_fmt(out, "%s%s", i ? ", " : "",
			!beats[i].live ? "over" : beats[i].again ? "again" : "live");
	buf_fmt(out, "%s%s", sweep.moved ? " moved" : "",
		sweep.more ? " more" : "");
}

static void do_end(int argc, char **argv, struct buf *out)
{
	struct peer p = tab_named(argv[0])->peer;
	bool leaving = false;
	enum err e = leave_now(redis, &p, &leaving);

	(void)argc;
	if (e)
		append_error(out, e);
	else
		buf_str(out, leaving ? "leaving" : "stays");
}

static void do_sweep(int argc, char **argv, struct buf *out)
{
	struct sweep sweep;
	enum err e = sweep_now(redis, &sweep);

	(void)argc;
	(void)argv;
	if (e)
		append_error(out, e);
	else
		buf_fmt(out, "sweep%s%s", sweep.moved ? " moved" : "",
			sweep.more ? " more" : "");
}

/* Rooms */

static void append_ids(struct buf *out, enum err e, const struct buf *peers)
{
	char why[128];
	json_t *list;
	const char *ids[64] = { NULL };
	size_t i, n = 0;
	json_t *peer;

	if (e) {
		append_error(out, e);
		return;
	}
	list = json_parse(peers->data, peers->len, why);
	assert_true(json_is_array(list));
	json_array_foreach(list, i, peer)
		ids[n++] = json_string_value(json_object_get(peer, "id"));
	buf_str(out, n ? "" : "nobody");
	append_sorted(out, ids, n);
	json_decref(list);
}

/* join PEER... ROOM */
static void do_join(int argc, char **argv, struct buf *out)
{
	for (int i = 0; i < argc - 1; i++) {
		const struct tab *t = tab_named(argv[i]);
		struct buf peers = BUF_INIT(65536);
		int wait_ms = -1;
		enum err e = room_join(redis, &conf, &t->peer, t->issued,
				       argv[argc - 1], &peers, &wait_ms);

		append_ids(out, e, &peers);
		if (e == ERR_KEPT_OUT)
			buf_fmt(out, " %d s", (wait_ms + 999) / 1000);
		buf_free(&peers);
	}
}

/* Stream and room, and what comes of joining is heard and was paid already. */
static void do_enter(int argc, char **argv, struct buf *out)
{
	do_open(argc - 1, argv, out);
	do_join(argc, argv, out);
	for (int i = 0; i < argc - 1; i++) {
		do_got(1, argv + i, out);
		ask_number("DEL %srate:%s", conf.prefix, argv[i]);
	}
}

static void do_leave(int argc, char **argv, struct buf *out)
{
	const struct tab *t = tab_named(argv[0]);

	append_error(out, room_leave(redis, &conf, &t->peer, t->issued, argv[argc - 1]));
}

static void do_peers(int argc, char **argv, struct buf *out)
{
	const struct tab *t = tab_named(argv[0]);
	struct buf peers = BUF_INIT(65536);
	int wait_ms = 0;
	enum err e = room_peers(redis, &conf, &t->peer, t->issued, argv[argc - 1],
				&peers, &wait_ms);

	append_ids(out, e, &peers);
	buf_free(&peers);
}

/* N characters, as JSON, for +N; else the text itself. */
static char *data_of(const char *word)
{
	size_t n;
	char *s;

	if (*word != '+')
		return xstrdup(word);
	n = (size_t)atoi(word + 1);
	s = xmalloc(n + 3);
	memset(s, 'x', n + 2);
	s[0] = s[n + 1] = '"';
	s[n + 2] = '\0';
	return s;
}

static void append_outcome(struct buf *out, enum err e, const char *what, int n,
			   int wait_ms, int window_ms)
{
	/* What costs more than a window makes it longer. */
	if (e == ERR_RATE && (wait_ms < 1 || wait_ms > 2 * window_ms))
		buf_fmt(out, "rate wait=%d ms", wait_ms);
	else if (e)
		append_error(out, e);
	else
		buf_fmt(out, "%s %d", what, n);
}

/* @ is the site's own server. */
static const struct peer *sender_named(const char *name)
{
	return strcmp(name, "@") ? &tab_named(name)->peer : NULL;
}

/* once KEY: the next relay or broadcast may be repeated, and is another one where its words are. */
static char once_key[ID_MAX + 1];
static long long issued;

static void do_once(int argc, char **argv, struct buf *out)
{
	(void)argc;
	(void)out;
	snprintf(once_key, sizeof once_key, "%s", argv[0]);
}

/* issued SECONDS: all tokens, from here on */
static void do_issued(int argc, char **argv, struct buf *out)
{
	(void)argc;
	(void)out;
	issued = atoll(argv[0]);
}

static const char *once_of(int argc, char **argv)
{
	static char once[ONCE_SIZE];
	struct buf all = BUF_INIT(65536);
	char hex[SHA1_HEX + 1];

	*once = '\0';
	if (!*once_key)
		return once;
	for (int i = 0; i < argc; i++)
		buf_fmt(&all, "%s ", argv[i]);
	sha1_hex(all.data, hex);
	snprintf(once, sizeof once, "%.*s %s", ONCE_FINGERPRINT, hex, once_key);
	*once_key = '\0';
	buf_free(&all);
	return once;
}

/* relay PEER PEER DATA... */
static void do_relay(int argc, char **argv, struct buf *out)
{
	struct item items[WORDS_MAX] = { { .event = NULL } };
	int n = argc - 2, streams = 0, wait_ms = -1;
	enum err e;

	for (int i = 0; i < n; i++) {
		char *data = data_of(argv[2 + i]);

		items[i] = (struct item){ .event = "x", .data = data,
					  .data_len = strlen(data) };
	}
	e = relay_now(redis, sender_named(argv[0]), issued, once_of(argc, argv), argv[1],
		      items, n, &streams, &wait_ms);
	append_outcome(out, e, "streams", streams, wait_ms, RATE_WINDOW_S * 1000);
	for (int i = 0; i < n; i++)
		free((char *)(uintptr_t)items[i].data);
}

/* broadcast PEER ROOM DATA */
static void do_broadcast(int argc, char **argv, struct buf *out)
{
	char *data = data_of(argv[argc - 1]);
	struct item item = { .event = "x", .data = data,
			     .data_len = strlen(data) };
	int peers = 0, wait_ms = -1;
	enum err e = room_broadcast(redis, &conf, sender_named(argv[0]), issued,
				    once_of(argc, argv), argv[1], &item, &peers,
				    &wait_ms);

	append_outcome(out, e, "peers", peers, wait_ms, RATE_WINDOW_S * 1000);
	free(data);
}

static void do_access(int argc, char **argv, struct buf *out)
{
	int wait_ms = -1;
	enum err e = room_access(redis, &conf, argv[argc - 1], &wait_ms);

	append_outcome(out, e, "ok", 1, wait_ms, ACCESS_WINDOW_S * 1000);
}

/* The site's own server */

/* issue TAB: its token is one that was issued a second from now. */
static void do_issue(int argc, char **argv, struct buf *out)
{
	(void)argc;
	(void)out;
	tab_named(argv[0])->issued = clock_of_redis() / 1000 + 1;
}

static json_t *parse_answer(const struct buf *answer)
{
	char why[128];
	json_t *json = json_parse(answer->data, answer->len, why);

	assert_true(json_is_object(json));
	return json;
}

static void append_next_of(struct buf *out, const json_t *answer)
{
	const char *next = json_string_value(json_object_get(answer, "next"));

	if (next)
		buf_fmt(out, ", next %s", next);
}

/* Unix seconds, of this minute. */
static bool is_recent(const json_t *since)
{
	double ms = json_number_value(since) * 1000;

	return ms > (double)before - 60000 && ms <= (double)before + 1000;
}

static bool scope_covers(const void *claims, const char *room)
{
	return token_covers(claims, room);
}

static bool scope_seek(const void *claims, const char *behind, char from[ID_MAX + 1],
		       char end[ID_MAX + 2])
{
	return token_seek(claims, behind, from, end);
}

/* rooms LIMIT [AFTER]; but q: p, and those that begin with r */
static void list_rooms(int argc, char **argv, const struct server_scope *scope, struct buf *out)
{
	struct buf answer = BUF_INIT(65536);
	int wait_ms = -1;
	enum err e = server_rooms(redis, &conf, argc > 1 ? argv[1] : "", atoi(argv[0]),
				  scope, &answer, &wait_ms);
	json_t *json, *room;
	size_t i;

	append_outcome(out, e, "rooms", 0, wait_ms, RATE_WINDOW_S * 1000);
	if (!e) {
		buf_clear(out);
		json = parse_answer(&answer);
		json_array_foreach(json_object_get(json, "rooms"), i, room) {
			buf_fmt(out, "%s%s %lld", i ? ", " : "",
				json_string_value(json_object_get(room, "room")),
				(long long)json_number_value(json_object_get(room, "count")));
		}
		if (!i)
			buf_str(out, "none");
		append_next_of(out, json);
		json_decref(json);
	}
	buf_free(&answer);
}

static void do_rooms(int argc, char **argv, struct buf *out)
{
	list_rooms(argc, argv, NULL, out);
}

static void do_some_rooms(int argc, char **argv, struct buf *out)
{
	static const struct claims claims = { .rooms = (char *)"[\"r*\",\"p\"]" };
	static const struct server_scope scope = { scope_covers, scope_seek, &claims };

	list_rooms(argc, argv, &scope, out);
}

static void append_presence(struct buf *out, const json_t *who)
{
	const json_t *since = json_object_get(who, "since");

	buf_fmt(out, "%s%s%s", json_string_value(json_object_get(who, "id")),
		json_is_true(json_object_get(who, "here")) ? " here" : "",
		json_is_null(since) ? " unknown" : is_recent(since) ? "" : " old");
}

/* room ROOM LIMIT [AFTER] */
static void do_room(int argc, char **argv, struct buf *out)
{
	struct buf answer = BUF_INIT(65536);
	int wait_ms = -1;
	enum err e = server_room(redis, &conf, argv[0], argc > 2 ? argv[2] : "",
				 atoi(argv[1]), &answer, &wait_ms);
	json_t *json, *member;
	size_t i;

	append_outcome(out, e, "room", 0, wait_ms, RATE_WINDOW_S * 1000);
	if (!e) {
		buf_clear(out);
		json = parse_answer(&answer);
		buf_fmt(out, "%lld", (long long)json_number_value(json_object_get(json, "count")));
		json_array_foreach(json_object_get(json, "members"), i, member) {
			buf_str(out, i ? ", " : ": ");
			append_presence(out, member);
		}
		append_next_of(out, json);
		json_decref(json);
	}
	buf_free(&answer);
}

static void do_peer(int argc, char **argv, struct buf *out)
{
	struct buf answer = BUF_INIT(65536);
	int wait_ms = -1;
	enum err e = server_peer(redis, &conf, argv[argc - 1], &answer, &wait_ms);
	json_t *json, *room;
	size_t i;

	append_outcome(out, e, "peer", 0, wait_ms, RATE_WINDOW_S * 1000);
	if (!e) {
		buf_clear(out);
		json = parse_answer(&answer);
		append_presence(out, json);
		buf_fmt(out, " %lld", (long long)json_number_value(json_object_get(json, "streams")));
		json_array_foreach(json_object_get(json, "rooms"), i, room) {
			buf_fmt(out, " %s", json_string_value(room));
		}
		json_decref(json);
	}
	buf_free(&answer);
}

/* remove PEER ROOM [SECONDS] */
static void do_remove(int argc, char **argv, struct buf *out)
{
	bool was = false;
	int wait_ms = -1;
	enum err e = server_remove(redis, &conf, argv[1], argv[0],
				   argc > 2 ? atol(argv[2]) : 0, &was, &wait_ms);

	append_outcome(out, e, "removed", was, wait_ms, RATE_WINDOW_S * 1000);
}

/* disconnect PEER [SECONDS] */
static void do_disconnect(int argc, char **argv, struct buf *out)
{
	int streams = -1, wait_ms = -1;
	enum err e = server_disconnect(redis, &conf, argv[0], "why",
				       argc > 1 ? atol(argv[1]) : 0, &streams, &wait_ms);

	append_outcome(out, e, "streams", streams, wait_ms, RATE_WINDOW_S * 1000);
}

static void do_revoked(int argc, char **argv, struct buf *out)
{
	const struct tab *t = tab_named(argv[argc - 1]);

	append_error(out, server_revoked(redis, &conf, &t->peer, t->issued));
}

/* Hosts */

/* report HOST COUNTS */
static void do_report(int argc, char **argv, struct buf *out)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;

	args_append_key(&args, &conf, "hosts", "", "");
	args_append_string(&args, argv[0]);
	args_append_string(&args, argv[argc - 1]);
	append_error(out, args_run(redis, SCRIPT_REPORT, &args, &reply));
	reply_free(reply);
}

/* How many rooms, peers here and away, and what each host has reported in this step. */
static void do_watch(int argc, char **argv, struct buf *out)
{
	struct overview all;
	enum err e = report_overview(redis, &conf, &all);
	const char *reports[64] = { NULL };
	size_t count = reply_count(all.reports);
	long long ms;

	(void)argc;
	(void)argv;
	if (e) {
		append_error(out, e);
		return;
	}
	buf_fmt(out, "%lld rooms, %lld here, %lld away, ", all.rooms, all.here, all.away);
	if (all.events)
		buf_fmt(out, "%lld events since %lld, ", all.events, all.first_ms);
	for (size_t i = 0; i < count; i++)
		reports[i] = report_parse(&all, i, &ms);
	buf_str(out, count ? "" : "nobody");
	append_sorted(out, reports, count);
	reply_free(all.reply);
}

/* Redis itself */

/* Peers of the Node application: in both sets, without an end. */
static void do_node(int argc, char **argv, struct buf *out)
{
	(void)out;
	for (int i = 0; i < argc - 1; i++) {
		tell("SADD %schannels:%s %s", conf.prefix, argv[argc - 1], argv[i]);
		tell("SADD %s%s:channels %s", conf.prefix, argv[i], argv[argc - 1]);
	}
}

static void append_reply(struct buf *out, const redisReply *r)
{
	if (r->type == REDIS_REPLY_INTEGER)
		buf_fmt(out, "%lld", r->integer);
	else if (r->type == REDIS_REPLY_NIL)
		buf_str(out, "none");
	else if (r->type != REDIS_REPLY_ARRAY)
		buf_add(out, r->str, r->len);
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
		if (i)
			buf_char(out, ' ');
		append_reply(out, r->element[i]);
	}
}

/* redis COMMAND WORD...: %KEY is one with the prefix. */
static void do_redis(int argc, char **argv, struct buf *out)
{
	const char *words[WORDS_MAX];
	redisReply *r;

	for (int i = 0; i < argc; i++)
		words[i] = *argv[i] == '%' ? key_of(argv[i] + 1) : argv[i];
	r = ask_argv(argc, words);
	append_reply(out, r);
	freeReplyObject(r);
}

static void do_members(int argc, char **argv, struct buf *out)
{
	redisReply *r = ask("SMEMBERS %s", key_of(argv[argc - 1]));
	const char *members[64] = { NULL };

	assert_true(r->elements <= sizeof members / sizeof *members);
	for (size_t i = 0; i < r->elements; i++)
		members[i] = r->element[i]->str;
	buf_str(out, r->elements ? "" : "nobody");
	append_sorted(out, members, r->elements);
	freeReplyObject(r);
}

static bool within(long long ms, long long at)
{
	return at >= before + ms && at <= after + ms;
}

/* What the site is to hear */

/* webhook BACKLOG: it is to. */
static void do_webhook(int argc, char **argv, struct buf *out)
{
	static char url[] = "http://localhost/";

	(void)out;
	conf.webhook = url;
	conf.webhook_backlog = (unsigned)atoi(argv[argc - 1]);
	script_init(&conf);
}

/* As "joined a r 1": of its type the last word, then who, where, why, and how many are there. */
static void append_webhook_text(struct buf *out, const char *text, size_t len)
{
	char why[128];
	json_t *event = json_parse(text, len, why), *peer, *count;
	const char *cause;

	assert_non_null(event);
	peer = json_object_get(event, "peer");
	count = json_object_get(event, "count");
	cause = json_string_value(json_object_get(event, "cause"));
	buf_str(out, strchr(json_string_value(json_object_get(event, "type")), '.') + 1);
	if (peer)
		buf_fmt(out, " %s", json_string_value(json_object_get(peer, "id")));
	buf_fmt(out, " %s", json_string_value(json_object_get(event, "room")));
	if (cause)
		buf_fmt(out, " %s", cause);
	if (count)
		buf_fmt(out, " %d", (int)json_number_value(count));
	json_decref(event);
}

/* All that are there. */
static void do_events(int argc, char **argv, struct buf *out)
{
	redisReply *r = ask("XRANGE %s - +", key_of("webhook"));

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < r->elements; i++) {
		const redisReply *message = r->element[i]->element[1]->element[3];
		struct buf object = BUF_INIT(4096);

		buf_fmt(&object, "{%s}", message->str);
		buf_str(out, i ? "; " : "");
		append_webhook_text(out, object.data, object.len);
		buf_free(&object);
	}
	if (!r->elements)
		buf_str(out, "nothing");
	freeReplyObject(r);
}

static struct webhook_batch taken, taken_before;	/* the last two */

/* The members of a body, in a line. */
static void append_taken(struct buf *out)
{
	struct buf body = BUF_INIT(WEBHOOK_BODY_MAX);
	json_t *all, *event;
	char why[128], *text;
	size_t i;

	webhook_append_body(&body, &taken);
	all = json_parse(body.data, body.len, why);
	assert_non_null(all);
	json_array_foreach(json_object_get(all, "events"), i, event) {
		text = json_dumps(event, 0);
		buf_str(out, i ? "; " : "");
		append_webhook_text(out, text, strlen(text));
		free(text);
	}
	if (!i)
		buf_str(out, "nothing");
	if (json_object_get(all, "reset"))
		buf_str(out, ", reset");
	if (json_object_get(all, "dropped"))
		buf_fmt(out, ", dropped %d",
			(int)json_number_value(json_object_get(all, "dropped")));
	json_decref(all);
	buf_free(&body);
}

/* take SENDER [MOST] */
static void do_take(int argc, char **argv, struct buf *out)
{
	enum err e;

	reply_free(taken_before.reply);
	taken_before = taken;
	e = webhook_take(redis, &conf, argv[0], argc > 1 ? atoi(argv[1]) : WEBHOOK_BATCH_MAX,
			 &taken);
	if (e) {
		append_error(out, e);
		return;
	}
	if (taken.wait_ms) {
		buf_fmt(out, "wait %d", (taken.wait_ms + 4999) / 5000 * 5000);
		return;
	}
	append_taken(out);
	if (taken.given_up)
		buf_fmt(out, ", given up %u", taken.given_up);
	if (taken.pushed_out)
		buf_fmt(out, ", pushed out %u", taken.pushed_out);
	if (taken.more)
		buf_str(out, ", more");
}

static void do_state(int argc, char **argv, struct buf *out)
{
	struct webhook_state state;
	enum err e = webhook_state(redis, &conf, &state);

	(void)argc;
	(void)argv;
	if (e)
		append_error(out, e);
	else
		buf_fmt(out, "%lld, %lld s%s", state.waiting, state.oldest_ms / 1000,
			state.is_sent ? ", sent" : "");
}

/* What was taken last. */
static void do_arrived(int argc, char **argv, struct buf *out)
{
	(void)argc;
	(void)argv;
	if (!taken.count)
		taken.last = "1-1";
	append_error(out, webhook_sent(redis, &conf, &taken));
}

/* What was taken before that. */
static void do_late(int argc, char **argv, struct buf *out)
{
	(void)argc;
	(void)argv;
	append_error(out, webhook_sent(redis, &conf, &taken_before));
}

static void do_retire(int argc, char **argv, struct buf *out)
{
	append_error(out, webhook_end(redis, &conf, argv[argc - 1]));
}

/* Every key and for how long it was last kept: two days, a window, - for ever;
 * `old` where the last step did not renew it after `age`. */
static void do_keys(int argc, char **argv, struct buf *out)
{
	redisReply *r = ask("KEYS *");
	const char *lines[128] = { NULL };

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < r->elements; i++) {
		const char *key = r->element[i]->str;
		long long at = ask_number("PEXPIRETIME %s", key);
		char *line = xmalloc(160);

		snprintf(line, 160, "%s=%s", key + strlen(conf.prefix),
			 at == -1 ? "-" : within(KEEP_MS, at) ? "kept" :
			 within(RATE_WINDOW_S * 1000, at) ? "6s" :
			 within(ACCESS_WINDOW_S * 1000, at) ? "60s" : "old");
		lines[i] = line;
	}
	append_sorted(out, lines, r->elements);
	for (size_t i = 0; i < r->elements; i++)
		free((char *)(uintptr_t)lines[i]);
	freeReplyObject(r);
}

/* What is kept has an hour left: what a step renews shows. */
static void do_age(int argc, char **argv, struct buf *out)
{
	redisReply *r = ask("KEYS *");

	(void)argc;
	(void)argv;
	(void)out;
	for (size_t i = 0; i < r->elements; i++)
		if (ask_number("PEXPIRETIME %s", r->element[i]->str) > 0)
			tell("PEXPIRE %s 3600000", r->element[i]->str);
	freeReplyObject(r);
}

/* until SET PEER: how many ms the last step gave it, to 5000; `other` where
 * that was an earlier one, and the time has moved since. */
static void do_until(int argc, char **argv, struct buf *out)
{
	redisReply *r = ask("ZSCORE %s %s", key_of(argv[0]), argv[argc - 1]);
	long long at = r->str ? atoll(r->str) : 0;
	long long near = (at - after + 4999) / 5000 * 5000;

	if (!r->str)
		buf_str(out, "none");
	else if (within(near, at))
		buf_fmt(out, "%lld", near);
	else
		buf_str(out, "other");
	freeReplyObject(r);
}

static void older(char id[48], long long ms)
{
	char *sequence = strchr(id, '-');
	char made[48];

	if (!sequence)
		return;
	snprintf(made, sizeof made, "%lld%.20s", atoll(id) - ms, sequence);
	strcpy(id, made);
}

static void older_stream(const char *key, long long ms)
{
	redisReply *r = ask("XRANGE %s - +", key);
	long long at = ask_number("PEXPIRETIME %s", key);

	tell("DEL %s", key);
	for (size_t i = 0; i < r->elements; i++) {
		const redisReply *fields = r->element[i]->element[1];
		char id[48];

		snprintf(id, sizeof id, "%s", r->element[i]->element[0]->str);
		older(id, ms);
		/* That of a mailbox is the first. */
		if (fields->elements > 2)
			tell("XADD %s %s n %s m %b", key, id, fields->element[1]->str,
			     fields->element[3]->str, fields->element[3]->len);
		else
			tell("XADD %s %s m %b", key, id, fields->element[1]->str,
			     fields->element[1]->len);
	}
	if (at > 0)
		tell("PEXPIREAT %s %lld", key, at);
	freeReplyObject(r);
}

static void older_set(const char *key, long long ms)
{
	redisReply *r = ask("ZRANGE %s 0 -1", key);

	for (size_t i = 0; i < r->elements; i++)
		tell("ZINCRBY %s %lld %s", key, -ms, r->element[i]->str);
	freeReplyObject(r);
}

static void older_field(const char *key, const char *field, long long ms)
{
	redisReply *r = ask("HGET %s %s", key, field);
	char id[48];

	if (r->str) {
		snprintf(id, sizeof id, "%s", r->str);
		older(id, ms);
		tell("HSET %s %s %s", key, field, id);
	}
	freeReplyObject(r);
}

static void older_reports(const char *key, long long ms)
{
	redisReply *r = ask("HGETALL %s", key);

	for (size_t i = 0; i + 1 < r->elements; i += 2) {
		const char *value = r->element[i + 1]->str;
		char made[256];

		snprintf(made, sizeof made, "%lld%s", atoll(value) - ms, strchr(value, ' '));
		tell("HSET %s %s %s", key, r->element[i]->str, made);
	}
	freeReplyObject(r);
}

/* later MS: the clock has moved by so much, back where it is negative. */
static void do_later(int argc, char **argv, struct buf *out)
{
	long long ms = atoll(argv[argc - 1]);
	redisReply *r;
	size_t prefix = strlen(conf.prefix);

	(void)out;
	tell("PING");
	for (size_t i = 0; i < tab_count; i++) {
		tab_receive(&played[i]);
		older(played[i].position, ms);
		older(played[i].incarnation, ms);
		played[i].issued -= ms / 1000;
	}
	r = ask("KEYS *");
	for (size_t i = 0; i < r->elements; i++) {
		const char *key = r->element[i]->str, *name = key + prefix;
		long long at;

		if (!strncmp(name, "mailbox:", 8))
			older_stream(key, ms);
		else if (!strncmp(name, "peer:", 5))
			older_field(key, "inc", ms);
		else if (!strcmp(name, "webhook"))
			older_stream(key, ms);
		else if (!strcmp(name, "webhook:state"))
			older_field(key, "last", ms);
		else if (!strcmp(name, "present") || !strcmp(name, "leaving") ||
			 !strncmp(name, "banned:", 7))
			older_set(key, ms);
		else if (!strncmp(name, "revoked:", 8))
			tell("SET %s %lld KEEPTTL", key, ask_number("INCRBY %s 0", key) - ms / 1000);
		else if (!strcmp(name, "hosts"))
			older_reports(key, ms);
		at = ask_number("PEXPIRETIME %s", key);
		if (at > 0)
			tell("PEXPIREAT %s %lld", key, at - ms);
	}
	freeReplyObject(r);
}

static void do_memory(int argc, char **argv, struct buf *out)
{
	(void)out;
	tell("CONFIG SET maxmemory %d", strcmp(argv[argc - 1], "full") ? 0 : 1);
}

static void do_restart(int argc, char **argv, struct buf *out)
{
	(void)argc;
	(void)argv;
	(void)out;
	server_restart();
}

/* A replica takes over: what it knows, under another run_id. */
static void do_failover(int argc, char **argv, struct buf *out)
{
	redisReply *keys = ask("KEYS *"), *dumps[128];
	long long at[128];

	for (size_t i = 0; i < keys->elements; i++) {
		at[i] = ask_number("PEXPIRETIME %s", keys->element[i]->str);
		dumps[i] = ask("DUMP %s", keys->element[i]->str);
	}
	do_restart(argc, argv, out);
	for (size_t i = 0; i < keys->elements; i++) {
		tell("RESTORE %s %lld %b ABSTTL", keys->element[i]->str,
		     at[i] < 0 ? 0 : at[i], dumps[i]->str, dumps[i]->len);
		freeReplyObject(dumps[i]);
	}
	freeReplyObject(keys);
}

/* Another connection, which has loaded nothing yet. */
static void do_redial(int argc, char **argv, struct buf *out)
{
	(void)argc;
	(void)argv;
	(void)out;
	redis_free(redis);
	redis = redis_new(-1);
}

/* limit MESSAGES BYTES a second, tokens a minute, and messages of the server */
static void do_limit(int argc, char **argv, struct buf *out)
{
	(void)out;
	conf.rate = (unsigned)atoi(argv[0]);
	conf.rate_bytes = (unsigned)atoi(argv[argc > 1]);
	conf.access_rate = (unsigned)atoi(argv[2]);
	if (argc > 3)
		conf.server_rate = (unsigned)atoi(argv[3]);
}

/* server-limit REQUESTS a second */
static void do_server_limit(int argc, char **argv, struct buf *out)
{
	(void)out;
	conf.server_rate = (unsigned)atoi(argv[argc - 1]);
}

/* break KEY: it is of another type. mend KEY: it is what it was. */
static void do_break(int argc, char **argv, struct buf *out)
{
	const char *key = key_of(argv[argc - 1]);
	bool is_there = ask_number("EXISTS %s", key);

	(void)out;
	if (is_there)
		tell("RENAME %s saved", key);
	/* INCRBY takes a string; of ours one alone takes a list. */
	tell(strstr(key, "telling:") ? "SADD %s foreign" : "RPUSH %s foreign", key);
}

static void do_mend(int argc, char **argv, struct buf *out)
{
	const char *key = key_of(argv[argc - 1]);

	(void)out;
	tell("DEL %s", key);
	if (ask_number("EXISTS saved"))
		tell("RENAME saved %s", key);
}

static void do_freeze(int argc, char **argv, struct buf *out)
{
	(void)argc;
	(void)argv;
	(void)out;
	server_freeze();
	frozen = true;
}

/* Goes on, once whoever waits for Redis tries again. */
static void do_thaw(int argc, char **argv, struct buf *out)
{
	const struct timespec ms = { 0, 1000000 };

	(void)argc;
	(void)argv;
	(void)out;
	server_thaw();
	frozen = false;
	while (redis_publish(redis, "thawed", "") != OK)
		nanosleep(&ms, NULL);
}

static const struct {
	const char *word;
	int least;			/* arguments */
	bool step;			/* something happens: see within() */
	void (*run)(int argc, char **argv, struct buf *out);
} words[] = {
	{ "subscribe", 1, true, do_subscribe },
	{ "connect", 1, true, do_connect },
	{ "open", 1, true, do_open },
	{ "close", 1, true, do_close },
	{ "got", 1, false, do_got },
	{ "heard", 1, false, do_heard },
	{ "beat", 1, true, do_beat },
	{ "end", 1, true, do_end },
	{ "sweep", 0, true, do_sweep },
	{ "join", 2, true, do_join },
	{ "enter", 2, true, do_enter },
	{ "leave", 2, true, do_leave },
	{ "peers", 2, true, do_peers },
	{ "once", 1, false, do_once },
	{ "issued", 1, false, do_issued },
	{ "relay", 3, true, do_relay },
	{ "broadcast", 3, true, do_broadcast },
	{ "report", 2, true, do_report },
	{ "watch", 0, false, do_watch },
	{ "access", 1, true, do_access },
	{ "issue", 1, false, do_issue },
	{ "rooms", 1, true, do_rooms },
	{ "rooms-but-q", 1, true, do_some_rooms },
	{ "room", 2, true, do_room },
	{ "peer", 1, true, do_peer },
	{ "remove", 2, true, do_remove },
	{ "disconnect", 1, true, do_disconnect },
	{ "revoked", 1, true, do_revoked },
	{ "webhook", 1, false, do_webhook },
	{ "events", 0, false, do_events },
	{ "take", 1, true, do_take },
	{ "state", 0, true, do_state },
	{ "arrived", 0, true, do_arrived },
	{ "late", 0, true, do_late },
	{ "retire", 1, true, do_retire },
	{ "node", 2, false, do_node },
	{ "redis", 1, false, do_redis },
	{ "members", 1, false, do_members },
	{ "keys", 0, false, do_keys },
	{ "age", 0, false, do_age },
	{ "until", 2, false, do_until },
	{ "later", 1, false, do_later },
	{ "memory", 1, false, do_memory },
	{ "restart", 0, false, do_restart },
	{ "failover", 0, false, do_failover },
	{ "redial", 0, false, do_redial },
	{ "freeze", 0, false, do_freeze },
	{ "thaw", 0, false, do_thaw },
	{ "limit", 3, false, do_limit },
	{ "server-limit", 1, false, do_server_limit },
	{ "break", 1, false, do_break },
	{ "mend", 1, false, do_mend },
};

static void play_step(char *text, struct buf *result)
{
	struct buf out = BUF_INIT(1024 * 1024);
	char *argv[WORDS_MAX] = { text }, *rest = text, *word;
	int argc = 0;
	bool wanted;

	while ((word = strtok_r(NULL, " ", &rest))) {
		assert_true(argc < WORDS_MAX);
		argv[argc++] = word;
	}
	wanted = *argv[0] == '?';
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(argv[0] + wanted, words[i].word) ||
		    argc - 1 < words[i].least)
			continue;
		if (words[i].step)
			before = clock_of_redis();
		words[i].run(argc - 1, argv + 1, &out);
		if (words[i].step)
			after = clock_of_redis();
		if (wanted)
			buf_fmt(result, "%s%s", result->len ? " | " : "",
				out.len ? out.data : "");
		buf_free(&out);
		return;
	}
	fail_msg("no such step: %s", argv[0]);
}

void play(const char *steps, struct buf *result)
{
	char *all = xstrdup(steps), *at = all, *end;

	while ((end = strstr(at, " | "))) {
		*end = '\0';
		play_step(at, result);
		at = end + 3;
	}
	play_step(at, result);
	free(all);
}

void play_begin(void)
{
	conf_read_before = conf;
	tell("CONFIG SET maxmemory 0");
	tell("FLUSHALL");
	redis = redis_new(-1);
	issued = 0;
	once_key[0] = '\0';
}

void play_end(void)
{
	if (!redis)
		return;
	if (frozen)
		server_thaw();
	frozen = false;
	for (size_t i = 0; i < tab_count; i++)
		tab_free(&played[i]);
	tab_count = 0;
	redis_free(redis);
	redis = NULL;
	reply_free(taken.reply);
	reply_free(taken_before.reply);
	taken = taken_before = (struct webhook_batch){ .reply = NULL };
	conf = conf_read_before;
	script_init(&conf);
}

static bool listed(const char *list, const char *word)
{
	size_t len = strlen(word);
	const char *at = list;

	while (at && (at = strstr(at, word))) {
		if ((at == list || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
		at += len;
	}
	return false;
}

char *play_snapshot(const char *but)
{
	struct buf b = BUF_INIT(1024 * 1024);
	redisReply *r = ask("KEYS *");
	const char *keys[128] = { NULL };

	assert_true(r->elements <= sizeof keys / sizeof *keys);
	for (size_t i = 0; i < r->elements; i++)
		keys[i] = r->element[i]->str;
	qsort(keys, r->elements, sizeof *keys, by_text);
	for (size_t i = 0; i < r->elements; i++) {
		redisReply *dump;

		if (listed(but, keys[i] + strlen(conf.prefix)))
			continue;
		dump = ask("DUMP %s", keys[i]);
		buf_fmt(&b, "%s %lld ", keys[i] + strlen(conf.prefix),
			ask_number("PEXPIRETIME %s", keys[i]));
		for (size_t j = 0; j < dump->len; j++)
			buf_fmt(&b, "%02x", (unsigned char)dump->str[j]);
		buf_char(&b, '\n');
		freeReplyObject(dump);
	}
	freeReplyObject(r);
	for (size_t i = 0; i < tab_count; i++) {
		if (!played[i].listener)
			continue;
		tab_receive(&played[i]);
		buf_fmt(&b, "%s heard %s\n", tab_names[i],
			played[i].heard.len ? played[i].heard.data : "nothing");
	}
	return b.data;
}
