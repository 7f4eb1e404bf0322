/*
 * json.h - JSON (RFC 8259) as jansson 2.14 reads it: any value at the top, numbers of any
 * size, \u0000 allowed in strings; nested up to JSON_DEPTH_MAX.
 */
#ifndef ROOM_JSON_H
#define ROOM_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/buf.h"

enum { JSON_DEPTH_MAX = 128 };

/* NULL: not JSON, or too deep, and why (128 bytes) says where. Free with json_decref. */
json_t *json_parse(const char *text, size_t len, char why[128]);

/* The length of the first value in text, with the white space before it; 0: there is
 * none. */
size_t json_value_len(const char *text, size_t len);

/* Appends s as a JSON string; it must be UTF-8. */
void json_append_string(struct buf *b, const char *s);

/* Appends valid JSON byte for byte, but with spaces for line breaks, which can only be
 * between tokens. */
void json_append_raw(struct buf *b, const char *text, size_t len);

/* Ends an array whose elements are each followed by a comma. */
void json_end_array(struct buf *b);

/* How many characters of UTF-8. */
size_t json_characters(const char *s, size_t len);

/* A name that a person chose: 1 to 64 characters of UTF-8, none of them a
 * control character. */
bool json_name_valid(const char *s, size_t len);

struct item {
	const char *event;
	const char *data;	/* as it came */
	size_t data_len;
	char name[65];		/* what event points to */
};

/* Parses [{"event":...,"data":...},...], 1 to max items. Returns how many; -1: it is no
 * such array, and why says what is allowed. */
int json_parse_batch(const char *text, size_t len, struct item *items, int max,
		     char why[128]);

#endif
