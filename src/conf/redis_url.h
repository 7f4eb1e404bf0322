/*
 * redis_url.h - where Redis is, as one setting:
 *
 *     redis://[user:password@]host[:port][/db]
 *     unix:///path[?db=n]            (also unix://user:password@/path)
 *     redis+sentinel://[user:password@]host[:port][,host[:port]...]/master[/db]
 *         [?sentinel_password=password]
 *     redis+cluster://[user:password@]host[:port][,host[:port]...]
 *
 * The hosts of the last two know where the Redis is: Sentinels that call it master, and user
 * and password are those of this Redis; or nodes of a Redis Cluster. Users, passwords and the
 * name of the master are percent-decoded; the hosts begin after the last @, and the password
 * after the first colon. An IPv6 address is in brackets.
 *
 * rediss://, rediss+sentinel:// and rediss+cluster:// are the same over TLS, and then take the
 * names of files, absolute and percent-decoded: ?ca=file, and cert=file&key=file. Parameters
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

enum { SEEDS_MAX = 16 };

struct redis_url {
	char *path;		/* of the socket; NULL: TCP */
	struct redis_host server;	/* name NULL: ask the seeds */
	struct redis_host seeds[SEEDS_MAX];	/* who know where it is */
	size_t seed_count;
	char *master;		/* the name that Sentinels know it by; NULL: there are none */
	bool cluster;		/* the seeds are nodes of a Cluster */
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

/* The hash tag of a key, or of a prefix of keys, by which Redis Cluster has them all in one slot:
 * what is between its first { and the next }, if it is not empty. NULL: it has none. */
const char *redis_hash_tag(const char *key, size_t *len);

#endif
