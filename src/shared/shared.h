/*
 * shared.h - the memory that all processes of a deployment on this host share:
 * counts (metric.h) and who holds how many streams (quota.h).
 *
 * A POSIX shared-memory segment (shm_overview(7)), made by whoever needs it first
 * and for its user alone. It stays when the programs end, until the host does.
 * What is in it is changed by atomic operations, so that a process may be killed
 * at any moment. Where there is none, the same is kept for each process alone.
 */
#ifndef SHARED_SHARED_H
#define SHARED_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/id.h"
#include "conf/conf.h"
#include "shared/metric.h"

enum { SHARED_SLOTS = 4096 };

struct shared {
	/* How the rest is laid out; 0 where it is new. Another version of the
	 * programs has another layout or size. */
	uint64_t layout, size;
	char id[ID_RANDOM_LEN + 1];		/* of these counts; "": of one process */
	_Atomic uint64_t cells[METRIC_COUNT][METRIC_CELLS];
	atomic_uint slots_used;			/* those above were never used */
	_Atomic int64_t free_dead_at;		/* see quota.c; of clock_ms() */
	_Atomic int64_t report_at, recount_at;	/* see room/report.c; likewise */
	_Atomic uint64_t slots[SHARED_SLOTS];	/* see quota.c */
};

/* Never NULL. */
extern struct shared *shared;

/* Once, before any thread. Where it fails, or takes longer than a second as
 * another process has locked it, a line is logged. */
void shared_init(const struct conf *conf);

/* 1: it is of all processes; 0: of this one. */
uint64_t shared_is_mapped(void);

#endif
