/*
 * drawbridge check - each setting: what it is and where that came from, or what
 * is wrong.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>

#include "base/conf.h"
#include "cli/commands.h"

extern char **environ;

static void tell(void *unused, const char *name, const char *value,
		 const char *source)
{
	(void)unused;
	printf("%-25s %-39s  %s\n", name, value, source);
}

/* Each of these lines with a word before it. */
static void tell_lines(const char *word, char *lines)
{
	for (char *line = lines, *end; line && *line; line = end) {
		end = line;
		while (*end && *end != '\n')
			end++;
		printf("%s: %.*s\n", word, (int)(end - line), line);
		end += *end == '\n';
	}
}

static int run(int argc, char **argv)
{
	static const struct option none[] = { { 0 } };
	struct buf why = BUF_INIT(64 * 1024);
	bool good;

	if (getopt_long(argc, argv, "", none, NULL) != -1)
		return EXIT_USAGE;
	if (optind < argc)
		return complain("check takes no arguments");
	good = conf_tell(environ, tell, NULL, &why);
	tell_lines(good ? "warning" : "wrong", why.data);
	buf_free(&why);
	return good ? 0 : EXIT_WRONG;
}

const struct command command_check = {
	"check",
	"\n"
	"           Prints each setting, its value (secrets are not shown) and where it\n"
	"           came from; and what is wrong, in lines that begin with \"wrong:\".",
	run,
};
