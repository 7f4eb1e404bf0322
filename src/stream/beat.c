#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/metric.h"
#include "stream/beat.h"

/* A prefix has up to 64 bytes (conf.c), as an id. */
enum { KEYS = 5, ARGS = 8, KEY_MAX = 160 };

struct beat {
	struct question q;
	struct arg args[ARGS];
	char keys[KEYS][KEY_MAX];
	beat_done *done;
	void *arg;
};

static void answered(struct question *q, enum err e, struct reply *reply)
{
	struct beat *b = (struct beat *)q;
	bool live = reply_number(reply_at(reply, 0)) == 1;
	struct later later = {
		.moved = reply_number(reply_at(reply, 1)),
		.more = reply_number(reply_at(reply, 2)),
	};

	metric_add(METRIC_REAPED, 0, (uint64_t)reply_number(reply_at(reply, 3)));
	reply_free(reply);
	b->done(b->arg, e, live, &later);
	free(b);
}

static void append_key(struct beat *b, const struct conf *c, const char *kind,
		       const char *id, const char *end)
{
	char *key = b->keys[b->q.keys++], *to = key;

	/* Not by snprintf(): a third of the instructions of a beat. */
	to = stpcpy(stpcpy(to, c->prefix), kind);
	to = stpcpy(stpcpy(to, id), end);
	b->args[b->q.count++] = (struct arg){ key, (size_t)(to - key) };
}

void beat_start(struct redis *r, const struct conf *c, const struct peer *p,
		const char *life, bool replayed, beat_done *done, void *arg)
{
	struct beat *b = xmalloc(sizeof *b);

	b->q = (struct question){
		.which = SCRIPT_BEAT, .args = b->args, .done = answered,
	};
	b->done = done;
	b->arg = arg;
	append_key(b, c, "peer:", p->id, "");
	append_key(b, c, "mailbox:", p->id, "");
	append_key(b, c, "", p->id, ":channels");
	append_key(b, c, "present", "", "");
	append_key(b, c, "leaving", "", "");
	b->args[b->q.count++] = (struct arg){ p->id, strlen(p->id) };
	b->args[b->q.count++] = (struct arg){ life, strlen(life) };
	b->args[b->q.count++] = (struct arg){ replayed ? "1" : "0", 1 };
	redis_start(r, &b->q);
}
