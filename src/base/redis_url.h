/*
 * redis_url.h - where Redis is, as one setting:
 *
 *     redis://[user:password@]host[:port][/db]
 *     unix:///path[?db=n]            (also unix://user:password@/path)
 *
 * User and password are percent-decoded; an IPv6 address stands in brackets.
 */
#ifndef BASE_REDIS_URL_H
#define BASE_REDIS_URL_H

#include <stdbool.h>

struct redis_url {
	char *path;		/* of the socket; NULL: TCP */
	char *host;
	int port;
	char *user;		/* NULL: none */
	char *password;		/* NULL: none */
	int db;
};

/* False: *allowed says what would be right. */
bool redis_url_parse(const char *s, struct redis_url *url,
		     const char **allowed);
void redis_url_free(struct redis_url *url);

#endif
