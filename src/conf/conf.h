/*
 * conf.h - the settings, read once at the start.
 *
 * From the environment (DRAWBRIDGE_NAME, or DRAWBRIDGE_NAME_FILE: the name of a
 * file that holds the value), and from the file DRAWBRIDGE_CONF with lines NAME=value for
 * what the environment does not set. An empty value counts as none.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "conf/redis_url.h"

/* Words of a list; words[count] is NULL. */
struct list {
	char **words;
	size_t count;
};

enum { WEBHOOK_SECRETS_MAX = 2 };	/* while one takes the place of the other */

struct conf {
	struct list secrets;		/* the first signs, all verify */
	struct redis_url redis;
	char *prefix;
	char *mount;			/* begins and ends with '/' */
	unsigned access;		/* 0 or 1 */
	unsigned access_rate;		/* a minute and address; 0: any */
	struct list proxies;		/* networks: their X-Forwarded-For counts */
	unsigned token_ttl;		/* seconds */
	struct list origins;
	unsigned ping;			/* seconds */
	unsigned grace;			/* seconds */
	unsigned stream_age;		/* seconds */
	unsigned send_timeout;		/* seconds */
	unsigned mailbox;		/* messages */
	unsigned mailbox_ttl;		/* seconds */
	unsigned body_max;		/* bytes */
	unsigned body_timeout;		/* seconds */
	unsigned room_peers;
	unsigned peer_rooms;
	unsigned peer_streams;
	unsigned rate;			/* messages a second; 0: any */
	unsigned rate_bytes;		/* a second; 0: any */
	unsigned server_rate;		/* messages a second of the site's servers; 0: any */
	unsigned workers;
	unsigned streams;
	struct list stun_urls;
	struct list turn_urls;
	char *turn_secret;
	unsigned turn_ttl;		/* seconds */
	char *webhook;			/* a URL; NULL: none */
	struct list webhook_secrets;	/* at most WEBHOOK_SECRETS_MAX, all sign */
	unsigned webhook_backlog;	/* events */
	struct list metrics_from;
	char *metrics_token;
	char *shm;			/* NULL: by user, prefix and mount */
	unsigned log;			/* enum log_level */
};

/*
 * environment is as environ(7). False: why has a line for each setting that is wrong, with
 * its value (secrets are not shown) and what is allowed. True: why has warnings, a line
 * each, or is empty.
 */
bool conf_read(struct conf *c, char *const *environment, struct buf *why);

/* The same for a person: visits each setting, in the order of the table, with its name, its
 * value or why it is not shown, and its source: "default", "environment", or the file and
 * line. */
typedef void conf_visitor(void *arg, const char *name, const char *value,
			  const char *source);
bool conf_each(char *const *environment, conf_visitor *visit, void *arg,
	       struct buf *why);
void conf_free(struct conf *c);

/* For main(): reads, sets the log level, and logs the warnings; exits where a setting is
 * wrong. */
void conf_load(struct conf *c);

#endif
