#include "config.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_server.h"
#include "store/listener.h"
#include "store/store.h"
#include "stream/message.h"
#include "tab.h"

enum { HEARD_MAX = 1024 * 1024 };

struct conf conf;

void conf_setup(const char *const *settings)
{
	char *environment[16];
	char url[160];
	struct buf why = BUF_INIT(4096);
	size_t n = 0;

	snprintf(url, sizeof url, "DRAWBRIDGE_REDIS_URL=%s", server_url());
	environment[n++] = url;
	environment[n++] = (char *)(uintptr_t)"DRAWBRIDGE_CONF=/nonexistent";
	environment[n++] = (char *)(uintptr_t)
		"DRAWBRIDGE_SECRET=0123456789abcdef0123456789abcdef";
	while (*settings)
		environment[n++] = (char *)(uintptr_t)*settings++;
	environment[n] = NULL;
	if (!conf_read(&conf, environment, &why)) {
		fprintf(stderr, "%s\n", why.data);
		exit(1);
	}
	buf_free(&why);
	store_init(&conf);
}

struct peer peer_named(const char *id)
{
	struct peer p;

	snprintf(p.id, sizeof p.id, "%s", id);
	snprintf(p.username, sizeof p.username, "%s", id);
	return p;
}

struct relay_result {
	enum err e;
	int streams, wait_ms;
};

static void note_relay(void *arg, enum err e, int streams, int wait_ms)
{
	*(struct relay_result *)arg = (struct relay_result){ e, streams, wait_ms };
}

enum err relay_now(struct redis *r, const struct peer *p, int64_t issued,
		   const char *once, const char *to,
		   const struct item *items, int count, int *streams,
		   int *wait_ms)
{
	struct relay_result got;

	room_relay(r, &conf, p, issued, once, to, items, count, note_relay, &got);
	redis_drain(r);
	*streams = got.streams;
	*wait_ms = got.wait_ms;
	return got.e;
}

enum err sweep_now(struct redis *r, struct sweep *sweep)
{
	enum err e;

	presence_sweep(r, &conf, sweep, presence_set_err, &e);
	redis_drain(r);
	return e;
}

enum err beats_now(struct redis *r, struct beat beats[], int count, struct sweep *sweep)
{
	char *channels[BEATS_AT_ONCE];
	bool is_due = false;
	enum err e;

	/* As if each were subscribed by a connection of its own. */
	for (int i = 0; i < count; i++)
		beats[i].connection = channels[i] = presence_channel(&conf, beats[i].peer->id);

	presence_beat(r, &conf, beats, count, &is_due, presence_set_err, &e);
	redis_drain(r);
	for (int i = 0; i < count; i++)
		free(channels[i]);
	*sweep = (struct sweep){ .moved = false };
	return e || !is_due ? e : sweep_now(r, sweep);
}

enum err beat_now(struct redis *r, const struct peer *p, const char *incarnation,
		  bool *live, struct sweep *sweep)
{
	struct beat b = { .peer = p, .incarnation = incarnation, .trims = true };
	enum err e = beats_now(r, &b, 1, sweep);

	*live = b.live;
	return e;
}

enum err leave_now(struct redis *r, const struct peer *p, bool *leaving)
{
	enum err e;

	presence_leave(r, &conf, p, 0, leaving, presence_set_err, &e);
	redis_drain(r);
	return e;
}

void tab_init(struct tab *t, const char *peer)
{
	*t = (struct tab){ .peer = peer_named(peer),
			   .heard = BUF_INIT(HEARD_MAX) };
}

void tab_subscribe(struct tab *t)
{
	char *channel = presence_channel(&conf, t->peer.id);

	if (listener_open(channel, &t->listener) != OK) {
		fprintf(stderr, "no subscription to %s\n", channel);
		abort();
	}
	t->over = false;
	free(channel);
}

/* Who, where, what: enough to tell one event from another. */
static void append_heard(struct buf *b, const struct message *m)
{
	char why[128];
	json_t *data = json_parse(m->data, m->len, why);
	const char *sent = strstr(m->data, ",\"data\":");
	const char *peer = json_string_value(json_object_get(
		json_object_get(data, "peer"), "id"));
	const char *room = json_string_value(json_object_get(data, "roomId"));
	const char *cause = json_string_value(json_object_get(data, "cause"));
	const char *reason = json_string_value(json_object_get(data, "reason"));

	if (b->len)
		buf_str(b, "; ");
	buf_str(b, m->event);
	if (peer)
		buf_fmt(b, " %s", peer);
	else if (json_is_null(json_object_get(data, "peer")))
		buf_str(b, " @");
	if (room)
		buf_fmt(b, " %s", room);
	if (json_is_true(json_object_get(data, "offer")))
		buf_str(b, " offer");
	if (cause)
		buf_fmt(b, " %s", cause);
	if (reason)
		buf_fmt(b, " \"%s\" %lld", reason,
			(long long)json_number_value(json_object_get(data, "for")));
	if (sent) {
		size_t len = (size_t)(m->data + m->len - 1 - sent) - 8;

		buf_fmt(b, " %.*s", len < 40 ? (int)len : 3,
			len < 40 ? sent + 8 : "...");
	}
	json_decref(data);
}

enum err tab_presence(struct redis *r, const struct peer *p, int64_t issued,
		      const char *position, struct presence *to)
{
	enum err e = ERR_STORE;

	presence_connect(r, &conf, p, issued, position, 0, to, presence_set_err, &e);
	redis_drain(r);
	return e;
}

static void hear_page(struct tab *t, const struct presence *p)
{
	for (size_t i = 0; i < reply_count(p->missed); i++) {
		const struct reply *entry = reply_at(p->missed, i);
		struct message m;
		size_t len;
		const char *text = reply_string(
			reply_at(reply_at(entry, 1), 1), &len);

		strcpy(t->position, reply_string(reply_at(entry, 0), NULL));
		if (message_parse(text, len, &m))
			append_heard(&t->heard, &m);
	}
}

/* The pages after the first. */
static enum err hear_pages(struct tab *t, struct redis *r, bool more)
{
	enum err e = OK;

	while (!e && more) {
		struct presence page;

		presence_replay(r, &conf, &t->peer, t->position, &page, presence_set_err,
				&e);
		redis_drain(r);
		if (e)
			break;
		if (page.resumed)
			hear_page(t, &page);
		else
			e = ERR_NO_PEER;
		more = page.more;
		reply_free(page.reply);
	}
	return e;
}

enum err tab_connect(struct tab *t, struct redis *r, const char *position,
		     struct presence *p)
{
	enum err e = tab_presence(r, &t->peer, t->issued, position, p);

	if (e)
		return e;
	strcpy(t->position, p->position);
	strcpy(t->incarnation, p->incarnation);
	hear_page(t, p);
	return hear_pages(t, r, p->more);
}

static void receive_text(struct tab *t, const char *text, size_t len)
{
	struct message m;

	if (t->over)
		return;
	if (!message_parse(text, len, &m)) {
		buf_str(&t->heard, "malformed ");
		buf_add(&t->heard, text, len);
		return;
	}
	if (m.id[0] && !strcmp(m.event, "ping")) {
		if (!id_is_above(m.id, t->incarnation))
			return;
		t->over = true;
	} else if (m.id[0]) {
		if (!id_is_above(m.id, t->position))
			return;		/* it was replayed */
		strcpy(t->position, m.id);
	}
	append_heard(&t->heard, &m);
}

void tab_receive(struct tab *t)
{
	while (t->listener) {
		struct pollfd p = { listener_fd(t->listener), POLLIN, 0 };
		const char *text;
		size_t len;

		if (poll(&p, 1, 0) <= 0 ||
		    listener_read(t->listener) != OK)
			return;
		while (listener_next(t->listener, &text, &len))
			receive_text(t, text, len);
	}
}

void tab_close(struct tab *t)
{
	listener_free(t->listener);
	t->listener = NULL;
}

void tab_free(struct tab *t)
{
	tab_close(t);
	buf_free(&t->heard);
}
