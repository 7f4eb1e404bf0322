#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/percent.h"
#include "web/field.h"
#include "web/http.h"

enum { QVALUE_SIZE = 16 };

/* Segments are split before they are decoded, so %2F is part of one and never splits
 * it. Web servers may have merged slashes and removed dots to choose us; REQUEST_URI
 * still has them, and then it is no path of ours: an empty segment is refused here, and
 * ".." is not an id. A % without two digits stays as it is, and is an invalid id as
 * well. */
void path_parse(const char *uri, const char *mount, struct path *to)
{
	const char *scheme = strstr(uri, "://"), *end;
	size_t mount_len = strlen(mount);

	memset(to, 0, sizeof *to);
	to->count = PATH_OUTSIDE;
	to->query = "";
	/* Apache passes on the absolute form (RFC 9112, 3.2.2), and lighttpd a
	 * fragment, which no client should send. */
	if (*uri != '/' && scheme)
		uri = scheme + 3 + strcspn(scheme + 3, "/");
	end = uri + strcspn(uri, "?#");
	if (*end == '?')
		to->query = end + 1;
	if (mount_len > 1 && (size_t)(end - uri) == mount_len - 1 &&
	    !memcmp(uri, mount, mount_len - 1))
		to->count = PATH_NO_SLASH;
	if ((size_t)(end - uri) < mount_len || memcmp(uri, mount, mount_len))
		return;
	uri += mount_len;
	to->count = 0;
	while (uri < end) {
		size_t len = strcspn(uri, "/?#"), *n;

		if (to->count == SEGMENTS_MAX || !len || len >= SEGMENT_SIZE) {
			to->count = PATH_OUTSIDE;
			return;
		}
		n = &to->len[to->count];
		if (!percent_decode(uri, len, to->segment[to->count], n)) {
			memcpy(to->segment[to->count], uri, len);
			*n = len;
		}
		to->count++;
		uri += len;
		if (*uri == '/' && uri + 1 == end) {
			to->count = PATH_OUTSIDE;	/* no '/' at the end */
			return;
		}
		if (*uri == '/')
			uri++;
	}
}

/* The first of that name. '+' is not decoded: see percent_decode(). */
enum query query_get(const char *query, const char *name, char *to, size_t size)
{
	size_t name_len = strlen(name);

	while (*query && *query != '#') {
		size_t len = strcspn(query, "&#"), n;

		if (len > name_len && query[name_len] == '=' &&
		    !memcmp(query, name, name_len)) {
			query += name_len + 1;
			len -= name_len + 1;
			if (len >= size || !percent_decode(query, len, to, &n) ||
			    memchr(to, '\0', n))
				return QUERY_MALFORMED;
			to[n] = '\0';
			return QUERY_VALUE;
		}
		query += len + (query[len] == '&');
	}
	return QUERY_NONE;
}

/* The first of that name: browsers put the one with the longest path first (RFC 6265,
 * 5.4), so where a mount lies within another it is that of the inner one. Our value
 * needs no quotes or escapes (4.1.1). */
bool cookie_get(const char *header, const char *name, char *to, size_t size)
{
	size_t name_len = strlen(name);

	while (header && *header) {
		size_t len;

		header += strspn(header, " ;");
		len = strcspn(header, ";");
		if (len > name_len && header[name_len] == '=' &&
		    !memcmp(header, name, name_len)) {
			len -= name_len + 1;
			if (len >= size)
				return false;
			memcpy(to, header + name_len + 1, len);
			to[len] = '\0';
			return true;
		}
		header += len;
	}
	return false;
}

/* How specific a range of Accept is: 2 is our type itself; -1: it does not match. */
static int specificity(struct field range)
{
	static const char *const ranges[] = { "*/*", "text/*", "text/event-stream" };

	for (int i = 2; i >= 0; i--)
		if (strlen(ranges[i]) == range.len &&
		    !strncasecmp(range.s, ranges[i], range.len))
			return i;
	return -1;
}

/* Of ranges that are equally specific one that accepts is enough. A weight that is not
 * a number counts as 0; where there are two, neither counts. */
bool accepts_event_stream(const char *accept)
{
	struct field rest = { accept, accept ? strlen(accept) : 0 }, element, range;
	bool accepted = false;
	int best = -1;

	/* Without the header anything is acceptable (RFC 9110, 12.5.1). */
	if (!rest.len)
		return true;
	while (field_shift(&rest, ',', &element)) {
		int specific = field_shift(&element, ';', &range) ?
			specificity(range) : -1;
		char q[QVALUE_SIZE];
		bool good;

		if (specific < best || specific < 0)
			continue;
		good = field_parameter(element, "q", q, sizeof q) != 1 ||
			strtod(q, NULL) > 0;
		accepted = good || (accepted && specific == best);
		best = specific;
	}
	return accepted;
}
