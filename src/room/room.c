#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/metric.h"
#include "room/room.h"

enum {
	MAILBOX_FULL = -2,		/* of relay.lua */
	POSITION_SIZE = 65,		/* of broadcast.lua's: a peer id */
	KEY_MOST = 256, USER_MOST = 2048, MESSAGE_MOST = 2 * 1024 * 1024,
	/* What a script answers that has not told all (BEGUN: of what it was asked,
	 * too); and how often that can be: a peer leaves 64 rooms of 1024. */
	AGAIN = -3, AGAIN_BEGUN = -4, AGAIN_MAX = 2048,
};

/* KEYS and ARGV of a step, put together word by word. */
struct words {
	struct arg args[REDIS_ARGS];
	size_t count, keys;
	char text[8][KEY_MOST];		/* of the keys */
};

static void key(struct words *w, const struct conf *c, const char *before,
		const char *id, const char *behind)
{
	const char *parts[] = { c->prefix, before, id, behind };
	char *to = w->text[w->keys++];
	size_t len = 0;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		size_t n = strnlen(parts[i], KEY_MOST - len);

		memcpy(to + len, parts[i], n);
		len += n;
	}
	w->args[w->count++] = (struct arg){ to, len };
}

static void word(struct words *w, const char *s, size_t len)
{
	w->args[w->count++] = (struct arg){ s, len };
}

static void text(struct words *w, const char *s)
{
	word(w, s, strlen(s));
}

static enum err run(struct redis *r, enum script s, const struct words *w,
		    struct reply **reply)
{
	return redis_run(r, s, w->keys, w->args, w->count, reply);
}

static bool is_again(const struct reply *reply)
{
	return reply_kind(reply) == REPLY_NUMBER && reply_number(reply) <= AGAIN;
}

static void start(struct redis *r, struct question *q, enum script s,
		  const struct words *w,
		  void (*done)(struct question *q, enum err e, struct reply *))
{
	*q = (struct question){
		.which = s, .keys = w->keys, .args = w->args,
		.count = w->count, .done = done,
	};
	redis_start(r, q);
}

static void keys_of_peer(struct words *w, const struct conf *c, const char *id)
{
	key(w, c, "peer:", id, "");
	key(w, c, "mailbox:", id, "");
	key(w, c, "", id, ":channels");
	key(w, c, "present", "", "");
	key(w, c, "leaving", "", "");
}

char *room_channel(const struct conf *c, const char *peer)
{
	char text[KEY_MOST];

	snprintf(text, sizeof text, "%smessages:%s", c->prefix, peer);
	return xstrdup(text);
}

static void put_peers(struct buf *b, const struct reply *reply)
{
	buf_char(b, '[');
	for (size_t i = 0; i < reply_count(reply); i++) {
		size_t len;
		const char *user = reply_string(reply_at(reply, i), &len);

		if (i)
			buf_char(b, ',');
		buf_add(b, user, len);
	}
	buf_char(b, ']');
}

/* So often until it has told all. The last word says whether that was begun; and so
 * does *begun in the end. */
static enum err run_parts(struct redis *r, enum script s, struct words *w,
			  struct reply **reply, bool *begun)
{
	enum err e;

	*begun = false;
	text(w, "0");
	e = run(r, s, w, reply);
	for (int i = 0; !e && is_again(*reply); i++) {
		*begun = *begun || reply_number(*reply) == AGAIN_BEGUN;
		reply_free(*reply);
		*reply = NULL;
		w->count--;
		text(w, *begun ? "1" : "0");
		e = i < AGAIN_MAX ? run(r, s, w, reply) : ERR_STORE;
	}
	return e;
}

/* A number, or {ms} for who is over the rate. */
static enum err outcome(const struct reply *reply, enum err apart, int *n,
			int *wait_ms)
{
	if (reply_kind(reply) == REPLY_LIST) {
		*wait_ms = reply_count(reply) ?
			(int)reply_number(reply_at(reply, 0)) : 0;
		return ERR_RATE;
	}
	*n = (int)reply_number(reply);
	return *n < 0 ? apart : OK;
}

static enum err join_outcome(const struct reply *reply, int *wait_ms)
{
	int n = 0;

	if (reply_kind(reply) == REPLY_LIST &&
	    reply_kind(reply_at(reply, 0)) != REPLY_NUMBER)
		return OK;	/* users */
	return outcome(reply, reply_number(reply) == -1 ? ERR_ROOM_FULL :
		       ERR_MANY_ROOMS, &n, wait_ms);
}

/*
 * Both limits in one number: a message costs its bytes, and at least what makes
 * RATE of them fill the window.
 */
static unsigned long cost_least(const struct conf *c)
{
	if (!c->rate)
		return 0;
	return c->rate_bytes > c->rate ? c->rate_bytes / c->rate : 1;
}

static unsigned long cost_most(const struct conf *c)
{
	if (!c->rate && !c->rate_bytes)
		return 0;
	if (c->rate && (!c->rate_bytes || c->rate_bytes < c->rate))
		return (unsigned long)c->rate * RATE_WINDOW_S;
	return (unsigned long)c->rate_bytes * RATE_WINDOW_S;
}

static unsigned long cost_of(const struct conf *c, size_t len)
{
	unsigned long least = cost_least(c);

	if (!c->rate_bytes)
		return least;
	return len > least ? len : least;
}

/* What joins and leaves cost: of each who is told, as a message would. */
static unsigned long cost_of_telling(const struct conf *c, const struct buf *user)
{
	return cost_of(c, user->len + sizeof "\"event\":\"remove-peer\"");
}

enum err room_join(struct redis *r, const struct conf *c, const struct peer *p,
		   const char *room, struct buf *peers, int *wait_ms)
{
	struct words w = { .count = 0 };
	struct buf user = BUF_INIT(USER_MOST);
	struct reply *reply = NULL;
	char cost[24], most[24];
	bool begun;
	enum err e;

	peer_put(&user, p);
	snprintf(cost, sizeof cost, "%lu", cost_of_telling(c, &user));
	snprintf(most, sizeof most, "%lu", cost_most(c));
	key(&w, c, "channels:", room, "");
	key(&w, c, "", p->id, ":channels");
	key(&w, c, "peer:", p->id, "");
	key(&w, c, "mailbox:", p->id, "");
	key(&w, c, "present", "", "");
	key(&w, c, "leaving", "", "");
	key(&w, c, "rate:", p->id, "");
	text(&w, p->id);
	text(&w, room);
	word(&w, user.data, user.len);
	w.args[w.count++] = ARG_SERVER;
	text(&w, cost);
	text(&w, most);
	e = run_parts(r, SCRIPT_JOIN, &w, &reply, &begun);
	if (!e)
		e = join_outcome(reply, wait_ms);
	if (!e)
		metric_add(METRIC_JOINS, 0, 1);
	if (!e && reply_kind(reply) == REPLY_LIST)
		put_peers(peers, reply);
	else if (!e)	/* told in parts */
		e = room_peers(r, c, p, room, peers);
	reply_free(reply);
	buf_free(&user);
	return e;
}

enum err room_leave(struct redis *r, const struct conf *c, const struct peer *p,
		    const char *room)
{
	struct words w = { .count = 0 };
	struct reply *reply = NULL;
	bool begun;
	enum err e;

	key(&w, c, "channels:", room, "");
	key(&w, c, "", p->id, ":channels");
	key(&w, c, "peer:", p->id, "");
	text(&w, p->id);
	text(&w, room);
	e = run_parts(r, SCRIPT_LEAVE, &w, &reply, &begun);
	if (!e && (begun || reply_number(reply) == 1))
		metric_add(METRIC_LEAVES, 0, 1);
	reply_free(reply);
	return e;
}

enum err room_peers(struct redis *r, const struct conf *c, const struct peer *p,
		    const char *room, struct buf *peers)
{
	struct words w = { .count = 0 };
	struct reply *reply = NULL;
	enum err e;

	key(&w, c, "channels:", room, "");
	text(&w, p->id);
	e = run(r, SCRIPT_PEERS, &w, &reply);
	if (!e && reply_kind(reply) != REPLY_LIST)
		e = ERR_NOT_MEMBER;
	if (!e)
		put_peers(peers, reply);
	reply_free(reply);
	return e;
}

/* A message as deliver.lua wants it: without the opening brace. */
static void put_message(struct buf *b, const char *user, const struct item *m)
{
	buf_fmt(b, "\"event\":\"%s\",\"data\":{\"peer\":%s,\"data\":", m->event,
		user);
	json_put_raw(b, m->data, m->data_len);
	buf_str(b, "}}");
}

static void count_relay(enum err e, int streams, int messages)
{
	metric_add(METRIC_RELAYS, e == ERR_STORE ? RELAY_UNKNOWN :
		   e ? RELAY_REFUSED :
		   streams ? RELAY_DELIVERED : RELAY_KEPT, 1);
	if (!e)
		metric_add(METRIC_MESSAGES, 0, (uint64_t)messages);
}

struct relaying {
	struct question q;
	struct words w;
	int count;
	struct buf messages;		/* one after another */
	size_t ends[REDIS_ARGS];	/* of each */
	char cost[24], most[24];
	relay_done *done;
	void *of;
};

static void end_relay(struct relaying *s, enum err e, struct reply *reply)
{
	int streams = 0, wait_ms = 0;

	if (!e)
		e = outcome(reply, reply_number(reply) == MAILBOX_FULL ?
			    ERR_MAILBOX : ERR_NO_PEER, &streams, &wait_ms);
	count_relay(e, streams, s->count);
	reply_free(reply);
	s->done(s->of, e, streams, wait_ms);
	buf_free(&s->messages);
	free(s);
}

static void relayed(struct question *q, enum err e, struct reply *reply)
{
	end_relay((struct relaying *)q, e, reply);
}

/* Returns what they cost. */
static unsigned long put_messages(struct relaying *s, const struct conf *c,
				  const struct peer *p, const struct item *items)
{
	struct buf user = BUF_INIT(USER_MOST);
	unsigned long cost = 0;

	peer_put(&user, p);
	for (int i = 0; i < s->count; i++) {
		size_t before = s->messages.len;

		put_message(&s->messages, user.data, &items[i]);
		s->ends[i] = s->messages.len;
		cost += cost_of(c, s->messages.len - before);
	}
	buf_free(&user);
	return cost;
}

static void put_words(struct relaying *s, const struct conf *c,
		      const struct peer *p, const char *to)
{
	size_t begin = 0;

	s->w.count = s->w.keys = 0;
	key(&s->w, c, "", p->id, ":channels");
	key(&s->w, c, "", to, ":channels");
	key(&s->w, c, "rate:", p->id, "");
	text(&s->w, p->id);
	text(&s->w, to);
	text(&s->w, s->cost);
	text(&s->w, s->most);
	for (int i = 0; i < s->count; begin = s->ends[i++])
		word(&s->w, s->messages.data + begin, s->ends[i] - begin);
}

void room_relay(struct redis *r, const struct conf *c, const struct peer *p,
		const char *to, const struct item *items, int count,
		relay_done *done, void *of)
{
	struct relaying *s = xmalloc(sizeof *s);

	s->done = done;
	s->of = of;
	s->count = count;
	s->messages = (struct buf)BUF_INIT(MESSAGE_MOST);
	snprintf(s->cost, sizeof s->cost, "%lu", put_messages(s, c, p, items));
	snprintf(s->most, sizeof s->most, "%lu", cost_most(c));
	if (!buf_ok(&s->messages)) {
		end_relay(s, ERR_TOO_LARGE, NULL);
		return;
	}
	put_words(s, c, p, to);
	start(r, &s->q, SCRIPT_RELAY, &s->w, relayed);
}

/* How many an answer of broadcast.lua tells of, and where it goes on: "" nowhere. */
static enum err broadcast_outcome(const struct reply *reply, int *n,
				  char position[POSITION_SIZE], int *wait_ms)
{
	size_t len;
	const char *id = reply_string(reply_at(reply, 1), &len);

	snprintf(position, POSITION_SIZE, "%s", id);
	if (!len)
		return outcome(reply, ERR_NOT_MEMBER, n, wait_ms);
	*n = (int)reply_number(reply_at(reply, 0));
	return OK;
}

/* In parts, where they are many or it is long. */
static enum err broadcast_all(struct redis *r, struct words *w,
			      char position[POSITION_SIZE], int *peers,
			      int *wait_ms)
{
	int parts = 0;
	enum err e;

	*position = '\0';
	*peers = 0;
	do {
		struct reply *reply = NULL;
		int n = 0;

		text(w, position);
		e = run(r, SCRIPT_BROADCAST, w, &reply);
		if (!e)
			e = broadcast_outcome(reply, &n, position, wait_ms);
		reply_free(reply);
		w->count--;
		*peers += n;
	} while (!e && *position && parts++ < AGAIN_MAX);
	return e;
}

enum err room_broadcast(struct redis *r, const struct conf *c,
			const struct peer *p, const char *room,
			const struct item *item, int *peers, int *wait_ms)
{
	struct words w = { .count = 0 };
	struct buf user = BUF_INIT(USER_MOST), message = BUF_INIT(MESSAGE_MOST);
	char cost[24], most[24], position[POSITION_SIZE];
	enum err e;

	peer_put(&user, p);
	put_message(&message, user.data, item);
	snprintf(cost, sizeof cost, "%lu", cost_of(c, message.len));
	snprintf(most, sizeof most, "%lu", cost_most(c));
	key(&w, c, "channels:", room, "");
	key(&w, c, "rate:", p->id, "");
	key(&w, c, "entering:", room, "");
	text(&w, p->id);
	text(&w, room);
	text(&w, cost);
	text(&w, most);
	word(&w, message.data, message.len);
	e = broadcast_all(r, &w, position, peers, wait_ms);
	if (!e) {
		metric_add(METRIC_BROADCASTS, 0, 1);
		metric_add(METRIC_MESSAGES, 0, (uint64_t)*peers);
	}
	buf_free(&user);
	buf_free(&message);
	return e;
}

enum err room_access(struct redis *r, const struct conf *c, const char *address,
		     int *wait_ms)
{
	struct words w = { .count = 0 };
	struct reply *reply = NULL;
	char most[24];
	int allowed;
	enum err e;

	/* '@' is in no id, so this is no peer's rate. */
	key(&w, c, "rate:@", address, "");
	snprintf(most, sizeof most, "%u", c->access_rate);
	text(&w, most);
	e = run(r, SCRIPT_ACCESS, &w, &reply);
	if (!e)
		e = outcome(reply, ERR_RATE, &allowed, wait_ms);
	reply_free(reply);
	return e;
}

struct connecting {
	struct question q;
	struct words w;
	struct redis *redis;
	int parts;
	struct buf user;
	char number[24];
	const char *position;
	struct presence *to;
	presence_done *done;
	void *of;
};

static void read_page(struct presence *to, const struct reply *missed,
		      const struct reply *more)
{
	to->missed = missed;
	to->more = reply_number(more);
	metric_add(METRIC_REPLAYED, 0, reply_count(missed));
}

static void take_presence(const struct connecting *s, struct presence *to)
{
	to->resumed = reply_number(reply_at(to->reply, 0));
	snprintf(to->position, sizeof to->position, "%s",
		 reply_string(reply_at(to->reply, 1), NULL));
	snprintf(to->life, sizeof to->life, "%s",
		 reply_string(reply_at(to->reply, 2), NULL));
	to->rooms = reply_at(to->reply, 3);
	read_page(to, reply_at(to->reply, 4), reply_at(to->reply, 5));
	to->number = reply_number(reply_at(to->reply, 6));
	metric_add(METRIC_CONNECTS, to->resumed ? CONNECT_RESUMED :
		   *s->position ? CONNECT_NOT_RESUMED : CONNECT_NEW, 1);
}

static void connected(struct question *q, enum err e, struct reply *reply)
{
	struct connecting *s = (struct connecting *)q;

	if (!e && is_again(reply)) {
		reply_free(reply);
		reply = NULL;
		if (s->parts++ < AGAIN_MAX) {
			redis_start(s->redis, q);
			return;
		}
		e = ERR_STORE;
	}
	memset(s->to, 0, sizeof *s->to);
	s->to->reply = reply;
	if (!e)
		take_presence(s, s->to);
	s->done(s->of, e);
	buf_free(&s->user);
	free(s);
}

void presence_connect(struct redis *r, const struct conf *c,
		      const struct peer *p, const char *position,
		      long long number, struct presence *to,
		      presence_done *done, void *of)
{
	struct connecting *s = xcalloc(1, sizeof *s);

	snprintf(s->number, sizeof s->number, "%lld", number);
	s->redis = r;
	s->user = (struct buf)BUF_INIT(USER_MOST);
	s->position = position;
	s->to = to;
	s->done = done;
	s->of = of;
	peer_put(&s->user, p);
	keys_of_peer(&s->w, c, p->id);
	text(&s->w, p->id);
	text(&s->w, position);
	word(&s->w, s->user.data, s->user.len);
	s->w.args[s->w.count++] = ARG_SERVER;
	text(&s->w, s->number);
	start(r, &s->q, SCRIPT_CONNECT, &s->w, connected);
}

static void replayed(struct question *q, enum err e, struct reply *reply)
{
	struct connecting *s = (struct connecting *)q;

	memset(s->to, 0, sizeof *s->to);
	s->to->reply = reply;
	s->to->resumed = reply_kind(reply) == REPLY_LIST;
	read_page(s->to, reply_at(reply, 0), reply_at(reply, 1));
	s->done(s->of, e);
	free(s);
}

void presence_replay(struct redis *r, const struct conf *c,
		     const struct peer *p, const char *position,
		     struct presence *to, presence_done *done, void *of)
{
	struct connecting *s = xcalloc(1, sizeof *s);

	s->to = to;
	s->done = done;
	s->of = of;
	key(&s->w, c, "mailbox:", p->id, "");
	key(&s->w, c, "peer:", p->id, "");
	text(&s->w, position);
	start(r, &s->q, SCRIPT_REPLAY, &s->w, replayed);
}

static void take_later(const struct reply *list, size_t at, struct later *later)
{
	later->moved = reply_number(reply_at(list, at));
	later->more = reply_number(reply_at(list, at + 1));
	metric_add(METRIC_REAPED, 0,
		   (uint64_t)reply_number(reply_at(list, at + 2)));
}

struct beating {
	struct question q;
	struct words w;
	beat_done *done;
	void *arg;
};

static void beaten(struct question *q, enum err e, struct reply *reply)
{
	struct beating *s = (struct beating *)q;
	bool live = reply_number(reply_at(reply, 0)) == 1;
	struct later later = { .moved = false };

	if (live)
		take_later(reply, 1, &later);
	reply_free(reply);
	s->done(s->arg, e, live, &later);
	free(s);
}

void presence_beat(struct redis *r, const struct conf *c, const struct peer *p,
		   const char *life, bool replayed, beat_done *done, void *arg)
{
	struct beating *s = xmalloc(sizeof *s);

	s->done = done;
	s->arg = arg;
	s->w.count = s->w.keys = 0;
	keys_of_peer(&s->w, c, p->id);
	text(&s->w, p->id);
	text(&s->w, life);
	text(&s->w, replayed ? "1" : "0");
	start(r, &s->q, SCRIPT_BEAT, &s->w, beaten);
}

struct ending {
	struct question q;
	struct words w;
	char number[24];
	bool *leaving;
	presence_done *done;
	void *of;
};

static void ended(struct question *q, enum err e, struct reply *reply)
{
	struct ending *s = (struct ending *)q;

	*s->leaving = reply_number(reply) == 1;
	reply_free(reply);
	s->done(s->of, e);
	free(s);
}

void presence_end_start(struct redis *r, const struct conf *c,
			const struct peer *p, long long number, bool *leaving,
			presence_done *done, void *of)
{
	struct ending *s = xcalloc(1, sizeof *s);

	snprintf(s->number, sizeof s->number, "%lld", number);
	s->leaving = leaving;
	s->done = done;
	s->of = of;
	key(&s->w, c, "present", "", "");
	key(&s->w, c, "leaving", "", "");
	key(&s->w, c, "peer:", p->id, "");
	text(&s->w, p->id);
	text(&s->w, s->number);
	start(r, &s->q, SCRIPT_END, &s->w, ended);
}

static void note(void *of, enum err e)
{
	*(enum err *)of = e;
}

enum err presence_end(struct redis *r, const struct conf *c,
		      const struct peer *p, long long number, bool *leaving)
{
	enum err e = OK;

	presence_end_start(r, c, p, number, leaving, note, &e);
	redis_finish(r);
	return e;
}

enum err presence_due(struct redis *r, const struct conf *c, struct later *later)
{
	struct words w = { .count = 0 };
	struct reply *reply = NULL;
	enum err e;

	key(&w, c, "present", "", "");
	key(&w, c, "leaving", "", "");
	e = run(r, SCRIPT_DUE, &w, &reply);
	if (e)
		return e;
	take_later(reply, 0, later);
	reply_free(reply);
	return OK;
}
