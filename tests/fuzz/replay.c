/*
 * replay.c - main() of a target where libFuzzer has none: takes each file of its
 * corpus, or those that are named.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "fuzz.h"

enum { INPUT_MAX = 1024 * 1024 };

static bool replay(const char *name)
{
	FILE *f = fopen(name, "re");
	char *bytes, *exact;
	size_t n;

	if (!f) {
		perror(name);
		return false;
	}
	bytes = xmalloc(INPUT_MAX);
	n = fread(bytes, 1, INPUT_MAX, f);
	fclose(f);
	/* Flushed before, so that a crash is of the last one named. */
	printf("%s\n", name);
	fflush(stdout);
	exact = xmalloc(n + !n);	/* so that a byte too far is noticed */
	memcpy(exact, bytes, n);
	free(bytes);
	LLVMFuzzerTestOneInput((const uint8_t *)exact, n);
	free(exact);
	return true;
}

static bool replay_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool good = true;
	int count = 0;

	if (!dir) {
		perror(folder);
		return false;
	}
	while ((entry = readdir(dir))) {
		char name[1024];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
		good = replay(name) && good;
		count++;
	}
	closedir(dir);
	if (!count)
		fprintf(stderr, "%s: nothing is in it\n", folder);
	return good && count;
}

int main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char folder[512];
	bool good = true;

	for (int i = 1; i < argc; i++)
		good = replay(argv[i]) && good;
	if (argc > 1)
		return !good;
	/* fuzz_NAME has corpus/NAME. */
	snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s",
		 top ? top : ".", strchr(program_invocation_short_name, '_') + 1);
	return !replay_folder(folder);
}
