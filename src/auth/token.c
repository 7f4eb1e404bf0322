#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>

#include "auth/token.h"
#include "base/id.h"
#include "room/json.h"

enum { TOKEN_MOST = 4096 };

static bool take_text(jwt_t *jwt, const char *name, const char *other, char *to,
		      size_t size)
{
	const char *s = jwt_get_grant(jwt, name);

	if (!s)
		s = jwt_get_grant(jwt, other);
	if (!s || strlen(s) >= size)
		return false;
	strcpy(to, s);
	return true;
}

/* A NumericDate may have a fraction. NAN: there is none. */
static double take_date(jwt_t *jwt, const char *name)
{
	char *text = jwt_get_grants_json(jwt, name), why[128];
	json_t *json = text ? json_read(text, strlen(text), why) : NULL;
	double date = json_is_number(json) ? json_number_value(json) : NAN;

	json_decref(json);
	free(text);
	return date;
}

static bool take_rooms(jwt_t *jwt, char **rooms)
{
	char *text = jwt_get_grants_json(jwt, "rooms"), why[128];
	json_t *json, *item;
	size_t i;
	bool good;

	*rooms = NULL;
	if (!text)
		return true;
	json = json_read(text, strlen(text), why);
	good = json_is_array(json);
	json_array_foreach(json, i, item)
		good = good && json_is_string(item);
	if (good)
		*rooms = xstrdup(text);
	json_decref(json);
	free(text);
	return good;
}

static const char *take_claims(jwt_t *jwt, int64_t now, struct claims *to)
{
	double exp = take_date(jwt, "exp"), nbf = take_date(jwt, "nbf");

	if (isnan(exp))
		return "no exp";
	if (exp <= (double)now)
		return "expired";
	if (nbf > (double)now)
		return "not valid yet";
	to->expires = exp < 1e15 ? (int64_t)exp : (int64_t)1e15;
	if (!take_text(jwt, "id", "sub", to->peer.id, sizeof to->peer.id) ||
	    !id_valid_name(to->peer.id, strlen(to->peer.id)))
		return "no id, or one that is none";
	if (!take_text(jwt, "username", "name", to->peer.username,
		       sizeof to->peer.username) ||
	    !json_name_valid(to->peer.username, strlen(to->peer.username)))
		return "no username, or one that is none";
	return take_rooms(jwt, &to->rooms) ? NULL : "rooms is no array of texts";
}

static jwt_t *decode(const struct conf *c, const char *token)
{
	for (size_t i = 0; i < c->secrets.count; i++) {
		const char *key = c->secrets.words[i];
		jwt_t *jwt = NULL;

		if (jwt_decode(&jwt, token, (const unsigned char *)key,
			       (int)strlen(key)))
			continue;
		/* The token must not choose its algorithm (RFC 8725, 3.1). */
		if (jwt_get_alg(jwt) == JWT_ALG_HS256)
			return jwt;
		jwt_free(jwt);
	}
	return NULL;
}

enum err token_verify(const struct conf *c, const char *token, int64_t now,
		      struct claims *to, const char **why)
{
	jwt_t *jwt;

	memset(to, 0, sizeof *to);
	*why = "too long";
	if (strlen(token) > TOKEN_MOST)
		return ERR_TOKEN;
	*why = "malformed, or signed by none of our keys with HS256";
	jwt = decode(c, token);
	if (!jwt)
		return ERR_TOKEN;
	*why = take_claims(jwt, now, to);
	jwt_free(jwt);
	return *why ? ERR_TOKEN : OK;
}

char *token_sign(const struct conf *c, const struct claims *claims, int64_t now)
{
	const char *key = c->secrets.words[0];
	struct buf extra = BUF_INIT(TOKEN_MOST * 2);
	jwt_t *jwt;
	char *text = NULL;

	if (jwt_new(&jwt))
		abort();
	if (claims->rooms)
		buf_fmt(&extra, "{\"rooms\":%s}", claims->rooms);
	if (!jwt_add_grant(jwt, "id", claims->peer.id) &&
	    !jwt_add_grant(jwt, "username", claims->peer.username) &&
	    !jwt_add_grant_int(jwt, "iat", (long)now) &&
	    !jwt_add_grant_int(jwt, "exp", (long)claims->expires) &&
	    (!extra.len || !jwt_add_grants_json(jwt, extra.data)) &&
	    !jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)key,
			 (int)strlen(key)))
		text = jwt_encode_str(jwt);
	if (!text)
		abort();
	jwt_free(jwt);
	buf_free(&extra);
	return text;
}

static bool pattern_covers(const char *pattern, const char *room)
{
	size_t len = strlen(pattern);

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
	json = json_read(claims->rooms, strlen(claims->rooms), why);
	json_array_foreach(json, i, item)
		covers = covers || pattern_covers(json_string_value(item), room);
	json_decref(json);
	return covers;
}

void claims_free(struct claims *claims)
{
	free(claims->rooms);
	memset(claims, 0, sizeof *claims);
}
