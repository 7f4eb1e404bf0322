/* Last-Event-ID, and the ids that it is compared with. */
#include "config.h"

#include "fuzz.h"
#include "stream/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), id[ID_SIZE];

	position_parse(text, id);
	HOLDS(strlen(id) < sizeof id);
	HOLDS(strspn(id, "0123456789-") == strlen(id));
	HOLDS(!id_is_above(id, id));
	HOLDS(!id_is_above(id, "5-5") || !id_is_above("5-5", id));
	HOLDS(!id_is_above(text, text));
	free(text);
	return 0;
}
