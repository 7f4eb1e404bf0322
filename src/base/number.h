/*
 * number.h - a decimal number, all of a text, within bounds.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* Digits alone: no sign, no space, no exponent. */
bool number_parse(const char *s, size_t len, long least, long most, long *to);

#endif
