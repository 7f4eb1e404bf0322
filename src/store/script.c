#include "config.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/sha1.h"
#include "store/script.h"

enum {
	TEXT_MOST = 64 * 1024,
	KEEP_S = 24 * 60 * 60,
	DUE_AT_ONCE = 8,
	/* Messages of joins and leaves that a script sends: 5 us each, and Redis
	 * has one thread. A room of 32 is entered by one script. */
	TELL_AT_ONCE = 128,
};

/* Redis makes each function anew for each call of a script, so the most
 * frequent ones go without those that they do not use. */
static bool light(enum script which)
{
	return which == SCRIPT_RELAY || which == SCRIPT_BROADCAST ||
		which == SCRIPT_ACCESS;
}

static char *texts[SCRIPT_COUNT], sha1s[SCRIPT_COUNT][SHA1_HEX + 1];

static char *whole(enum script which, const struct conf *c)
{
	struct buf b = BUF_INIT(TEXT_MOST);

	buf_fmt(&b, "local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, "
		"ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, DUE_AT_ONCE, "
		"PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE = "
		"'%s', %u, %u, %u, %u, %u, %u, %d, %d, %d, %d, %u, %d\n",
		c->prefix, c->ping * 1000, c->grace * 1000, c->mailbox,
		c->mailbox_ttl * 1000, c->room_peers, c->peer_rooms,
		(which == SCRIPT_ACCESS ? ACCESS_WINDOW_S : RATE_WINDOW_S) * 1000,
		KEEP_S * 1000, DUE_AT_ONCE, PAGE_BYTES, c->peer_streams,
		TELL_AT_ONCE);
	buf_str(&b, script_deliver);
	if (!light(which))
		buf_str(&b, script_presence);
	buf_str(&b, script_bodies[which]);
	return b.data;
}

void script_init(const struct conf *c)
{
	for (int i = 0; i < SCRIPT_COUNT; i++) {
		free(texts[i]);
		texts[i] = whole((enum script)i, c);
		sha1_hex(texts[i], sha1s[i]);
	}
}

const char *script_text(enum script which)
{
	return texts[which];
}

const char *script_sha1(enum script which)
{
	return sha1s[which];
}
