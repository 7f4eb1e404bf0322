/*
 * network.h - addresses, as 192.0.2.1 or 2001:db8::1, and networks of them, as
 * 192.0.2.0/24 (CIDR, RFC 4632). An IPv4 address in an IPv6 one (::ffff:192.0.2.1)
 * is the same.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <stdbool.h>

bool network_valid(const char *network);

/* Whether it has this address. False where one of them is none. */
bool network_has(const char *network, const char *address);

#endif
