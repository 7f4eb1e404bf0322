/*
 * quota.h - how many streams the processes of this host hold together.
 * The streams of a process that was killed stop counting when the metrics are read, or
 * when a stream would be refused otherwise, but at most once a second.
 *
 * One thread of a process calls all of it.
 */
#ifndef SHARED_QUOTA_H
#define SHARED_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

/* Counts one more stream. False: there are max already. Two processes that want the
 * last one at the same moment may both be refused; max is never exceeded. */
bool quota_acquire(unsigned max);
void quota_release(void);

uint64_t quota_used(void);

/* The same without a look at each process, so with the streams of those that were killed
 * since the last one. */
uint64_t quota_counted(void);

#endif
