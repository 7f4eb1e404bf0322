/* What Redis answers to each of our scripts, whatever it is. The first byte says
 * to which. */
#include "config.h"

#include "fuzz.h"
#include "room/presence.h"
#include "room/room.h"
#include "store/store.h"

static void read_reply(const struct reply *r, int depth)
{
	size_t len;

	HOLDS(reply_string(r, &len));
	reply_number(r);
	for (size_t i = 0; depth && i < reply_count(r); i++)
		read_reply(reply_at(r, i), depth - 1);
}

static void check_relayed(void *arg, enum err e, int streams, int wait_ms)
{
	(void)arg;
	HOLDS(e || streams >= 0);
	(void)wait_ms;
}

static void run_function(struct redis *r, const struct conf *c, unsigned which)
{
	static const struct peer p = { .id = "ann", .username = "Ann" };
	static const struct item item = { .event = "x", .data = "1", .data_len = 1 };
	struct buf out = BUF_INIT(1 << 20);
	struct presence presence = { .reply = NULL };
	struct beat beats[] = {
		{ .peer = &p, .incarnation = "1-1", .connection = "@" },
		{ .peer = &p, .incarnation = "2-1", .connection = "@" },
	};
	struct sweep sweep;
	enum err e = ERR_STORE;
	bool is;
	int n, wait_ms;

	switch (which % 11) {
	case 0: room_join(r, c, &p, 1, "room", &out, &wait_ms); break;
	case 1: room_leave(r, c, &p, 1, "room"); break;
	case 2: room_peers(r, c, &p, 1, "room", &out, &wait_ms); break;
	case 3: room_relay(r, c, &p, 0, "0123456789abcdef key", "bob", &item, 1, check_relayed, NULL); break;
	case 4: room_broadcast(r, c, &p, 0, "0123456789abcdef key", "room", &item, &n, &wait_ms); break;
	case 5: room_access(r, c, "127.0.0.1", &wait_ms); break;
	case 6:
		presence_connect(r, c, &p, 1, "1-1", 0, &presence, presence_set_err, &e);
		redis_drain(r);
		if (!e) {
			read_reply(presence.rooms, 2);
			read_reply(presence.missed, 3);
		}
		reply_free(presence.reply);
		break;
	case 7:
		presence_beat(r, c, beats, 2, &is, presence_set_err, &e);
		redis_drain(r);
		break;
	case 8:
		presence_leave(r, c, &p, 0, &is, presence_set_err, &e);
		redis_drain(r);
		break;
	case 9:
		presence_sweep(r, c, &sweep, presence_set_err, &e);
		redis_drain(r);
		break;
	case 10:
		presence_replay(r, c, &p, "1-1", &presence, presence_set_err, &e);
		redis_drain(r);
		if (!e)
			read_reply(presence.missed, 3);
		reply_free(presence.reply);
		break;
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct redis *r;

	if (!ready)
		store_init(fuzz_conf());
	ready = true;
	if (!size)
		return 0;
	r = redis_new(-1);
	fuzz_redis(data + 1, size - 1);
	run_function(r, fuzz_conf(), data[0]);
	redis_free(r);
	return 0;
}
