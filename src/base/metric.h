/*
 * metric.h - what is counted, for GET /metrics.
 *
 * A metric is a row of the table in metric.c and a name here; counting is one
 * line where the thing happens. The counts are in memory that all processes of
 * the host share (shared.h): an increment is one atomic addition, without a lock
 * and without memory of its own, and a process that is killed loses none.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdint.h>

#include "base/buf.h"

enum metric {
	METRIC_STREAMS,			/* a gauge: quota.h has it */
	METRIC_STREAMS_OPENED,
	METRIC_STREAMS_ENDED,		/* by enum metric_end */
	METRIC_CONNECTS,		/* by enum metric_connect */
	METRIC_REPLAYED,
	METRIC_STREAM_STEPS,
	METRIC_BEATS,
	METRIC_BEAT_BATCHES,
	METRIC_RELAYS,			/* by enum metric_relay */
	METRIC_BROADCASTS,
	METRIC_MESSAGES,
	METRIC_JOINS,
	METRIC_LEAVES,
	METRIC_REAPED,
	METRIC_REFUSED,			/* by enum err */
	METRIC_ROUND_TRIPS,		/* a histogram */
	METRIC_REDIS_LOST,
	METRIC_REDIS_BACK,
	METRIC_REDIS_ERRORS,
	METRIC_SHARED,			/* a gauge: shared.h has it */
	METRIC_COUNT
};

/* The most values that the label of a metric has. */
enum { METRIC_CELLS = 32 };

/* Why a stream ended. */
enum metric_end {
	END_NOT,			/* it goes on */
	END_CLIENT_GONE,
	END_SEND_TIMEOUT,
	END_AGE,
	END_TOKEN,
	END_STOP,			/* of the program */
	END_PEER_STREAMS,		/* its peer has opened too many since */
	END_REDIS,			/* was away, before it had begun */
	END_KILLED,			/* its process is gone */
};

/* How a stream began, or went on after Redis was lost. */
enum metric_connect {
	CONNECT_NEW,			/* without a position */
	CONNECT_RESUMED,
	CONNECT_NOT_RESUMED,		/* the position is not known any more */
};

/* What became of a relay, once all was right with the request. */
enum metric_relay {
	RELAY_DELIVERED,
	RELAY_KEPT,
	RELAY_REFUSED,			/* no shared room; over the rate */
	RELAY_UNKNOWN,			/* Redis did not answer */
};

/* Counts n of them. label: as above; 0 where the metric has none. */
void metric_add(enum metric m, unsigned label, uint64_t n);

/* Counts one that took so long; m is a histogram. */
void metric_observe(enum metric m, int64_t ns);

/* How many of them were counted. */
uint64_t metric_value(enum metric m, unsigned label);

/* The value of a label, for logs. */
const char *metric_word(enum metric m, unsigned label);

/* A number that is another wherever the table is another. */
uint64_t metric_layout(void);

/* All of them: Prometheus' text format 0.0.4. */
void metric_put(struct buf *out);

#endif
