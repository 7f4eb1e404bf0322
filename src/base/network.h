/*
 * network.h - addresses, as 192.0.2.1 or 2001:db8::1, and networks of them, as
 * 192.0.2.0/24 (CIDR, RFC 4632). An IPv4 address in an IPv6 one (::ffff:192.0.2.1)
 * is the same.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <stdbool.h>

bool network_valid(const char *network);

/* Whether it contains this address. False where either is invalid. */
bool network_has(const char *network, const char *address);

/* Whether one of them contains it; the last is NULL. */
bool network_any_has(char *const *networks, const char *address);

enum { NETWORK_HOST_MAX = 64 };		/* with the NUL */

/* The canonical form of an address: an IPv4 one in IPv6 is IPv4. False: it is invalid. */
bool network_address(const char *address, char to[NETWORK_HOST_MAX]);

/* What identifies a host in limits: an IPv4 address; of an IPv6 one the first 64 bits, as a
 * host may have all addresses that begin with them (RFC 4291, 2.5.1). What is no address
 * is copied, up to the size here. */
void network_host(const char *address, char to[NETWORK_HOST_MAX]);

#endif
