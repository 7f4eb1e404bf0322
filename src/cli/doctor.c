/*
 * drawbridge doctor - is something between a browser and the programs in the
 * way? Each answer that is not right is a finding, with the line of
 * configuration to change.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cli/commands.h"
#include "cli/doctor.h"

/* With a slash at the end. NULL: it is none. */
static char *whole_url(const char *text)
{
	struct buf url = BUF_INIT(2048);
	size_t len = strlen(text);

	if ((strncmp(text, "http://", 7) && strncmp(text, "https://", 8)) ||
	    strpbrk(text, "?# \"\\") || !strstr(text, "://")[3])
		return NULL;
	buf_str(&url, text);
	if (text[len - 1] != '/')
		buf_char(&url, '/');
	if (buf_ok(&url))
		return url.data;
	buf_free(&url);
	return NULL;
}

static bool take_number(const char *name, long most, long *to)
{
	if (number_parse(optarg, strlen(optarg), 1, most, to))
		return true;
	complain("--%s: a number from 1 to %ld", name, most);
	return false;
}

static bool take_options(struct doctor *d, int argc, char **argv, bool *sign)
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
		case 's': good = take_number("streams", STREAMS_MOST, &d->streams); break;
		case 'h': good = take_number("hold", SECONDS_MOST, &d->hold); break;
		case 'u': good = take_number("unread", SECONDS_MOST, &d->unread); break;
		case 'w': good = take_number("wait", SECONDS_MOST, &d->wait); break;
		case 'g': *sign = true; break;
		case 'k': d->insecure = true; break;
		default: good = false;
		}
	return good;
}

extern char **environ;

static int run(int argc, char **argv)
{
	struct doctor d = { .streams = 20, .hold = 20, .wait = 5 };
	struct buf why = BUF_INIT(32 * 1024);
	struct conf conf = { 0 };
	bool sign = false;
	int status = EXIT_USAGE;
	char *url = NULL;

	if (!take_options(&d, argc, argv, &sign))
		return EXIT_USAGE;
	if (optind + 1 != argc)
		return complain("doctor needs one URL: see drawbridge doctor --help");
	url = whole_url(argv[optind]);
	if (!url)
		return complain("%s: allowed is http://HOST[:PORT][/PATH] or "
				"https://...", argv[optind]);
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
	"           Tries a deployment from outside, and names the line of configuration\n"
	"           to change where it is not right.\n"
	"           -k, --insecure    take any certificate\n"
	"           --sign            sign the tokens with the secret of the settings here,\n"
	"                             for where /access is off\n"
	"           --streams N       open so many at a time (20)\n"
	"           --hold SECONDS    keep an idle stream for so long (20)\n"
	"           --unread SECONDS  leave one unread for so long: more than\n"
	"                             DRAWBRIDGE_SEND_TIMEOUT (30); not done by itself\n"
	"           --wait SECONDS    for an answer (5); ours come within 2, on a machine\n"
	"                             that has time for them",
	run,
};
