/* A pool of connections to Redis: what nobody has used for a while is closed. None of
 * them is ever connected here. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/pool.h"

enum { MANY = 3 };

static int woken;

static void wake(void)
{
	woken++;
}

static void give_many(void)
{
	struct redis *all[MANY];

	for (int i = 0; i < MANY; i++)
		assert_non_null(all[i] = pool_take());
	for (int i = 0; i < MANY; i++)
		pool_give(all[i]);
}

static void test_trim(void **state)
{
	int64_t now = clock_ms(), at;

	(void)state;
	pool_on_first(wake);
	assert_int_equal(pool_trim(now), INT64_MAX);
	give_many();
	assert_int_equal(woken, 1);	/* what follows is found by who was woken */
	at = pool_trim(now);
	assert_in_range(at, now + POOL_IDLE_MS, clock_ms() + POOL_IDLE_MS);
	assert_int_equal(pool_trim(clock_ms() + POOL_IDLE_MS), INT64_MAX);
	give_many();
	assert_int_equal(woken, 2);
	pool_trim(clock_ms() + POOL_IDLE_MS);
}

/* The last one that was given is taken, so that what is too many grows old. */
static void test_order(void **state)
{
	struct redis *last;
	int64_t before;

	(void)state;
	give_many();
	before = clock_ms();
	while (clock_ms() == before)
		;
	last = pool_take();
	pool_give(last);
	/* All but that one. */
	assert_in_range(pool_trim(before + POOL_IDLE_MS), before + POOL_IDLE_MS + 1,
			clock_ms() + POOL_IDLE_MS);
	assert_ptr_equal(pool_take(), last);
	pool_give(last);
	pool_trim(clock_ms() + POOL_IDLE_MS);
}

/* One that is in use is nobody's to close. */
static void test_in_use(void **state)
{
	struct redis *r = pool_take();

	(void)state;
	assert_int_equal(pool_trim(clock_ms() + 2 * POOL_IDLE_MS), INT64_MAX);
	pool_give(r);
	assert_ptr_equal(pool_take(), r);
	pool_give(r);
	pool_trim(clock_ms() + POOL_IDLE_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
