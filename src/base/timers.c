/*
 * A heap in an array: the children of slot i are 2 * i + 1 and 2 * i + 2, and no timer
 * is earlier than its parent, so slot 0 has the earliest. Each timer knows its slot, so
 * it can be moved or removed without a search; place is the slot plus 1, since 0 stands
 * for none.
 */
#include "config.h"

#include <stdlib.h>

#include "base/timers.h"

enum { HEAP_SIZE_MIN = 16 };

static void set_slot(struct timers *t, size_t i, struct timer *timer)
{
	t->heap[i] = timer;
	timer->place = i + 1;
}

/* Slot i is free: puts the timer there, or further up if its parent is later. */
static void sift_up(struct timers *t, size_t i, struct timer *timer)
{
	while (i && t->heap[(i - 1) / 2]->at > timer->at) {
		set_slot(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	set_slot(t, i, timer);
}

/* Likewise, there or further down. */
static void sift_down(struct timers *t, size_t i, struct timer *timer)
{
	for (size_t child; (child = 2 * i + 1) < t->count; i = child) {
		if (child + 1 < t->count &&
		    t->heap[child + 1]->at < t->heap[child]->at)
			child++;
		if (t->heap[child]->at >= timer->at)
			break;
		set_slot(t, i, t->heap[child]);
	}
	set_slot(t, i, timer);
}

static void resize(struct timers *t, size_t size)
{
	struct timer **heap = realloc(t->heap, size * sizeof(struct timer *));

	if (!heap)
		abort();
	t->heap = heap;
	t->size = size;
}

void timers_set(struct timers *timers, struct timer *timer, int64_t at)
{
	int64_t was = timer->at;

	timer->at = at;
	if (!timer->place) {
		if (timers->count == timers->size)
			resize(timers, timers->size ? 2 * timers->size : HEAP_SIZE_MIN);
		sift_up(timers, timers->count++, timer);
	} else if (at < was) {
		sift_up(timers, timer->place - 1, timer);
	} else {
		sift_down(timers, timer->place - 1, timer);
	}
}

void timers_remove(struct timers *timers, struct timer *timer)
{
	size_t i = timer->place;
	struct timer *last;

	if (!i)
		return;
	timer->place = 0;
	/* The last one fills the gap. It comes from another branch, so it may belong
	 * above the gap as well as below. */
	last = timers->heap[--timers->count];
	if (last != timer && last->at < timer->at)
		sift_up(timers, i - 1, last);
	else if (last != timer)
		sift_down(timers, i - 1, last);
	/* By half and not to the size that is needed, or a timer that comes and goes
	 * would resize it each time. */
	if (timers->size > HEAP_SIZE_MIN && timers->count <= timers->size / 4)
		resize(timers, timers->size / 2);
}

struct timer *timers_first(const struct timers *timers)
{
	return timers->count ? timers->heap[0] : NULL;
}
