#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "room/report.h"
#include "shared/shared.h"
#include "store/store.h"
#include "web/fcgi.h"
#include "web/program.h"

static void answer_options(int argc, char **argv, const char *name)
{
	bool right;

	/* A query without '=' comes as arguments, too (RFC 3875, 4.4): who asks for
	 * /ice?--version must get an answer. */
	if (argc < 2 || getenv("REQUEST_METHOD"))
		return;
	if (!strcmp(argv[1], "--version")) {
		printf("%s " PACKAGE_VERSION "\n", name);
		exit(0);
	}
	right = !strcmp(argv[1], "--help");
	fprintf(right ? stdout : stderr,
		"usage: %s [--help | --version]\n"
		"A FastCGI or CGI program: a web server starts it, with settings from the\n"
		"environment and " CONF_FILE ". See %s(8), and\n"
		"\"drawbridge check\" for the settings.\n", name, name);
	exit(right ? 0 : 2);
}

static void init_store(const struct conf *conf)
{
	const char *wrong = store_init(conf);

	if (wrong) {
		log_error("conf.load", "DRAWBRIDGE_REDIS_URL: %s", wrong);
		exit(1);
	}
}

/* All of it before there is a second thread, as store_init() and shared_init() demand;
 * and a wrong setting ends the program before it has taken a request. */
bool program_start(int argc, char **argv, const char *name, struct conf *conf)
{
	answer_options(argc, argv, name);
	conf_load(conf);
	init_store(conf);
	shared_init(conf);
	report_init(conf);
	return fcgi_init(conf->body_max, conf->body_timeout);
}
