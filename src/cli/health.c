/*
 * drawbridge health - one request to a deployment: do the programs run behind their
 * web server, and does Redis pass messages on? For what asks every few seconds.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cli/client.h"
#include "cli/commands.h"

enum { WAIT_S = 5, WAIT_MAX_S = 3600 };

/* health/ready is answered from one probe a second (signal/health.c), so it costs
 * little to ask often, from many containers. */
static int ask_ready(struct client *client)
{
	const struct request ready = { .method = "GET", .path = "health/ready" };
	struct exchange *x = client_ask(client, &ready);
	int status = x->done && x->status == 200 ? 0 : EXIT_WRONG;

	if (!status)
		puts("ready");
	else if (x->status)
		printf("not ready: status %d\n", x->status);
	else
		printf("not ready: %s\n", x->why);
	client_end(client, x);
	return status;
}

static int run_health(int argc, char **argv)
{
	static const struct option options[] = {
		{ "wait", required_argument, NULL, 'w' }, { 0 }
	};
	long wait_s = WAIT_S;
	struct client *client;
	int option, status;
	char *url;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'w')
			return EXIT_USAGE;
		if (!number_parse(optarg, strlen(optarg), 1, WAIT_MAX_S, &wait_s))
			return usage_error("--wait: must be a number from 1 to %d", WAIT_MAX_S);
	}
	if (optind + 1 != argc)
		return usage_error("health requires one URL; see drawbridge health --help");
	url = client_url(argv[optind]);
	if (!url)
		return usage_error("%s: must be http://HOST[:PORT][/PATH] or "
				   "https://...", argv[optind]);
	client = client_new(url, false, wait_s);
	status = ask_ready(client);
	client_free(client);
	free(url);
	return status;
}

const struct command command_health = {
	"health",
	"[--wait SECONDS] URL\n"
	"           Asks a deployment once whether it is ready: that its programs run and\n"
	"           its Redis serves. For the health check of a container.\n"
	"           --wait SECONDS    wait this long for the answer (default 5)",
	run_health,
};
