/*
 * drawbridge kick - ends a peer: its streams, its place in rooms and, for a time, its tokens.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "room/server.h"

/* At most so many characters of UTF-8, none of them one of control. */
static bool reason_valid(const char *text)
{
	json_t *json = json_string(text);	/* NULL where it is not UTF-8 */
	bool good = json;

	json_decref(json);
	for (const char *p = text; *p; p++)
		good = good && (unsigned char)*p >= ' ' && *p != 0x7f;
	return good && json_characters(text, strlen(text)) <= SERVER_REASON_MAX;
}

static void print_kicked(const char *id, int streams, long seconds)
{
	if (streams)
		printf("%s: out of all rooms; %d stream%s end%s now", id, streams,
		       streams == 1 ? "" : "s", streams == 1 ? "s" : "");
	else
		printf("%s: out of all rooms; it had no stream", id);
	if (seconds)
		printf("; its present tokens are refused for %ld s", seconds);
	putchar('\n');
}

static int kick_peer(const char *id, const char *reason, long seconds)
{
	struct console c;
	int streams = 0, wait_ms;
	enum err e;

	if (!console_open(&c))
		return EXIT_WRONG;
	e = server_disconnect(c.redis, &c.conf, id, reason, seconds, &streams, &wait_ms);
	if (!e)
		print_kicked(id, streams, seconds);
	console_close(&c);
	return e ? console_failed(id, e) : 0;
}

static int run_kick(int argc, char **argv)
{
	static const struct option options[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "for", required_argument, NULL, 'f' },
		{ 0 }
	};
	const char *reason = "";
	long seconds = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'r':
			if (!reason_valid(optarg))
				return usage_error("--reason: must be at most %d characters of UTF-8, "
						   "none of them a control character", SERVER_REASON_MAX);
			reason = optarg;
			break;
		case 'f':
			if (!number_parse(optarg, strlen(optarg), 0, SERVER_SECONDS_MAX, &seconds))
				return usage_error("--for: must be a number of seconds from 0 to %d",
						   SERVER_SECONDS_MAX);
			break;
		default:
			return EXIT_USAGE;
		}
	if (optind + 1 != argc)
		return usage_error("kick requires the id of one peer; see drawbridge kick --help");
	if (!console_check_id("ID", argv[optind]))
		return EXIT_USAGE;
	return kick_peer(argv[optind], reason, seconds);
}

const struct command command_kick = {
	"kick",
	"[--reason TEXT] [--for SECONDS] ID\n"
	"           Takes a peer out of all its rooms, and ends its streams; the client module\n"
	"           does not come back by itself then.\n"
	"           --reason TEXT     what its client is told\n"
	"           --for SECONDS     refuse the tokens that it has by now for so long\n"
	"                             (default 0)",
	run_kick,
};
