/*
 * slots.h - a set of moments, to come within 13 minutes and to 100 ms: a ring of bits,
 * 1 KiB however many there are. Locks are its owner's.
 */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include <stdint.h>

enum { SLOT_MS = 100, SLOTS = 8192, SLOT_WORD_BITS = 64 };

struct slots {
	uint64_t words[SLOTS / SLOT_WORD_BITS];
	int64_t base;			/* all lie above, by up to SLOTS */
	int64_t first;			/* of those that are there */
};

#define SLOTS_INIT { .first = INT64_MAX }

/* Adds a moment after at, by up to 100 ms. Not where it is too far ahead. Both are of
 * one clock, in ms. */
void slots_add(struct slots *s, int64_t at, int64_t now);

/* The first one, in ms; INT64_MAX: there is none. */
int64_t slots_first(const struct slots *s);

/* Removes all that have come. */
void slots_expire(struct slots *s, int64_t now);

#endif
