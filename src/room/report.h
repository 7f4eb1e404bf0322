/*
 * report.h - what each host has counted (shared/metric.h), in Redis, and a look at all of it:
 * for "drawbridge watch", which so needs to know no host, and no way to one.
 *
 * A report goes out with a script that its host runs anyway, at most once a second. So it takes
 * no round trip, and whoever is idle is as idle as before: it reports with its beats, or not at
 * all. Redis keeps those of REPORT_HOSTS hosts.
 */
#ifndef ROOM_REPORT_H
#define ROOM_REPORT_H

#include "base/err.h"
#include "conf/conf.h"
#include "store/redis.h"

/* Call once, after shared_init() and before any thread: until then, and in a process that
 * shares its counts with no other, nothing is reported. conf must stay. */
void report_init(const struct conf *c);

/* Enqueues a report, if one is due. Of what comes of it only the log tells. */
void report_if_due(struct redis *r);

/* Takes as long for any number of rooms and peers. */
struct overview {
	long long now_ms;		/* of Redis */
	long long rooms, here, away;	/* away: peers who may come back */
	long long events, first_ms;	/* for the site (DRAWBRIDGE_WEBHOOK), and when the
					 * first of them happened */
	const struct reply *reports;	/* for report_parse() */
	struct reply *reply;		/* owns reports: free it */
};

enum err report_overview(struct redis *r, const struct conf *c, struct overview *to);

/* One of the reports, i of reply_count(): {"id":ID,"host":NAME,"streams":N,"counts":{...}}, of
 * metric_append_json(), and when that was, by the clock of now_ms. */
const char *report_parse(const struct overview *o, size_t i, long long *ms);

#endif
