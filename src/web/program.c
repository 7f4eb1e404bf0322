#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/shared.h"
#include "store/store.h"
#include "web/fcgi.h"
#include "web/program.h"

bool program_start(int argc, char **argv, const char *name, struct conf *conf)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		printf("%s " PACKAGE_VERSION "\n", name);
		exit(0);
	}
	conf_load(conf);
	store_init(conf);
	shared_init(conf);
	return fcgi_init();
}
