/*
 * kinds.h - what a setting is, and the kinds of them: how the text of one is read, freed
 * and shown.
 */
#ifndef CONF_KINDS_H
#define CONF_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* What is known of a setting before it is read. */
struct raw_value {
	char *text;		/* NULL: it is not set */
	bool is_file;		/* the text names the file that has the value */
	int line;		/* of the configuration file; 0: the environment */
};

struct setting;

struct setting_kind {
	/* Parses text into a member of struct conf. NULL is success; otherwise what
	 * follows "must be" in a complaint. */
	const char *(*read)(const struct setting *s, const char *text, void *to);
	/* Frees what read() has allocated, also where that failed. NULL: nothing. */
	void (*free)(void *member);
	/* Appends the value for a person. */
	void (*show)(const struct setting *s, const struct raw_value *raw,
		     const void *member, struct buf *to);
	bool secret;		/* no complaint quotes it */
};

struct setting {
	const char *name;	/* without DRAWBRIDGE_ */
	const struct setting_kind *kind;
	size_t member;		/* its offset in struct conf */
	const char *preset;	/* NULL: none */
	/* Of numbers alone. The range; and at_least: `times` the value of another setting
	 * (its offset), below which a text is an error, and a preset is raised to it. */
	long min, max;
	struct { unsigned times; size_t member; } at_least;
};

/* unsigned; of a switch 0 or 1, of a level enum log_level. */
extern const struct setting_kind kind_number, kind_switch, kind_level;

/* char *, owned; NULL or empty where there is none. */
extern const struct setting_kind kind_prefix, kind_mount, kind_secret,
	kind_metrics_token, kind_shm, kind_webhook;

/* struct list */
extern const struct setting_kind kind_secrets, kind_origins, kind_stun_urls,
	kind_turn_urls, kind_networks, kind_webhook_secrets;

/* struct redis_url */
extern const struct setting_kind kind_redis;

#endif
