/*
 * A process that holds streams has a slot, which is one word: its id, its start time,
 * and how many streams it holds. So every change is one atomic operation, a process may
 * be killed between any two, and a slot whose process is gone is recognized.
 *
 * A word of a living process is changed by that process alone. Any process may clear the
 * word of a dead one, by an exchange, so that only one of them counts its streams as ended.
 *
 * All of this needs /proc to show the same processes to everybody who shares the
 * memory.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "shared/metric.h"
#include "shared/quota.h"
#include "shared/shared.h"

/* The count has room for the largest DRAWBRIDGE_STREAMS, the id for the largest that
 * the kernel gives out (2^22, proc(5)). The rest is for the lowest bits of the start
 * time in clock ticks. They repeat after 11 hours: a process that is given the id of a
 * dead one is mistaken for it only if it also begins in the very same tick of that
 * cycle. */
enum { COUNT_BITS = 20, START_BITS = 22, PID_BITS = 22 };
enum { FREE_DEAD_MS = 1000 };

#define SLOT_COUNT(word) ((word) & ((UINT64_C(1) << COUNT_BITS) - 1))
#define SLOT_PID(word) ((pid_t)((word) >> (COUNT_BITS + START_BITS)))
#define SLOT_OWNER(word) ((word) >> COUNT_BITS << COUNT_BITS)

static _Atomic uint64_t *own_slot;	/* NULL: it holds no stream */
static uint64_t own_word;		/* with a count of 0; 0: not known yet */

/* A process's word with a count of 0; 0: it is gone; UINT64_MAX: unknown. */
static uint64_t owner_of(pid_t pid)
{
	unsigned long long start;
	char path[32], text[1024], state;
	const char *end;
	bool gone;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return kill(pid, 0) && errno == ESRCH ? 0 : UINT64_MAX;
	/* The process may end between open() and read(): then read() fails with
	 * ESRCH. */
	n = read(fd, text, sizeof text - 1);
	gone = n < 0 && errno == ESRCH;
	close(fd);
	if (n <= 0)
		return gone ? 0 : UINT64_MAX;
	text[n] = '\0';
	/* The second field is the program's name, which may contain spaces and
	 * parentheses, so the rest is counted from the last one. The start time is
	 * field 22 (proc(5)). */
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
			   " %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state,
			   &start) != 2)
		return UINT64_MAX;
	/* Killed, but not waited for yet: its streams are closed. */
	if (state == 'Z' || state == 'X')
		return 0;
	return (uint64_t)pid << (COUNT_BITS + START_BITS) |
		(start & ((UINT64_C(1) << START_BITS) - 1)) << COUNT_BITS;
}

/* When in doubt it is not gone: a slot that is freed by mistake would let in too
 * many. */
static bool is_gone(uint64_t word)
{
	uint64_t owner;

	if (SLOT_OWNER(word) == own_word)
		return false;
	owner = owner_of(SLOT_PID(word));
	return owner != UINT64_MAX && owner != SLOT_OWNER(word);
}

/* Whoever frees a slot counts the streams in it as ended. The exchange fails if its
 * process was replaced, or somebody else has freed it, since the word was read. */
static void free_dead_slots(void)
{
	unsigned used = atomic_load(&shared->slots_used);

	for (unsigned i = 0; i < used; i++) {
		uint64_t word = atomic_load(&shared->slots[i]);

		if (word && is_gone(word) &&
		    atomic_compare_exchange_strong(&shared->slots[i], &word, 0))
			metric_add(METRIC_STREAMS_ENDED, END_KILLED, SLOT_COUNT(word));
	}
}

/* Called before a stream is refused, and for the metrics. Anybody can cause the former, and
 * it looks at each process, so all processes together do it at most once a second. */
static void free_dead_slots_if_due(void)
{
	if (clock_due(&shared->free_dead_at, FREE_DEAD_MS))
		free_dead_slots();
}

static uint64_t count_streams(void)
{
	unsigned used = atomic_load(&shared->slots_used);
	uint64_t all = 0;

	for (unsigned i = 0; i < used; i++)
		all += SLOT_COUNT(atomic_load(&shared->slots[i]));
	return all;
}

static bool claim_slot(void)
{
	for (unsigned i = 0; i < SHARED_SLOTS; i++) {
		unsigned used = atomic_load(&shared->slots_used);
		uint64_t none = 0;

		if (atomic_load(&shared->slots[i]))
			continue;
		/* Before the slot is taken: others only look at slots below slots_used,
		 * and would not count the streams in this one. */
		while (used <= i && !atomic_compare_exchange_weak(
				&shared->slots_used, &used, i + 1))
			;
		if (atomic_compare_exchange_strong(&shared->slots[i], &none, own_word)) {
			own_slot = &shared->slots[i];
			return true;
		}
	}
	return false;
}

static bool ensure_slot(void)
{
	/* It may be another's by now if somebody took us for dead, as in a container
	 * that shares the memory but not /proc. */
	if (own_slot && SLOT_OWNER(atomic_load(own_slot)) == own_word)
		return true;
	if (!own_word)
		own_word = owner_of(getpid());
	if (own_word == UINT64_MAX)	/* there is no /proc */
		own_word = (uint64_t)getpid() << (COUNT_BITS + START_BITS);
	if (claim_slot())
		return true;
	free_dead_slots_if_due();
	return claim_slot();
}

/* One stream of it; with the last one the slot is free. No exchange is needed: nobody
 * else changes the word of a living process. */
static void release_slot(void)
{
	uint64_t word = atomic_load(own_slot);

	if (SLOT_OWNER(word) != own_word || !SLOT_COUNT(word))
		return;
	atomic_store(own_slot, SLOT_COUNT(word) > 1 ? word - 1 : 0);
	if (SLOT_COUNT(word) == 1)
		own_slot = NULL;
}

/* Adds first and counts then: of two processes that want the last place at least one
 * sees the other's addition, so both may be refused, but never both admitted. These
 * operations must stay sequentially consistent, or each could miss the other's. */
bool quota_acquire(unsigned max)
{
	bool good = false;

	if (ensure_slot()) {
		atomic_fetch_add(own_slot, 1);
		good = count_streams() <= max;
		if (!good) {
			free_dead_slots_if_due();
			good = count_streams() <= max;
		}
		if (!good)
			release_slot();
	}
	return good;
}

void quota_release(void)
{
	if (own_slot)
		release_slot();
}

uint64_t quota_counted(void)
{
	return count_streams();
}

uint64_t quota_used(void)
{
	free_dead_slots_if_due();
	return count_streams();
}
