/* What a web server sends on a connection: whatever it is, and however it is split,
 * the same comes of it. */
#include "config.h"

#include "fuzz.h"
#include "web/record.h"

enum { KEPT_MAX = 1024 };

static void feed(struct record *r, const uint8_t *data, size_t size, size_t piece)
{
	record_init(r, KEPT_MAX, 100);
	while (size) {
		size_t n = piece < size ? piece : size;

		record_feed(r, (const char *)data, n);
		data += n;
		size -= n;
	}
}

static bool same(const struct buf *a, const struct buf *b)
{
	/* Of what was too much nothing is used. */
	return a->overflow == b->overflow &&
		(a->overflow || (a->len == b->len &&
				 (!a->len || !memcmp(a->data, b->data, a->len))));
}

static void check_same(const struct record *a, const struct record *b)
{
	HOLDS(a->state == b->state);
	HOLDS(a->id == b->id && a->keep == b->keep);
	HOLDS(a->body.len == b->body.len && a->body.complete == b->body.complete);
	HOLDS(same(&a->body.kept, &b->body.kept));
	HOLDS(same(&a->params, &b->params));
	HOLDS(same(&a->reply, &b->reply));
}

static void check_record(const struct record *r)
{
	HOLDS(r->body.kept.len <= KEPT_MAX && r->params.len <= PARAMS_MAX);
	HOLDS(r->reply.len <= REPLY_MAX);
	HOLDS(r->body.complete == (r->state == RECORD_COMPLETE ||
				   r->state == RECORD_ABORTED) ||
	      r->state == RECORD_CLOSING);
	if (r->state == RECORD_BODY || r->state == RECORD_COMPLETE) {
		size_t count;
		const char *value = record_param(r, "A", &count);

		HOLDS(!value == !count);
		HOLDS(!value || strlen(value) < r->params.len);
	}
}

/* The next one is not told by what is left of the one before. */
static void check_next(struct record *r)
{
	static const char next[] =
		"\1\1\0\7\0\10\0\0\0\1\0\0\0\0\0\0"	/* begin */
		"\1\4\0\7\0\4\0\0\1\1Ab" "\1\4\0\7\0\0\0\0"
		"\1\5\0\7\0\1\0\0x" "\1\5\0\7\0\0\0\0";

	size_t count;

	if (r->state != RECORD_COMPLETE || r->header_len || !r->keep)
		return;
	record_next(r);
	HOLDS(r->state == RECORD_IDLE);
	record_feed(r, next, sizeof next - 1);
	HOLDS(r->state == RECORD_COMPLETE && r->id == 7 && !r->keep);
	HOLDS(!strcmp(record_param(r, "A", &count), "b") && count == 1);
	HOLDS(r->body.len == 1 && *r->body.kept.data == 'x');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = { 1, 2, 3, 5, 7, 8, 9, 13, 64, 1000 };
	struct record whole;

	feed(&whole, data, size, size);
	check_record(&whole);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct record split;

		feed(&split, data, size, pieces[i]);
		check_same(&whole, &split);
		record_free(&split);
	}
	check_next(&whole);
	record_free(&whole);
	return 0;
}
