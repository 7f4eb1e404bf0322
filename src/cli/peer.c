/*
 * drawbridge peer - where a peer is.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "room/server.h"

enum { ANSWER_MAX = 64 * 1024 };

static void print_peer(const json_t *peer)
{
	const char *name = json_string_value(json_object_get(peer, "username"));
	long long streams = json_integer_value(json_object_get(peer, "streams"));
	const json_t *rooms = json_object_get(peer, "rooms");
	struct buf out = BUF_INIT(ANSWER_MAX);

	buf_fmt(&out, "id     %s\nname   ", json_string_value(json_object_get(peer, "id")));
	console_append_text(&out, name ? name : "");
	if (json_is_true(json_object_get(peer, "here")))
		buf_fmt(&out, "\nhere   yes, with %lld stream%s\nsince  ", streams,
			streams == 1 ? "" : "s");
	else
		buf_str(&out, "\nhere   no: it has no stream, and is soon gone unless it returns"
			"\nsince  ");
	console_append_time(&out, json_integer_value(json_object_get(peer, "since")));
	buf_str(&out, "\nrooms  ");
	for (size_t i = 0; i < json_array_size(rooms); i++)
		buf_fmt(&out, "%s%s", i ? " " : "",
			json_string_value(json_array_get(rooms, i)));
	if (!json_array_size(rooms))
		buf_str(&out, "none");
	puts(out.data);
	buf_free(&out);
}

static int show_peer(struct console *c, const char *id, bool as_json)
{
	struct buf answer = BUF_INIT(ANSWER_MAX);
	int wait_ms;
	enum err e = server_peer(c->redis, &c->conf, id, &answer, &wait_ms);
	json_t *peer = e ? NULL : console_json(&answer);

	if (!e && as_json)
		console_print_json(peer);
	else if (!e)
		print_peer(peer);
	json_decref(peer);
	buf_free(&answer);
	return e ? console_failed(id, e) : 0;
}

static int run_peer(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { 0 }
	};

	return console_run(argc, argv, options, "ID",
			   "peer requires the id of one peer; see drawbridge peer --help",
			   show_peer);
}

const struct command command_peer = {
	"peer",
	"[--json] ID\n"
	"           Shows a peer: its name, whether it is here, and its rooms.\n"
	"           --json            as a line of JSON",
	run_peer,
};
