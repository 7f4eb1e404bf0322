#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room/room.h"
#include "signal/routes.h"

enum { BATCH_MAX = 64 };

static enum err bad_input(struct call *c, const char *detail)
{
	snprintf(c->detail, sizeof c->detail, "%s", detail);
	return ERR_INPUT;
}

static void on_relayed(void *arg, enum err e, int streams, int wait_ms)
{
	struct call *c = arg;

	c->status = streams ? 200 : 202;
	c->wait_ms = wait_ms;
	buf_fmt(&c->out, "{\"delivered\":%s}", streams ? "true" : "false");
	http_complete(c, e);
}

static enum err start_relay(struct call *c, const struct item *items, int count)
{
	if (!strcmp(c->peer, c->who.peer.id))
		return bad_input(c, "A peer cannot relay to itself.");
	room_relay(c->redis, c->conf, &c->who.peer, c->peer, items, count,
		   on_relayed, c);
	return ERR_PENDING;
}

/* mod_fcgid passes on a length that it has counted, so there it is always known. */
static enum err require_body(struct call *c)
{
	if (c->body->len)
		return OK;
	if (!fcgi_env(c->fcgi, "CONTENT_LENGTH"))
		return ERR_LENGTH;
	return bad_input(c, "A JSON body is required.");
}

static enum err item_of_body(struct call *c, struct item *item)
{
	enum err e = require_body(c);

	if (e)
		return e;
	item->event = c->event;
	item->data = c->body->data;
	item->data_len = c->body->len;
	return OK;
}

static enum err run_relay(struct call *c)
{
	struct item item;
	enum err e = item_of_body(c, &item);

	return e ? e : start_relay(c, &item, 1);
}

const struct route route_relay = {
	.method = "POST",
	.path = "/relay/{peer}/{event}",
	.token = TOKEN_REQUIRED,
	.run = run_relay,
};

static enum err run_relay_many(struct call *c)
{
	struct item *items;
	char why[128];
	enum err e = require_body(c);
	int count;

	if (e)
		return e;
	items = xcalloc(BATCH_MAX, sizeof *items);
	count = json_parse_batch(c->body->data, c->body->len, items, BATCH_MAX, why);
	e = count > 0 ? OK : bad_input(c, why);
	for (int i = 0; !e && i < count; i++)
		if (!http_event_valid(c, items[i].event))
			e = ERR_INPUT;
	if (!e)
		e = start_relay(c, items, count);
	free(items);
	return e;
}

const struct route route_relay_many = {
	.method = "POST",
	.path = "/relay/{peer}",
	.token = TOKEN_REQUIRED,
	.run = run_relay_many,
};

static enum err run_broadcast(struct call *c)
{
	struct item item;
	int peers = 0;
	enum err e = item_of_body(c, &item);

	if (!e)
		e = room_broadcast(c->redis, c->conf, &c->who.peer, c->room,
				   &item, &peers, &c->wait_ms);
	buf_fmt(&c->out, "{\"peers\":%d}", peers);
	return e;
}

const struct route route_broadcast = {
	.method = "POST",
	.path = "/{room}/broadcast/{event}",
	.token = TOKEN_REQUIRED,
	.blocks = true,
	.run = run_broadcast,
};
