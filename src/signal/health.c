#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "room/room.h"
#include "signal/routes.h"
#include "store/subscription.h"

enum { READY_MS = 1000 };

enum err run_live(struct call *c)
{
	buf_str(&c->out, "{\"status\":\"ok\"}");
	return OK;
}

/* Until the message that we have published ourselves is there. */
static enum err receive(struct subscription *s, const char *want)
{
	int64_t end = clock_ms() + READY_MS, left;
	const char *message;
	size_t len;

	while ((left = end - clock_ms()) > 0) {
		struct pollfd p = { subscription_fd(s), POLLIN, 0 };

		if (poll(&p, 1, (int)left) > 0 && subscription_read(s))
			return ERR_STORE;
		while (subscription_next(s, &message, &len))
			if (!strcmp(message, want))
				return OK;
	}
	return ERR_STORE;
}

/* A removal of somebody who is nobody: changes nothing, but a replica, which
 * publishes like any other, refuses it. */
static enum err write_nothing(struct call *c)
{
	static const struct peer nobody = { .id = "@" };
	bool leaving;

	return presence_end(c->redis, c->conf, &nobody, &leaving);
}

/* The whole way of a message: published, and received; and Redis takes
 * writes. */
enum err run_ready(struct call *c)
{
	char name[ID_RANDOM_LEN + 2] = "@";	/* no peer's id */
	struct subscription *s = NULL;
	char *channel;
	enum err e;

	id_random(name + 1);
	channel = room_channel(c->conf, name);
	e = subscription_open(channel, &s);
	if (!e)
		e = redis_publish(c->redis, channel, name);
	if (!e)
		e = receive(s, name);
	if (!e)
		e = write_nothing(c);
	subscription_free(s);
	free(channel);
	buf_str(&c->out, "{\"status\":\"ok\"}");
	return e;
}
