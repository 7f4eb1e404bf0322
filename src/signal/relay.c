#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/sha1.h"
#include "room/room.h"
#include "signal/routes.h"
#include "web/field.h"

/* Items of a batch. With the other words of relay.lua they must fit into REDIS_ARGS,
 * and with a user each into MESSAGE_MAX of room/room.c. */
enum { BATCH_MAX = 64 };

/* A body, at most 1,000,000 bytes, with ids. */
enum { FINGERPRINTED_MAX = 1024 * 1024 };

static enum err bad_input(struct call *c, const char *detail)
{
	snprintf(c->detail, sizeof c->detail, "%s", detail);
	return ERR_INPUT;
}

/* The route, its ids and the body, of which no NUL is part (json_parse()). */
static void fingerprint_of(const struct call *c, char to[ONCE_FINGERPRINT + 1])
{
	struct buf b = BUF_INIT(FINGERPRINTED_MAX);
	char hex[SHA1_HEX + 1];

	buf_fmt(&b, "%s %s %s ", c->route->path, c->room ? c->room : c->peer,
		c->event ? c->event : "");
	buf_add(&b, c->body->data, c->body->len);
	sha1_hex(b.data, hex);
	snprintf(to, ONCE_FINGERPRINT + 1, "%.*s", ONCE_FINGERPRINT, hex);
	buf_free(&b);
}

/* Idempotency-Key, in quotes as the HTTPAPI working group's draft has it, or without. */
static enum err parse_once(struct call *c, char to[ONCE_SIZE])
{
	const char *header = fcgi_env(c->fcgi, "HTTP_IDEMPOTENCY_KEY");
	char key[ID_MAX + 1];

	*to = '\0';
	if (!header)
		return OK;
	if (!field_value((struct field){ header, strlen(header) }, key, sizeof key) ||
	    !id_valid(key, strlen(key)))
		return bad_input(c, "Invalid Idempotency-Key: it must be 1 to 64 characters "
				 "of A-Z a-z 0-9 _ -, in quotes or without.");
	fingerprint_of(c, to);
	snprintf(to + ONCE_FINGERPRINT, ONCE_SIZE - ONCE_FINGERPRINT, " %s", key);
	return OK;
}

/* NULL: the site's own server, which is no peer. */
static const struct peer *sender_of(const struct call *c)
{
	return c->who.server ? NULL : &c->who.peer;
}

/* May run before room_relay() returns, and frees the call: neither start_relay() nor
 * its callers may touch it after that. */
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
	const struct peer *sender = sender_of(c);
	char once[ONCE_SIZE];

	if (sender && !strcmp(c->peer, sender->id))
		return bad_input(c, "A peer cannot relay to itself.");
	if (parse_once(c, once))
		return ERR_INPUT;
	/* items may point into the body and go with the caller: room_relay() copies
	 * them. */
	room_relay(c->redis, c->conf, sender, c->who.issued, once, c->peer, items, count,
		   on_relayed, c);
	return ERR_PENDING;
}

/* 411 asks for a length (RFC 9110, 15.5.12). For a request without one mod_fcgid passes
 * on 0, and nginx an empty text: there it is 400, as for a body that is empty. */
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

const struct route route_server_peer_event = {
	.method = "POST",
	.path = "/server/peers/{peer}/events/{event}",
	.token = TOKEN_SERVER,
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
	/* http_prepare() has checked the event in a path; those of a batch are in the
	 * body. All of them before anything is sent, as a batch is relayed as a whole
	 * or not at all. */
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
	char once[ONCE_SIZE];
	int peers = 0;
	enum err e = item_of_body(c, &item);

	if (!e)
		e = parse_once(c, once);
	if (!e)
		e = room_broadcast(c->redis, c->conf, sender_of(c), c->who.issued, once, c->room,
				   &item, &peers, &c->wait_ms);
	/* After an error this is replaced by the problem (http_respond()). */
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

const struct route route_server_room_event = {
	.method = "POST",
	.path = "/server/rooms/{room}/events/{event}",
	.token = TOKEN_SERVER,
	.blocks = true,
	.run = run_broadcast,
};
