/*
 * raw.h - the texts that settings have in the environment and in the configuration file,
 * before they are read.
 */
#ifndef CONF_RAW_H
#define CONF_RAW_H

#include "conf/kinds.h"

struct raw_settings {
	struct raw_value *values;	/* one for each of settings[] */
	const char *conf_file;		/* borrowed from the environment */
};

/* environment is as environ(7), and takes precedence over the file. False: why has a line
 * for each fault. warnings has a line for each name in the environment that is not a
 * setting. To be freed in either case. */
bool raw_read(struct raw_settings *raw, char *const *environment, struct buf *why,
	      struct buf *warnings);
void raw_free(struct raw_settings *raw);

/* The text of a value that is set, or the content of its file, to be freed. NULL: errno
 * says why the file cannot be read. */
char *raw_text(const struct raw_value *value);

/* Appends a line to why; false. */
__attribute__((format(printf, 2, 3)))
bool complain(struct buf *why, const char *fmt, ...);

#endif
