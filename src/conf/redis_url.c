/*
 * Each parse_...() that takes a const char ** reads one part and moves past it; the
 * others read up to the end. What they allocate is in *url from the beginning, so that
 * redis_url_free() finds it wherever parsing stops.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/number.h"
#include "base/percent.h"
#include "conf/redis_url.h"

/* NULL: a % without two hex digits, or a NUL, which would end the text for others. */
static char *decode(const char *s, size_t len)
{
	char *to = xmalloc(len + 1);
	size_t n;

	if (!percent_decode(s, len, to, &n) || memchr(to, '\0', n)) {
		free(to);
		return NULL;
	}
	to[n] = '\0';
	return to;
}

/* [user:password@]; *s moves past it. The user may be missing, the password not: Redis
 * has no AUTH without one. */
static bool parse_userinfo(const char **s, struct redis_url *url)
{
	const char *end = *s + strcspn(*s, "/?");
	/* The last @ and the first colon: a password may contain both as they are. Only
	 * / ? and % must be encoded. */
	const char *at = memrchr(*s, '@', (size_t)(end - *s)), *colon;

	if (!at)
		return true;
	colon = memchr(*s, ':', (size_t)(at - *s));
	if (!colon)
		return false;
	if (colon > *s && !(url->user = decode(*s, (size_t)(colon - *s))))
		return false;
	url->password = decode(colon + 1, (size_t)(at - colon - 1));
	*s = at + 1;
	return url->password && *url->password;
}

static bool parse_int(const char *s, size_t len, long max, int *to)
{
	long value;

	if (!number_parse(s, len, 0, max, &value))
		return false;
	*to = (int)value;
	return true;
}

/* Nothing at all is database 0, as in redis://host/. The bound only keeps it an int:
 * Redis knows how many there are. */
static bool parse_db(const char *s, size_t len, struct redis_url *url)
{
	return !len || parse_int(s, len, 1 << 20, &url->db);
}

/* host[:port]; *s moves past it. Whether there is such a host is for the resolver to
 * say. */
static bool parse_host(const char **s, int port, struct redis_host *to)
{
	const char *name = *s, *end;
	size_t len;

	if (*name == '[') {
		end = strchr(++name, ']');
		if (!end)
			return false;
		*s = end + 1;
	} else {
		end = *s = name + strcspn(name, ":,/?");
	}
	if (end == name)
		return false;
	to->name = xstrndup(name, (size_t)(end - name));
	to->port = port;
	if (**s != ':')
		return true;
	len = strcspn(++*s, ",/?");
	name = *s;
	*s += len;
	return parse_int(name, len, 65535, &to->port) && to->port;
}

/* Where the value of this parameter goes. NULL: the URL has none of that name. */
static char **parameter(struct redis_url *url, const char *name, size_t len)
{
	const struct {
		const char *name;
		char **value;
		bool allowed;
	} all[] = {
		{ "sentinel_password", &url->sentinel_password, url->master },
		{ "ca", &url->ca, url->tls },
		{ "cert", &url->cert, url->tls },
		{ "key", &url->key, url->tls },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].allowed && strlen(all[i].name) == len &&
		    !memcmp(all[i].name, name, len))
			return all[i].value;
	return NULL;
}

/* name=value, of len bytes; each once. */
static bool parse_parameter(const char *s, size_t len, struct redis_url *url)
{
	const char *equals = memchr(s, '=', len);
	char **value = equals ? parameter(url, s, (size_t)(equals - s)) : NULL;

	if (!value || *value)
		return false;
	*value = decode(equals + 1, (size_t)(s + len - equals - 1));
	return *value && **value;
}

static bool is_file(const char *name)
{
	return !name || *name == '/';
}

/* [?name=value[&name=value]...], up to the end. */
static bool parse_query(const char *s, struct redis_url *url)
{
	if (*s && *s != '?')
		return false;
	while (*s) {
		size_t len = strcspn(++s, "&");

		if (!parse_parameter(s, len, url))
			return false;
		s += len;
	}
	return is_file(url->ca) && is_file(url->cert) && is_file(url->key) &&
		!url->cert == !url->key;
}

/* [/[db]][?...], up to the end. */
static bool parse_db_and_query(const char *s, struct redis_url *url)
{
	size_t len;

	if (*s == '/') {
		len = strcspn(++s, "?");
		if (!parse_db(s, len, url))
			return false;
		s += len;
	}
	return parse_query(s, url);
}

static bool parse_tcp(const char *s, struct redis_url *url)
{
	return parse_userinfo(&s, url) && parse_host(&s, 6379, &url->server) &&
		parse_db_and_query(s, url);
}

/* host[:port][,host[:port]...]; *s moves past it. */
static bool parse_seeds(const char **s, int port, struct redis_url *url)
{
	for (;; (*s)++) {
		/* Counted first, so that its name is freed if its port turns out to be
		 * wrong. */
		if (url->seed_count == SEEDS_MAX ||
		    !parse_host(s, port, &url->seeds[url->seed_count++]))
			return false;
		if (**s != ',')
			return true;
	}
}

/* A Cluster has one database. */
static bool parse_cluster(const char *s, struct redis_url *url)
{
	url->cluster = true;
	return parse_userinfo(&s, url) && parse_seeds(&s, 6379, url) && parse_query(s, url);
}

static bool parse_sentinels(const char *s, struct redis_url *url)
{
	size_t len;

	if (!parse_userinfo(&s, url) || !parse_seeds(&s, 26379, url) || *s++ != '/')
		return false;
	len = strcspn(s, "/?");
	url->master = decode(s, len);
	if (!url->master || !*url->master)
		return false;
	return parse_db_and_query(s + len, url);
}

static bool parse_unix(const char *s, struct redis_url *url)
{
	size_t len;

	if (!parse_userinfo(&s, url))
		return false;
	len = strcspn(s, "?");
	/* sun_path has 108 bytes (unix(7)), NUL included. The path is not
	 * percent-decoded; it may contain anything but a '?', so the database is a
	 * parameter and not another segment. */
	if (*s != '/' || len < 2 || len > 107)
		return false;
	url->path = xstrndup(s, len);
	if (!s[len])
		return true;
	return !strncmp(s + len, "?db=", 4) &&
		parse_int(s + len + 4, strlen(s + len + 4), 1 << 20, &url->db);
}

bool redis_url_parse(const char *s, struct redis_url *url,
		     const char **allowed)
{
	static const struct {
		const char *scheme;
		bool (*parse)(const char *s, struct redis_url *url);
		bool tls;
	} schemes[] = {
		{ "redis://", parse_tcp, false },
		{ "rediss://", parse_tcp, true },
		{ "unix://", parse_unix, false },
		{ "redis+sentinel://", parse_sentinels, false },
		{ "rediss+sentinel://", parse_sentinels, true },
		{ "redis+cluster://", parse_cluster, false },
		{ "rediss+cluster://", parse_cluster, true },
	};
	bool good = false;

	memset(url, 0, sizeof *url);
	*allowed = "redis://[user:password@]host[:port][/db], "
		"unix:///path[?db=n], redis+sentinel://[user:password@]"
		"host[:port][,host[:port]...]/master[/db]"
		"[?sentinel_password=password] or redis+cluster://[user:password@]"
		"host[:port][,host[:port]...]; for TLS, rediss://, "
		"rediss+sentinel:// or rediss+cluster://, with ca=/file, and cert=/file&key=/file, "
		"as optional parameters of the query";
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t len = strlen(schemes[i].scheme);

		if (strncmp(s, schemes[i].scheme, len))
			continue;
		url->tls = schemes[i].tls;
		good = schemes[i].parse(s + len, url);
	}
	if (!good)
		redis_url_free(url);
	return good;
}

void redis_url_free(struct redis_url *url)
{
	free(url->path);
	free(url->server.name);
	for (size_t i = 0; i < url->seed_count; i++)
		free(url->seeds[i].name);
	free(url->master);
	free(url->sentinel_password);
	free(url->user);
	free(url->password);
	free(url->ca);
	free(url->cert);
	free(url->key);
	memset(url, 0, sizeof *url);
}

const char *redis_hash_tag(const char *key, size_t *len)
{
	const char *tag = strchr(key, '{'), *end = tag ? strchr(tag, '}') : NULL;

	if (!end || end == tag + 1)
		return NULL;
	*len = (size_t)(end - tag - 1);
	return tag + 1;
}
