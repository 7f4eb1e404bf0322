/*
 * Timers against a list that is searched: a table of courses, and many that are
 * drawn. The words of a course: a5 sets timer a to 5, -a removes it, and ?ab pops
 * the first ones, whose names are to be those; of the same time, in any order.
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

#include "base/timers.h"

enum { NAMES = 26, TIMERS = 10000, STEPS = 200000, TIMES = 500, SIZE_MIN = 16 };

static struct timers timers;

/* Pops one. */
static struct timer *pop(void)
{
	struct timer *t = timers_first(&timers);

	if (t)
		timers_remove(&timers, t);
	return t;
}

static void pop_all(void)
{
	while (pop())
		;
}

static const struct { const char *why, *course; } courses[] = {
	{ "nothing is first", "?" },
	{ "one", "a5 ?a ?" },
	{ "the earlier one is first", "a5 b3 c4 ?bca ?" },
	{ "however they come", "a1 b2 c3 d4 e5 f6 ?abcdef ?" },
	{ "and the other way round", "f6 e5 d4 c3 b2 a1 ?abcdef ?" },
	{ "times may be below zero", "a0 b-7 c7 ?bac ?" },
	{ "what is removed is not there", "a1 b2 c3 -b ?ac ?" },
	{ "the first may be removed", "a1 b2 c3 -a ?bc ?" },
	{ "the last may be removed", "a1 b2 c3 -c ?ab ?" },
	{ "what is not there may be removed", "-a a1 ?a -a ?" },
	{ "what was removed may come back", "a1 b2 -a a3 ?ba ?" },
	{ "later", "a1 b2 c3 a9 ?bca ?" },
	{ "earlier", "a1 b2 c3 c0 ?cab ?" },
	{ "to the same time", "a1 b2 a1 ?ab ?" },
	{ "the last one, put where another was, may have to go up",
	  "a0 b10 c1 d11 e12 f2 g3 h13 i14 j15 k16 l4 -d ?acfglbehijk ?" },
};

static void run_course(const char *why, const char *course)
{
	struct timer all[NAMES] = { { 0 } };

	for (const char *s = course; *s; s += strcspn(s, " "), s += *s == ' ') {
		if (*s == '-') {
			timers_remove(&timers, &all[s[1] - 'a']);
		} else if (*s != '?') {
			timers_set(&timers, &all[*s - 'a'], atoi(s + 1));
		} else {
			const char *name = s + 1;

			for (; *name && *name != ' '; name++) {
				struct timer *t = pop();

				if (t != &all[*name - 'a'])
					fail_msg("%s: %c was wanted", why, *name);
			}
			if (name == s + 1 && timers_first(&timers))
				fail_msg("%s: there is one", why);
		}
	}
	pop_all();
}

static void test_courses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof courses / sizeof *courses; i++)
		run_course(courses[i].why, courses[i].course);
}

static const struct timer *search(const struct timer all[], int count)
{
	const struct timer *first = NULL;

	for (int i = 0; i < count; i++)
		if (all[i].place && (!first || all[i].at < first->at))
			first = &all[i];
	return first;
}

static void test_drawn(void **state)
{
	static struct timer all[100];
	unsigned seed = 14;

	(void)state;
	for (int i = 0; i < STEPS; i++) {
		struct timer *t = &all[rand_r(&seed) % 100];
		const struct timer *wanted, *first;

		/* Full at some times, almost empty at others. */
		if (rand_r(&seed) % 100 < (i / 1000 % 2 ? 80 : 20))
			timers_set(&timers, t, rand_r(&seed) % TIMES);
		else
			timers_remove(&timers, t);
		wanted = search(all, 100);
		first = timers_first(&timers);
		if (!wanted != !first || (wanted && wanted->at != first->at))
			fail_msg("step %d", i);
	}
	pop_all();
}

/* The heap is not wider than four times what is in it. */
static void assert_tight(void)
{
	assert_true(timers.size <= SIZE_MIN || timers.size < 4 * timers.count + 4);
}

static void test_memory(void **state)
{
	static struct timer all[TIMERS];
	unsigned seed = 14;

	(void)state;
	for (int i = 0; i < TIMERS; i++) {
		timers_set(&timers, &all[i], rand_r(&seed) % TIMES);
		assert_tight();
	}
	for (int64_t was = 0; timers.count;) {
		struct timer *t = pop();

		assert_true(t->at >= was);
		was = t->at;
		assert_tight();
	}
	assert_true(timers.size <= SIZE_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_courses),
		cmocka_unit_test(test_drawn),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
