/*
 * forwarded.h - what proxies say of a request that they have passed on: whose it
 * is, and whether the browser speaks HTTPS. In X-Forwarded-For, X-Forwarded-Proto
 * and Forwarded (RFC 7239), to each of which a proxy appends what it knows of the
 * one from whom it has the request.
 */
#ifndef WEB_FORWARDED_H
#define WEB_FORWARDED_H

#include <stdbool.h>

#include "base/network.h"

/*
 * The client: remote, unless that is in proxies (which ends with NULL); then the
 * right-most address that is not. All before it the client may have made up.
 * Headers that are not there are NULL.
 *
 * Returns whether it is certain. It is not, and `to` is the last proxy that can be
 * trusted to have said something, where
 * - an element is no address: malformed, "unknown" or obfuscated (RFC 7239, 6);
 * - the two headers do not agree: a proxy writes one of them and passes on the
 *   other as the client has sent it, and which is not known;
 * - there are such headers though remote is none of proxies, or they say nothing.
 */
bool forwarded_client(char *const *proxies, const char *remote,
		      const char *x_forwarded_for, const char *forwarded,
		      char to[NETWORK_HOST_MAX]);

/*
 * Whether the browser speaks HTTPS to the first proxy. Of a list ("https,http", of
 * a proxy that appends) the first counts: the others are between proxies.
 * From anybody: who makes it up gets a cookie that is kept more carefully, and
 * nobody can have a browser send it for another.
 */
bool forwarded_https(const char *x_forwarded_proto, const char *forwarded);

#endif
