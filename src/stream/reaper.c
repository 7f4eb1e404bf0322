/*
 * Each beat tells whether a sweep has something to do (beat.lua): then one is asked for at
 * once. So where many streams beat nobody has to look: each beat moves the next sweep for
 * beats, which comes only when no stream has beaten for half a PING.
 */
#include "config.h"

#include <stdint.h>

#include "base/clock.h"
#include "base/slots.h"
#include "stream/reaper.h"

/* Times of clock_ms(); INT64_MAX: none. */
static struct slots scheduled = SLOTS_INIT;
static int64_t beat_sweep_at = INT64_MAX;	/* moved by each beat */
static bool sweeps_again;			/* at once: there was more */
static bool is_sweeping;
static struct sweep swept;			/* by the one that is under way */

static int64_t next_sweep_at(void)
{
	int64_t first = slots_first(&scheduled);

	return sweeps_again ? 0 : first < beat_sweep_at ? first : beat_sweep_at;
}

/* One sweep is for all times that have come. */
static void expire_sweeps(int64_t now)
{
	slots_expire(&scheduled, now);
	if (beat_sweep_at <= now)
		beat_sweep_at = INT64_MAX;
	sweeps_again = false;
}

/* Where Redis is away, the next beats sweep. */
static void on_swept(void *arg, enum err e)
{
	const struct conf *c = arg;

	is_sweeping = false;
	if (e)
		return;
	sweeps_again = swept.more;
	if (swept.moved)
		reaper_sweep_in(c->grace * 1000 + c->ping * 500);
}

int64_t reaper_deadline(void)
{
	return is_sweeping ? INT64_MAX : next_sweep_at();
}

void reaper_run(struct redis *r, const struct conf *c)
{
	int64_t now = clock_ms();

	if (now < reaper_deadline())
		return;
	expire_sweeps(now);
	is_sweeping = true;
	presence_sweep(r, c, &swept, on_swept, (void *)c);
}

void reaper_sweep_in(unsigned ms)
{
	int64_t now = clock_ms();

	slots_add(&scheduled, now + ms, now);
}

void reaper_note_beat(const struct conf *c)
{
	beat_sweep_at = clock_ms() + c->ping * 500;
}
