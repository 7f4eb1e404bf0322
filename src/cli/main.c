/*
 * drawbridge - for the person who runs it: settings, tokens, and what is wrong
 * with a deployment.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

static const struct command *const commands[] = {
	&command_check, &command_token, &command_doctor, &command_health, &command_rooms,
	&command_room, &command_peer, &command_kick, &command_send, &command_watch,
	&command_webhook, NULL,
};

int usage_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("drawbridge: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return EXIT_USAGE;
}

static void print_help(void)
{
	for (int i = 0; commands[i]; i++)
		printf("%s drawbridge %s %s\n", i ? "      " : "usage:",
		       commands[i]->name, commands[i]->usage);
	puts("       drawbridge --version\n"
	     "       drawbridge [COMMAND] --help\n\n"
	     "See drawbridge(1).");
}

static int run_command(const struct command *command, int argc, char **argv)
{
	/* Before getopt, so that no command has to know it, and no other option is
	 * complained about. */
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help")) {
			printf("usage: drawbridge %s %s\n", command->name,
			       command->usage);
			return 0;
		}
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (!strcmp(word, "--version")) {
		puts("drawbridge " PACKAGE_VERSION);
		return 0;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "help")) {
		print_help();
		return 0;
	}
	for (int i = 0; commands[i]; i++)
		if (!strcmp(word, commands[i]->name)) {
			argv[1] = argv[0];	/* getopt's complaints name it */
			return run_command(commands[i], argc - 1, argv + 1);
		}
	return usage_error("%s%s; see drawbridge --help",
			   *word ? "unknown command: " : "missing command", word);
}
