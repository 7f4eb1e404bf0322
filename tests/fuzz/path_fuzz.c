/* REQUEST_URI: the path, and the names of its query. */
#include "config.h"

#include "fuzz.h"
#include "web/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const mounts[] = { "/", "/draw/" };
	static struct path p;
	char *uri = fuzz_text(data, size), value[48];

	for (size_t i = 0; i < 2; i++) {
		path_parse(uri, mounts[i], &p);
		HOLDS(p.count >= PATH_NO_SLASH && p.count <= SEGMENTS_MAX);
		for (int n = 0; n < p.count; n++)
			HOLDS(p.len[n] && p.len[n] < SEGMENT_SIZE);
		if (query_get(p.query, "token", value, sizeof value) == QUERY_VALUE)
			HOLDS(strlen(value) < sizeof value);
		query_get(p.query, "lastEventId", value, sizeof value);
	}
	free(uri);
	return 0;
}
