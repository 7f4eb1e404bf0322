#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/number.h"
#include "base/percent.h"
#include "base/redis_url.h"

static char *decoded(const char *s, size_t len)
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

/* [user:password@], and *s goes behind it. */
static bool take_userinfo(const char **s, struct redis_url *url)
{
	const char *end = *s + strcspn(*s, "/?");
	const char *at = memchr(*s, '@', (size_t)(end - *s)), *colon;

	if (!at)
		return true;
	colon = memchr(*s, ':', (size_t)(at - *s));
	if (!colon)
		return false;
	if (colon > *s && !(url->user = decoded(*s, (size_t)(colon - *s))))
		return false;
	url->password = decoded(colon + 1, (size_t)(at - colon - 1));
	*s = at + 1;
	return url->password && *url->password;
}

static bool take_number(const char *s, size_t len, long most, int *to)
{
	long value;

	if (!number_parse(s, len, 0, most, &value))
		return false;
	*to = (int)value;
	return true;
}

static bool take_db(const char *s, size_t len, struct redis_url *url)
{
	return !len || take_number(s, len, 1 << 20, &url->db);
}

/* host[:port], and *s goes behind it. */
static bool take_host(const char **s, int port, struct redis_host *to)
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
	return take_number(name, len, 65535, &to->port) && to->port;
}

static bool take_tcp(const char *s, struct redis_url *url)
{
	if (!take_userinfo(&s, url) || !take_host(&s, 6379, &url->server))
		return false;
	return !*s || (*s == '/' && take_db(s + 1, strlen(s + 1), url));
}

static bool take_sentinels(const char *s, struct redis_url *url)
{
	static const char password[] = "?sentinel_password=";
	size_t len;

	if (!take_userinfo(&s, url))
		return false;
	do {
		if (url->sentinel_count == SENTINELS_MOST ||
		    !take_host(&s, 26379, &url->sentinels[url->sentinel_count++]))
			return false;
	} while (*s++ == ',');
	if (s[-1] != '/')
		return false;
	len = strcspn(s, "/?");
	url->master = decoded(s, len);
	if (!url->master || !*url->master)
		return false;
	s += len;
	if (*s == '/') {
		len = strcspn(++s, "?");
		if (!take_db(s, len, url))
			return false;
		s += len;
	}
	if (!*s)
		return true;
	if (strncmp(s, password, strlen(password)))
		return false;
	s += strlen(password);
	url->sentinel_password = decoded(s, strlen(s));
	return url->sentinel_password && *url->sentinel_password;
}

static bool take_unix(const char *s, struct redis_url *url)
{
	size_t len;

	if (!take_userinfo(&s, url))
		return false;
	len = strcspn(s, "?");
	/* 108 bytes are what sockaddr_un holds, NUL included. */
	if (*s != '/' || len < 2 || len > 107)
		return false;
	url->path = xstrndup(s, len);
	if (!s[len])
		return true;
	return !strncmp(s + len, "?db=", 4) &&
		take_number(s + len + 4, strlen(s + len + 4), 1 << 20, &url->db);
}

bool redis_url_parse(const char *s, struct redis_url *url,
		     const char **allowed)
{
	bool good = false;

	memset(url, 0, sizeof *url);
	*allowed = "redis://[user:password@]host[:port][/db], "
		"unix:///path[?db=n] or redis+sentinel://[user:password@]"
		"host[:port][,host[:port]...]/master[/db]"
		"[?sentinel_password=password]";
	if (!strncmp(s, "redis://", 8))
		good = take_tcp(s + 8, url);
	else if (!strncmp(s, "unix://", 7))
		good = take_unix(s + 7, url);
	else if (!strncmp(s, "redis+sentinel://", 17))
		good = take_sentinels(s + 17, url);
	if (!good)
		redis_url_free(url);
	return good;
}

void redis_url_free(struct redis_url *url)
{
	free(url->path);
	free(url->server.name);
	for (size_t i = 0; i < url->sentinel_count; i++)
		free(url->sentinels[i].name);
	free(url->master);
	free(url->sentinel_password);
	free(url->user);
	free(url->password);
	memset(url, 0, sizeof *url);
}
