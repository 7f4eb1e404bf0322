/*
 * What peers send each other is passed on byte for byte (json_append_raw()), since
 * parsing it and writing it again would change numbers, the order of keys, and escapes.
 * It is parsed only to know that it is valid, and in a batch to find where each value
 * ends.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room/json.h"

/* As much of RFC 8259 as jansson can take: any value at the top (2), integers that 64
 * bits cannot hold, \u0000 in strings. A number beyond a double is refused, as 6
 * allows. */
enum { PARSE_FLAGS = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL };

/*
 * Whether the first value of text is JSON_DEPTH_MAX deep at the most, if it is JSON.
 * jansson would go down to 2048, with a few hundred bytes of the stack for each level,
 * which is more than a thread of ours has (base/thread.c).
 *
 * It is no parser: a text that is not JSON may pass, and is then refused by jansson at
 * the point where it stops being JSON. So brackets need not match, and after the end of
 * the first value nothing is of interest.
 */
static bool depth_ok(const char *text, size_t len)
{
	bool string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++)
		switch (text[i]) {
		case '"':
			string = !string;
			break;
		case '\\':
			i += string;
			break;
		case '[':
		case '{':
			if (!string && ++depth > JSON_DEPTH_MAX)
				return false;
			break;
		case ',':
		case ':':
			if (!string && !depth)
				return true;
			break;
		case ']':
		case '}':
			if (!string && --depth <= 0)
				return true;
			break;
		}
	return true;
}

json_t *json_parse(const char *text, size_t len, char why[128])
{
	json_error_t error = { .position = 0 };
	json_t *json;

	if (!depth_ok(text, len)) {
		snprintf(why, 128, "The body is nested deeper than %d levels.",
			 JSON_DEPTH_MAX);
		return NULL;
	}
	/* A NUL ends jansson's reading as the end of the text would. */
	json = memchr(text, '\0', len) ? NULL :
		json_loadb(text, len, PARSE_FLAGS, &error);
	if (!json)
		snprintf(why, 128, "The body is not valid JSON: error at byte %d.",
			 error.position);
	return json;
}

/* With JSON_DISABLE_EOF_CHECK jansson sets position on success, too: to where it
 * stopped. */
size_t json_value_len(const char *text, size_t len)
{
	json_error_t error;
	json_t *json = depth_ok(text, len) ?
		json_loadb(text, len, PARSE_FLAGS | JSON_DISABLE_EOF_CHECK, &error) :
		NULL;

	json_decref(json);
	return json ? (size_t)error.position : 0;
}

void json_append_string(struct buf *b, const char *s)
{
	json_t *json = json_string(s);
	char *text = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;

	/* There is no text only if s is not UTF-8: even then the result must be
	 * JSON. */
	buf_str(b, text ? text : "\"\"");
	free(text);
	json_decref(json);
}

/* A line break would split the data of an event (web/sse.c), and a client would join it
 * again with other line breaks. In JSON it is white space (RFC 8259, 2); within a
 * string it would be an error (7). A space for each keeps the length. */
void json_append_raw(struct buf *b, const char *text, size_t len)
{
	char *to = buf_space(b, len);

	if (!to)
		return;
	memcpy(to, text, len);
	for (size_t i = 0; i < len; i++)
		if (to[i] == '\n' || to[i] == '\r')
			to[i] = ' ';
	to[len] = '\0';
	b->len += len;
}

/* The last comma makes room for the bracket. */
void json_end_array(struct buf *b)
{
	if (b->len && b->data[b->len - 1] == ',')
		b->len--;
	buf_char(b, ']');
}

size_t json_characters(const char *s, size_t len)
{
	size_t characters = 0;

	/* Of a longer one all bytes but the first are 10xxxxxx. */
	for (size_t i = 0; i < len; i++)
		characters += (s[i] & 0xc0) != 0x80;
	return characters;
}

bool json_name_valid(const char *s, size_t len)
{
	json_t *json = json_stringn(s, len);	/* NULL where it is no UTF-8 */
	size_t characters = json_characters(s, len);

	json_decref(json);
	if (!json)
		return false;
	for (size_t i = 0; i < len; i++) {
		/* C0 and DEL; then C1, U+0080 to U+009F, which is 0xc2 and 0x80 to 0x9f
		 * in UTF-8. s is UTF-8, so there is an s[i + 1]. */
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)s[i + 1] < 0xa0))
			return false;
	}
	return characters >= 1 && characters <= 64;
}

struct json_cursor {
	const char *at, *end;
};

static bool at_end(struct json_cursor *c)
{
	while (c->at < c->end && memchr(" \t\r\n", *c->at, 4))
		c->at++;
	return c->at == c->end;
}

static bool skip_char(struct json_cursor *c, char want)
{
	if (at_end(c) || *c->at != want)
		return false;
	c->at++;
	return true;
}

/* A member of an item: its name and the bytes of its value. A name is compared as it is
 * written, without its escapes: whoever writes "event" otherwise is told what is
 * expected. text ends with a NUL behind c->end, so *key may be read. */
static bool parse_member(struct json_cursor *c, char name[8], const char **value,
			 size_t *len)
{
	size_t n = json_value_len(c->at, (size_t)(c->end - c->at));
	const char *key = c->at;

	key += strspn(key, " \t\r\n");
	if (!n || *key != '"' || (size_t)(c->at + n - key) > 9)
		return false;
	snprintf(name, 8, "%.*s", (int)(c->at + n - key) - 2, key + 1);
	c->at += n;
	if (!skip_char(c, ':'))
		return false;
	*len = json_value_len(c->at, (size_t)(c->end - c->at));
	*value = c->at;
	c->at += *len;
	return *len;
}

/* Parsed, as it may have escapes. A NUL in it would end it too early. */
static bool parse_event_name(struct item *item, const char *text, size_t len)
{
	char why[128];
	json_t *json = json_parse(text, len, why);
	const char *s = json_string_value(json);
	bool good = s && json_string_length(json) < sizeof item->name &&
		strlen(s) == json_string_length(json);

	if (good)
		strcpy(item->name, s);
	item->event = item->name;
	json_decref(json);
	return good;
}

static bool parse_item(struct json_cursor *c, struct item *item)
{
	const char *value;
	char name[8];
	size_t len;

	memset(item, 0, sizeof *item);
	if (!skip_char(c, '{'))
		return false;
	do {
		if (!parse_member(c, name, &value, &len))
			return false;
		if (!strcmp(name, "event") && !item->event) {
			if (!parse_event_name(item, value, len))
				return false;
		} else if (!strcmp(name, "data") && !item->data) {
			item->data = value;
			item->data_len = len;
		} else {
			return false;
		}
	} while (skip_char(c, ','));
	return item->event && item->data && skip_char(c, '}');
}

/* By hand, since jansson does not say where in the text a value of an array is. */
int json_parse_batch(const char *text, size_t len, struct item *items, int max,
		     char why[128])
{
	struct json_cursor c = { text, text + len };
	int n = 0;

	snprintf(why, 128, "The body must be an array of 1 to %d objects "
		 "{\"event\":name,\"data\":any}.", max);
	if (!skip_char(&c, '['))
		return -1;
	do {
		if (n == max || !parse_item(&c, &items[n++]))
			return -1;
	} while (skip_char(&c, ','));
	return skip_char(&c, ']') && at_end(&c) ? n : -1;
}
