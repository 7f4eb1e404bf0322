/* The body of a request: any JSON, a name, or a batch of messages. */
#include "config.h"

#include "fuzz.h"
#include "room/json.h"

enum { ITEMS = 64 };

static void check_passed_on(const char *text, size_t len)
{
	struct buf b = BUF_INIT(1 << 20);
	char why[128];
	json_t *before = json_parse(text, len, why), *after;

	json_append_raw(&b, text, len);
	HOLDS(!b.len || (!memchr(b.data, '\n', b.len) && !memchr(b.data, '\r', b.len)));
	after = json_parse(b.len ? b.data : "", b.len, why);
	HOLDS(before && after && json_equal(before, after));
	json_decref(before);
	json_decref(after);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct item items[ITEMS];
	char *text = fuzz_text(data, size), why[128];
	json_t *json = json_parse((const char *)data, size, why);
	size_t len = strlen(text);
	int count = -1;

	if (json) {
		check_passed_on((const char *)data, size);
		/* The batch comes only after the whole was read. */
		count = json_parse_batch((const char *)data, size, items, ITEMS, why);
	}
	HOLDS(count <= ITEMS && count != 0);
	for (int i = 0; i < count; i++)
		check_passed_on(items[i].data, items[i].data_len);
	if (json_name_valid((const char *)data, size)) {
		struct buf b = BUF_INIT(1 << 20);

		json_append_string(&b, text);
		HOLDS(b.len >= 3);
		buf_free(&b);
	}
	json_value_len(text, len);
	json_decref(json);
	free(text);
	return 0;
}
