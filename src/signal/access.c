#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "room/json.h"
#include "room/room.h"
#include "room/server.h"
#include "signal/routes.h"
#include "web/forwarded.h"

/* The username, which a renewal may omit, and whether a cookie is wanted. It is unless
 * the body says otherwise: pages that know nothing of this member may depend on the
 * cookie. */
static enum err parse_access_body(struct call *c, bool *cookie)
{
	char *to = c->who.peer.username;
	json_t *json = c->body->len ?
		json_parse(c->body->data, c->body->len, c->detail) : NULL;
	json_t *name = json_object_get(json, "username");
	json_t *wanted = json_object_get(json, "cookie");
	const char *s = json_string_value(name);
	size_t len = json_string_length(name);
	bool kept = c->bearer && !name && (!json || json_is_object(json));
	bool good = (kept || (s && json_name_valid(s, len))) &&
		(!wanted || json_is_boolean(wanted));

	if (good && !kept)
		snprintf(to, sizeof c->who.peer.username, "%s", s);
	*cookie = !json_is_false(wanted);
	json_decref(json);
	if (good)
		return OK;
	snprintf(c->detail, sizeof c->detail, "The body must be "
		 "{\"username\":name}, with a name of 1 to 64 characters that are "
		 "not control characters, and optionally \"cookie\":false.");
	return ERR_INPUT;
}

/* HTTPS and REQUEST_SCHEME are what the web server says of the connection to itself.
 * RFC 3875 has neither; servers set one or the other, and some set HTTPS to "off". TLS
 * that a proxy in front terminates shows only in the proxy's headers. */
static bool is_https(const struct call *c)
{
	const char *https = fcgi_env(c->fcgi, "HTTPS");
	const char *scheme = fcgi_env(c->fcgi, "REQUEST_SCHEME");

	return (https && *https && strcasecmp(https, "off") != 0) ||
		(scheme && !strcasecmp(scheme, "https")) ||
		forwarded_https(fcgi_env(c->fcgi, "HTTP_X_FORWARDED_PROTO"),
				fcgi_env(c->fcgi, "HTTP_FORWARDED"));
}

/* With c->bearer it is a renewal: c->who are the claims of the token in the header, and
 * the new one has its id and rooms. A cookie renews nothing (TOKEN_OPTIONAL does not
 * look at it), or each tab of a browser would be the same peer. */
static enum err run_access(struct call *c)
{
	char client[NETWORK_HOST_MAX], host[NETWORK_HOST_MAX], *token;
	bool cookie = true;
	enum err e;

	if (!c->conf->access)
		return ERR_ROUTE;
	e = parse_access_body(c, &cookie);
	if (!e && c->bearer)
		e = server_revoked(c->redis, c->conf, &c->who.peer, c->who.issued);
	if (!e && !c->bearer) {
		id_random(c->who.peer.id);
		http_client(c, client);
		network_host(client, host);
		/* A renewal is not counted: it adds no peer. */
		if (c->conf->access_rate)
			e = room_access(c->redis, c->conf, host, &c->wait_ms);
	}
	if (e)
		return e;
	c->who.expires = c->now + c->conf->token_ttl;
	token = token_sign(c->conf, &c->who, c->now);
	buf_fmt(&c->out, "{\"token\":\"%s\",\"user\":", token);
	peer_append(&c->out, &c->who.peer);
	buf_fmt(&c->out, ",\"expires\":%lld}", (long long)c->who.expires);
	/* Without Domain it is for this host alone (RFC 6265, 5.3). SameSite keeps it
	 * from requests that other sites cause, but not from those of other subdomains
	 * (is_foreign_origin() in web/http.c). */
	if (cookie)
		buf_fmt(&c->head, "Set-Cookie: drawbridge=%s; HttpOnly; "
			"SameSite=Strict; Path=%s; Max-Age=%u%s\r\n", token,
			c->conf->mount, c->conf->token_ttl,
			is_https(c) ? "; Secure" : "");
	free(token);
	return OK;
}

const struct route route_access = {
	.method = "POST",
	.path = "/access",
	.token = TOKEN_OPTIONAL,
	.blocks = true,
	.run = run_access,
};
