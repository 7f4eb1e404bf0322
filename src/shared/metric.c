/*
 * A count is a cell of the shared memory (shared.h), at [metric][label], and a
 * histogram has a cell for each bucket. Processes add to cells without a lock and
 * without looking at others; only metric_append_all() puts several together, so what it
 * prints may be a few events apart.
 */
#include "config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "shared/metric.h"
#include "shared/quota.h"
#include "shared/shared.h"

static const char *const ends[] = {
	[END_CLIENT_GONE] = "client-gone",
	[END_SEND_TIMEOUT] = "send-timeout",
	[END_AGE] = "age",
	[END_TOKEN] = "token",
	[END_STOP] = "stop",
	[END_PEER_STREAMS] = "peer-streams",
	[END_DISCONNECTED] = "disconnected",
	[END_REDIS] = "redis",
	[END_KILLED] = "killed",
};

static const char *const connects[] = {
	[CONNECT_NEW] = "new",
	[CONNECT_RESUMED] = "resumed",
	[CONNECT_NOT_RESUMED] = "not-resumed",
};

static const char *const relays[] = {
	[RELAY_DELIVERED] = "delivered",
	[RELAY_KEPT] = "kept",
	[RELAY_REPEATED] = "repeated",
	[RELAY_REFUSED] = "refused",
	[RELAY_UNKNOWN] = "unknown",
};

static const char *const webhooks[] = {
	[WEBHOOK_ARRIVED] = "arrived",
	[WEBHOOK_GIVEN_UP] = "given-up",
	[WEBHOOK_PUSHED_OUT] = "pushed-out",
};

static const char *const requests[] = {
	[REQUEST_ACCEPTED] = "accepted",
	[REQUEST_FAILED] = "failed",
};

#define ARRAY_SIZE(array) (sizeof (array) / sizeof *(array))

static const char counter[] = "counter", gauge[] = "gauge",
	histogram[] = "histogram";

struct metric_row {
	const char *name;
	const char *type;		/* one of these */
	const char *help;
	const char *label;		/* NULL: none */
	const char *const *words;	/* its values; NULL: one that is not used */
	uint64_t (*read)(void);		/* of a gauge that is kept elsewhere */
	unsigned count;			/* of the values */
};

#define ROW(n, t, h, ...) \
	{ .name = "drawbridge_" n, .type = t, .help = h, __VA_ARGS__ }

/* METRIC_STREAMS is first on purpose: reading it frees the slots of processes that were
 * killed, and counts their streams as ended. So the lines below it agree with it. */
static const struct metric_row metrics[METRIC_COUNT] = {
	[METRIC_STREAMS] = ROW("streams", gauge,
		"Event streams that are open, or being opened or ended.",
		.read = quota_used),
	[METRIC_STREAMS_OPENED] = ROW("streams_opened_total", counter,
		"Event streams that were let in."),
	[METRIC_STREAMS_ENDED] = ROW("streams_ended_total", counter,
		"Event streams that ended, by reason.",
		.label = "reason", .words = ends, .count = ARRAY_SIZE(ends)),
	[METRIC_CONNECTS] = ROW("connects_total", counter,
		"Streams that said connected: of a new client, resumed, or with "
		"resumed:false to one that had a position.",
		.label = "outcome", .words = connects, .count = ARRAY_SIZE(connects)),
	[METRIC_REPLAYED] = ROW("replayed_total", counter,
		"Events that clients had missed and were sent when they resumed."),
	[METRIC_STREAM_STEPS] = ROW("stream_steps_total", counter,
		"Times that an open stream was visited, as something had happened "
		"to it or its time had come."),
	[METRIC_BEATS] = ROW("beats_total", counter,
		"Beats of streams, by which Redis knows that their peers live."),
	[METRIC_BEAT_BATCHES] = ROW("beat_batches_total", counter,
		"Batches in which beats were sent to Redis."),
	[METRIC_RELAYS] = ROW("relays_total", counter,
		"Relays that reached Redis, by outcome; a batch is one.",
		.label = "outcome", .words = relays, .count = ARRAY_SIZE(relays)),
	[METRIC_BROADCASTS] = ROW("broadcasts_total", counter,
		"Broadcasts that were sent."),
	[METRIC_MESSAGES] = ROW("messages_total", counter,
		"Messages of relays and broadcasts, one for each that receives it."),
	[METRIC_JOINS] = ROW("joins_total", counter,
		"Joins of rooms, repeated ones included."),
	[METRIC_LEAVES] = ROW("leaves_total", counter,
		"Leaves of rooms, by members."),
	[METRIC_REAPED] = ROW("reaped_peers_total", counter,
		"Peers that did not return in time and were taken out of their rooms."),
	[METRIC_REFUSED] = ROW("refused_total", counter,
		"Requests that were refused, by the error that the log names.",
		.label = "error", .words = err_words, .count = ERR_COUNT),
	[METRIC_ROUND_TRIPS] = ROW("redis_round_trip_seconds", histogram,
		"Time from a command to Redis' answer, or to giving up."),
	[METRIC_REDIS_LOST] = ROW("redis_lost_total", counter,
		"Times that a process lost Redis."),
	[METRIC_REDIS_BACK] = ROW("redis_back_total", counter,
		"Times that a process that had lost Redis found it again."),
	[METRIC_REDIS_ERRORS] = ROW("redis_errors_total", counter,
		"Answers of Redis that were errors."),
	[METRIC_WEBHOOK_EVENTS] = ROW("webhook_events_total", counter,
		"Events of rooms for the site (DRAWBRIDGE_WEBHOOK), by outcome.",
		.label = "outcome", .words = webhooks, .count = ARRAY_SIZE(webhooks)),
	[METRIC_WEBHOOK_REQUESTS] = ROW("webhook_requests_total", counter,
		"Requests to the site, by outcome; each has some events.",
		.label = "outcome", .words = requests, .count = ARRAY_SIZE(requests)),
	[METRIC_REDIS_EVICTS] = ROW("redis_evicts", gauge,
		"1: Redis evicts keys once it uses maxmemory, as its "
		"maxmemory-policy is not noeviction; 0: it does not."),
	[METRIC_REDIS_MAXMEMORY] = ROW("redis_maxmemory_bytes", gauge,
		"The maxmemory of Redis; 0: it has none."),
	[METRIC_SHARED] = ROW("shared", gauge,
		"1: these numbers are of all processes of this host; 0: of one "
		"process, as there is no shared memory.",
		.read = shared_is_mapped),
};

/* Upper bounds of the histogram, each with its label: from a round trip to a Redis on
 * the same host up to COMMAND_MS (store/dial.h), when a command is given up. The cell
 * after the last one counts what took longer, and the next one has the sum. */
static const struct {
	int64_t ns;
	const char *le;
} buckets[] = {
	{ 100000, "0.0001" }, { 250000, "0.00025" }, { 500000, "0.0005" },
	{ 1000000, "0.001" }, { 2500000, "0.0025" }, { 5000000, "0.005" },
	{ 10000000, "0.01" }, { 25000000, "0.025" }, { 50000000, "0.05" },
	{ 100000000, "0.1" }, { 250000000, "0.25" }, { 500000000, "0.5" },
	{ 1000000000, "1" },
};

enum { BUCKETS = ARRAY_SIZE(buckets), LONGER = BUCKETS, SUM };

static_assert((int)SUM < (int)METRIC_CELLS && (int)ERR_COUNT <= (int)METRIC_CELLS,
	      "METRIC_CELLS is too small");

void metric_add(enum metric m, unsigned label, uint64_t n)
{
	/* Nothing else is published by this addition, so its order among others does
	 * not matter. */
	atomic_fetch_add_explicit(&shared->cells[m][label], n,
				  memory_order_relaxed);
}

void metric_set(enum metric m, uint64_t value)
{
	atomic_store_explicit(&shared->cells[m][0], value, memory_order_relaxed);
}

/* Into one bucket. Those of the format are cumulative, but adding them up when they are
 * read costs one atomic addition here in place of one for every wider bucket. */
void metric_observe(enum metric m, int64_t ns)
{
	unsigned i = 0;

	while (i < BUCKETS && ns > buckets[i].ns)
		i++;
	metric_add(m, i, 1);
	metric_add(m, SUM, (uint64_t)ns);
}

uint64_t metric_value(enum metric m, unsigned label)
{
	return atomic_load_explicit(&shared->cells[m][label],
				    memory_order_relaxed);
}

const char *metric_word(enum metric m, unsigned label)
{
	return metrics[m].words[label];
}

/* FNV-1a, of a text with its NUL: without it "ab", "c" would be the same as "a",
 * "bc". */
static uint64_t hash(uint64_t sum, const char *s)
{
	do
		sum = (sum ^ (unsigned char)*s) * 0x100000001b3;
	while (*s++);
	return sum;
}

uint64_t metric_layout(void)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (int m = 0; m < METRIC_COUNT; m++) {
		sum = hash(sum, metrics[m].name);
		for (unsigned i = 0; i < metrics[m].count; i++)
			sum = hash(sum, metrics[m].words[i] ? metrics[m].words[i] : "");
	}
	for (unsigned i = 0; i < BUCKETS; i++)
		sum = hash(sum, buckets[i].le);
	return sum;
}

/* The count is that of the buckets: were it counted on its own, it could differ from
 * +Inf, which must be equal to it. */
static void append_histogram(struct buf *out, int m)
{
	const char *name = metrics[m].name;
	uint64_t sum = metric_value(m, SUM), count = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		count += metric_value(m, i);
		buf_fmt(out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name,
			buckets[i].le, count);
	}
	count += metric_value(m, LONGER);
	buf_fmt(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	buf_fmt(out, "%s_sum %" PRIu64 ".%09" PRIu64 "\n", name,
		sum / 1000000000, sum % 1000000000);
	buf_fmt(out, "%s_count %" PRIu64 "\n", name, count);
}

/* A member of an object, with a comma before it unless it is the first. */
static void append_json_name(struct buf *out, const char *name, size_t len)
{
	if (out->data[out->len - 1] != '{')
		buf_char(out, ',');
	buf_fmt(out, "\"%.*s\":", (int)len, name);
}

static void append_json_histogram(struct buf *out, int m)
{
	uint64_t sum = metric_value(m, SUM), count = 0;

	for (unsigned i = 0; i <= LONGER; i++)
		count += metric_value(m, i);
	buf_fmt(out, "{\"count\":%" PRIu64 ",\"sum\":%" PRIu64 ".%09" PRIu64 "}", count,
		sum / 1000000000, sum % 1000000000);
}

static void append_json_words(struct buf *out, int m)
{
	const struct metric_row *r = &metrics[m];

	buf_char(out, '{');
	for (unsigned i = 0; i < r->count; i++)
		if (r->words[i] && metric_value(m, i)) {
			append_json_name(out, r->words[i], strlen(r->words[i]));
			buf_fmt(out, "%" PRIu64, metric_value(m, i));
		}
	buf_char(out, '}');
}

void metric_append_json(struct buf *out)
{
	buf_char(out, '{');
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct metric_row *r = &metrics[m];
		const char *name = r->name + strlen("drawbridge_");
		size_t len = strlen(name) - (r->type == counter ? strlen("_total") : 0);

		if (r->type == gauge || (r->type == counter && !r->label && !metric_value(m, 0)))
			continue;
		append_json_name(out, name, len);
		if (r->type == histogram)
			append_json_histogram(out, m);
		else if (r->label)
			append_json_words(out, m);
		else
			buf_fmt(out, "%" PRIu64, metric_value(m, 0));
	}
	buf_char(out, '}');
}

static void append_values(struct buf *out, int m)
{
	const struct metric_row *r = &metrics[m];

	if (!r->label)
		buf_fmt(out, "%s %" PRIu64 "\n", r->name,
			r->read ? r->read() : metric_value(m, 0));
	for (unsigned i = 0; i < r->count; i++)
		if (r->words[i])
			buf_fmt(out, "%s{%s=\"%s\"} %" PRIu64 "\n", r->name,
				r->label, r->words[i], metric_value(m, i));
}

void metric_append_all(struct buf *out)
{
	for (int m = 0; m < METRIC_COUNT; m++) {
		buf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name,
			metrics[m].help, metrics[m].name, metrics[m].type);
		if (metrics[m].type == histogram)
			append_histogram(out, m);
		else
			append_values(out, m);
	}
}
