/*
 * resolve.h - the addresses of a host, within a time limit.
 *
 * getaddrinfo(3) waits for name servers as long as resolv.conf(5) says, which may be half a
 * minute. So it runs on a thread of its own, one for each name, and the caller goes on
 * without it when it is late. Its answer is for the next call.
 */
#ifndef BASE_RESOLVE_H
#define BASE_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ADDRESSES_MAX = 8,
	ADDRESS_MAX = 63,	/* with the scope that one of IPv6 may have */
	RESOLVE_MS = 400,	/* from the start of the thread on; then it is late */
	RESOLVE_FRESH_MS = 1000,	/* an answer is not asked for again */
	RESOLVE_KEEP_MS = 60000,	/* it is used where there is no newer one */
};

/* Numeric ones, those of IPv4 first. */
struct addresses {
	size_t count;
	char text[ADDRESSES_MAX][ADDRESS_MAX + 1];
};

/*
 * name is that of a host, or an address, which takes no time. Waits until the deadline, on
 * clock_ms(), at the latest. NULL: *to has at least one; otherwise why there is none, a
 * static text.
 */
const char *resolve(const char *name, int64_t deadline, struct addresses *to);

#endif
