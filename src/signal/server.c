/*
 * What a site's own server asks and does, below /server/. What it sends is in relay.c, as
 * that of peers is.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"
#include "base/number.h"
#include "room/json.h"
#include "room/server.h"
#include "signal/routes.h"

/* Ids of peers of the Node application, which may be listed, can be longer than ours. */
enum { AFTER_SIZE = 512 };

/* A number of the query, which keeps its preset where there is none. */
static enum err query_number(struct call *c, const char *name, long min, long max, long *to)
{
	char text[24];
	enum query found = query_get(c->path.query, name, text, sizeof text);

	if (found == QUERY_NONE ||
	    (found == QUERY_VALUE && number_parse(text, strlen(text), min, max, to)))
		return OK;
	snprintf(c->detail, sizeof c->detail,
		 "%s in the query must be a number from %ld to %ld.", name, min, max);
	return ERR_INPUT;
}

/* A page of a list. The cursor is the last name of the page before: whatever comes and goes
 * meanwhile, what stays is listed once. */
static enum err query_page(struct call *c, char after[AFTER_SIZE], long *limit)
{
	*limit = SERVER_LIMIT_MAX;
	*after = '\0';
	if (query_get(c->path.query, "after", after, AFTER_SIZE) == QUERY_MALFORMED) {
		snprintf(c->detail, sizeof c->detail,
			 "after in the query must be what next was in the page before.");
		return ERR_INPUT;
	}
	return query_number(c, "limit", 1, SERVER_LIMIT_MAX, limit);
}

static bool is_covered(const void *claims, const char *room)
{
	return token_covers(claims, room);
}

static bool seek_covered(const void *claims, const char *after, char from[ID_MAX + 1],
			 char end[ID_MAX + 2])
{
	return token_seek(claims, after, from, end);
}

static enum err run_server_rooms(struct call *c)
{
	const struct server_scope scope = { is_covered, seek_covered, &c->who };
	char after[AFTER_SIZE];
	long limit;
	enum err e = query_page(c, after, &limit);

	return e ? e : server_rooms(c->redis, c->conf, after, (int)limit,
				    c->who.rooms ? &scope : NULL, &c->out, &c->wait_ms);
}

const struct route route_server_rooms = {
	.method = "GET",
	.path = "/server/rooms",
	.token = TOKEN_SERVER,
	.blocks = true,
	.run = run_server_rooms,
};

static enum err run_server_room(struct call *c)
{
	char after[AFTER_SIZE];
	long limit;
	enum err e = query_page(c, after, &limit);

	return e ? e : server_room(c->redis, c->conf, c->room, after, (int)limit,
				   &c->out, &c->wait_ms);
}

const struct route route_server_room = {
	.method = "GET",
	.path = "/server/rooms/{room}",
	.token = TOKEN_SERVER,
	.blocks = true,
	.run = run_server_room,
};

static enum err run_server_peer(struct call *c)
{
	return server_peer(c->redis, c->conf, c->peer, &c->out, &c->wait_ms);
}

const struct route route_server_peer = {
	.method = "GET",
	.path = "/server/peers/{peer}",
	.token = TOKEN_SERVER,
	.blocks = true,
	.run = run_server_peer,
};

static enum err run_server_remove(struct call *c)
{
	bool was = false;
	long seconds = 0;
	enum err e = query_number(c, "for", 0, SERVER_SECONDS_MAX, &seconds);

	if (!e)
		e = server_remove(c->redis, c->conf, c->room, c->peer, seconds, &was,
				  &c->wait_ms);
	if (!e)
		log_info("server.remove", "room=%s peer=%s for=%ld removed=%d by=%s",
			 c->room, c->peer, seconds, was, c->who.peer.id);
	buf_fmt(&c->out, "{\"removed\":%s}", was ? "true" : "false");
	return e;
}

const struct route route_server_remove = {
	.method = "DELETE",
	.path = "/server/rooms/{room}/members/{peer}",
	.token = TOKEN_SERVER,
	.blocks = true,
	.run = run_server_remove,
};

/* Whether it is UTF-8 of so many characters is known: json is what jansson took. */
static bool parse_reason(const json_t *json, const char **to)
{
	*to = json ? json_string_value(json) : "";
	if (!*to || (json && strlen(*to) != json_string_length(json)))
		return false;
	return json_characters(*to, strlen(*to)) <= SERVER_REASON_MAX;
}

static bool parse_seconds(const json_t *json, long *to)
{
	double n = json_number_value(json);

	if (json && (!json_is_number(json) || !(n >= 0 && n <= SERVER_SECONDS_MAX)))
		return false;
	*to = (long)n;
	return (double)*to == n;
}

/* Another member may be one of these misspelt, and then is not what was meant. *reason is
 * of json, which the caller frees. */
static enum err parse_disconnect_body(struct call *c, json_t **json,
				      const char **reason, long *seconds)
{
	const json_t *why, *until;

	*json = c->body->len ? json_parse(c->body->data, c->body->len, c->detail) :
		json_object();
	why = json_object_get(*json, "reason");
	until = json_object_get(*json, "for");
	if (json_is_object(*json) &&
	    json_object_size(*json) == (size_t)(why != NULL) + (until != NULL) &&
	    parse_reason(why, reason) && parse_seconds(until, seconds))
		return OK;
	snprintf(c->detail, sizeof c->detail, "The body must be {\"reason\":text,"
		 "\"for\":seconds}, or a part of it: at most %d characters, and 0 to %d "
		 "seconds.", SERVER_REASON_MAX, SERVER_SECONDS_MAX);
	return ERR_INPUT;
}

static enum err run_server_disconnect(struct call *c)
{
	const char *reason = "";
	int streams = 0;
	long seconds = 0;
	json_t *json;
	enum err e = parse_disconnect_body(c, &json, &reason, &seconds);

	if (!e)
		e = server_disconnect(c->redis, c->conf, c->peer, reason, seconds,
				      &streams, &c->wait_ms);
	if (!e)
		log_info("server.disconnect", "peer=%s for=%ld streams=%d by=%s",
			 c->peer, seconds, streams, c->who.peer.id);
	json_decref(json);
	buf_fmt(&c->out, "{\"streams\":%d}", streams);
	return e;
}

const struct route route_server_disconnect = {
	.method = "POST",
	.path = "/server/peers/{peer}/disconnect",
	.token = TOKEN_SERVER,
	.blocks = true,
	.run = run_server_disconnect,
};
