/*
 * FastCGI's records, as a table: why, what comes, what comes of it; each row whole,
 * byte by byte, and cut once at every byte.
 *
 * What comes are words, each a record: what it is, the id, perhaps ":" and its
 * content. B begins a request, K one on a connection to be kept, R one of another
 * role; P are parameters, NAME=value, S body, A aborts; G asks for values, U is
 * unknown, V of another version. "/" before it all: padding of 3 bytes. What comes of it are
 * the state, the id and body of the request, parameters, and our records.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fastcgi.h>

#include "web/record.h"

static const char *const states[] = {
	"idle", "head", "body", "whole", "aborted", "over",
};

static void append_pair(struct buf *to, const char *text, size_t len)
{
	const char *eq = memchr(text, '=', len);
	size_t name = eq ? (size_t)(eq - text) : len;
	size_t value = eq ? len - name - 1 : 0;

	buf_char(to, (char)name);
	buf_char(to, (char)value);
	buf_add(to, text, name);
	if (eq)
		buf_add(to, eq + 1, value);
}

static int type_of(char word)
{
	switch (word) {
	case 'P': return FCGI_PARAMS;
	case 'S': return FCGI_STDIN;
	case 'A': return FCGI_ABORT_REQUEST;
	case 'G': return FCGI_GET_VALUES;
	case 'U': return 99;
	default: return FCGI_BEGIN_REQUEST;
	}
}

static void append_content(struct buf *to, char word, const char *text, size_t len)
{
	const char begin[8] = { 0, word == 'R' ? FCGI_FILTER : FCGI_RESPONDER,
				word == 'K' || word == 'R' };

	if (strchr("BKR", word))
		buf_add(to, begin, sizeof begin);
	else if (len && strchr("PG", word))
		append_pair(to, text, len);
	else
		buf_add(to, text, len);
}

static void append_event(struct buf *to, const char *text, size_t len)
{
	size_t padding = *text == '/' ? 3 : 0, at;
	struct buf content = BUF_INIT(1024);
	char word;
	int id;

	text += padding ? 1 : 0;
	len -= padding ? 1 : 0;
	word = *text;
	id = atoi(text + 1);
	at = strcspn(text, ": ");
	at = at < len ? at + 1 : len;
	append_content(&content, word, text + at, len - at);
	buf_char(to, word == 'V' ? 2 : 1);
	buf_char(to, (char)type_of(word));
	buf_char(to, (char)(id >> 8));
	buf_char(to, (char)id);
	buf_char(to, 0);
	buf_char(to, (char)content.len);
	buf_char(to, (char)padding);
	buf_char(to, 0);
	buf_add(to, content.data, content.len);
	buf_add(to, "\1\1\1", padding);
	buf_free(&content);
}

static void append_answer(struct buf *to, const struct buf *reply)
{
	for (size_t at = 0; at < reply->len;) {
		const unsigned char *h = (unsigned char *)reply->data + at;
		size_t len = (size_t)h[4] << 8 | h[5];
		int id = h[2] << 8 | h[3];

		switch (h[1]) {
		case FCGI_END_REQUEST:
			buf_fmt(to, " end%d=%d", id, h[8 + 4]);
			break;
		case FCGI_STDOUT:
			buf_fmt(to, " out%d", id);
			break;
		case FCGI_UNKNOWN_TYPE:
			buf_fmt(to, " unknown=%d", h[8]);
			break;
		default:
			buf_fmt(to, " values=%.*s", (int)(len ? len - 2 : 0),
				h + 8 + 2);
		}
		at += 8 + len;
	}
}

static void append_state(struct buf *to, const struct record *r)
{
	buf_fmt(to, "%s %u %s", states[r->state], r->id,
		r->body.len ? r->body.kept.data : "-");
	if (r->state == RECORD_BODY || r->state == RECORD_COMPLETE) {
		size_t count;
		const char *value = record_param(r, "A", &count);

		buf_fmt(to, " A=%s", value ? value : "-");
		if (count > 1)
			buf_fmt(to, " of %zu", count);
	}
	append_answer(to, &r->reply);
}

/* In pieces that end at each of these. */
static void check(const struct buf *bytes, size_t first, size_t piece,
		  const char *want)
{
	struct buf got = BUF_INIT(4096);
	struct record r;
	size_t at = first;

	record_init(&r, 100, 7);
	record_feed(&r, bytes->data, first);
	while (at < bytes->len) {
		size_t n = piece < bytes->len - at ? piece : bytes->len - at;

		record_feed(&r, bytes->data + at, n);
		at += n;
	}
	append_state(&got, &r);
	assert_string_equal(got.data, want);
	buf_free(&got);
	record_free(&r);
}

static void test_records(void **state)
{
	static const struct {
		const char *why, *words, *want;
	} rows[] = {
		{ "nothing yet", "/U0", "idle 0 - unknown=99" },
		{ "a request", "B1 P1:A=b P1 S1:xyz S1", "whole 1 xyz A=b" },
		{ "with padding", "/B1 /P1:A=b /P1 /S1:xyz /S1", "whole 1 xyz A=b" },
		{ "without parameters, without a body", "B1 P1 S1", "whole 1 - A=-" },
		{ "an id of two bytes", "B770 P770 S770:x S770", "whole 770 x A=-" },
		{ "a head", "B1 P1:A=b", "head 1 -" },
		{ "a body on its way", "B1 P1:A=b P1 S1:xy S1:z", "body 1 xyz A=b" },
		{ "the last of a name", "B1 P1:A=b P1:A=c P1", "body 1 - A=c of 2" },
		{ "an empty value", "B1 P1:A= P1", "body 1 - A=" },
		{ "a longer name", "B1 P1:AA=b P1:B=A P1", "body 1 - A=-" },
		{ "another meanwhile", "B1 B2 P2:A=c P1:A=b P2 S2:x P1 S1",
		  "whole 1 - A=b end2=1" },
		{ "the same again", "B1 P1:A=b B1", "over 1 -" },
		{ "records of nobody", "P1:A=b S1 A1", "idle 0 -" },
		{ "data, which is for another role", "B1 P1 U1:x S1", "whole 1 - A=-" },
		{ "another role", "R1 P1:A=b P1 S1", "idle 0 - end1=3" },
		{ "aborted in its head", "B1 P1:A=b A1 P1", "over 0 - out1 end1=0" },
		{ "aborted in its body, and the next", "K1 P1 S1:x A1 B1 P1:A=b P1",
		  "body 1 - A=b out1 end1=0" },
		{ "aborted once it is whole", "B1 P1 S1 A1", "aborted 1 -" },
		{ "a body before its time", "B1 S1:x", "over 1 -" },
		{ "more behind the end", "B1 P1 S1 S1:x", "over 1 -" },
		{ "another version", "V1", "over 0 -" },
		{ "values", "G0:FCGI_MPXS_CONNS", "idle 0 - values=FCGI_MPXS_CONNS0" },
		{ "values meanwhile", "B1 P1:A=b G0:FCGI_MAX_REQS P1 S1",
		  "whole 1 - A=b values=FCGI_MAX_REQS7" },
		{ "values that nobody knows", "G0:X", "idle 0 - values=" },
		{ "something unknown meanwhile", "B1 P1 S1:x U0:abc S1",
		  "whole 1 x A=- unknown=99" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf bytes = BUF_INIT(4096);
		const char *word = rows[i].words;

		print_message("  %s\n", rows[i].why);
		for (size_t len; *word; word += len + (word[len] == ' ')) {
			len = strcspn(word, " ");
			append_event(&bytes, word, len);
		}
		for (size_t first = 0; first <= bytes.len; first++)
			check(&bytes, first, bytes.len, rows[i].want);
		check(&bytes, 0, 1, rows[i].want);
		buf_free(&bytes);
	}
}

/* What was left of one request is not taken for the next one's. */
static void test_next(void **state)
{
	static const char *const words[] = { "K1", "P1", "S1:abcdef" };
	struct buf bytes = BUF_INIT(4096), got = BUF_INIT(4096), next = BUF_INIT(4096);
	struct record r;

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		append_event(&bytes, words[i], strlen(words[i]));
	append_event(&next, "S1", 2);
	append_event(&next, "B1", 2);
	append_event(&next, "P1:A=b", 6);
	append_event(&next, "P1", 2);
	append_event(&next, "S1:x", 4);
	for (size_t cut = 32; cut <= bytes.len; cut++) {
		record_init(&r, 100, 7);
		record_feed(&r, bytes.data, cut);
		assert_int_equal(r.state, RECORD_BODY);
		record_next(&r);
		record_feed(&r, bytes.data + cut, bytes.len - cut);
		record_feed(&r, next.data, next.len);
		append_state(&got, &r);
		assert_string_equal(got.data, "body 1 x A=b");
		buf_free(&got);
		record_free(&r);
	}
	buf_free(&bytes);
	buf_free(&next);
}

/* Who is answered before it has written all may not read the answer. */
static void test_padding(void **state)
{
	static const struct {
		const char *words[4];
		const char *before, *after;
	} rows[] = {
		{ { "B1", "P1:A=b", "P1", "/S1" }, "body 1 - A=b", "whole 1 - A=b" },
		{ { "B1", "P1:A=b", "/P1" }, "head 1 -", "body 1 - A=b" },
		{ { "/R1" }, "idle 0 -", "idle 0 - end1=3" },
		{ { "/G0:X" }, "idle 0 -", "idle 0 - values=" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf bytes = BUF_INIT(4096), got = BUF_INIT(4096);
		struct record r;

		for (size_t w = 0; w < 4 && rows[i].words[w]; w++)
			append_event(&bytes, rows[i].words[w], strlen(rows[i].words[w]));
		record_init(&r, 100, 7);
		record_feed(&r, bytes.data, bytes.len - 1);
		append_state(&got, &r);
		assert_string_equal(got.data, rows[i].before);
		buf_clear(&got);
		record_feed(&r, bytes.data + bytes.len - 1, 1);
		append_state(&got, &r);
		assert_string_equal(got.data, rows[i].after);
		buf_free(&got);
		buf_free(&bytes);
		record_free(&r);
	}
}

static void test_too_much(void **state)
{
	struct buf bytes = BUF_INIT(1 << 20), got = BUF_INIT(4096);
	struct record r;

	(void)state;
	record_init(&r, 100, 7);
	append_event(&bytes, "B1", 2);
	for (int i = 0; i < PARAMS_MAX / 8 + 1; i++)
		append_event(&bytes, "P1:AAAA=bbbb", 12);
	append_event(&bytes, "P1", 2);
	record_feed(&r, bytes.data, bytes.len);
	assert_non_null(memmem(r.reply.data, r.reply.len, "Status: 431 ", 12));
	append_state(&got, &r);
	assert_string_equal(got.data, "over 0 - out1 out1 end1=0");
	buf_free(&got);
	record_free(&r);
	buf_clear(&bytes);

	/* It asks, and takes no answer. */
	record_init(&r, 100, 7);
	for (int i = 0; i < REPLY_MAX / 16 + 1; i++)
		append_event(&bytes, "U0", 2);
	record_feed(&r, bytes.data, bytes.len);
	assert_int_equal(r.state, RECORD_CLOSING);
	record_free(&r);
	buf_free(&bytes);
}

static void test_long_lengths(void **state)
{
	static const char begin[] = "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0";
	static const struct {
		const char *why, *pairs;
		size_t len;
		enum record_state want;
	} rows[] = {
#define PAIRS(text) text, sizeof text - 1
		{ "of four bytes", PAIRS("\x80\0\0\1\x80\0\0\2" "Abc"), RECORD_BODY },
		{ "a byte is left", PAIRS("\1\1Abc"), RECORD_CLOSING },
		{ "a byte is missing", PAIRS("\1\2Ab"), RECORD_CLOSING },
		{ "the name is all", PAIRS("\3\1Abc"), RECORD_CLOSING },
		{ "half of a length", PAIRS("\1\x80\0"), RECORD_CLOSING },
		{ "the greatest", PAIRS("\xff\xff\xff\xff\xff\xff\xff\xff" "A"), RECORD_CLOSING },
		{ "a NUL ends a value", PAIRS("\1\4Abc\0d"), RECORD_BODY },
		{ "a name with a NUL is none", PAIRS("\2\1A\0x\1\2Abc"), RECORD_BODY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char header[] = { 1, 4, 0, 1, 0, (char)rows[i].len, 0, 0 };
		struct record r;
		size_t count;

		print_message("  %s\n", rows[i].why);
		record_init(&r, 100, 7);
		record_feed(&r, begin, sizeof begin - 1);
		record_feed(&r, header, sizeof header);
		record_feed(&r, rows[i].pairs, rows[i].len);
		record_feed(&r, "\1\4\0\1\0\0\0\0", 8);
		assert_int_equal(r.state, rows[i].want);
		if (r.state == RECORD_BODY)
			assert_string_equal(record_param(&r, "A", &count), "bc");
		record_free(&r);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records), cmocka_unit_test(test_next),
		cmocka_unit_test(test_padding), cmocka_unit_test(test_too_much), cmocka_unit_test(test_long_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
