/*
 * Anybody may send a token, so the order of the checks bounds what a stranger can make
 * us do. The size comes first, then the signature: what is not signed costs one HMAC
 * per key over 4 KiB, and reaches neither a Base64 decoder nor a JSON parser. An issuer
 * that we trust may still sign what its users wrote: json_parse() bounds the depth.
 * Only then alg, crit and the claims are looked at. drawbridge-operations(7),
 * "Validation of tokens", promises this order.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jws.h"
#include "auth/token.h"
#include "base/id.h"
#include "room/json.h"

/* TOKEN_MAX must stay below BEARER_SIZE (web/http.h), where a longer one is cut. LEEWAY
 * is for clocks of issuers that are ahead of ours: exp itself has none. */
enum { TOKEN_MAX = 4096, LEEWAY = 60 /* seconds */ };

/* 31 million years. A double above what int64_t can hold must not be converted. */
static const double DATE_MAX = 1e15;

/* The first of two claims that is there. False: neither is, one of them is not a
 * string, or the first is too long or has a NUL in it (\u0000): for us it would end
 * there, and not for others who read the same token. */
static bool parse_text(const json_t *claims, const char *name, const char *other,
		       char *to, size_t size)
{
	const json_t *first = json_object_get(claims, name);
	const json_t *second = json_object_get(claims, other);
	const json_t *text = first ? first : second;
	const char *s = json_string_value(text);

	if ((first && !json_is_string(first)) ||
	    (second && !json_is_string(second)) || !s || strlen(s) >= size ||
	    strlen(s) != json_string_length(text))
		return false;
	strcpy(to, s);
	return true;
}

/* A NumericDate, which may have a fraction (RFC 7519, 2); `absent` if there is none.
 * False: it is not a number. */
static bool parse_date(const json_t *claims, const char *name, double absent,
		       double *date)
{
	const json_t *json = json_object_get(claims, name);

	*date = json ? json_number_value(json) : absent;
	return !json || json_is_number(json);
}

static bool parse_rooms(const json_t *claims, char **rooms)
{
	const json_t *json = json_object_get(claims, "rooms");
	const json_t *item;
	size_t i;

	*rooms = NULL;
	if (!json)
		return true;
	if (!json_is_array(json))
		return false;
	json_array_foreach(json, i, item)
		if (!json_is_string(item))
			return false;
	*rooms = json_dumps(json, JSON_COMPACT);
	return *rooms;
}

/* Returns what is wrong; NULL: nothing. Likewise those that follow. */
static const char *parse_peer(const json_t *claims, struct peer *to)
{
	if (!parse_text(claims, "id", "sub", to->id, sizeof to->id) ||
	    !id_valid_name(to->id, strlen(to->id)))
		return "missing or invalid id";
	if (!parse_text(claims, "username", "name", to->username,
			sizeof to->username) ||
	    !json_name_valid(to->username, strlen(to->username)))
		return "missing or invalid username";
	return NULL;
}

/* Its lifetime is bounded, as nothing revokes it. iat may be NAN. */
static const char *parse_server(const json_t *claims, double exp, double iat,
				int64_t now, struct claims *to)
{
	char *id = to->peer.id;

	if (exp > (double)now + SERVER_TTL_MAX + LEEWAY || exp - iat > SERVER_TTL_MAX)
		return "a server's, and valid for more than an hour";
	if (!json_object_get(claims, "id") && !json_object_get(claims, "sub"))
		strcpy(id, "server");
	else if (!parse_text(claims, "id", "sub", id, sizeof to->peer.id) ||
		 !id_valid(id, strlen(id)))
		return "invalid id";
	return NULL;
}

static const char *parse_claims(const json_t *claims, int64_t now, struct claims *to)
{
	const json_t *server;
	const char *why;
	double exp, nbf, iat;

	/* JSON has no NaN, so it can stand for a missing exp, which we require. */
	if (!parse_date(claims, "exp", NAN, &exp) || isnan(exp))
		return "missing or invalid exp";
	if (!parse_date(claims, "nbf", 0, &nbf))
		return "invalid nbf";
	/* "On or after" exp it must not be accepted (RFC 7519, 4.1.4). */
	if (exp <= (double)now)
		return "expired";
	/* The clock of the issuer may be ahead of ours (RFC 7519, 4.1.5). */
	if (nbf > (double)now + LEEWAY)
		return "not valid yet";
	to->expires = (int64_t)fmin(exp, DATE_MAX);
	/* One that is no number counts as none, as many issuers' tokens are older than
	 * our use of it. */
	if (!parse_date(claims, "iat", NAN, &iat))
		iat = NAN;
	to->issued = iat > 0 ? (int64_t)fmin(iat, DATE_MAX) : 0;
	server = json_object_get(claims, "server");
	if (server && !json_is_boolean(server))
		return "invalid server: not a boolean";
	to->server = json_is_true(server);
	why = to->server ? parse_server(claims, exp, iat, now, to) :
		parse_peer(claims, &to->peer);
	if (why)
		return why;
	return parse_rooms(claims, &to->rooms) ? NULL :
		"invalid rooms: not an array of strings";
}

/* typ may be anything (RFC 7519, 5.1). */
static const char *check_header(const json_t *header)
{
	const char *alg = json_string_value(json_object_get(header, "alg"));

	/* The token must not choose its algorithm (RFC 8725, 3.1). */
	if (!alg || strcmp(alg, "HS256") != 0)
		return "alg is not HS256";
	/* Extensions that must be understood (RFC 7515, 4.1.11): none is. */
	return json_object_get(header, "crit") ? "crit is not supported" : NULL;
}

/* NULL: it is not an object. */
static json_t *parse_object(const struct buf *text)
{
	char why[128];
	json_t *json = text->len ? json_parse(text->data, text->len, why) : NULL;

	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

static const char *parse_parts(const struct buf *header, const struct buf *payload,
			       int64_t now, struct claims *to)
{
	json_t *head = parse_object(header), *claims = parse_object(payload);
	const char *why = !head || !claims ? "header or claims are not JSON objects" :
		check_header(head);

	if (!why)
		why = parse_claims(claims, now, to);
	json_decref(head);
	json_decref(claims);
	return why;
}

enum err token_verify(const struct conf *c, const char *token, int64_t now,
		      struct claims *to, const char **why)
{
	struct buf header = BUF_INIT(TOKEN_MAX), payload = BUF_INIT(TOKEN_MAX);

	memset(to, 0, sizeof *to);
	*why = "too long";
	/* *why goes to the log; the client is told only that the token is invalid or
	 * has expired. */
	if (strlen(token) > TOKEN_MAX)
		return ERR_TOKEN;
	*why = "malformed, or not signed with HS256 by any of the secrets";
	if (jws_open(token, &c->secrets, &header, &payload))
		*why = parse_parts(&header, &payload, now, to);
	buf_free(&header);
	buf_free(&payload);
	return *why ? ERR_TOKEN : OK;
}

char *token_sign(const struct conf *c, const struct claims *claims, int64_t now)
{
	struct buf payload = BUF_INIT(2 * TOKEN_MAX), token = BUF_INIT(4 * TOKEN_MAX);

	buf_fmt(&payload, "{\"id\":\"%s\",", claims->peer.id);
	if (claims->server) {
		buf_str(&payload, "\"server\":true");
	} else {
		buf_str(&payload, "\"username\":");
		json_append_string(&payload, claims->peer.username);
	}
	buf_fmt(&payload, ",\"iat\":%lld,\"exp\":%lld", (long long)now,
		(long long)claims->expires);
	if (claims->rooms)
		buf_fmt(&payload, ",\"rooms\":%s", claims->rooms);
	buf_char(&payload, '}');
	jws_sign(&token, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", payload.data,
		 c->secrets.words[0]);
	/* It cannot be full: rooms comes from a token of at most TOKEN_MAX, or is as
	 * short in cli/token.c. */
	if (!buf_ok(&payload) || !buf_ok(&token))
		abort();
	buf_free(&payload);
	return token.data;
}

static bool pattern_covers(const char *pattern, const char *room)
{
	size_t len = strlen(pattern);

	/* '*' is no character of a room's id, so a pattern is never mistaken for
	 * one. */
	if (len && pattern[len - 1] == '*')
		return !strncmp(pattern, room, len - 1);
	return !strcmp(pattern, room);
}

bool token_covers(const struct claims *claims, const char *room)
{
	char why[128];
	json_t *json, *item;
	size_t i;
	bool covers = false;

	if (!claims->rooms)
		return true;
	json = json_parse(claims->rooms, strlen(claims->rooms), why);
	json_array_foreach(json, i, item)
		covers = covers || pattern_covers(json_string_value(item), room);
	json_decref(json);
	return covers;
}

/* Of the rooms that it covers. '~' is above all characters of ids, and needs no escape in a
 * URL. False: none, it is too long. */
static bool pattern_range(const char *pattern, char first[ID_MAX + 1], char last[ID_MAX + 2])
{
	size_t len = strlen(pattern);
	bool is_prefix = len && pattern[len - 1] == '*';

	len -= is_prefix;
	if (len > ID_MAX)
		return false;
	snprintf(first, ID_MAX + 1, "%.*s", (int)len, pattern);
	snprintf(last, ID_MAX + 2, "%s%s", first, is_prefix ? "~" : "");
	return true;
}

bool token_seek(const struct claims *claims, const char *after, char from[ID_MAX + 1],
		char end[ID_MAX + 2])
{
	char why[128], first[ID_MAX + 1], last[ID_MAX + 2];
	json_t *json = json_parse(claims->rooms, strlen(claims->rooms), why), *item;
	bool found = false;
	size_t i;

	*end = '\0';
	json_array_foreach(json, i, item) {
		if (!pattern_range(json_string_value(item), first, last))
			continue;
		if (strcmp(first, after) <= 0 && strcmp(last, end) > 0)
			strcpy(end, last);
		if (strcmp(last, after) <= 0)
			continue;
		if (strcmp(first, after) <= 0)
			*first = '\0';
		if (!found || strcmp(first, from) < 0)
			strcpy(from, first);
		found = true;
	}
	json_decref(json);
	return found;
}

void claims_free(struct claims *claims)
{
	free(claims->rooms);
	memset(claims, 0, sizeof *claims);
}
