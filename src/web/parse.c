#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/percent.h"
#include "web/http.h"

void path_parse(const char *uri, const char *mount, struct path *to)
{
	const char *scheme = strstr(uri, "://"), *end;
	size_t mount_len = strlen(mount);

	memset(to, 0, sizeof *to);
	to->count = -1;
	to->query = "";
	/* Apache passes on the absolute form (RFC 9112, 3.2.2). */
	if (*uri != '/' && scheme)
		uri = scheme + 3 + strcspn(scheme + 3, "/");
	end = uri + strcspn(uri, "?#");
	if (*end == '?')
		to->query = end + 1;
	if ((size_t)(end - uri) < mount_len || memcmp(uri, mount, mount_len))
		return;
	uri += mount_len;
	to->count = 0;
	while (uri < end) {
		size_t len = strcspn(uri, "/?#"), *n;

		if (to->count == SEGMENTS_MOST || !len || len >= SEGMENT_MOST) {
			to->count = -1;
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
			to->count = -1;		/* no '/' at the end */
			return;
		}
		if (*uri == '/')
			uri++;
	}
}

bool query_get(const char *query, const char *name, char *to, size_t size)
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
				return false;
			to[n] = '\0';
			return true;
		}
		query += len + (query[len] == '&');
	}
	return false;
}

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

bool accepts_event_stream(const char *accept)
{
	static const char *const ranges[] = { "text/event-stream", "text/*", "*/*" };

	if (!accept || !*accept)
		return true;
	while (*accept) {
		size_t len, type;

		accept += strspn(accept, " \t,");
		len = strcspn(accept, ",");
		type = strcspn(accept, " \t;,");
		for (size_t i = 0; i < 3; i++) {
			const char *q = memmem(accept, len, "q=", 2);

			if (strlen(ranges[i]) == type &&
			    !strncasecmp(accept, ranges[i], type))
				return !q || strtod(q + 2, NULL) > 0;
		}
		accept += len;
	}
	return false;
}
