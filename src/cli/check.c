/*
 * drawbridge check - each setting: what it is and where that came from, or what
 * is wrong; and whether the Redis that they name serves, and how far away it is.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/commands.h"
#include "conf/conf.h"
#include "room/presence.h"
#include "room/webhook.h"
#include "store/redis.h"
#include "store/store.h"

extern char **environ;

enum {
	ROUND_TRIPS = 3,
	FAR_MS = 200,			/* four of these are most of DIAL_MS (store/dial.h) */
	BEHIND_MS = 60 * 1000,		/* a site that is slow, or away */
};

static void print_setting(void *unused, const char *name, const char *value,
			  const char *source)
{
	(void)unused;
	printf("%-26s %-39s  %s\n", name, value, source);
}

/* Each line after a word. */
static void print_lines(const char *word, char *lines)
{
	for (char *line = lines, *end; line && *line; line = end) {
		end = line;
		while (*end && *end != '\n')
			end++;
		printf("%s: %.*s\n", word, (int)(end - line), line);
		end += *end == '\n';
	}
}

/* Set by the first fact that is an error, as the sink of the log has no argument for
 * it. */
static bool redis_wrong;

/* What the programs would log. A Redis that is away may come back, so that is a
 * warning; one that refuses will not, and then no more is printed: it tries again, with
 * the same result. */
static void print_redis_fact(enum log_level level, const char *fact)
{
	const char *why = strstr(fact, "why=");

	if (level > LOG_WARN || redis_wrong)
		return;
	redis_wrong = level == LOG_ERROR;
	printf("%s: DRAWBRIDGE_REDIS_URL: %s\n", redis_wrong ? "error" : "warning",
	       why ? why + 4 : fact);
}

/* The shortest of some round trips: what nobody hears is published. -1: it fails. */
static int64_t round_trip_ns(struct redis *redis, const struct conf *conf)
{
	char *channel = presence_channel(conf, "@");	/* no peer's id */
	int64_t least = INT64_MAX;
	enum err e = OK;

	for (int i = 0; i < ROUND_TRIPS && !e; i++) {
		int64_t start = clock_ns(), ns;

		e = redis_publish(redis, channel, "");
		ns = clock_ns() - start;
		if (ns < least)
			least = ns;
	}
	free(channel);
	return e ? -1 : least;
}

/* What to expect: round trips in a row, as drawbridge-operations(7) has them. */
static void print_distance(struct redis *redis, const struct conf *conf)
{
	int64_t ns = round_trip_ns(redis, conf);
	double ms = (double)ns / 1e6;

	if (ns < 0)
		return;
	printf("Redis answers after %.1f ms: a relay or a join takes at least %.1f ms, "
	       "a stream %.1f ms to open\n", ms, ms, 2 * ms);
	if (ms > FAR_MS)
		printf("warning: DRAWBRIDGE_REDIS_URL: Redis is %.0f ms away: a new "
		       "connection, which takes two to four round trips, may not be there in "
		       "time\n", ms);
}

static void print_webhooks(struct redis *redis, const struct conf *conf)
{
	struct webhook_state state;

	if (!conf->webhook || webhook_state(redis, conf, &state))
		return;
	if (!state.is_sent)
		printf("warning: DRAWBRIDGE_WEBHOOK: nobody sends: \"drawbridge webhook\" has to "
		       "run on some host, as by drawbridge-webhook.service\n");
	if (state.oldest_ms > BEHIND_MS)
		printf("warning: DRAWBRIDGE_WEBHOOK: the site is behind by %lld s; %lld events "
		       "wait\n", state.oldest_ms / 1000, state.waiting);
}

/* By the same code as the programs, on a connection that blocks. What is wrong comes by
 * the log. */
static void connect_redis(const struct conf *conf)
{
	struct redis *redis = redis_new(-1);

	log_set_sink(print_redis_fact);
	if (!redis_connect(redis)) {
		print_distance(redis, conf);
		print_webhooks(redis, conf);
	}
	redis_free(redis);
}

static bool check_redis(bool connects)
{
	struct buf unused = BUF_INIT(64 * 1024);
	struct conf conf;
	const char *wrong;

	/* It was right a moment ago: only what conf_each() has freed is read again. */
	if (conf_read(&conf, environ, &unused)) {
		wrong = store_init(&conf);
		redis_wrong = wrong;
		if (wrong)
			printf("error: DRAWBRIDGE_REDIS_URL: %s\n", wrong);
		else if (connects)
			connect_redis(&conf);
		conf_free(&conf);
	}
	buf_free(&unused);
	return !redis_wrong;
}

static int run_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "settings", no_argument, NULL, 's' }, { 0 }
	};
	struct buf why = BUF_INIT(64 * 1024);
	bool good, settings = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 's')
			return EXIT_USAGE;
		settings = true;
	}
	if (optind < argc)
		return usage_error("check takes only options");
	good = conf_each(environ, print_setting, NULL, &why);
	print_lines(good ? "warning" : "error", why.data);
	buf_free(&why);
	good = good && check_redis(!settings);
	return good ? 0 : EXIT_WRONG;
}

const struct command command_check = {
	"check",
	"[--settings]\n"
	"           Prints each setting, its value (secrets are not shown) and where it\n"
	"           came from; and what is wrong, in lines that begin with \"error:\".\n"
	"           Then checks whether Redis can be used, and how far away it is.\n"
	"           --settings        check only the settings, not Redis",
	run_check,
};
