/*
 * drawbridge rooms - which rooms have members, and how many.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "room/server.h"

enum { ROOMS_PAGE_MAX = 64 * 1024 };

/* The count comes first, as it needs no more than a few columns: so one page is as the next. */
static void print_rooms(const json_t *rooms, bool json)
{
	const json_t *room;
	size_t i;

	json_array_foreach(rooms, i, room)
		if (json)
			console_print_json(room);
		else
			printf("%5lld  %s\n", (long long)json_integer_value(json_object_get(room, "count")),
			       json_string_value(json_object_get(room, "room")));
}

static int list_all_rooms(struct console *c, const char *unused, bool json)
{
	struct buf answer = BUF_INIT(ROOMS_PAGE_MAX);
	char after[ID_MAX + 1] = "";
	bool any = false, more = true;
	enum err e = OK;
	int wait_ms;

	(void)unused;
	while (more && !(e = server_rooms(c->redis, &c->conf, after, SERVER_LIMIT_MAX, NULL,
					  &answer, &wait_ms))) {
		json_t *page = console_json(&answer);
		const json_t *rooms = json_object_get(page, "rooms");
		const char *next = json_string_value(json_object_get(page, "next"));

		if (!json && !any && json_array_size(rooms))
			puts("PEERS  ROOM");
		any = any || json_array_size(rooms);
		print_rooms(rooms, json);
		more = next;
		snprintf(after, sizeof after, "%s", next ? next : "");
		json_decref(page);
	}
	if (!e && !any && !json)
		puts("no room has members");
	buf_free(&answer);
	return e ? console_failed("rooms", e) : 0;
}

static int run_rooms(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { 0 }
	};

	return console_run(argc, argv, options, NULL,
			   "rooms takes only options; for one of them: drawbridge room NAME",
			   list_all_rooms);
}

const struct command command_rooms = {
	"rooms",
	"[--json]\n"
	"           Lists the rooms that have members, and how many.\n"
	"           --json            a line of JSON for each",
	run_rooms,
};
