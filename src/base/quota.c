#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/quota.h"
#include "base/shared.h"

/*
 * A process that holds streams has a slot, one word: who it is, by id and start
 * time (in the kernel's ticks, the lowest bits), and how many it holds. So each
 * change is one atomic operation, and a slot whose process is gone is known.
 */
enum { COUNT_BITS = 20, START_BITS = 22, PID_BITS = 22 };
enum { SWEEP_MS = 1000 };

#define COUNT(word) ((word) & ((UINT64_C(1) << COUNT_BITS) - 1))
#define START(word) ((word) >> COUNT_BITS & ((UINT64_C(1) << START_BITS) - 1))
#define PID(word) ((pid_t)((word) >> (COUNT_BITS + START_BITS)))
#define OWNER(word) ((word) >> COUNT_BITS << COUNT_BITS)

/* Of this process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t *slot;		/* NULL: it holds none */
static uint64_t me;

/* The word of a process that holds none; 0: it is gone; -1: nobody can tell. */
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
	n = read(fd, text, sizeof text - 1);
	gone = n < 0 && errno == ESRCH;
	close(fd);
	if (n <= 0)
		return gone ? 0 : UINT64_MAX;
	text[n] = '\0';
	/* The name before it may hold anything; see proc(5). */
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
			   " %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state,
			   &start) != 2)
		return UINT64_MAX;
	if (state == 'Z' || state == 'X')
		return 0;
	return (uint64_t)pid << (COUNT_BITS + START_BITS) |
		(start & ((UINT64_C(1) << START_BITS) - 1)) << COUNT_BITS;
}

static bool gone(uint64_t word)
{
	uint64_t owner;

	if (OWNER(word) == me)
		return false;
	owner = owner_of(PID(word));
	return owner != UINT64_MAX && owner != OWNER(word);
}

/* Frees the slots of those who are gone. Who frees one, counts its streams. */
static void sweep(void)
{
	unsigned used = atomic_load(&shared->slots_used);

	for (unsigned i = 0; i < used; i++) {
		uint64_t word = atomic_load(&shared->slots[i]);

		if (word && gone(word) &&
		    atomic_compare_exchange_strong(&shared->slots[i], &word, 0))
			metric_add(METRIC_STREAMS_ENDED, END_KILLED, COUNT(word));
	}
}

/* For who would be refused else: that comes as often as others like, and costs a
 * look at each process, so all processes together do it once a second. */
static void sweep_now_and_then(void)
{
	if (clock_due(&shared->sweep_at, SWEEP_MS))
		sweep();
}

static uint64_t sum(void)
{
	unsigned used = atomic_load(&shared->slots_used);
	uint64_t all = 0;

	for (unsigned i = 0; i < used; i++)
		all += COUNT(atomic_load(&shared->slots[i]));
	return all;
}

static bool find_slot(void)
{
	for (unsigned i = 0; i < SHARED_SLOTS; i++) {
		unsigned used = atomic_load(&shared->slots_used);
		uint64_t none = 0;

		if (atomic_load(&shared->slots[i]))
			continue;
		/* First, or others would not see what is in it. */
		while (used <= i && !atomic_compare_exchange_weak(
				&shared->slots_used, &used, i + 1))
			;
		if (atomic_compare_exchange_strong(&shared->slots[i], &none, me)) {
			slot = &shared->slots[i];
			return true;
		}
	}
	return false;
}

static bool need_slot(void)
{
	if (slot && OWNER(atomic_load(slot)) == me)
		return true;
	if (!me)
		me = owner_of(getpid());
	if (me == UINT64_MAX)		/* there is no /proc */
		me = (uint64_t)getpid() << (COUNT_BITS + START_BITS);
	if (find_slot())
		return true;
	sweep_now_and_then();
	return find_slot();
}

/* Into the slot, which is freed with the last stream. */
static void give(void)
{
	uint64_t word = atomic_load(slot);

	if (OWNER(word) != me || !COUNT(word))
		return;
	atomic_store(slot, COUNT(word) > 1 ? word - 1 : 0);
	if (COUNT(word) == 1)
		slot = NULL;
}

bool quota_take(unsigned most)
{
	bool good = false;

	pthread_mutex_lock(&lock);
	if (need_slot()) {
		atomic_fetch_add(slot, 1);
		good = sum() <= most;
		if (!good) {
			sweep_now_and_then();
			good = sum() <= most;
		}
		if (!good)
			give();
	}
	pthread_mutex_unlock(&lock);
	return good;
}

void quota_give(void)
{
	pthread_mutex_lock(&lock);
	if (slot)
		give();
	pthread_mutex_unlock(&lock);
}

uint64_t quota_used(void)
{
	uint64_t all;

	pthread_mutex_lock(&lock);
	sweep();
	all = sum();
	pthread_mutex_unlock(&lock);
	return all;
}
