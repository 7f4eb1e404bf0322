/* What Redis answers to each of our scripts, whatever it is. The first byte says
 * to which. */
#include "config.h"

#include "fuzz.h"
#include "room/room.h"
#include "store/store.h"

static void read_all(const struct reply *r, int depth)
{
	size_t len;

	HOLDS(reply_string(r, &len));
	reply_number(r);
	for (size_t i = 0; depth && i < reply_count(r); i++)
		read_all(reply_at(r, i), depth - 1);
}

static void relayed(void *of, enum err e, int streams, int wait_ms)
{
	(void)of;
	HOLDS(e || streams >= 0);
	(void)wait_ms;
}

static void take_err(void *of, enum err e)
{
	*(enum err *)of = e;
}

static void beaten(void *arg, enum err e, bool live, const struct later *later)
{
	(void)arg;
	HOLDS(!e || (!live && !later->moved && !later->more));
}

static void ask(struct redis *r, const struct conf *c, unsigned which)
{
	static const struct peer p = { .id = "ann", .username = "Ann" };
	static const struct item item = { .event = "x", .data = "1", .data_len = 1 };
	struct buf out = BUF_INIT(1 << 20);
	struct presence presence = { .reply = NULL };
	struct later later;
	enum err e = ERR_STORE;
	bool is;
	int n, wait_ms;

	switch (which % 11) {
	case 0: room_join(r, c, &p, "room", &out, &wait_ms); break;
	case 1: room_leave(r, c, &p, "room"); break;
	case 2: room_peers(r, c, &p, "room", &out); break;
	case 3: room_relay(r, c, &p, "bob", &item, 1, relayed, NULL); break;
	case 4: room_broadcast(r, c, &p, "room", &item, &n, &wait_ms); break;
	case 5: room_access(r, c, "127.0.0.1", &wait_ms); break;
	case 6:
		presence_connect(r, c, &p, "1-1", 0, &presence, take_err, &e);
		redis_finish(r);
		if (!e) {
			read_all(presence.rooms, 2);
			read_all(presence.missed, 3);
		}
		reply_free(presence.reply);
		break;
	case 7:
		presence_beat(r, c, &p, "1-1", true, beaten, NULL);
		redis_finish(r);
		break;
	case 8: presence_end(r, c, &p, 0, &is); break;
	case 9: presence_due(r, c, &later); break;
	case 10:
		presence_replay(r, c, &p, "1-1", &presence, take_err, &e);
		redis_finish(r);
		if (!e)
			read_all(presence.missed, 3);
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
	ask(r, fuzz_conf(), data[0]);
	redis_free(r);
	return 0;
}
