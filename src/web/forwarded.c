/*
 * A header is a list to which each proxy appends the address of its own client. So its
 * last element was written by the proxy that we see (remote), the one before by the
 * host that this element names, if that is a proxy too, and so on. The walk ends at the
 * first address that is no proxy of ours: that is the client, and what stands before it
 * may be its invention.
 *
 * Proxies write one of the two headers, and most pass the other one on as the client
 * has sent it. Which is which cannot be known, so a difference between them makes the
 * client uncertain.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "web/field.h"
#include "web/forwarded.h"

enum {
	/* Far more than any chain of proxies. Each hop is compared with all of PROXIES,
	 * and a client may write as many as fit into a header. */
	HOPS_MAX = 32,
	PORT_LEN_MAX = 5,
	NODE_MAX = 128, SCHEME_MAX = 16,	/* bytes, with the NUL */
};

/* Of the client: nothing, or an address, or that it is not known. */
enum said { SAID_NOTHING, SAID_ADDRESS, SAID_NO_ADDRESS };

/* ":443", or ":_x": an obfuscated one (RFC 7239, 6.2). Nothing is fine. */
static bool is_port(const char *s)
{
	size_t digits;

	if (!*s)
		return true;
	if (*s++ != ':')
		return false;
	if (*s == '_')
		return s[1];
	digits = strspn(s, "0123456789");
	return digits && digits <= PORT_LEN_MAX && !s[digits];
}

/* 192.0.2.1, 192.0.2.1:443, [2001:db8::1], [2001:db8::1]:443, and 2001:db8::1, which is
 * in brackets in Forwarded, and without in X-Forwarded-For (CloudFront leaves them out
 * in both). A single colon precedes a port, as every IPv6 address has at least two. */
static bool parse_node(struct field node, char to[NETWORK_HOST_MAX])
{
	char text[NODE_MAX], *address = text, *end;

	if (!field_value(node, text, sizeof text))
		return false;
	if (*text == '[') {
		address++;
		end = strchr(address, ']');
		if (!end || !strchr(address, ':') || !is_port(end + 1))
			return false;
		*end = '\0';
	} else {
		end = strchr(text, ':');
		if (end && !strchr(end + 1, ':')) {
			if (!is_port(end))
				return false;
			*end = '\0';
		}
	}
	return network_address(address, to);
}

static enum said parse_x_forwarded_for(struct field element, char to[NETWORK_HOST_MAX])
{
	return parse_node(element, to) ? SAID_ADDRESS : SAID_NO_ADDRESS;
}

/* An element without "for" says nothing: Forwarded may be there for the scheme alone.
 * With two it contradicts itself. */
static enum said parse_forwarded(struct field element, char to[NETWORK_HOST_MAX])
{
	char node[NODE_MAX];

	switch (field_parameter(element, "for", node, sizeof node)) {
	case 0: return SAID_NOTHING;
	case 1: break;
	default: return SAID_NO_ADDRESS;
	}
	return parse_node((struct field){ node, strlen(node) }, to) ?
		SAID_ADDRESS : SAID_NO_ADDRESS;
}

/* From the right, as long as the writer of an element is one of the proxies. If an
 * element names no address, the one found before is only the last proxy that can be
 * believed, and `to` keeps it. */
static enum said walk(char *const *proxies, const char *header,
		      enum said parse(struct field, char *),
		      char to[NETWORK_HOST_MAX])
{
	struct field rest = { header, header ? strlen(header) : 0 }, element;
	char address[NETWORK_HOST_MAX];
	enum said said = SAID_NOTHING;
	int hops = 0;

	while (field_pop(&rest, &element)) {
		enum said next;

		if (!element.len)
			continue;	/* may be anywhere (RFC 9110, 5.6.1) */
		if (hops++ == HOPS_MAX)
			return SAID_NO_ADDRESS;
		next = parse(element, address);
		if (next != SAID_ADDRESS)
			return said == SAID_NOTHING ? next : SAID_NO_ADDRESS;
		said = SAID_ADDRESS;
		strcpy(to, address);
		if (!network_any_has(proxies, to))
			break;
	}
	return said;
}

bool forwarded_client(char *const *proxies, const char *remote,
		      const char *x_forwarded_for, const char *forwarded,
		      char to[NETWORK_HOST_MAX])
{
	char other[NETWORK_HOST_MAX];
	enum said one, two;

	if (!network_address(remote, to))
		snprintf(to, NETWORK_HOST_MAX, "%s", remote);
	/* With such a header it may be a proxy all the same, which PROXIES lacks: then its
	 * address is not that of the client. */
	if (!network_any_has(proxies, to))
		return !x_forwarded_for && !forwarded;
	strcpy(other, to);
	one = walk(proxies, x_forwarded_for, parse_x_forwarded_for, to);
	two = walk(proxies, forwarded, parse_forwarded, other);
	if (one == SAID_NOTHING && two == SAID_NOTHING)
		return !x_forwarded_for && !forwarded;
	if (one == SAID_NOTHING) {
		strcpy(to, other);
		return two == SAID_ADDRESS;
	}
	if (two == SAID_NOTHING || (one == two && !strcmp(to, other)))
		return one == SAID_ADDRESS;
	/* They disagree: back to the proxy that we see. */
	network_address(remote, to);
	return false;
}

/* From the left, in contrast to the above: the scheme that counts is the one between
 * the browser and the first proxy, and nothing depends on who says so. */
bool forwarded_https(const char *x_forwarded_proto, const char *forwarded)
{
	struct field rest, first;
	char scheme[SCHEME_MAX];

	rest = (struct field){ x_forwarded_proto,
			       x_forwarded_proto ? strlen(x_forwarded_proto) : 0 };
	if (field_shift(&rest, ',', &first) &&
	    field_value(first, scheme, sizeof scheme) &&
	    !strcasecmp(scheme, "https"))
		return true;
	rest = (struct field){ forwarded, forwarded ? strlen(forwarded) : 0 };
	return field_shift(&rest, ',', &first) &&
		field_parameter(first, "proto", scheme, sizeof scheme) == 1 &&
		!strcasecmp(scheme, "https");
}
