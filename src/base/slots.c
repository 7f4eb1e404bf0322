/*
 * A slot is one SLOT_MS of the clock, numbered from its start, and is represented by
 * bit slot % SLOTS of the ring. Only slots above base, by at most SLOTS, are ever set,
 * so a bit is unambiguous. SLOTS is a multiple of SLOT_WORD_BITS, so slots that share a
 * word are adjacent.
 *
 * The ring (819 s) must be longer than the farthest time that stream/reaper.c
 * schedules: GRACE, at most 600 s, plus half a PING, at most 30 s.
 */
#include "config.h"

#include "base/slots.h"

static uint64_t *word_of(struct slots *s, int64_t slot)
{
	return &s->words[slot % SLOTS / SLOT_WORD_BITS];
}

static uint64_t bit_of(int64_t slot)
{
	return UINT64_C(1) << slot % SLOT_WORD_BITS;
}

/* A word at a time: at most 129 steps, since the first and the last word may be the
 * same. */
static int64_t find_first(struct slots *s)
{
	for (int64_t slot = s->base + 1; slot <= s->base + SLOTS;
	     slot += SLOT_WORD_BITS - slot % SLOT_WORD_BITS) {
		uint64_t rest = *word_of(s, slot) >> slot % SLOT_WORD_BITS;

		if (rest)
			return slot + __builtin_ctzll(rest);
	}
	return INT64_MAX;
}

void slots_add(struct slots *s, int64_t at, int64_t now)
{
	int64_t slot = at / SLOT_MS + 1, passed = now / SLOT_MS;

	/* The ring begins now, or at the first moment that is still to be removed,
	 * whose bit would change its meaning otherwise. If it always began at the last
	 * one removed, a process that had scheduled nothing for a long time could add
	 * nothing far ahead. */
	s->base = (s->first < passed ? s->first : passed) - 1;
	if (slot <= s->base || slot > s->base + SLOTS)
		return;
	*word_of(s, slot) |= bit_of(slot);
	if (slot < s->first)
		s->first = slot;
}

int64_t slots_first(const struct slots *s)
{
	return s->first == INT64_MAX ? INT64_MAX : s->first * SLOT_MS;
}

void slots_expire(struct slots *s, int64_t now)
{
	while (s->first != INT64_MAX && s->first * SLOT_MS <= now) {
		*word_of(s, s->first) &= ~bit_of(s->first);
		s->base = s->first;
		s->first = find_first(s);
	}
}
