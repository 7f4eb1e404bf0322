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

static bool take_number(const char *s, long most, int *to)
{
	long value;

	if (!number_parse(s, strlen(s), 0, most, &value))
		return false;
	*to = (int)value;
	return true;
}

static bool take_tcp(const char *s, struct redis_url *url)
{
	const char *host = s, *end;
	char *port, *slash;
	bool good = true;

	if (!take_userinfo(&s, url))
		return false;
	host = s;
	if (*s == '[') {
		host++;
		end = strchr(s, ']');
		if (!end)
			return false;
		s = end + 1;
	} else {
		end = s + strcspn(s, ":/?");
		s = end;
	}
	if (end == host)
		return false;
	url->host = xstrndup(host, (size_t)(end - host));
	url->port = 6379;
	if (!*s)
		return true;
	port = xstrdup(s);
	slash = strchr(port, '/');
	if (slash) {
		*slash++ = '\0';
		good = !*slash || take_number(slash, 1 << 20, &url->db);
	}
	if (*port)
		good = good && *port == ':' &&
			take_number(port + 1, 65535, &url->port) && url->port;
	free(port);
	return good;
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
		take_number(s + len + 4, 1 << 20, &url->db);
}

bool redis_url_parse(const char *s, struct redis_url *url,
		     const char **allowed)
{
	bool good = false;

	memset(url, 0, sizeof *url);
	*allowed = "redis://[user:password@]host[:port][/db] or "
		"unix:///path[?db=n]";
	if (!strncmp(s, "redis://", 8))
		good = take_tcp(s + 8, url);
	else if (!strncmp(s, "unix://", 7))
		good = take_unix(s + 7, url);
	else if (!strncmp(s, "redis+sentinel://", 17))
		*allowed = "redis:// or unix://: this version does not ask "
			"Sentinel for the master";
	if (!good)
		redis_url_free(url);
	return good;
}

void redis_url_free(struct redis_url *url)
{
	free(url->path);
	free(url->host);
	free(url->user);
	free(url->password);
	memset(url, 0, sizeof *url);
}
