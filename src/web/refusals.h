/*
 * refusals.h - which refusals are logged: of each kind and host one a second, so
 * that nobody can fill the log. The others are counted.
 *
 * The table has a fixed size, and one slot of it decides. Hosts may share a slot: then
 * one of them is logged, and counts for both. Kinds do not.
 */
#ifndef WEB_REFUSALS_H
#define WEB_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Whether this one is logged; then *not_logged is how many were not since the previous
 * one. host is as network_host() gives it, now as clock_ms(). Any thread. */
bool refusal_is_logged(enum err e, const char *host, int64_t now,
		       uint64_t *not_logged);

#endif
