/*
 * Every address is handled as IPv6: 192.0.2.1 becomes ::ffff:192.0.2.1 (RFC 4291,
 * 2.5.5.2), and its prefix 96 bits longer. One comparison then serves both families,
 * and an IPv4 client looks the same whether it came through an IPv4 or a dual-stack
 * socket.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/network.h"
#include "base/number.h"

enum { MAPPED_BITS = 96 };		/* before an IPv4 address in IPv6 */

/* *bits: the length of the prefix, or all bits if there is none. inet_pton(3) is
 * strict: no names, no scopes (fe80::1%eth0), and no second reading of an IPv4 address.
 * inet_aton(3) would accept 127.1 and 0177.0.0.1, and so let one host be written in
 * many ways. */
static bool parse_network(const char *text, struct in6_addr *to, long *bits)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char address[INET6_ADDRSTRLEN + 8] = "::ffff:";
	bool v4 = memchr(text, ':', len) == NULL;
	size_t before = v4 ? strlen(address) : 0;

	*bits = v4 ? 32 : 128;
	if (len >= sizeof address - before ||
	    (slash && !number_parse(slash + 1, strlen(slash + 1), 0, *bits, bits)))
		return false;
	memcpy(address + before, text, len);
	address[before + len] = '\0';
	if (v4)
		*bits += MAPPED_BITS;
	return inet_pton(AF_INET6, address, to) == 1;
}

bool network_valid(const char *network)
{
	struct in6_addr address;
	long bits;

	return parse_network(network, &address, &bits);
}

bool network_has(const char *network, const char *address)
{
	struct in6_addr a, b;
	long bits, all;

	/* address may come from a client, and parse_network() would accept a network
	 * for it. */
	if (strchr(address, '/') || !parse_network(network, &a, &bits) ||
	    !parse_network(address, &b, &all))
		return false;
	for (int i = 0; i < 16 && bits > 0; i++, bits -= 8) {
		unsigned mask = bits >= 8 ? 0xff : 0xff00u >> bits & 0xff;

		if ((a.s6_addr[i] ^ b.s6_addr[i]) & mask)
			return false;
	}
	return true;
}

bool network_any_has(char *const *networks, const char *address)
{
	for (; *networks; networks++)
		if (network_has(*networks, address))
			return true;
	return false;
}

static void format_address(const struct in6_addr *a, char to[NETWORK_HOST_MAX])
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		inet_ntop(AF_INET, &a->s6_addr[12], to, NETWORK_HOST_MAX);
	else
		inet_ntop(AF_INET6, a, to, NETWORK_HOST_MAX);
}

bool network_address(const char *address, char to[NETWORK_HOST_MAX])
{
	struct in6_addr a;
	long bits;

	if (strchr(address, '/') || !parse_network(address, &a, &bits))
		return false;
	format_address(&a, to);
	return true;
}

void network_host(const char *address, char to[NETWORK_HOST_MAX])
{
	struct in6_addr a;
	long bits;

	if (strchr(address, '/') || !parse_network(address, &a, &bits)) {
		snprintf(to, NETWORK_HOST_MAX, "%s", address);
		return;
	}
	if (!IN6_IS_ADDR_V4MAPPED(&a))
		memset(&a.s6_addr[8], 0, 8);
	format_address(&a, to);
}
