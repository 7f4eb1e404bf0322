/*
 * drawbridge send - an event for all who are in a room.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "room/room.h"

static int send_on(struct console *c, const char *room, const struct item *item)
{
	int peers = 0, wait_ms;
	enum err e;

	if (item->data_len > c->conf.body_max)
		return console_wrong("JSON: longer than DRAWBRIDGE_BODY_MAX, %u bytes",
				     c->conf.body_max);
	e = room_broadcast(c->redis, &c->conf, NULL, 0, "", room, item, &peers, &wait_ms);
	if (e)
		return console_failed(room, e);
	if (!peers)
		return console_wrong("room %s: nobody is in it", room);
	printf("sent to %d peer%s\n", peers, peers == 1 ? "" : "s");
	return 0;
}

static int send_event(const char *room, const struct item *item)
{
	struct console c;
	int status;

	if (!console_open(&c))
		return EXIT_WRONG;
	status = send_on(&c, room, item);
	console_close(&c);
	return status;
}

static int run_send(int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	struct item item;
	char why[128];
	json_t *json;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return EXIT_USAGE;
	if (optind + 3 != argc)
		return usage_error("send requires a room, an event and JSON; see drawbridge send --help");
	if (!console_check_id("ROOM", argv[optind]))
		return EXIT_USAGE;
	item = (struct item){ .event = argv[optind + 1], .data = argv[optind + 2],
			      .data_len = strlen(argv[optind + 2]) };
	if (!id_valid_event(item.event, strlen(item.event)))
		return usage_error("EVENT: must be 1 to 64 characters of A-Z a-z 0-9 _ -, and not "
				   "that of one of the server's own events");
	json = json_parse(item.data, item.data_len, why);
	if (!json)
		return usage_error("JSON: is not valid; a text needs quotes, as in "
				   "'\"maintenance at noon\"'");
	json_decref(json);
	return send_event(argv[optind], &item);
}

const struct command command_send = {
	"send",
	"ROOM EVENT JSON\n"
	"           Sends an event to all who are in a room, as from the server: with\n"
	"           \"peer\":null, and the JSON as its data.",
	run_send,
};
