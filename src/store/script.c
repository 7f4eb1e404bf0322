#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/sha1.h"
#include "store/script.h"

enum {
	SCRIPT_MAX = 64 * 1024,
	/* Renewed when a stream connects: twice the longest STREAM_AGE. */
	KEEP_S = 2 * 24 * 60 * 60,
	SWEEP_MAX = 8,
	ABSENT_MAX = 80,		/* of a prefix of 64 bytes at most */
	/* Messages of joins and leaves that one run sends: 5 us each, and Redis has one
	 * thread. A room of 32 is joined in one run. */
	TELL_AT_ONCE = 128,
};

static const struct conf *script_conf;
static char sha1s[SCRIPT_COUNT][SHA1_HEX + 1];
static char absent_key[ABSENT_MAX];

/* Made on demand: Redis keeps them, and all together take 200 KiB, where each stream may be
 * a process. */
char *script_text(enum script which)
{
	const struct conf *c = script_conf;
	struct buf b = BUF_INIT(SCRIPT_MAX);

	buf_fmt(&b, "local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, "
		"ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, "
		"PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = "
		"'%s', %u, %u, %u, %u, %u, %u, %d, '%d', %d, %d, %u, %d, '%u', %s, ",
		c->prefix, c->ping * 1000, c->grace * 1000, c->mailbox,
		c->mailbox_ttl * 1000, c->room_peers, c->peer_rooms,
		(which == SCRIPT_ACCESS ? ACCESS_WINDOW_S : RATE_WINDOW_S) * 1000,
		KEEP_S * 1000, SWEEP_MAX, PAGE_BYTES, c->peer_streams,
		TELL_AT_ONCE, c->mailbox, c->redis.cluster ? "true" : "false");
	if (c->webhook)
		buf_fmt(&b, "'%u'\n", c->webhook_backlog);
	else
		buf_str(&b, "false\n");
	buf_str(&b, script_helpers[which]);
	buf_str(&b, script_bodies[which]);
	return b.data;
}

void script_init(const struct conf *c)
{
	script_conf = c;
	snprintf(absent_key, sizeof absent_key, "%sabsent", c->prefix);
	for (int i = 0; i < SCRIPT_COUNT; i++) {
		char *text = script_text((enum script)i);

		sha1_hex(text, sha1s[i]);
		free(text);
	}
}

const char *script_absent_key(void)
{
	return script_conf->redis.cluster ? absent_key : NULL;
}

const char *script_sha1(enum script which)
{
	return sha1s[which];
}
