/*
 * program.h - how each of our programs begins.
 */
#ifndef WEB_PROGRAM_H
#define WEB_PROGRAM_H

#include <stdbool.h>

#include "base/conf.h"

/* Answers --help and --version, reads the settings into conf, which must stay,
 * makes Redis known and opens the shared memory; ends the program where a
 * setting is wrong. Returns whether there
 * is a FastCGI socket to serve; else there is one request of CGI. */
bool program_start(int argc, char **argv, const char *name, struct conf *conf);

#endif
