#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "store/script.h"

enum {
	TEXT_MOST = 64 * 1024,
	KEEP_S = 24 * 60 * 60,
	DUE_AT_ONCE = 8,
};

/* Redis makes each function anew for each call of a script, so the most
 * frequent ones go without those that they do not use. */
static bool light(enum script which)
{
	return which == SCRIPT_RELAY || which == SCRIPT_BROADCAST ||
		which == SCRIPT_ACCESS;
}

static char *texts[SCRIPT_COUNT], sha1s[SCRIPT_COUNT][41];

static char *whole(enum script which, const struct conf *c)
{
	struct buf b = BUF_INIT(TEXT_MOST);

	buf_fmt(&b, "local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, "
		"ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, DUE_AT_ONCE = "
		"'%s', %u, %u, %u, %u, %u, %u, %d, %d, %d\n",
		c->prefix, c->ping * 1000, c->grace * 1000, c->mailbox,
		c->mailbox_ttl * 1000, c->room_peers, c->peer_rooms,
		(which == SCRIPT_ACCESS ? ACCESS_WINDOW_S : RATE_WINDOW_S) * 1000,
		KEEP_S * 1000, DUE_AT_ONCE);
	buf_str(&b, script_deliver);
	if (!light(which))
		buf_str(&b, script_presence);
	buf_str(&b, script_bodies[which]);
	return b.data;
}

static void take_sha1(const char *text, char *to)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!EVP_Digest(text, strlen(text), hash, &len, EVP_sha1(), NULL))
		abort();
	for (unsigned i = 0; i < len; i++) {
		*to++ = digits[hash[i] >> 4];
		*to++ = digits[hash[i] & 15];
	}
}

void script_init(const struct conf *c)
{
	for (int i = 0; i < SCRIPT_COUNT; i++) {
		free(texts[i]);
		texts[i] = whole((enum script)i, c);
		take_sha1(texts[i], sha1s[i]);
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
