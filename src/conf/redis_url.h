/*
 * redis_url.h - where Redis is, as one setting:
 *
 *     redis://[user:password@]host[:port][/db]
 *     unix:///path[?db=n]            (also unix://user:password@/path)
 *     redis+sentinel://[user:password@]host[:port][,host[:port]...]/master[/db]
 *         [?sentinel_password=password]
 *
 * The hosts of the last are Sentinels, which know where the Redis is that they call
 * master; user and password are those of this Redis. Users, passwords and the name of the
 * master are percent-decoded; the hosts begin after the last @, and the password after the
 * first colon. An IPv6 address is in brackets.
 *
 * rediss:// and rediss+sentinel:// are the same over TLS, and then take the names of
 * files, absolute and percent-decoded: ?ca=file, and cert=file&key=file. Parameters
 * are separated by &.
 */
#ifndef CONF_REDIS_URL_H
#define CONF_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

struct redis_host {
	char *name;		/* or address */
	int port;
};

enum { SENTINELS_MAX = 16 };

struct redis_url {
	char *path;		/* of the socket; NULL: TCP */
	struct redis_host server;	/* name NULL: ask the Sentinels */
	struct redis_host sentinels[SENTINELS_MAX];
	size_t sentinel_count;
	char *master;		/* the name that Sentinels know it by */
	char *sentinel_password;	/* NULL: none */
	char *user;		/* NULL: none */
	char *password;		/* NULL: none */
	int db;
	bool tls;
	char *ca;		/* whom to trust; NULL: whom the system trusts */
	char *cert, *key;	/* who we are; NULL: nobody, both */
};

/* False: *allowed says what is allowed. */
bool redis_url_parse(const char *s, struct redis_url *url,
		     const char **allowed);
void redis_url_free(struct redis_url *url);

#endif
