/*
 * slots.h - a set of moments within the next 13 minutes, rounded to 100 ms: a ring of bits,
 * 1 KiB however many there are. Not thread-safe.
 */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include <stdint.h>

enum { SLOT_MS = 100, SLOTS = 8192, SLOT_WORD_BITS = 64 };

struct slots {
	uint64_t words[SLOTS / SLOT_WORD_BITS];
	int64_t base;			/* slots are above it, by up to SLOTS */
	int64_t first;			/* INT64_MAX: none is set */
};

#define SLOTS_INIT { .first = INT64_MAX }

/* Adds the end of the slot that at is in; nothing where that is too far ahead. Both are in
 * ms, of the same clock. */
void slots_add(struct slots *s, int64_t at, int64_t now);

/* The first one, in ms; INT64_MAX: it is empty. */
int64_t slots_first(const struct slots *s);

/* Removes all up to now. */
void slots_expire(struct slots *s, int64_t now);

#endif
