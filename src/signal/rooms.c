#include "config.h"

#include "room/room.h"
#include "signal/routes.h"

static void begin_peers(struct call *c)
{
	buf_fmt(&c->out, "{\"room\":\"%s\",\"peers\":", c->room);
}

enum err run_join(struct call *c)
{
	enum err e;

	begin_peers(c);
	e = room_join(c->redis, c->conf, &c->who.peer, c->room, &c->out,
		      &c->wait_ms);
	buf_char(&c->out, '}');
	return e;
}

enum err run_peers(struct call *c)
{
	enum err e;

	begin_peers(c);
	e = room_peers(c->redis, c->conf, &c->who.peer, c->room, &c->out);
	buf_char(&c->out, '}');
	return e;
}

enum err run_leave(struct call *c)
{
	buf_fmt(&c->out, "{\"room\":\"%s\"}", c->room);
	return room_leave(c->redis, c->conf, &c->who.peer, c->room);
}
