/*
 * forwarded.h - what proxies say of a request that they forward: which client it is from, and
 * whether the browser uses HTTPS. By X-Forwarded-For, X-Forwarded-Proto and Forwarded
 * (RFC 7239), to each of which a proxy appends what it knows of its own client.
 */
#ifndef WEB_FORWARDED_H
#define WEB_FORWARDED_H

#include <stdbool.h>

#include "base/network.h"

/*
 * The client: remote, unless it is in proxies (which ends with NULL); then the right-most
 * address that is not. Addresses before it may be forged by the client. A missing header is
 * NULL.
 *
 * Returns whether it is certain. It is not, and `to` is the last proxy that can be trusted,
 * where
 * - an element is no address: malformed, "unknown" or obfuscated (RFC 7239, 6);
 * - the two headers disagree: a proxy writes one of them and forwards the other as the
 *   client has sent it, and it is not known which;
 * - there are such headers though remote is none of proxies, or they are empty.
 */
bool forwarded_client(char *const *proxies, const char *remote,
		      const char *x_forwarded_for, const char *forwarded,
		      char to[NETWORK_HOST_MAX]);

/*
 * Whether the browser uses HTTPS to the first proxy. The first element of a list
 * ("https,http") counts: the others are between proxies. The header is trusted from any
 * client: one that forges it gets a cookie with Secure, and no page can make a browser send
 * it.
 */
bool forwarded_https(const char *x_forwarded_proto, const char *forwarded);

#endif
