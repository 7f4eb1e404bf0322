/*
 * number.h - decimal numbers within bounds.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* All of the text, which has only digits: no sign, no space, no exponent. */
bool number_parse(const char *s, size_t len, long min, long max, long *to);

#endif
