/*
 * field.h - parses header fields (RFC 9110, 5.6): the elements of a list, and the parameters
 * of an element, whose values may be quoted strings.
 */
#ifndef WEB_FIELD_H
#define WEB_FIELD_H

#include <stdbool.h>
#include <stddef.h>

struct field {
	const char *s;
	size_t len;
};

/* Removes the part before the first separator that is not in a quoted string from the
 * beginning of rest; part has no spaces around it. False: nothing is left. */
bool field_shift(struct field *rest, char separator, struct field *part);

/* Likewise the last element of a list, scanning from its end, so that it is found whatever
 * comes before it, even an unclosed quote. */
bool field_pop(struct field *rest, struct field *element);

/* How many parameters of this name, in any case, are in NAME=VALUE;NAME=VALUE...; to gets
 * the value of the first, unquoted. -1: it does not fit into size bytes. */
int field_parameter(struct field from, const char *name, char *to, size_t size);

/* A token or a quoted string, unquoted. False: it does not fit into size bytes. */
bool field_value(struct field from, char *to, size_t size);

#endif
