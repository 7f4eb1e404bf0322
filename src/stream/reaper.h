/*
 * reaper.h - takes peers that have not come back in time out of their rooms: it knows when
 * that is due, and runs one script at a time for it. Part of the loop's thread.
 */
#ifndef STREAM_REAPER_H
#define STREAM_REAPER_H

#include "conf/conf.h"
#include "room/presence.h"

/* Sweeps in so many milliseconds, up to 800 s. Sweeps at nearly the same time are one. */
void reaper_sweep_in(unsigned ms);

/* Streams have beaten, and so looked whether a sweep has something to do. If none beats for
 * half a PING, as there are few, the reaper sweeps in between. */
void reaper_note_beat(const struct conf *c);

/* When the next sweep is due, on clock_ms(), and what starts it then. INT64_MAX: there is
 * none, or one is under way. */
int64_t reaper_deadline(void);
void reaper_run(struct redis *r, const struct conf *c);

#endif
