#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room/room.h"
#include "signal/routes.h"

enum { BATCH_MOST = 64 };

static enum err input(struct call *c, const char *detail)
{
	snprintf(c->detail, sizeof c->detail, "%s", detail);
	return ERR_INPUT;
}

static void relayed(void *of, enum err e, int streams, int wait_ms)
{
	struct call *c = of;

	c->status = streams ? 200 : 202;
	c->wait_ms = wait_ms;
	buf_fmt(&c->out, "{\"delivered\":%s}", streams ? "true" : "false");
	http_end(c, e);
}

static enum err relay(struct call *c, const struct item *items, int count)
{
	if (!strcmp(c->peer, c->who.peer.id))
		return input(c, "A peer cannot relay to itself.");
	room_relay(c->redis, c->conf, &c->who.peer, c->peer, items, count,
		   relayed, c);
	return LATER;
}

/* mod_fcgid gives a length of its own count, so there it is always known. */
static enum err need_body(struct call *c)
{
	if (c->body->len)
		return OK;
	if (!fcgi_env(c->fcgi, "CONTENT_LENGTH"))
		return ERR_LENGTH;
	return input(c, "A body is needed: JSON.");
}

static enum err body_item(struct call *c, struct item *item)
{
	enum err e = need_body(c);

	if (e)
		return e;
	item->event = c->event;
	item->data = c->body->data;
	item->data_len = c->body->len;
	return OK;
}

enum err run_relay(struct call *c)
{
	struct item item;
	enum err e = body_item(c, &item);

	return e ? e : relay(c, &item, 1);
}

enum err run_relay_many(struct call *c)
{
	struct item *items;
	enum err e = need_body(c);
	int count;

	if (e)
		return e;
	items = xcalloc(BATCH_MOST, sizeof *items);
	count = json_batch(c->body->data, c->body->len, items, BATCH_MOST,
			   c->detail);
	e = count > 0 ? OK : ERR_INPUT;
	for (int i = 0; !e && i < count; i++)
		if (!http_event_valid(c, items[i].event))
			e = ERR_INPUT;
	if (!e)
		e = relay(c, items, count);
	free(items);
	return e;
}

enum err run_broadcast(struct call *c)
{
	struct item item;
	int peers = 0;
	enum err e = body_item(c, &item);

	if (!e)
		e = room_broadcast(c->redis, c->conf, &c->who.peer, c->room,
				   &item, &peers, &c->wait_ms);
	buf_fmt(&c->out, "{\"peers\":%d}", peers);
	return e;
}
