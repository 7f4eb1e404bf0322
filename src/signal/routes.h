/*
 * routes.h - what signal.fcgi answers.
 */
#ifndef SIGNAL_ROUTES_H
#define SIGNAL_ROUTES_H

#include "web/http.h"

/* To the end, which is NULL. */
extern const struct route *const signal_routes[];

#endif
