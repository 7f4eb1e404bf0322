/*
 * commands.h - what the program drawbridge can do: a command is a file here and
 * a row in main.c.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

struct command {
	const char *name;
	const char *usage;	/* its arguments; in the lines below, what they mean */
	/* argv[0] is the program's name; --help is answered. Returns the exit
	 * status. */
	int (*run)(int argc, char **argv);
};

extern const struct command command_check, command_token, command_doctor,
	command_health, command_rooms, command_room, command_peer, command_kick,
	command_send, command_watch, command_webhook;

enum { EXIT_WRONG = 1, EXIT_USAGE = 2 };

/* A line on standard error, with the program's name before it; EXIT_USAGE. */
int usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
