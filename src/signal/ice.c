#include "config.h"

#include "auth/turn.h"
#include "room/json.h"
#include "room/server.h"
#include "signal/routes.h"

static void append_urls(struct buf *out, const struct list *urls)
{
	buf_str(out, "{\"urls\":[");
	for (size_t i = 0; i < urls->count; i++) {
		buf_str(out, i ? "," : "");
		json_append_string(out, urls->words[i]);
	}
	buf_char(out, ']');
}

/* Names and passwords need no escapes in JSON: they consist of digits, ":", an id, and
 * Base64. */
static void append_turn(struct call *c, int64_t expires)
{
	struct buf username = BUF_INIT(128);

	turn_username(&username, expires, c->who.peer.id);
	append_urls(&c->out, &c->conf->turn_urls);
	buf_fmt(&c->out, ",\"username\":\"%s\",\"credential\":\"", username.data);
	turn_credential(&c->out, c->conf->turn_secret, username.data);
	buf_str(&c->out, "\"}");
	buf_free(&username);
}

/* By which the client learns that its network is another: one request may have another
 * address of the same IPv6 network. */
static void append_address(struct call *c)
{
	char client[NETWORK_HOST_MAX], host[NETWORK_HOST_MAX];

	if (!http_client(c, client) || !network_valid(client)) {
		buf_str(&c->out, "null");
		return;
	}
	network_host(client, host);
	json_append_string(&c->out, host);
}

/* iceServers is that of RTCConfiguration (W3C WebRTC), so that a page passes it on as
 * it is; clients ask again before it expires. A browser refuses an entry with no urls,
 * so there is none for a kind of server that is not set. */
static enum err run_ice(struct call *c)
{
	int64_t expires = c->now + c->conf->turn_ttl;

	/* Without Redis it is not known, and these servers are of use all the same: a
	 * connection that exists may need a relay. */
	if (server_revoked(c->redis, c->conf, &c->who.peer, c->who.issued) == ERR_REVOKED)
		return ERR_REVOKED;
	buf_str(&c->out, "{\"iceServers\":[");
	if (c->conf->stun_urls.count) {
		append_urls(&c->out, &c->conf->stun_urls);
		buf_char(&c->out, '}');
	}
	if (c->conf->turn_urls.count) {
		buf_str(&c->out, c->conf->stun_urls.count ? "," : "");
		append_turn(c, expires);
	}
	buf_fmt(&c->out, "],\"expires\":%lld,\"address\":", (long long)expires);
	append_address(c);
	buf_char(&c->out, '}');
	return OK;
}

const struct route route_ice = {
	.method = "GET",
	.path = "/ice",
	.token = TOKEN_REQUIRED,
	.blocks = true,
	.run = run_ice,
};
