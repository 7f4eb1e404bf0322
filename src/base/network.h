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

/* Whether one of them has it; the last is NULL. */
bool network_any_has(char *const *networks, const char *address);

enum { NETWORK_HOST_MAX = 64 };		/* with the NUL */

/* An address as all write it: an IPv4 one in IPv6 is IPv4. False: it is none. */
bool network_address(const char *address, char to[NETWORK_HOST_MAX]);

/* What stands for a host that may be counted: an IPv4 address; of an IPv6 one its
 * first 64 bits, as a host has all addresses that begin so (RFC 4291, 2.5.1).
 * What is no address stays as it is, up to its size here. */
void network_host(const char *address, char to[NETWORK_HOST_MAX]);

#endif
