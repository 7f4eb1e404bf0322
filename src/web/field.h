/*
 * field.h - the parts of a header field (RFC 9110, 5.6): elements of a list, and
 * the parameters of one, whose values may be quoted strings.
 */
#ifndef WEB_FIELD_H
#define WEB_FIELD_H

#include <stdbool.h>
#include <stddef.h>

struct field {
	const char *s;
	size_t len;
};

/* Takes what stands before the first separator that is in no quoted string from
 * the beginning of rest, without spaces around it. False: nothing is left. */
bool field_shift(struct field *rest, char separator, struct field *part);

/* Likewise the last element of a list, from its end: so that it is found whatever
 * stands before it, an opening quote too. */
bool field_pop(struct field *rest, struct field *element);

/* How often a parameter of this name, of any case, is in NAME=VALUE;NAME=VALUE...;
 * to: the value of the first, without quotes. -1: that is longer than size. */
int field_parameter(struct field from, const char *name, char *to, size_t size);

/* A token or a quoted string, unquoted. False: it is longer than size. */
bool field_value(struct field from, char *to, size_t size);

#endif
