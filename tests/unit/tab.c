#include "config.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_server.h"
#include "store/store.h"
#include "store/subscription.h"
#include "stream/message.h"
#include "tab.h"

enum { HEARD_MOST = 1024 * 1024 };

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

struct relayed {
	enum err e;
	int streams, wait_ms;
};

static void take_relayed(void *of, enum err e, int streams, int wait_ms)
{
	*(struct relayed *)of = (struct relayed){ e, streams, wait_ms };
}

enum err relay_now(struct redis *r, const struct peer *p, const char *to,
		   const struct item *items, int count, int *streams,
		   int *wait_ms)
{
	struct relayed got;

	room_relay(r, &conf, p, to, items, count, take_relayed, &got);
	redis_finish(r);
	*streams = got.streams;
	*wait_ms = got.wait_ms;
	return got.e;
}

struct beaten {
	enum err e;
	bool live;
	struct later later;
};

static void take_beaten(void *arg, enum err e, bool live, const struct later *later)
{
	*(struct beaten *)arg = (struct beaten){ e, live, *later };
}

enum err beat_now(struct redis *r, const struct peer *p, const char *life, bool *live,
		  struct later *later)
{
	struct beaten got;

	presence_beat(r, &conf, p, life, true, take_beaten, &got);
	redis_finish(r);
	*live = got.live;
	*later = got.later;
	return got.e;
}

void tab_init(struct tab *t, const char *peer)
{
	*t = (struct tab){ .peer = peer_named(peer),
			   .heard = BUF_INIT(HEARD_MOST) };
}

void tab_subscribe(struct tab *t)
{
	char *channel = room_channel(&conf, t->peer.id);

	if (subscription_open(channel, &t->subscription) != OK) {
		fprintf(stderr, "no subscription to %s\n", channel);
		abort();
	}
	t->over = false;
	free(channel);
}

/* Who, where, what: enough to tell one event from another. */
static void put_heard(struct buf *b, const struct message *m)
{
	char why[128];
	json_t *data = json_read(m->data, m->len, why);
	const char *sent = strstr(m->data, ",\"data\":");
	const char *peer = json_string_value(json_object_get(
		json_object_get(data, "peer"), "id"));
	const char *room = json_string_value(json_object_get(data, "roomId"));

	if (b->len)
		buf_str(b, "; ");
	buf_str(b, m->event);
	if (peer)
		buf_fmt(b, " %s", peer);
	if (room)
		buf_fmt(b, " %s", room);
	if (json_is_true(json_object_get(data, "offer")))
		buf_str(b, " offer");
	if (sent) {
		size_t len = (size_t)(m->data + m->len - 1 - sent) - 8;

		buf_fmt(b, " %.*s", len < 40 ? (int)len : 3,
			len < 40 ? sent + 8 : "...");
	}
	json_decref(data);
}

static void take_err(void *of, enum err e)
{
	*(enum err *)of = e;
}

enum err tab_presence(struct redis *r, const struct peer *p,
		      const char *position, struct presence *to)
{
	enum err e = ERR_STORE;

	presence_connect(r, &conf, p, position, 0, to, take_err, &e);
	redis_finish(r);
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
			put_heard(&t->heard, &m);
	}
}

/* The pages after the first. */
static enum err hear_pages(struct tab *t, struct redis *r, bool more)
{
	enum err e = OK;

	while (!e && more) {
		struct presence page;

		presence_replay(r, &conf, &t->peer, t->position, &page, take_err,
				&e);
		redis_finish(r);
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
	enum err e = tab_presence(r, &t->peer, position, p);

	if (e)
		return e;
	strcpy(t->position, p->position);
	strcpy(t->life, p->life);
	hear_page(t, p);
	return hear_pages(t, r, p->more);
}

static void take(struct tab *t, const char *text, size_t len)
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
		if (!id_above(m.id, t->life))
			return;
		t->over = true;
	} else if (m.id[0]) {
		if (!id_above(m.id, t->position))
			return;		/* it was replayed */
		strcpy(t->position, m.id);
	}
	put_heard(&t->heard, &m);
}

void tab_take(struct tab *t)
{
	while (t->subscription) {
		struct pollfd p = { subscription_fd(t->subscription), POLLIN, 0 };
		const char *text;
		size_t len;

		if (poll(&p, 1, 0) <= 0 ||
		    subscription_read(t->subscription) != OK)
			return;
		while (subscription_next(t->subscription, &text, &len))
			take(t, text, len);
	}
}

void tab_close(struct tab *t)
{
	subscription_free(t->subscription);
	t->subscription = NULL;
}

void tab_free(struct tab *t)
{
	tab_close(t);
	buf_free(&t->heard);
}
