/* What comes over a subscription: Redis' framing, and the messages in it. */
#include "config.h"

#include <sys/epoll.h>

#include "base/id.h"
#include "fuzz.h"
#include "store/listener.h"
#include "store/subscription.h"
#include "stream/message.h"

static int fuzz_epoll = -1;

static void check_message(const char *text, size_t len)
{
	struct message m;

	if (!message_parse(text, len, &m))
		return;
	HOLDS(strlen(m.id) < sizeof m.id);
	HOLDS(id_valid(m.event, strlen(m.event)));
	HOLDS(m.data >= text && m.data + m.len <= text + len && m.len);
	id_is_above(m.id, "5-5");
}

static void listen_to(const uint8_t *all, size_t len)
{
	struct listener *l = NULL;
	const char *text;
	size_t text_len;

	fuzz_redis(all, len);
	if (listener_open("c", &l))
		return;
	for (bool more = true; more;) {
		more = !listener_read(l);
		while (listener_next(l, &text, &text_len))
			check_message(text, text_len);
	}
	listener_free(l);
}

/* Some of it is taken only when much has come. */
static void follow_channel(const uint8_t *all, size_t len)
{
	struct subscription *s = NULL;
	struct epoll_event e;
	const char *text;
	size_t text_len;

	fuzz_redis(all, len);
	s = subscription_start("c", &s);
	HOLDS(s);
	/* What Redis says has an end. */
	for (int i = 1; subscription_state(s) != SUBSCRIPTION_LOST &&
	     epoll_wait(fuzz_epoll, &e, 1, -1) == 1; i++) {
		subscription_receive(e.data.u64);
		subscription_flush();
		while (i % 3 == 0 && subscription_next(s, &text, &text_len))
			check_message(text, text_len);
	}
	while (subscription_ready())
		;
	subscription_missed(s);
	while (subscription_next(s, &text, &text_len))
		check_message(text, text_len);
	subscription_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char confirmed[] =
		"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
	size_t head = strlen(confirmed);
	uint8_t *all = xmalloc(head + size);

	if (fuzz_epoll < 0) {
		fuzz_epoll = epoll_create1(EPOLL_CLOEXEC);
		HOLDS(fuzz_epoll >= 0);
		subscription_init(fuzz_epoll, "own:", message_is_last);
	}
	check_message((const char *)data, size);
	memcpy(all, confirmed, head);
	if (size)
		memcpy(all + head, data, size);
	listen_to(all, head + size);
	follow_channel(all, head + size);
	free(all);
	return 0;
}
