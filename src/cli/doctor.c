/*
 * drawbridge doctor - does anything between a browser and the programs break them? Each
 * wrong answer is reported with the line of configuration to change.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/doctor.h"

static bool parse_number(const char *name, long max, long *to)
{
	if (number_parse(optarg, strlen(optarg), 1, max, to))
		return true;
	usage_error("--%s: must be a number from 1 to %ld", name, max);
	return false;
}

static bool parse_options(struct doctor *d, int argc, char **argv, bool *sign)
{
	static const struct option options[] = {
		{ "streams", required_argument, NULL, 's' },
		{ "hold", required_argument, NULL, 'h' },
		{ "unread", required_argument, NULL, 'u' },
		{ "wait", required_argument, NULL, 'w' },
		{ "sign", no_argument, NULL, 'g' },
		{ "insecure", no_argument, NULL, 'k' },
		{ 0 }
	};
	bool good = true;
	int option;

	while (good && (option = getopt_long(argc, argv, "k", options, NULL)) != -1)
		switch (option) {
		case 's': good = parse_number("streams", STREAMS_MAX, &d->streams); break;
		case 'h': good = parse_number("hold", SECONDS_MAX, &d->hold); break;
		case 'u': good = parse_number("unread", SECONDS_MAX, &d->unread); break;
		case 'w': good = parse_number("wait", SECONDS_MAX, &d->wait); break;
		case 'g': *sign = true; break;
		case 'k': d->insecure = true; break;
		default: good = false;
		}
	return good;
}

extern char **environ;

static int run_doctor(int argc, char **argv)
{
	struct doctor d = { .streams = 20, .hold = 20, .wait = 5 };
	struct buf why = BUF_INIT(32 * 1024);
	struct conf conf = { 0 };
	bool sign = false;
	int status = EXIT_USAGE;
	char *url = NULL;

	if (!parse_options(&d, argc, argv, &sign))
		return EXIT_USAGE;
	if (optind + 1 != argc)
		return usage_error("doctor requires one URL; see drawbridge doctor --help");
	url = client_url(argv[optind]);
	if (!url)
		return usage_error("%s: must be http://HOST[:PORT][/PATH] or "
				   "https://...", argv[optind]);
	/* client_url() has seen to it that there is a slash. */
	d.mount = strchr(strstr(url, "://") + 3, '/');
	if (sign && !conf_read(&conf, environ, &why)) {
		fprintf(stderr, "%s", why.data);
		status = EXIT_WRONG;
	} else {
		d.sign = sign ? &conf : NULL;
		status = doctor_examine(&d, url);
	}
	conf_free(&conf);
	buf_free(&why);
	free(url);
	return status;
}

const struct command command_doctor = {
	"doctor",
	"[-k] [--sign] [--streams N] [--hold SECONDS] [--unread SECONDS]\n"
	"           [--wait SECONDS] URL\n"
	"           Tests a deployment from outside, and names the line of configuration\n"
	"           to change where it fails.\n"
	"           -k, --insecure    accept any certificate\n"
	"           --sign            sign the tokens with the local DRAWBRIDGE_SECRET,\n"
	"                             for where /access is off\n"
	"           --streams N       open this many streams at a time (default 20)\n"
	"           --hold SECONDS    keep an idle stream open for this long (default 20)\n"
	"           --unread SECONDS  leave a stream unread for this long: longer than\n"
	"                             DRAWBRIDGE_SEND_TIMEOUT (default 30); off by default\n"
	"           --wait SECONDS    wait this long for an answer (default 5); answers\n"
	"                             take at most 2, on a machine that is not overloaded",
	run_doctor,
};
