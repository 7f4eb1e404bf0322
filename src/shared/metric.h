/*
 * metric.h - what is counted, for GET /metrics.
 *
 * A metric is a row of the table in metric.c and a name here; it is counted by one line
 * where it happens. The counts are in memory that all processes of the host share
 * (shared.h): an increment is one atomic addition, without a lock, and nothing is lost when
 * a process is killed.
 */
#ifndef SHARED_METRIC_H
#define SHARED_METRIC_H

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
	METRIC_WEBHOOK_EVENTS,		/* by enum metric_webhook */
	METRIC_WEBHOOK_REQUESTS,	/* by enum metric_request */
	METRIC_REDIS_EVICTS,		/* gauges, as of the newest connection */
	METRIC_REDIS_MAXMEMORY,
	METRIC_SHARED,			/* a gauge: shared.h has it */
	METRIC_COUNT
};

/* More values than any label has. */
enum { METRIC_CELLS = 32 };

/* Why a stream ended. */
enum metric_end {
	END_NOT,			/* it has not */
	END_CLIENT_GONE,
	END_SEND_TIMEOUT,
	END_AGE,
	END_TOKEN,
	END_STOP,			/* of the program */
	END_PEER_STREAMS,		/* its peer has opened too many since */
	END_DISCONNECTED,		/* its peer was, by a server */
	END_REDIS,			/* was away when it was opened */
	END_KILLED,			/* its process was */
};

/* How a stream began, or resumed after Redis was lost. */
enum metric_connect {
	CONNECT_NEW,			/* without a position */
	CONNECT_RESUMED,
	CONNECT_NOT_RESUMED,		/* its position is not known any more */
};

/* The outcome of a relay whose request was valid. */
enum metric_relay {
	RELAY_DELIVERED,
	RELAY_KEPT,
	RELAY_REPEATED,			/* answered as the first time, and not sent again */
	RELAY_REFUSED,			/* no shared room; rate exceeded */
	RELAY_UNKNOWN,			/* Redis did not answer */
};

/* What became of an event for the site. */
enum metric_webhook {
	WEBHOOK_ARRIVED,
	WEBHOOK_GIVEN_UP,
	WEBHOOK_PUSHED_OUT,		/* or Redis could not keep it */
};

/* The outcome of a request to the site. */
enum metric_request {
	REQUEST_ACCEPTED,
	REQUEST_FAILED,
};

/* Adds n. label: one of the above; 0 where the metric has none. */
void metric_add(enum metric m, unsigned label, uint64_t n);

/* Sets a gauge without a label, for all processes. */
void metric_set(enum metric m, uint64_t value);

/* Adds one that took so long to a histogram. */
void metric_observe(enum metric m, int64_t ns);

/* The current count. */
uint64_t metric_value(enum metric m, unsigned label);

/* The value of a label, for logs. */
const char *metric_word(enum metric m, unsigned label);

/* A hash of the table: another version of it has another layout. */
uint64_t metric_layout(void);

/* Appends all of them in Prometheus' text format 0.0.4. */
void metric_append_all(struct buf *out);

/* Appends the counters and histograms that are not 0 as a JSON object: {"joins":3,
 * "relays":{"kept":1},"redis_round_trip_seconds":{"count":9,"sum":0.002}}. */
void metric_append_json(struct buf *out);

#endif
