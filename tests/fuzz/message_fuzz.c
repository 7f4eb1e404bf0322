/* What comes over a subscription: Redis' framing, and the messages in it. */
#include "config.h"

#include "base/id.h"
#include "fuzz.h"
#include "store/subscription.h"
#include "stream/message.h"

static void look(const char *text, size_t len)
{
	struct message m;

	if (!message_parse(text, len, &m))
		return;
	HOLDS(strlen(m.id) < sizeof m.id);
	HOLDS(id_valid(m.event, strlen(m.event)));
	HOLDS(m.data >= text && m.data + m.len <= text + len && m.len);
	id_above(m.id, "5-5");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char confirmed[] =
		"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
	size_t head = strlen(confirmed);
	uint8_t *all = xmalloc(head + size);
	struct subscription *s = NULL;
	const char *text;
	size_t len;

	look((const char *)data, size);
	memcpy(all, confirmed, head);
	if (size)
		memcpy(all + head, data, size);
	fuzz_redis(all, head + size);
	if (!subscription_open("c", &s))
		for (bool more = true; more;) {
			more = !subscription_read(s);
			while (subscription_next(s, &text, &len))
				look(text, len);
		}
	subscription_free(s);
	/* Goodbye, and what was on its way meanwhile. */
	s = NULL;
	fuzz_redis(all, head + size);
	if (!subscription_open("c", &s))
		subscription_end(s);
	free(all);
	return 0;
}
