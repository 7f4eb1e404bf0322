/* Headers that are parsed on their own: Cookie and Accept. */
#include "config.h"

#include "fuzz.h"
#include "web/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *header = fuzz_text(data, size), value[48];

	if (cookie_get(header, "drawbridge", value, sizeof value))
		HOLDS(!strchr(value, ';') && strstr(header, value));
	accepts_event_stream(header);
	free(header);
	return 0;
}
