#include "config.h"

#include <stdio.h>

#include "room/room.h"
#include "signal/routes.h"

/* The answer is begun before it is known whether there will be one: after an error
 * http_respond() replaces it. */
static void append_room(struct call *c)
{
	buf_fmt(&c->out, "{\"room\":\"%s\",\"peers\":", c->room);
}

static enum err run_join(struct call *c)
{
	enum err e;

	append_room(c);
	e = room_join(c->redis, c->conf, &c->who.peer, c->who.issued, c->room,
		      &c->out, &c->wait_ms);
	buf_char(&c->out, '}');
	if (e == ERR_KEPT_OUT)
		snprintf(c->detail, sizeof c->detail, "You were removed from this room "
			 "and are kept out of it for another %d seconds.",
			 (c->wait_ms + 999) / 1000);
	return e;
}

const struct route route_join = {
	.method = "POST",
	.path = "/{room}/join",
	.token = TOKEN_REQUIRED,
	.blocks = true,
	.run = run_join,
};

static enum err run_peers(struct call *c)
{
	enum err e;

	append_room(c);
	e = room_peers(c->redis, c->conf, &c->who.peer, c->who.issued, c->room,
		       &c->out, &c->wait_ms);
	buf_char(&c->out, '}');
	return e;
}

const struct route route_peers = {
	.method = "GET",
	.path = "/{room}/peers",
	.token = TOKEN_REQUIRED,
	.blocks = true,
	.run = run_peers,
};

static enum err run_leave(struct call *c)
{
	buf_fmt(&c->out, "{\"room\":\"%s\"}", c->room);
	return room_leave(c->redis, c->conf, &c->who.peer, c->who.issued, c->room);
}

const struct route route_leave = {
	.method = "POST",
	.path = "/{room}/leave",
	.token = TOKEN_REQUIRED,
	.blocks = true,
	.run = run_leave,
};
