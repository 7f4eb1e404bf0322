/* Parsers and encoders, as tables: why, input, wanted. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/jws.h"
#include "auth/turn.h"
#include "auth/webhook_signature.h"
#include "base/base64url.h"
#include "base/id.h"
#include "conf/conf.h"
#include "room/json.h"
#include "store/cluster.h"
#include "store/info.h"
#include "stream/message.h"
#include "web/forwarded.h"
#include "web/http.h"
#include "web/refusals.h"
#include "web/sse.h"

#define EACH(table) for (size_t i = 0; i < sizeof table / sizeof *table; i++)
#define SAY(why) print_message("  %s\n", why)

static void test_sse(void **state)
{
	static const struct {
		const char *why, *id, *data, *want;
	} rows[] = {
		{ "plain", "1-0", "{}", "id: 1-0\nevent: x\ndata: {}\n\n" },
		{ "no id", "", "{}", "event: x\ndata: {}\n\n" },
		{ "empty data", "", "", "event: x\ndata: \n\n" },
		{ "LF splits", "", "a\nb", "event: x\ndata: a\ndata: b\n\n" },
		{ "bare CR splits", "", "a\rid: 9", "event: x\ndata: a\ndata: id: 9\n\n" },
		{ "CRLF is one", "", "a\r\nb", "event: x\ndata: a\ndata: b\n\n" },
		{ "LFCR are two", "", "a\n\rb", "event: x\ndata: a\ndata: \ndata: b\n\n" },
		{ "at the end", "", "a\n", "event: x\ndata: a\ndata: \n\n" },
		{ "U+2028 is none", "", "a\xe2\x80\xa8" "b",
		  "event: x\ndata: a\xe2\x80\xa8" "b\n\n" },
	};

	(void)state;
	EACH(rows) {
		struct buf b = BUF_INIT(1024);

		SAY(rows[i].why);
		sse_event(&b, rows[i].id, "x", rows[i].data, strlen(rows[i].data));
		assert_string_equal(b.data, rows[i].want);
		buf_free(&b);
	}
}

static void test_ids(void **state)
{
	char long_id[66];

	(void)state;
	memset(long_id, 'a', 65);
	long_id[65] = '\0';
	assert_true(id_valid("aZ09_-", 6));
	assert_true(id_valid(long_id, 64));
	assert_false(id_valid(long_id, 65));
	assert_false(id_valid("", 0));
	assert_false(id_valid("a\0b", 3));
	assert_false(id_valid("a\nb", 3));
	assert_false(id_valid_name("relay", 5));
	assert_true(id_valid_name("relays", 6));
}

static void test_message(void **state)
{
	static const struct {
		const char *why, *text, *id, *event, *data;
	} rows[] = {
		{ "from the channel", "{\"id\":\"5-1\",\"event\":\"a\",\"data\":{\"x\":1}}", "5-1", "a", "{\"x\":1}" },
		{ "from a mailbox", "\"event\":\"a\",\"data\":[]}", "", "a", "[]" },
		{ "the Node application's", "{\"event\":\"add-peer\",\"data\":{}}", "", "add-peer", "{}" },
		{ "no JSON", "hello", NULL, NULL, NULL },
		{ "a mark", "", NULL, NULL, NULL },
		{ "an event with a line end", "{\"event\":\"a\nb\",\"data\":1}", NULL, NULL, NULL },
		{ "an id with a line end", "{\"id\":\"1\n\",\"event\":\"a\",\"data\":1}", NULL, NULL, NULL },
		{ "cut", "{\"event\":\"a\",\"data\":", NULL, NULL, NULL },
	};

	(void)state;
	EACH(rows) {
		struct message m;

		SAY(rows[i].why);
		if (!rows[i].event) {
			assert_false(message_parse(rows[i].text, strlen(rows[i].text), &m));
			continue;
		}
		assert_true(message_parse(rows[i].text, strlen(rows[i].text), &m));
		assert_string_equal(m.id, rows[i].id);
		assert_string_equal(m.event, rows[i].event);
		assert_int_equal(m.len, strlen(rows[i].data));
		assert_memory_equal(m.data, rows[i].data, m.len);
	}
	assert_true(id_is_above("10-0", "9-5"));
	assert_true(id_is_above("9-10", "9-9"));
	assert_false(id_is_above("9-9", "9-9"));
	assert_true(id_is_above("9-9", ""));
	assert_false(id_is_above("x", "1-1"));
}

static void test_batch(void **state)
{
	static const struct {
		const char *why, *text;
		int want;
		const char *last;
	} rows[] = {
		{ "one", "[{\"event\":\"a\",\"data\":1.50}]", 1, "1.50" },
		{ "two, other order", " [ {\"event\":\"a\",\"data\":1} , {\"data\":{\"z\":1,\"a\":\"\\u0041\"},\"event\":\"b\"} ]", 2, "{\"z\":1,\"a\":\"\\u0041\"}" },
		{ "numbers as they came", "[{\"event\":\"a\",\"data\":12345678901234567890}]", 1, "12345678901234567890" },
		{ "none", "[]", -1, NULL },
		{ "no data", "[{\"event\":\"a\"}]", -1, NULL },
		{ "data twice", "[{\"event\":\"a\",\"data\":1,\"data\":2}]", -1, NULL },
		{ "another member", "[{\"event\":\"a\",\"data\":1,\"x\":2}]", -1, NULL },
		{ "event is a number", "[{\"event\":1,\"data\":1}]", -1, NULL },
		{ "an object", "{\"event\":\"a\",\"data\":1}", -1, NULL },
		{ "not JSON", "[{\"event\":\"a\",\"data\":}]", -1, NULL },
		{ "more behind it", "[{\"event\":\"a\",\"data\":1}] x", -1, NULL },
		{ "cut", "[{\"event\":\"a\",\"data\":1}", -1, NULL },
		{ "too many", "[{\"event\":\"a\",\"data\":1},{\"event\":\"a\",\"data\":1},{\"event\":\"a\",\"data\":1},{\"event\":\"a\",\"data\":1}]", -1, NULL },
	};

	(void)state;
	EACH(rows) {
		struct item items[3];
		char why[128];
		int n = json_parse_batch(rows[i].text, strlen(rows[i].text), items, 3,
					 why);

		SAY(rows[i].why);
		assert_int_equal(n, rows[i].want);
		if (n > 0) {
			const char *data = items[n - 1].data;

			assert_memory_equal(data, rows[i].last, strlen(rows[i].last));
			assert_int_equal(items[n - 1].data_len, strlen(rows[i].last));
		}
	}
}

static void test_json(void **state)
{
	struct buf b = BUF_INIT(64);
	char why[128], deep[2 * JSON_DEPTH_MAX + 2];
	json_t *json;

	(void)state;
	json_append_raw(&b, "{\r\n\"b\":1e2,\n\"a\":\"\\n\"}", 22);
	assert_string_equal(b.data, "{  \"b\":1e2, \"a\":\"\\n\"}");
	buf_free(&b);
	assert_null(json_parse("1\0", 2, why));
	assert_null(json_parse("\"\xff\"", 3, why));
	assert_null(json_parse("1 2", 3, why));
	memset(deep, '[', sizeof deep);
	memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	json = json_parse(deep, 2 * JSON_DEPTH_MAX, why);
	assert_non_null(json);
	json_decref(json);
	assert_int_equal(json_value_len(deep, 2 * JSON_DEPTH_MAX), 2 * JSON_DEPTH_MAX);
	deep[JSON_DEPTH_MAX] = '[';
	memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_null(json_parse(deep, sizeof deep, why));
	assert_string_equal(why, "The body is nested deeper than 128 levels.");
	assert_int_equal(json_value_len(deep, sizeof deep), 0);
	assert_int_equal(json_value_len("1,[", 3), 1);	/* of the first alone */
	memset(deep, '[', sizeof deep);
	memcpy(deep, "\"\\\"", 3);
	deep[sizeof deep - 1] = '"';
	json = json_parse(deep, sizeof deep, why);
	assert_non_null(json);		/* brackets in a string are none */
	json_decref(json);
	assert_true(json_name_valid("Zo\xc3\xab", 4));
	assert_false(json_name_valid("a\nb", 3));
	assert_false(json_name_valid("\xff", 1));
	assert_false(json_name_valid("", 0));
}

static void test_path(void **state)
{
	static const struct {
		const char *why, *uri, *mount;
		int count;
		const char *last, *query;
	} rows[] = {
		{ "root", "/", "/", 0, NULL, "" },
		{ "two", "/relay/x", "/", 2, "x", "" },
		{ "query", "/connect?token=a&b", "/", 1, "connect", "token=a&b" },
		{ "fragment", "/a#b?c", "/", 1, "a", "" },
		{ "absolute", "http://h:1/relay/0", "/", 2, "0", "" },
		{ "mounted", "/draw/r/join", "/draw/", 2, "join", "" },
		{ "outside", "/drawn/r", "/draw/", -1, NULL, "" },
		{ "the mount without its slash", "/draw", "/draw/", -2, NULL, "" },
		{ "and a query", "/a/draw?b/c", "/a/draw/", -2, NULL, "" },
		{ "part of the mount", "/dra", "/draw/", -1, NULL, "" },
		{ "decoded", "/%72elay", "/", 1, "relay", "" },
		{ "bad escape stays", "/%zz", "/", 1, "%zz", "" },
		{ "empty part", "//a", "/", -1, NULL, "" },
		{ "slash at the end", "/a/", "/", -1, NULL, "" },
		{ "five", "/a/b/c/d/e", "/", 5, "e", "" },
		{ "too many", "/a/b/c/d/e/f", "/", -1, NULL, "" },
	};

	(void)state;
	EACH(rows) {
		static struct path p;

		SAY(rows[i].why);
		path_parse(rows[i].uri, rows[i].mount, &p);
		assert_int_equal(p.count, rows[i].count);
		if (rows[i].last)
			assert_string_equal(p.segment[p.count - 1], rows[i].last);
		if (p.count > 0)
			assert_string_equal(p.query, rows[i].query);
	}
}

static void test_fields(void **state)
{
	static const struct {
		const char *query;
		enum query want;
	} queries[] = {
		{ "a=1&token=x%2Dy", QUERY_VALUE },
		{ "token=", QUERY_VALUE },
		{ "xtoken=1", QUERY_NONE },
		{ "token", QUERY_NONE },
		{ "a#token=1", QUERY_NONE },
		{ "token=%00", QUERY_MALFORMED },
		{ "token=%", QUERY_MALFORMED },
		{ "token=%4", QUERY_MALFORMED },
		{ "token=1234567890123456", QUERY_MALFORMED },
	};
	char to[16];

	(void)state;
	EACH(queries) {
		SAY(queries[i].query);
		assert_int_equal(query_get(queries[i].query, "token", to, sizeof to),
				 queries[i].want);
	}
	query_get(queries[0].query, "token", to, sizeof to);
	assert_string_equal(to, "x-y");
	assert_true(cookie_get("a=b; drawbridge=z", "drawbridge", to, sizeof to));
	assert_string_equal(to, "z");
	assert_false(cookie_get("xdrawbridge=z", "drawbridge", to, sizeof to));
}

static void test_accept(void **state)
{
	static const struct {
		const char *why, *accept;
		bool want;
	} rows[] = {
		{ "none", NULL, true },
		{ "empty", "", true },
		{ "ours", "text/event-stream", true },
		{ "in capitals", "Text/Event-Stream", true },
		{ "any", "text/html, */*;q=0.1", true },
		{ "another", "text/html", false },
		{ "not ours", "text/event-stream;q=0", false },
		{ "not ours, with spaces", "text/event-stream ; q=0.000", false },
		{ "all but ours", "*/*, text/event-stream;q=0", false },
		{ "ours alone, said last", "*/*;q=0, text/event-stream", true },
		{ "ours alone, said first", "text/event-stream, */*;q=0", true },
		{ "no text", "*/*, text/*;q=0", false },
		{ "of text ours alone", "text/*;q=0, text/event-stream;q=0.1", true },
		{ "with a parameter of its own", "text/event-stream;charset=utf-8", true },
		{ "which ends in q", "text/event-stream;seq=0", true },
		{ "which is quoted", "text/event-stream;x=\";q=0,\"", true },
		{ "twice, once willingly", "text/event-stream;q=0, text/event-stream", true },
		{ "in another's quotes", "text/html;x=\", */*\"", false },
		{ "nothing in words", " , ", false },
	};

	(void)state;
	EACH(rows) {
		SAY(rows[i].why);
		assert_int_equal(accepts_event_stream(rows[i].accept), rows[i].want);
	}
}

static void test_forwarded_client(void **state)
{
	static char one[] = "10.0.0.1", net[] = "10.1.0.0/16",
		ipv6[] = "2001:db8::/32", mapped[] = "::ffff:172.16.0.1";
	static char *const proxies[] = { one, net, ipv6, mapped, NULL };
	static const struct {
		const char *why, *remote, *x_forwarded_for, *forwarded, *want;
		bool certain;
	} rows[] = {
		{ "nobody in between", "192.0.2.1", NULL, NULL, "192.0.2.1", true },
		{ "who is no proxy is not believed", "192.0.2.1", "192.0.2.9", NULL, "192.0.2.1", false },
		{ "nor by Forwarded", "192.0.2.1", NULL, "for=192.0.2.9", "192.0.2.1", false },
		{ "a proxy that says nothing", "10.0.0.1", NULL, NULL, "10.0.0.1", true },
		{ "nothing, in words", "10.0.0.1", " ", NULL, "10.0.0.1", false },
		{ "a proxy", "10.0.0.1", "192.0.2.1", NULL, "192.0.2.1", true },
		{ "a proxy of a network", "10.1.2.3", "192.0.2.1", NULL, "192.0.2.1", true },
		{ "of IPv6", "2001:db8::9", "2001:db9::1", NULL, "2001:db9::1", true },
		{ "IPv4 in IPv6 is IPv4, where it comes from", "::ffff:10.0.0.1", "192.0.2.1", NULL, "192.0.2.1", true },
		{ "in the list", "172.16.0.1", "192.0.2.1", NULL, "192.0.2.1", true },
		{ "and what is said", "10.0.0.1", "::ffff:192.0.2.1", NULL, "192.0.2.1", true },
		{ "what the client made up", "10.0.0.1", "127.0.0.1, 192.0.2.1", NULL, "192.0.2.1", true },
		{ "though it looks like a proxy", "10.0.0.1", "10.0.0.1, 192.0.2.1", NULL, "192.0.2.1", true },
		{ "two proxies", "10.0.0.1", "1.1.1.1, 192.0.2.1, 10.1.0.2", NULL, "192.0.2.1", true },
		{ "proxies alone: the first of them asks", "10.0.0.1", "10.1.0.3,10.1.0.2", NULL, "10.1.0.3", true },
		{ "a port", "10.0.0.1", "192.0.2.1:4711", NULL, "192.0.2.1", true },
		{ "brackets", "10.0.0.1", "[2001:db9::1]", NULL, "2001:db9::1", true },
		{ "brackets and a port", "10.0.0.1", "[2001:db9::1]:443", NULL, "2001:db9::1", true },
		{ "empty elements", "10.0.0.1", ", 192.0.2.1 , ,", NULL, "192.0.2.1", true },
		{ "other spellings", "10.0.0.1", "2001:0DB9:0:0::0001", NULL, "2001:db9::1", true },
		{ "no address: the proxy", "10.0.0.1", "192.0.2.1, x", NULL, "10.0.0.1", false },
		{ "no address: the last proxy that can be trusted", "10.0.0.1", "x, 10.1.0.2", NULL, "10.1.0.2", false },
		{ "unknown, as Squid says", "10.0.0.1", "unknown", NULL, "10.0.0.1", false },
		{ "a network", "10.0.0.1", "192.0.2.0/24", NULL, "10.0.0.1", false },
		{ "a name", "10.0.0.1", "localhost", NULL, "10.0.0.1", false },
		{ "a port that is none", "10.0.0.1", "192.0.2.1:x", NULL, "10.0.0.1", false },
		{ "too long a port", "10.0.0.1", "192.0.2.1:123456", NULL, "10.0.0.1", false },
		{ "more behind the bracket", "10.0.0.1", "[2001:db9::1]x", NULL, "10.0.0.1", false },
		{ "no bracket at the end", "10.0.0.1", "[2001:db9::1", NULL, "10.0.0.1", false },
		{ "IPv4 in brackets", "10.0.0.1", "[192.0.2.1]", NULL, "10.0.0.1", false },
		{ "spaces in it", "10.0.0.1", "192.0.2.1 10.0.0.2", NULL, "10.0.0.1", false },

		{ "Forwarded", "10.0.0.1", NULL, "for=192.0.2.1", "192.0.2.1", true },
		{ "any case, other parameters", "10.0.0.1", NULL, "by=10.0.0.1;FOR=192.0.2.1;proto=https", "192.0.2.1", true },
		{ "quoted, IPv6", "10.0.0.1", NULL, "For=\"[2001:db9::1]:4711\"", "2001:db9::1", true },
		{ "escaped", "10.0.0.1", NULL, "for=\"192.0.2.\\1\"", "192.0.2.1", true },
		{ "IPv6 without quotes, as CloudFront has it", "10.0.0.1", NULL, "for=2001:db9::1;proto=http", "2001:db9::1", true },
		{ "an obfuscated port", "10.0.0.1", NULL, "for=\"192.0.2.1:_x\"", "192.0.2.1", true },
		{ "two proxies", "10.0.0.1", NULL, "for=1.1.1.1, for=192.0.2.1, for=10.1.0.2", "192.0.2.1", true },
		{ "unknown", "10.0.0.1", NULL, "for=unknown", "10.0.0.1", false },
		{ "an obfuscated identifier", "10.0.0.1", NULL, "for=192.0.2.1, for=_hidden, for=10.1.0.2", "10.1.0.2", false },
		{ "twice in an element", "10.0.0.1", NULL, "for=192.0.2.1;for=192.0.2.2", "10.0.0.1", false },
		{ "an element that says nothing of it", "10.0.0.1", NULL, "for=192.0.2.1, proto=https", "10.0.0.1", false },
		{ "a quote that the client opened", "10.0.0.1", NULL, "for=\", for=192.0.2.1", "192.0.2.1", true },
		{ "and before a quoted one", "10.0.0.1", NULL, "x=\"\\, for=\"[2001:db9::1]\"", "2001:db9::1", true },
		{ "a comma that is quoted", "10.0.0.1", NULL, "for=192.0.2.1;host=\"a,for=192.0.2.2\"", "192.0.2.1", true },
		{ "and an escaped quote", "10.0.0.1", NULL, "for=192.0.2.1;host=\"a\\\",for=192.0.2.2\"", "192.0.2.1", true },
		{ "behind the comma", "10.0.0.1", NULL, "for=192.0.2.1;host=\"a,for=192.0.2.2;x\\\"\"", "192.0.2.1", true },

		{ "both agree", "10.0.0.1", "192.0.2.1", "for=192.0.2.1", "192.0.2.1", true },
		{ "in other words", "10.0.0.1", "::ffff:192.0.2.1", "for=\"192.0.2.1:80\";proto=https", "192.0.2.1", true },
		{ "both do not: one is the client's", "10.0.0.1", "192.0.2.1", "for=192.0.2.2", "10.0.0.1", false },
		{ "one is no address", "10.0.0.1", "192.0.2.1", "for=unknown", "10.0.0.1", false },
		{ "Forwarded for the scheme alone", "10.0.0.1", "192.0.2.1", "proto=https", "192.0.2.1", true },
		{ "and nothing of the client", "10.0.0.1", NULL, "proto=https", "10.0.0.1", false },
		{ "no address at all", "-", "192.0.2.1", NULL, "-", false },
	};

	(void)state;
	EACH(rows) {
		char to[NETWORK_HOST_MAX];
		bool certain;

		SAY(rows[i].why);
		certain = forwarded_client(proxies, rows[i].remote,
			rows[i].x_forwarded_for, rows[i].forwarded, to);
		assert_string_equal(to, rows[i].want);
		assert_int_equal(certain, rows[i].certain);
	}
}

static void test_forwarded_https(void **state)
{
	static const struct {
		const char *why, *x_forwarded_proto, *forwarded;
		bool want;
	} rows[] = {
		{ "nothing", NULL, NULL, false },
		{ "HTTPS", "https", NULL, true },
		{ "in capitals", "HTTPS", NULL, true },
		{ "HTTP", "http", NULL, false },
		{ "HTTPS up to the first of two", "https,http", NULL, true },
		{ "with a space", "https, http", NULL, true },
		{ "HTTPS between proxies alone", "http,https", NULL, false },
		{ "longer words", "httpsx", NULL, false },
		{ "Forwarded", NULL, "for=192.0.2.1;proto=https", true },
		{ "quoted, in capitals", NULL, "Proto=\"HTTPS\";for=x", true },
		{ "the first of two", NULL, "for=\"a,b\";proto=https, proto=http", true },
		{ "the second of two", NULL, "for=a, for=b;proto=https", false },
		{ "in another's quotes", NULL, "host=\";proto=https;\"", false },
		{ "either", "http", "proto=https", true },
	};

	(void)state;
	EACH(rows) {
		SAY(rows[i].why);
		assert_int_equal(forwarded_https(rows[i].x_forwarded_proto,
						 rows[i].forwarded), rows[i].want);
	}
}

static void append_hosts(struct buf *b, const struct redis_url *url)
{
	for (size_t i = 0; i < url->seed_count; i++)
		buf_fmt(b, "%s%s %d", i ? ", " : "", url->seeds[i].name,
			url->seeds[i].port);
	if (url->server.name)
		buf_fmt(b, "%s %d", url->server.name, url->server.port);
	if (url->path)
		buf_str(b, url->path);
}

/* The first two, and how tags are found, are examples of the specification. */
static void test_cluster_slot(void **state)
{
	static const struct {
		const char *why, *key, *same;	/* as this one's; NULL: as slot */
		unsigned slot;
	} rows[] = {
		{ "the test vector of CRC16", "123456789", NULL, 12739 },
		{ "a key", "foo", NULL, 12182 },
		{ "a tag", "{user1000}.following", "user1000", 0 },
		{ "an empty tag is none", "foo{}{bar}", NULL, 8363 },
		{ "from the first {", "foo{{bar}}zap", "{bar", 0 },
		{ "to the next }", "foo{bar}{zap}", "bar", 0 },
		{ "no end", "foo{bar", NULL, 15278 },
		{ "nothing", "", NULL, 0 },
	};

	(void)state;
	EACH(rows) {
		SAY(rows[i].why);
		assert_int_equal(cluster_slot(rows[i].key), rows[i].same ?
				 cluster_slot(rows[i].same) : rows[i].slot);
	}
}

static redisReply *reply_of(const char *text)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	redisReaderFeed(reader, text, strlen(text));
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	redisReaderFree(reader);
	assert_non_null(reply);
	return reply;
}

/* Replies to CLUSTER SLOTS, of host "asked"; who has slot 5. */
static void test_cluster_slots(void **state)
{
	static const struct {
		const char *why, *reply, *host;	/* NULL: nobody */
		int port;
	} rows[] = {
		{ "one has all", "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$1\r\nh\r\n:7\r\n$2\r\nid\r\n", "h", 7 },
		{ "of two the second; its replica is not meant",
		  "*2\r\n*3\r\n:0\r\n:4\r\n*2\r\n$1\r\na\r\n:1\r\n"
		  "*4\r\n:5\r\n:5\r\n*2\r\n$3\r\n::1\r\n:2\r\n*2\r\n$1\r\nc\r\n:3\r\n", "::1", 2 },
		{ "it does not know its own name", "*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n$0\r\n\r\n:7\r\n", "asked", 7 },
		{ "nor says one", "*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n$-1\r\n:7\r\n", "asked", 7 },
		{ "nobody has it", "*1\r\n*3\r\n:6\r\n:9\r\n*2\r\n$1\r\nh\r\n:7\r\n", NULL, 0 },
		{ "nobody has any", "*0\r\n", NULL, 0 },
		{ "a port that is none", "*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n$1\r\nh\r\n:0\r\n", NULL, 0 },
		{ "not a list of ranges", "*2\r\n:5\r\n*3\r\n:0\r\n:9\r\n*0\r\n", NULL, 0 },
		{ "an error", "-ERR no\r\n", NULL, 0 },
	};

	(void)state;
	EACH(rows) {
		redisReply *r = reply_of(rows[i].reply);
		struct master m;

		SAY(rows[i].why);
		assert_int_equal(cluster_parse_slots(r, 5, "asked", &m), rows[i].host != NULL);
		if (rows[i].host) {
			assert_string_equal(m.host, rows[i].host);
			assert_int_equal(m.port, rows[i].port);
		}
		freeReplyObject(r);
	}
}

static void test_cluster_moved(void **state)
{
	static const struct {
		const char *error, *host;	/* NULL: it is none */
		int port;
	} rows[] = {
		{ "MOVED 5 10.0.0.1:6379", "10.0.0.1", 6379 },
		{ "MOVED 5 ::1:6379", "::1", 6379 },
		{ "MOVED 5 :6379", "asked", 6379 },
		{ "MOVED 5 h:0", NULL, 0 }, { "MOVED 5 h", NULL, 0 }, { "MOVED 5", NULL, 0 },
		{ "ASK 5 h:1", NULL, 0 }, { "MOVEDX 5 h:1", NULL, 0 },
	};

	(void)state;
	EACH(rows) {
		struct master m;

		SAY(rows[i].error);
		assert_int_equal(cluster_parse_moved(rows[i].error, "asked", &m), rows[i].host != NULL);
		if (rows[i].host) {
			assert_string_equal(m.host, rows[i].host);
			assert_int_equal(m.port, rows[i].port);
		}
	}
}

static void test_cluster_unsettled(void **state)
{
	static const struct {
		const char *error;
		bool is_unsettled;
	} rows[] = {
		{ "ASK 226 10.0.0.1:6379", true },
		{ "TRYAGAIN Multiple keys request during rehashing of slot", true },
		{ "CLUSTERDOWN Hash slot not served", true },
		{ "MOVED 226 10.0.0.1:6379", false },
		{ "READONLY You can't write against a read only replica.", false },
		{ "ASK", false },
		{ "", false },
	};

	(void)state;
	EACH(rows) {
		SAY(rows[i].error);
		assert_int_equal(cluster_is_unsettled(rows[i].error), rows[i].is_unsettled);
	}
}

static void test_redis_url(void **state)
{
	/* hosts; master db user password sentinel_password, "-": none; and with TLS its
	 * files */
	static const struct {
		const char *why, *url, *want;	/* NULL: refused */
	} rows[] = {
		{ "a host", "redis://h", "h 6379; - 0 - - -" },
		{ "all of it", "redis://u:p%40@h:1/2", "h 1; - 2 u p@ -" },
		{ "no user", "redis://:p@h/", "h 6379; - 0 - p -" },
		{ "an @ in the password", "redis://:p@ss@h", "h 6379; - 0 - p@ss -" },
		{ "a colon and an @ in it", "redis://u:p:@ss@h:1/2", "h 1; - 2 u p:@ss -" },
		{ "an @ in that of a socket", "unix://:p@ss@/r.sock", "/r.sock; - 0 - p@ss -" },
		{ "a slash in it, which ends it", "redis://:p/ss@h", NULL },
		{ "a slash in it, encoded", "redis://:p%2fss@h", "h 6379; - 0 - p/ss -" },
		{ "a % without two digits", "redis://:p%ss@h", NULL },
		{ "IPv6", "redis://[::1]:7", "::1 7; - 0 - - -" },
		{ "no host", "redis://", NULL },
		{ "port 0", "redis://h:0", NULL },
		{ "no port behind the colon", "redis://h:", NULL },
		{ "two hosts", "redis://h,i", NULL },
		{ "a query", "redis://h/1?x=1", NULL },
		{ "a socket", "unix:///r.sock?db=2", "/r.sock; - 2 - - -" },
		{ "no socket", "unix://", NULL },
		{ "one Sentinel", "redis+sentinel://h/m", "h 26379; m 0 - - -" },
		{ "three, a db, passwords",
		  "redis+sentinel://u:p@a,[::1]:2,c:3/m%2f/4?sentinel_password=%2c",
		  "a 26379, ::1 2, c 3; m/ 4 u p ," },
		{ "a comma in the password", "redis+sentinel://:p,q@a,b/m",
		  "a 26379, b 26379; m 0 - p,q -" },
		{ "an @ in each", "redis+sentinel://:p@q@a/m?sentinel_password=s@t",
		  "a 26379; m 0 - p@q s@t" },
		{ "no db", "redis+sentinel://a/m/?sentinel_password=s",
		  "a 26379; m 0 - - s" },
		{ "no master", "redis+sentinel://a", NULL },
		{ "an empty one", "redis+sentinel://a/", NULL },
		{ "an empty one, and a db", "redis+sentinel://a//1", NULL },
		{ "a master with a NUL", "redis+sentinel://a/m%00", NULL },
		{ "no Sentinel", "redis+sentinel:///m", NULL },
		{ "an empty Sentinel", "redis+sentinel://a,,b/m", NULL },
		{ "a comma at the end", "redis+sentinel://a,/m", NULL },
		{ "a port that is none", "redis+sentinel://a:x,b/m", NULL },
		{ "a db that is none", "redis+sentinel://a/m/x", NULL },
		{ "another query", "redis+sentinel://a/m?password=s", NULL },
		{ "an empty password", "redis+sentinel://a/m?sentinel_password=", NULL },
		{ "17 Sentinels",
		  "redis+sentinel://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a/m", NULL },
		{ "a Cluster", "redis+cluster://u:p@a,b:1,[::1]",
		  "a 6379, b 1, ::1 6379; - 0 u p - cluster" },
		{ "a Cluster, with a db", "redis+cluster://a/1", NULL },
		{ "a Cluster without nodes", "redis+cluster://", NULL },
		{ "TLS to a Cluster", "rediss+cluster://a?ca=/a",
		  "a 6379; - 0 - - - cluster tls /a - -" },
		{ "another scheme", "http://h", NULL },
		{ "two parameters of one name", "redis+sentinel://a/m?"
		  "sentinel_password=s&sentinel_password=s", NULL },
		{ "TLS", "rediss://u:p@h:1/2", "h 1; - 2 u p - tls - - -" },
		{ "its files", "rediss://h?ca=/a%20b&key=/k&cert=/c%26",
		  "h 6379; - 0 - - - tls /a b /c& /k" },
		{ "its files, behind a db", "rediss://h/1?ca=/a",
		  "h 6379; - 1 - - - tls /a - -" },
		{ "TLS to Sentinels", "rediss+sentinel://a,b/m/1?ca=/a&sentinel_password=s",
		  "a 26379, b 26379; m 1 - - s tls /a - -" },
		{ "a certificate without its key", "rediss://h?cert=/c", NULL },
		{ "a key without its certificate", "rediss://h?key=/k", NULL },
		{ "a file that is not absolute", "rediss://h?ca=ca.pem", NULL },
		{ "an empty file", "rediss://h?ca=", NULL },
		{ "a file with a NUL", "rediss://h?ca=/a%00", NULL },
		{ "an empty parameter", "rediss://h?ca=/a&", NULL },
		{ "an unknown one", "rediss://h?cafile=/a", NULL },
		{ "files without TLS", "redis://h?ca=/a", NULL },
		{ "a password of Sentinels where there are none",
		  "rediss://h?sentinel_password=s", NULL },
		{ "TLS over a socket", "unixs:///r.sock", NULL },
	};

	(void)state;
	EACH(rows) {
		struct redis_url url;
		struct buf b = BUF_INIT(1024);
		const char *allowed;
		bool good = redis_url_parse(rows[i].url, &url, &allowed);

		SAY(rows[i].why);
		assert_int_equal(good, rows[i].want != NULL);
		if (!good)
			continue;
		append_hosts(&b, &url);
		buf_fmt(&b, "; %s %d %s %s %s", url.master ? url.master : "-",
			url.db, url.user ? url.user : "-",
			url.password ? url.password : "-",
			url.sentinel_password ? url.sentinel_password : "-");
		if (url.cluster)
			buf_str(&b, " cluster");
		if (url.tls)
			buf_fmt(&b, " tls %s %s %s", url.ca ? url.ca : "-",
				url.cert ? url.cert : "-", url.key ? url.key : "-");
		assert_string_equal(b.data, rows[i].want);
		redis_url_free(&url);
		buf_free(&b);
	}
}

static void test_info(void **state)
{
	static const char info[] = "# Server\r\nredis_version:7.2.4\r\n"
		"server_name:valkey\r\nvalkey_version:8.0.1\r\nrun_id:0123456789ab\r\n\r\n"
		"# Memory\nmaxmemory:0\nmaxmemory_policy:noeviction";
	static const struct {
		const char *why, *name, *want;
	} rows[] = {
		{ "a value", "redis_version", "7.2.4" },
		{ "none whose name ends so", "version", "" },
		{ "none whose name begins so", "redis", "" },
		{ "nor a heading", "# Server", "" },
		{ "one before another that begins so", "maxmemory", "0" },
		{ "the last, without an end of line", "maxmemory_policy", "noeviction" },
		{ "none", "maxclients", "" },
		{ "too long", "run_id", "" },
	};
	static const struct {
		const char *why, *version;
		bool want;
	} versions[] = {
		{ "6", "6.0.16", false },
		{ "the last of 6", "6.2.18", false },
		{ "a candidate for 7.0", "6.9.241", false },
		{ "7.0", "7.0.0", true },
		{ "what Valkey says", "7.2.4", true },
		{ "8", "8.0.1", true },
		{ "two digits", "10.0.0", true },
		{ "nothing", "", false },
		{ "no number", "unstable", false },
	};
	char value[12];

	(void)state;
	EACH(rows) {
		SAY(rows[i].why);
		assert_string_equal(info_value(info, rows[i].name, value, sizeof value),
				    rows[i].want);
	}
	EACH(versions) {
		SAY(versions[i].why);
		assert_int_equal(info_version_suffices(versions[i].version),
				 versions[i].want);
	}
}

#define SECRET "DRAWBRIDGE_SECRET=0123456789abcdef0123456789abcdef"

static void test_conf(void **state)
{
	static const struct {
		const char *setting, *want;	/* NULL: it is fine */
	} rows[] = {
		{ "DRAWBRIDGE_PING=5", NULL },
		{ "DRAWBRIDGE_PING=0", "DRAWBRIDGE_PING=0: must be a number from 1 to 60" },
		{ "DRAWBRIDGE_PING=1e1", "must be a number" },
		{ "DRAWBRIDGE_GRACE=5", "at least 10 (1 * DRAWBRIDGE_PING)" },
		{ "DRAWBRIDGE_MAILBOX=10", "at least 64 (2 * DRAWBRIDGE_ROOM_PEERS)" },
		{ "DRAWBRIDGE_ROOM_PEERS=1000", NULL },
		{ "DRAWBRIDGE_MOUNT=draw", "must be a path such as /draw/" },
		{ "DRAWBRIDGE_ACCESS=yes", "on or off" },
		{ "DRAWBRIDGE_REDIS_URL=redis+sentinel://h:1/m", NULL },
		{ "DRAWBRIDGE_REDIS_URL=redis+sentinel://h:1", "redis+sentinel://" },
		{ "DRAWBRIDGE_REDIS_URL=redis+cluster://h", "DRAWBRIDGE_PREFIX=: must have a hash tag" },
		{ "DRAWBRIDGE_REDIS_URL=unix:///run/r.sock?db=2", NULL },
		{ "DRAWBRIDGE_REDIS_URL=http://x", "(not shown)" },
		{ "DRAWBRIDGE_TURN_URLS=stun:x", "turn:host" },
		{ "DRAWBRIDGE_TURN_URLS=turn:h:3478?transport=tls", "turn:host" },
		{ "DRAWBRIDGE_TURN_URLS=turn:h:3478", "requires DRAWBRIDGE_TURN_SECRET" },
		{ "DRAWBRIDGE_STUN_URLS=stun:h stuns:h:5349,stun:[::1]:3478", NULL },
		{ "DRAWBRIDGE_STUN_URLS=turn:h", "stun:host" },
		{ "DRAWBRIDGE_STUN_URLS=stun", "stun:host" },
		{ "DRAWBRIDGE_STUN_URLS=stun:", "stun:host" },
		{ "DRAWBRIDGE_STUN_URLS=stun:h:0", "stun:host" },
		{ "DRAWBRIDGE_STUN_URLS=stun://h", "stun:host" },
		{ "DRAWBRIDGE_STUN_URLS=stun:[::1", "stun:host" },
		{ "DRAWBRIDGE_STUN_URLS=stun:h?transport=udp", "stun:host" },
		{ "DRAWBRIDGE_ORIGINS=https://a.example/b", "must be origins such as" },
		{ "DRAWBRIDGE_METRICS_FROM=none", NULL },
		{ "DRAWBRIDGE_METRICS_FROM=10.0.0.0/8, 2001:db8::1", NULL },
		{ "DRAWBRIDGE_METRICS_FROM=localhost", "none, or addresses and networks" },
		{ "DRAWBRIDGE_METRICS_FROM=none 10.0.0.1", "none, or addresses and networks" },
		{ "DRAWBRIDGE_PROXIES=127.0.0.1 10.0.0.0/8,2001:db8::/32", NULL },
		{ "DRAWBRIDGE_PROXIES=unix:", "none, or addresses and networks" },
		{ "DRAWBRIDGE_METRICS_TOKEN=too-short", "(not shown): must be 16 to 1000" },
		{ "DRAWBRIDGE_METRICS_TOKEN=sixteen and spaces", "without white space" },
		{ "DRAWBRIDGE_WEBHOOK=https://site.example/hook",
		  "DRAWBRIDGE_WEBHOOK requires DRAWBRIDGE_WEBHOOK_SECRET" },
		{ "DRAWBRIDGE_WEBHOOK=ftp://site.example/", "one URL such as https://" },
		{ "DRAWBRIDGE_WEBHOOK=https:///hook", "one URL such as" },
		{ "DRAWBRIDGE_WEBHOOK=https://:80/", "one URL such as" },
		{ "DRAWBRIDGE_WEBHOOK=https://me:pass@site.example/", "without a user" },
		{ "DRAWBRIDGE_WEBHOOK=https://site.example/#x", "a fragment" },
		{ "DRAWBRIDGE_WEBHOOK=https://a.example https://b.example", "one URL" },
		{ "DRAWBRIDGE_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NULL },
		{ "DRAWBRIDGE_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw,"
		  "as it is, of 24 bytes", "(not shown): must be one key or two" },
		{ "DRAWBRIDGE_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw,"
		  "as-it-is-with-24-letters", NULL },
		{ "DRAWBRIDGE_WEBHOOK_SECRET=as-it-is-with-23-letter", "of 24 to 64 bytes" },
		{ "DRAWBRIDGE_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa", "whsec_ and" },
		{ "DRAWBRIDGE_WEBHOOK_SECRET=whsec_no.base64:of-any-kind-at-all", "whsec_ and" },
		{ "DRAWBRIDGE_WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_ and" },
		{ "DRAWBRIDGE_SHM=draw.1", NULL },
		{ "DRAWBRIDGE_SHM=/draw", "letters, digits" },
		{ "DRAWBRIDGE_NONE=1", NULL },
	};
	char *no_secret[] = { (char *)"DRAWBRIDGE_CONF=/nonexistent", NULL };
	char *two_wrong[] = { (char *)"DRAWBRIDGE_CONF=/nonexistent",
		(char *)"DRAWBRIDGE_PING=0", (char *)"DRAWBRIDGE_LOG=loud", NULL };
	struct conf c;
	struct buf why = BUF_INIT(4096);

	(void)state;
	EACH(rows) {
		char *environment[] = { (char *)"DRAWBRIDGE_CONF=/nonexistent",
			(char *)SECRET, (char *)(uintptr_t)rows[i].setting, NULL };
		bool good;

		SAY(rows[i].setting);
		buf_clear(&why);
		good = conf_read(&c, environment, &why);
		if (rows[i].want) {
			assert_false(good);
			assert_non_null(strstr(why.data, rows[i].want));
		} else {
			assert_true(good);
			conf_free(&c);
		}
	}
	buf_clear(&why);
	assert_false(conf_read(&c, two_wrong, &why));
	assert_non_null(strstr(why.data, "DRAWBRIDGE_PING=0"));
	assert_non_null(strstr(why.data, "DRAWBRIDGE_LOG=loud"));
	assert_non_null(strstr(why.data, "DRAWBRIDGE_SECRET is required"));
	buf_clear(&why);
	assert_false(conf_read(&c, no_secret, &why));
	assert_non_null(strstr(why.data, "DRAWBRIDGE_SECRET is required"));
	buf_free(&why);
}

struct shown_setting {
	const char *name, *value, *source;	/* which is sought, what is wanted */
	bool found;
};

static void check_shown(void *arg, const char *name, const char *value,
		       const char *source)
{
	struct shown_setting *wanted = arg;

	if (strcmp(name, wanted->name))
		return;
	assert_string_equal(value, wanted->value);
	assert_string_equal(source, wanted->source);
	wanted->found = true;
}

static void test_conf_each(void **state)
{
	static struct shown_setting rows[] = {
		{ "DRAWBRIDGE_SECRET", "(not shown: 1)", "environment", false },
		{ "DRAWBRIDGE_PING", "10", "default", false },
		{ "DRAWBRIDGE_ORIGINS", "https://a.example https://b.example",
		  "environment", false },
		{ "DRAWBRIDGE_REDIS_URL", "redis://(not shown)@h", "environment",
		  false },
		{ "DRAWBRIDGE_MAILBOX", "400", "default", false },
		{ "DRAWBRIDGE_TURN_SECRET", "(none)", "default", false },
	};
	char *environment[] = { (char *)"DRAWBRIDGE_CONF=/nonexistent",
		(char *)SECRET, (char *)"DRAWBRIDGE_ROOM_PEERS=200",
		(char *)"DRAWBRIDGE_ORIGINS=https://a.example\nhttps://b.example",
		(char *)"DRAWBRIDGE_REDIS_URL=redis://u:p%40@h", NULL };
	struct buf why = BUF_INIT(4096);

	(void)state;
	EACH(rows) {
		SAY(rows[i].name);
		assert_true(conf_each(environment, check_shown, &rows[i], &why));
		assert_true(rows[i].found);
	}
	buf_free(&why);
}

static void test_conf_each_redis(void **state)
{
	static const struct {
		const char *why, *url, *want;
	} rows[] = {
		{ "a file with an @", "rediss://h/1?ca=/a@b", "rediss://h/1?ca=/a@b" },
		{ "a password between files",
		  "rediss+sentinel://u:p@a/m?ca=/a&sentinel_password=s&cert=/c&key=/k",
		  "rediss+sentinel://(not shown)@a/m?ca=/a&sentinel_password=(not shown)"
		  "&cert=/c&key=/k" },
		{ "a file named like a password",
		  "rediss+sentinel://a/m?ca=/sentinel_password=&sentinel_password=s",
		  "rediss+sentinel://a/m?ca=/sentinel_password=&sentinel_password="
		  "(not shown)" },
		{ "a socket with an @", "unix:///a@b?db=1", "unix:///a@b?db=1" },
	};

	(void)state;
	EACH(rows) {
		struct shown_setting wanted = { "DRAWBRIDGE_REDIS_URL", rows[i].want,
			"environment", false };
		struct buf url = BUF_INIT(256), why = BUF_INIT(4096);
		char *environment[] = { (char *)"DRAWBRIDGE_CONF=/nonexistent",
			(char *)SECRET, NULL, NULL };

		SAY(rows[i].why);
		buf_fmt(&url, "DRAWBRIDGE_REDIS_URL=%s", rows[i].url);
		environment[2] = url.data;
		assert_true(conf_each(environment, check_shown, &wanted, &why));
		assert_true(wanted.found);
		buf_free(&url);
		buf_free(&why);
	}
}

/* In lists by name, with all that a bounded token sees: where they go on. */
static void test_token_seek(void **state)
{
	static const struct { const char *rooms, *after, *from, *end; } rows[] = {
		{ "[\"tea\",\"h*\"]", "", "h", "" },
		{ "[\"tea\",\"h*\"]", "h", "", "h~" },
		{ "[\"tea\",\"h*\"]", "hall", "", "h~" },
		{ "[\"tea\",\"h*\"]", "h~", "tea", "h~" },
		{ "[\"tea\",\"h*\"]", "secret", "tea", "h~" },
		{ "[\"tea\",\"h*\"]", "tea", NULL, "tea" },
		{ "[\"tea\",\"h*\"]", "\xff", NULL, "tea" },
		{ "[\"ha*\",\"h*\",\"hall\"]", "hz", "", "h~" },
		{ "[\"*\"]", "", "", "~" },
		{ "[\"*\"]", "secret", "", "~" },
		{ "[\"\"]", "", NULL, "" },
		{ "[]", "secret", NULL, "" },
		{ "[\"0123456789012345678901234567890123456789012345678901234567890123x\"]", "",
		  NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct claims claims = { .rooms = (char *)rows[i].rooms };
		char from[ID_MAX + 1], end[ID_MAX + 2];
		bool found = token_seek(&claims, rows[i].after, from, end);

		SAY(rows[i].after);
		assert_int_equal(found, rows[i].from != NULL);
		if (found)
			assert_string_equal(from, rows[i].from);
		assert_string_equal(end, rows[i].end);
	}
}

static void test_token(void **state)
{
	char *one[] = { (char *)"DRAWBRIDGE_CONF=/nonexistent", (char *)SECRET, NULL };
	char *two[] = { (char *)"DRAWBRIDGE_CONF=/nonexistent",
		(char *)"DRAWBRIDGE_SECRET=fedcba9876543210fedcba9876543210,"
		"0123456789abcdef0123456789abcdef", NULL };
	struct claims in = { .peer = { "ann", "Ann" }, .expires = 2000,
		.rooms = (char *)"[\"team-*\",\"hall\"]" }, out;
	struct buf none = BUF_INIT(256);
	struct conf c, rotated;
	const char *why;
	char *token;

	(void)state;
	assert_true(conf_read(&c, one, &none));
	assert_true(conf_read(&rotated, two, &none));
	token = token_sign(&c, &in, 1000);
	assert_int_equal(token_verify(&rotated, token, 1000, &out, &why), OK);
	assert_string_equal(out.peer.id, "ann");
	assert_string_equal(out.peer.username, "Ann");
	assert_int_equal(out.expires, 2000);
	assert_true(token_covers(&out, "team-7"));
	assert_true(token_covers(&out, "hall"));
	assert_false(token_covers(&out, "hall2"));
	claims_free(&out);
	assert_int_equal(token_verify(&c, token, 2000, &out, &why), ERR_TOKEN);
	assert_string_equal(why, "expired");
	free(token);
	token = token_sign(&rotated, &in, 1000);
	assert_int_equal(token_verify(&c, token, 1000, &out, &why), ERR_TOKEN);
	free(token);
	assert_int_equal(token_verify(&c, "eyJhbGciOiJub25lIn0.eyJpZCI6ImEifQ.",
		1000, &out, &why), ERR_TOKEN);
	assert_int_equal(token_verify(&c, "", 1000, &out, &why), ERR_TOKEN);
	conf_free(&c);
	conf_free(&rotated);
	buf_free(&none);
}

static void test_base64url(void **state)
{
	static const struct {
		const char *why, *text, *want;	/* want NULL: it is none */
	} rows[] = {
		{ "nothing", "", "" },
		{ "one byte", "Zg", "f" },
		{ "two", "Zm8", "fo" },
		{ "three", "Zm9v", "foo" },
		{ "the two of URLs", "_-8_", "\xff\xef\x3f" },
		{ "those of other Base64", "/+8/", NULL },
		{ "padding", "Zg==", NULL },
		{ "a digit alone", "Zm9vA", NULL },
		{ "bits left over", "Zh", NULL },
		{ "a space", "Zm 9v", NULL },
	};

	(void)state;
	EACH(rows) {
		struct buf b = BUF_INIT(64), again = BUF_INIT(64);
		bool good = base64url_decode(&b, rows[i].text, strlen(rows[i].text));

		SAY(rows[i].why);
		assert_int_equal(good, rows[i].want != NULL);
		if (good && b.len) {
			assert_string_equal(b.data, rows[i].want);
			base64url_encode(&again, b.data, b.len);
			assert_string_equal(again.data, rows[i].text);
		}
		buf_free(&b);
		buf_free(&again);
	}
}

/* Another than the signature's own part is never the same. */
static void test_jws(void **state)
{
	static const struct {
		const char *why, *text;
		bool want;
	} rows[] = {
		{ "signed by the second key", "e30.e30.79IHTgscIdYiBcqztm-E7EoJ0k2Q1pzvNGmaiXV70aU", true },
		{ "header changed", "e31.e30.79IHTgscIdYiBcqztm-E7EoJ0k2Q1pzvNGmaiXV70aU", false },
		{ "payload changed", "e30.e31.79IHTgscIdYiBcqztm-E7EoJ0k2Q1pzvNGmaiXV70aU", false },
		{ "signature changed", "e30.e30.79IHTgscIdYiBcqztm-E7EoJ0k2Q1pzvNGmaiXV70aV", false },
		{ "cut", "e30.e30.79IHTgscIdYiBcqztm-E7EoJ0k2Q1pzvNGmaiXV70a", false },
		{ "padded", "e30.e30.79IHTgscIdYiBcqztm-E7EoJ0k2Q1pzvNGmaiXV70aU=", false },
		{ "more behind it", "e30.e30.79IHTgscIdYiBcqztm-E7EoJ0k2Q1pzvNGmaiXV70aU.", false },
		{ "no signature", "e30.e30.", false },
		{ "two parts", "e30.e30", false },
		{ "nothing", "", false },
	};
	char *keys[] = { (char *)"one", (char *)"two", NULL };
	struct list list = { keys, 2 };

	(void)state;
	EACH(rows) {
		struct buf header = BUF_INIT(64), payload = BUF_INIT(64);

		SAY(rows[i].why);
		assert_int_equal(jws_open(rows[i].text, &list, &header, &payload),
				 rows[i].want);
		if (rows[i].want) {
			assert_string_equal(header.data, "{}");
			assert_string_equal(payload.data, "{}");
		}
		buf_free(&header);
		buf_free(&payload);
	}
}

/* What is looked at in a token. '=' at the start of claims: they are all of them. */
static void test_claims(void **state)
{
	static const struct {
		const char *header, *claims, *want;	/* NULL: it is good */
	} rows[] = {
		{ "{\"alg\":\"HS256\"}", "", NULL },
		{ "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", "", NULL },
		{ "{\"alg\":\"HS256\",\"typ\":1}", "", NULL },
		{ "{\"alg\":\"HS512\"}", "", "alg is not HS256" },
		{ "{\"alg\":\"none\"}", "", "alg is not HS256" },
		{ "{\"typ\":\"JWT\"}", "", "alg is not HS256" },
		{ "{\"alg\":\"HS256\",\"crit\":[]}", "", "crit" },
		{ "[]", "", "not JSON objects" },
		{ "{\"alg\":\"HS256\"", "", "not JSON objects" },
		{ "", "", "not JSON objects" },
		{ NULL, "=[]", "not JSON objects" },
		{ NULL, "=", "not JSON objects" },
		{ NULL, "\"nbf\":1060", NULL },
		{ NULL, "\"nbf\":1060.5", "not valid yet" },
		{ NULL, "\"nbf\":\"0\"", "invalid nbf" },
		{ NULL, "\"nbf\":null", "invalid nbf" },
		{ NULL, "\"exp\":1000.5", NULL },
		{ NULL, "\"exp\":1000", "expired" },
		{ NULL, "\"exp\":true", "invalid exp" },
		{ NULL, "\"exp\":1e308", NULL },
		{ NULL, "={\"id\":\"a\",\"username\":\"a\"}", "invalid exp" },
		{ NULL, "\"id\":null", "invalid id" },
		{ NULL, "\"sub\":1", "invalid id" },
		{ NULL, "\"sub\":\"another\"", NULL },
		{ NULL, "\"id\":\"a\\u0000\"", "invalid id" },
		{ NULL, "\"name\":{}", "invalid username" },
		{ NULL, "\"username\":\"\"", "invalid username" },
		{ NULL, "\"rooms\":[]", NULL },
		{ NULL, "\"rooms\":[\"a\",\"b*\"]", NULL },
		{ NULL, "\"rooms\":[\"a\",[]]", "invalid rooms" },
		{ NULL, "\"rooms\":{}", "invalid rooms" },
		{ NULL, "\"server\":false", NULL },
		{ NULL, "\"server\":true", NULL },
		{ NULL, "\"server\":1", "invalid server" },
		{ NULL, "\"server\":null", "invalid server" },
		{ NULL, "={\"server\":true,\"exp\":2000}", NULL },
		{ NULL, "={\"server\":true,\"exp\":2000,\"sub\":\"access\"}", NULL },
		{ NULL, "={\"server\":true,\"exp\":2000,\"id\":\"\"}", "invalid id" },
		{ NULL, "={\"server\":true,\"exp\":2000,\"id\":1}", "invalid id" },
		{ NULL, "={\"server\":true,\"exp\":2000,\"rooms\":1}", "invalid rooms" },
		{ NULL, "={\"server\":true}", "invalid exp" },
		{ NULL, "={\"server\":false,\"exp\":2000}", "invalid id" },
		{ NULL, "={\"server\":true,\"exp\":4660}", NULL },
		{ NULL, "={\"server\":true,\"exp\":4660.5}", "more than an hour" },
		{ NULL, "={\"server\":true,\"exp\":4000,\"iat\":400}", NULL },
		{ NULL, "={\"server\":true,\"exp\":4000,\"iat\":399.5}", "more than an hour" },
		{ NULL, "={\"server\":true,\"exp\":4000,\"iat\":-1e308}", "more than an hour" },
		{ NULL, "={\"server\":true,\"exp\":4000,\"iat\":\"x\"}", NULL },
		{ NULL, "\"iss\":1,\"aud\":{},\"iat\":\"x\",\"jti\":[[[]]]", NULL },
	};
	char *one[] = { (char *)"DRAWBRIDGE_CONF=/nonexistent", (char *)SECRET, NULL };
	struct buf none = BUF_INIT(256);
	struct conf c;

	(void)state;
	assert_true(conf_read(&c, one, &none));
	EACH(rows) {
		struct buf payload = BUF_INIT(1024), token = BUF_INIT(4096);
		struct claims claims;
		const char *why = NULL;

		SAY(rows[i].header ? rows[i].header : rows[i].claims);
		if (rows[i].claims[0] == '=')
			buf_str(&payload, rows[i].claims + 1);
		else
			buf_fmt(&payload, "{\"id\":\"a\",\"username\":\"a\","
				"\"exp\":2000%s%s}", *rows[i].claims ? "," : "",
				rows[i].claims);
		jws_sign(&token, rows[i].header ? rows[i].header :
			 "{\"alg\":\"HS256\"}", payload.data, c.secrets.words[0]);
		assert_int_equal(token_verify(&c, token.data, 1000, &claims, &why),
				 rows[i].want ? ERR_TOKEN : OK);
		if (rows[i].want)
			assert_non_null(strstr(why, rows[i].want));
		claims_free(&claims);
		buf_free(&payload);
		buf_free(&token);
	}
	conf_free(&c);
	buf_free(&none);
}

/* What a token says comes back from it. */
static void test_token_of_server(void **state)
{
	static const struct {
		const char *why, *claims;
		int64_t issued;
	} rows[] = {
		{ "whole", "\"iat\":900", 900 },
		{ "with a fraction, which is cut off", "\"iat\":900.9", 900 },
		{ "none", "\"jti\":1", 0 },
		{ "no number", "\"iat\":\"900\"", 0 },
		{ "negative", "\"iat\":-1", 0 },
		{ "more than 64 bits hold", "\"iat\":1e300", 1000000000000000 },
	};
	char *one[] = { (char *)"DRAWBRIDGE_CONF=/nonexistent", (char *)SECRET, NULL };
	struct claims in = { .peer = { .id = "site" }, .server = true, .expires = 2000,
		.rooms = (char *)"[\"tea\"]" }, out;
	struct buf none = BUF_INIT(256);
	struct conf c;
	const char *why;
	char *token;

	(void)state;
	assert_true(conf_read(&c, one, &none));
	token = token_sign(&c, &in, 1000);
	assert_int_equal(token_verify(&c, token, 1000, &out, &why), OK);
	assert_true(out.server);
	assert_string_equal(out.peer.id, "site");
	assert_string_equal(out.peer.username, "");
	assert_int_equal(out.issued, 1000);
	assert_true(token_covers(&out, "tea") && !token_covers(&out, "hall"));
	claims_free(&out);
	free(token);
	EACH(rows) {
		struct buf payload = BUF_INIT(1024), text = BUF_INIT(4096);

		SAY(rows[i].why);
		buf_fmt(&payload, "{\"id\":\"a\",\"username\":\"a\",\"exp\":2000,%s}",
			rows[i].claims);
		jws_sign(&text, "{\"alg\":\"HS256\"}", payload.data, c.secrets.words[0]);
		assert_int_equal(token_verify(&c, text.data, 1000, &out, &why), OK);
		assert_false(out.server);
		assert_int_equal(out.issued, rows[i].issued);
		claims_free(&out);
		buf_free(&payload);
		buf_free(&text);
	}
	conf_free(&c);
	buf_free(&none);
}

static void test_turn(void **state)
{
	struct buf name = BUF_INIT(128), credential = BUF_INIT(64);

	(void)state;
	turn_username(&name, 1764003600, "ann");
	assert_string_equal(name.data, "1764003600:ann");
	/* RFC 2202, test case 2. */
	turn_credential(&credential, "Jefe", "what do ya want for nothing?");
	assert_string_equal(credential.data, "7/zfauXrL6LSdBbV8YTfnCWafHk=");
	buf_free(&name);
	buf_free(&credential);
}

static void test_webhook_signature(void **state)
{
	char *words[] = { (char *)"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			  (char *)"as-it-is-with-24-letters", NULL };
	struct list secrets = { words, 1 };
	struct buf body = BUF_INIT(64), got = BUF_INIT(256);

	(void)state;
	/* The example of Standard Webhooks' libraries. */
	buf_str(&body, "{\"test\": 2432232314}");
	webhook_signature(&got, &secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, &body);
	assert_string_equal(got.data, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
	/* Another one besides, which is as it stands. */
	secrets.count = 2;
	buf_clear(&got);
	webhook_signature(&got, &secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, &body);
	assert_string_equal(got.data, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= "
			    "v1,+ks1tn8x10oKQn3Vez0IhCqg5AvZvJd2EbT0oKYvdOE=");
	buf_free(&body);
	buf_free(&got);
}

static void test_refusals(void **state)
{
	static const struct {
		enum err e;
		int64_t now;
		int not_logged;		/* -1: it is not itself */
	} rows[] = {
		{ ERR_TOKEN, 5000, 0 },
		{ ERR_TOKEN, 5000, -1 },
		{ ERR_NO_TOKEN, 5000, 0 },	/* another kind */
		{ ERR_TOKEN, 5999, -1 },
		{ ERR_TOKEN, 6000, 2 },
		{ ERR_TOKEN, 6001, -1 },
		{ ERR_TOKEN, 100000, 1 },
		{ ERR_TOKEN, 200000, 0 },
	};
	char host[16];
	int logged = 0;

	(void)state;
	EACH(rows) {
		uint64_t not_logged = 99;
		bool is = refusal_is_logged(rows[i].e, "192.0.2.1", rows[i].now,
					    &not_logged);

		assert_int_equal(is, rows[i].not_logged >= 0);
		if (is)
			assert_int_equal(not_logged, rows[i].not_logged);
	}
	/* Any number of hosts find a place in it. */
	for (int i = 0; i < 100000; i++) {
		uint64_t not_logged;

		snprintf(host, sizeof host, "10.%d.%d.%d", i >> 16, i >> 8 & 255,
			 i & 255);
		logged += refusal_is_logged(ERR_RATE, host, 5000, &not_logged);
	}
	assert_in_range(logged, 200, 256);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sse), cmocka_unit_test(test_ids),
		cmocka_unit_test(test_message), cmocka_unit_test(test_batch),
		cmocka_unit_test(test_json), cmocka_unit_test(test_path),
		cmocka_unit_test(test_fields), cmocka_unit_test(test_redis_url),
		cmocka_unit_test(test_info), cmocka_unit_test(test_cluster_slot),
		cmocka_unit_test(test_cluster_slots), cmocka_unit_test(test_cluster_moved),
		cmocka_unit_test(test_cluster_unsettled),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_forwarded_client),
		cmocka_unit_test(test_forwarded_https),
		cmocka_unit_test(test_conf), cmocka_unit_test(test_conf_each),
		cmocka_unit_test(test_conf_each_redis),
		cmocka_unit_test(test_token_seek), cmocka_unit_test(test_token),
		cmocka_unit_test(test_token_of_server),
		cmocka_unit_test(test_base64url),
		cmocka_unit_test(test_jws), cmocka_unit_test(test_claims),
		cmocka_unit_test(test_turn), cmocka_unit_test(test_webhook_signature),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
