/*
 * routes.h - what signal.fcgi answers: each has its row in main.c.
 */
#ifndef SIGNAL_ROUTES_H
#define SIGNAL_ROUTES_H

#include "web/http.h"

typedef enum err route_run(struct call *c);

route_run run_home, run_page, run_access, run_join, run_leave, run_peers,
	run_relay, run_relay_many, run_broadcast, run_ice, run_live, run_ready,
	run_metrics;

#endif
