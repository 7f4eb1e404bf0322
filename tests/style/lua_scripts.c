/*
 * lua_scripts.c - writes each script into FOLDER/NAME.lua as Redis gets it, for a linter that is to
 * see what the loader puts before a step, too. Prints "FILE LINES" each: how many lines those are.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/script.h"

static unsigned lines(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

int main(int argc, char **argv)
{
	struct conf conf = { .prefix = "drawbridge:" };

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	script_init(&conf);
	for (int i = 0; i < SCRIPT_COUNT; i++) {
		char *text = script_text((enum script)i);
		char path[4096];
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s.lua", argv[1], script_names[i]);
		file = fopen(path, "w");
		if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
			perror(path);
			return 1;
		}
		printf("%s %u\n", path, lines(text, strlen(text) - strlen(script_bodies[i])));
		free(text);
	}
	return 0;
}
