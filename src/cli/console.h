/*
 * console.h - what the commands share that look into a deployment while it runs: the settings
 * of this host, a connection to their Redis, and what is wrong, in words.
 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <getopt.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/id.h"
#include "conf/conf.h"
#include "room/json.h"
#include "store/redis.h"

struct console {
	struct conf conf;
	struct redis *redis;
};

/* Reads the settings and connects. False: the reason was printed. */
bool console_open(struct console *c);
void console_close(struct console *c);

/* Runs a command of which --json ('j') is the only option, and shows what it is asked for: what is named, or
 * where `what` is NULL all of it, with name NULL. usage: what is wrong where arguments are. */
typedef int console_show(struct console *c, const char *name, bool json);
int console_run(int argc, char **argv, const struct option *options, const char *what,
		const char *usage, console_show *show);

/* Prints a line on standard error; EXIT_WRONG. */
int console_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Likewise for an error of a step. what: whom or which room it is about. */
int console_failed(const char *what, enum err e);
/* What the log has said last of Redis, for a person. */
const char *console_why(void);

/* Whether it is the id of a peer or room; if not it is said. */
bool console_check_id(const char *what, const char *id);

/* Prints text that others have chosen, without what would reach into the terminal. */
void console_append_text(struct buf *to, const char *text);
void console_append_time(struct buf *to, long long unix_seconds);

/* Prints a value as a line of JSON, in which nothing reaches into the terminal. */
void console_print_json(const json_t *json);
/* Ours, whose numbers are counts (json_parse() makes them reals). NULL: it is none. */
json_t *console_parse(const char *text, size_t len);
/* That of an answer, which is gone then. */
json_t *console_json(struct buf *answer);

#endif
