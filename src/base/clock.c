#include "config.h"

#include <time.h>

#include "base/clock.h"

/* Not the time of day, which jumps when it is set. All processes on a host read the
 * same clock, so a time in shared memory (shared/shared.h) means the same to each of
 * them. It stands still while the machine is suspended. */
int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_ms(void)
{
	return clock_ns() / 1000000;
}

bool clock_due(_Atomic int64_t *next_ms, int64_t interval_ms)
{
	int64_t now = clock_ms(), next = atomic_load(next_ms);

	/* When several find it due, the exchange succeeds only for the first of
	 * them. */
	return now >= next &&
		atomic_compare_exchange_strong(next_ms, &next, now + interval_ms);
}

int64_t clock_unix(void)
{
	return (int64_t)time(NULL);
}
