/*
 * refusals.h - which refusals are logged: of each kind and host one a second, so
 * that nobody can fill the log. The others are counted.
 *
 * The table is of a fixed size, and one look at one place of it decides. Hosts may
 * share a place: then one of them is logged, and counts for both. Kinds do not.
 */
#ifndef WEB_REFUSALS_H
#define WEB_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Whether this one is logged; then *not_logged is how many were not since the one
 * before it. host: of network_host(); now: of clock_ms(). For any thread. */
bool refusal_is_logged(enum err e, const char *host, int64_t now,
		       uint64_t *not_logged);

#endif
