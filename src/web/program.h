/*
 * program.h - the start of both FastCGI programs.
 */
#ifndef WEB_PROGRAM_H
#define WEB_PROGRAM_H

#include <stdbool.h>

#include "conf/conf.h"

/* Answers --help and --version, reads the settings into conf, which must stay, and calls
 * store_init(), shared_init(), report_init() and fcgi_init(). Exits where a setting is
 * wrong. Returns whether there is a FastCGI socket to serve; otherwise there is one CGI
 * request. */
bool program_start(int argc, char **argv, const char *name, struct conf *conf);

#endif
