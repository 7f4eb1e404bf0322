/*
 * redis_url.h - where Redis is, as one setting:
 *
 *     redis://[user:password@]host[:port][/db]
 *     unix:///path[?db=n]            (also unix://user:password@/path)
 *     redis+sentinel://[user:password@]host[:port][,host[:port]...]/master[/db]
 *         [?sentinel_password=password]
 *
 * Hosts of the last are Sentinels, which know where the Redis is that they call
 * master; user and password are that Redis'. Users, passwords and the master's
 * name are percent-decoded; an IPv6 address stands in brackets.
 */
#ifndef BASE_REDIS_URL_H
#define BASE_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

struct redis_host {
	char *name;		/* or address */
	int port;
};

enum { SENTINELS_MOST = 16 };

struct redis_url {
	char *path;		/* of the socket; NULL: TCP */
	struct redis_host server;	/* name NULL: ask the Sentinels */
	struct redis_host sentinels[SENTINELS_MOST];
	size_t sentinel_count;
	char *master;		/* the name that Sentinels know it by */
	char *sentinel_password;	/* NULL: none */
	char *user;		/* NULL: none */
	char *password;		/* NULL: none */
	int db;
};

/* False: *allowed says what would be right. */
bool redis_url_parse(const char *s, struct redis_url *url,
		     const char **allowed);
void redis_url_free(struct redis_url *url);

#endif
