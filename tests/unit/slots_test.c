/*
 * Moments as a table: why, and a course of them. The words: @5 it is so many ms (of a
 * clock that stands elsewhere at each begin), +5 adds a moment so many ms from now,
 * ?5 the first one is so many ms from now, ?- there is none, x removes those that
 * have come.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slots.h"

/* Anywhere in the ring, and in a word of it; a multiple of SLOT_MS. */
static const int64_t begins[] = {
	0, 100, 6300, 6400, 100 * (SLOTS - 1), 100 * SLOTS, 987654300,
};

static const struct { const char *why, *course; } moments[] = {
	{ "none", "?- x ?-" },
	{ "later, by up to 100 ms", "+1 ?100" },
	{ "later also where it is round", "+200 ?300" },
	{ "now is soon", "+0 ?100 @100 x ?-" },
	{ "the first", "+450 +250 +850 ?300" },
	{ "they go when they have come",
	  "+450 +250 @300 x ?200 @499 x ?1 @500 x ?-" },
	{ "many that have come go together", "+50 +150 +250 +5050 @400 x ?4700" },
	{ "nearly the same is one", "+300 +340 +399 @400 x ?-" },
	{ "one that was there may be again",
	  "+50 @100 x @150 +50 ?150 @300 x ?-" },
	{ "who is late gets them still", "+50 +150 @5000 ?-4900 x ?-" },
	{ "and may add meanwhile", "+50 @5000 +50 ?-4900 x ?100 @5100 x ?-" },
	{ "far ahead", "+800000 ?800100 @800100 x ?-" },
	{ "as far as it goes", "+819000 ?819100 @819100 x ?-" },
	{ "and is found there", "+50 +819000 @100 x ?819000" },
	{ "too far", "+819100 ?- +900000 ?-" },
	{ "far ahead of who has waited long",
	  "+660000 @600000 +660000 ?60100 @660100 x ?600000 @1260100 x ?-" },
	{ "far ahead of who has none", "@5000000 +800000 ?800100 @5800100 x ?-" },
	{ "and who had some", "+50 @100 x @5000000 +800000 ?800100" },
};

static void run_moments(const char *why, const char *course, int64_t begin)
{
	struct slots slots = SLOTS_INIT;
	int64_t now = begin;

	for (const char *s = course; *s; s += strcspn(s, " "), s += *s == ' ') {
		int64_t number = atoll(s + 1), first = slots_first(&slots);

		if (*s == '@')
			now = begin + number;
		else if (*s == '+')
			slots_add(&slots, now + number, now);
		else if (*s == 'x')
			slots_expire(&slots, now);
		else if (!strncmp(s, "?- ", 3) || !strcmp(s, "?-"))
			number = INT64_MAX - now;
		if (*s == '?' && first != now + number)
			fail_msg("%s, from %lld: at \"%s\" %lld", why,
				 (long long)begin, s, (long long)(first - now));
	}
}

static void test_moments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
		for (size_t j = 0; j < sizeof begins / sizeof *begins; j++)
			run_moments(moments[i].why, moments[i].course, begins[j]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_moments) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
