/*
 * drawbridge room - who is in a room.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "room/server.h"

enum { MEMBERS_PAGE_MAX = 256 * 1024 };

static const char *member_text(const json_t *member, const char *name)
{
	const char *text = json_string_value(json_object_get(member, name));

	return text ? text : "";
}

/* A room has a thousand members at most: so all are here, and columns as wide as they need. */
static void print_members(const char *room, const json_t *members)
{
	size_t i, width = strlen("ID"), count = json_array_size(members);
	const json_t *member;

	json_array_foreach(members, i, member) {
		size_t len = strlen(member_text(member, "id"));

		if (len > width)
			width = len;
	}
	printf("room %s: %zu peer%s\n\n%-*s  %-19s  HERE  NAME\n", room, count,
	       count == 1 ? "" : "s", (int)width, "ID", "SINCE");
	json_array_foreach(members, i, member) {
		struct buf since = BUF_INIT(64), name = BUF_INIT(1024), id = BUF_INIT(1024);

		console_append_text(&id, member_text(member, "id"));
		console_append_time(&since, json_integer_value(json_object_get(member, "since")));
		console_append_text(&name, member_text(member, "username"));
		printf("%-*s  %-19s  %-4s  %s\n", (int)width, id.data, since.data,
		       json_is_true(json_object_get(member, "here")) ? "yes" : "away",
		       name.data ? name.data : "");
		buf_free(&since);
		buf_free(&name);
		buf_free(&id);
	}
}

static enum err collect_members(struct console *c, const char *room, json_t *members)
{
	struct buf answer = BUF_INIT(MEMBERS_PAGE_MAX);
	char after[1024] = "";
	bool more = true;
	enum err e = OK;
	int wait_ms;

	while (more && !(e = server_room(c->redis, &c->conf, room, after, SERVER_LIMIT_MAX,
					 &answer, &wait_ms))) {
		json_t *page = console_json(&answer);
		const char *next = json_string_value(json_object_get(page, "next"));

		json_array_extend(members, json_object_get(page, "members"));
		more = next;
		snprintf(after, sizeof after, "%s", next ? next : "");
		json_decref(page);
	}
	buf_free(&answer);
	return e;
}

static int list_members(struct console *c, const char *room, bool json)
{
	json_t *members = json_array();
	enum err e = collect_members(c, room, members);
	int status = 0;

	if (e)
		status = console_failed(room, e);
	else if (!json_array_size(members))
		status = console_wrong("room %s: nobody is in it", room);
	else if (!json)
		print_members(room, members);
	else
		for (size_t i = 0; i < json_array_size(members); i++)
			console_print_json(json_array_get(members, i));
	json_decref(members);
	return status;
}

static int run_room(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { 0 }
	};

	return console_run(argc, argv, options, "NAME",
			   "room requires the name of one room; see drawbridge room --help",
			   list_members);
}

const struct command command_room = {
	"room",
	"[--json] NAME\n"
	"           Lists who is in a room: since when, and whether the peer is here or away,\n"
	"           which is without a stream, and soon gone unless it returns.\n"
	"           --json            a line of JSON for each",
	run_room,
};
