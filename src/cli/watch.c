/*
 * drawbridge watch - what goes on, once a second: from one script in Redis (room/report.h).
 *
 * A view is the JSON object that --json prints; the screen shows the same one. What hosts report
 * are counts, so a rate needs two reports of a host: the state keeps the last one of each.
 */
#include "config.h"

#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/screen.h"
#include "room/report.h"

enum {
	EACH_MS = 1000,
	COUNT_MAX = 1000000000,
	/* A host reports once a second while its programs ask Redis for anything: who is silent
	 * for longer does nothing. */
	STILL_MS = 2500,
	VIEW_MAX = 64 * 1024,
};

/* Adds to `to` how much more a number is in `now` than in `before`, a second, unless it has not
 * grown. */
static void add_rate(json_t *to, const char *name, const json_t *now, const json_t *before,
		     double seconds)
{
	double more = json_number_value(json_object_get(now, name)) -
		json_number_value(json_object_get(before, name));
	double sum = more / seconds + json_number_value(json_object_get(to, name));

	if (more > 0)
		json_object_set_new(to, name, json_real(sum));
}

/* Of each number, and of those in objects likewise. */
static void add_rates(json_t *to, json_t *now, const json_t *before, double seconds)
{
	const char *name, *part_name;
	json_t *value, *part_value;

	json_object_foreach(now, name, value) {
		const json_t *old = json_object_get(before, name);
		json_t *part = json_object_get(to, name);

		if (!json_is_object(value)) {
			add_rate(to, name, now, before, seconds);
			continue;
		}
		part = part ? json_incref(part) : json_object();
		json_object_foreach(value, part_name, part_value) {
			add_rate(part, part_name, value, old, seconds);
		}
		if (json_object_size(part))
			json_object_set(to, name, part);
		json_decref(part);
	}
}

/* {"ms":, "report":, "rates":}: what is known of a host now, from its report and what was known
 * before. */
static json_t *follow_host(const json_t *before, json_t *report, long long ms)
{
	double seconds = (double)(ms - json_integer_value(json_object_get(before, "ms"))) / 1000;
	json_t *host = json_pack("{s:I, s:O}", "ms", (json_int_t)ms, "report", report);
	json_t *rates = json_object_get(before, "rates");

	if (before && seconds > 0) {
		rates = json_object();
		add_rates(rates, json_object_get(report, "counts"),
			  json_object_get(json_object_get(before, "report"), "counts"), seconds);
		json_object_set_new(host, "rates", rates);
	} else if (rates) {
		json_object_set(host, "rates", rates);
	}
	return host;
}

/* How long a command took a host on average; null: it asked nothing. */
static json_t *mean_ms(const json_t *rates)
{
	const json_t *trips = json_object_get(rates, "redis_round_trip_seconds");
	double count = json_number_value(json_object_get(trips, "count"));

	return count > 0 ? json_real(1000 / count * json_number_value(json_object_get(trips, "sum"))) :
		json_null();
}

static json_t *view_host(const json_t *host, long long age_ms, long long gone_ms)
{
	const json_t *report = json_object_get(host, "report");
	json_t *rates = json_object_get(host, "rates"), *mean;
	/* Streams beat, and report with that. */
	json_int_t streams = age_ms > gone_ms ? 0 :
		json_integer_value(json_object_get(report, "streams"));

	if (age_ms > STILL_MS)
		rates = json_object();
	else
		rates = rates ? json_deep_copy(rates) : NULL;
	mean = mean_ms(rates);
	if (rates)
		json_object_del(rates, "redis_round_trip_seconds");
	return json_pack("{s:O, s:f, s:I, s:o, s:o}", "host", json_object_get(report, "host"),
			 "reported_s", (double)age_ms / 1000, "streams", streams,
			 "redis_ms", mean, "per_second", rates ? rates : json_null());
}

/* Hosts by name, as Redis has them in no order. */
static int by_name(const void *a, const void *b)
{
	const json_t *const *first = a, *const *second = b;

	return strcmp(json_string_value(json_object_get(*first, "host")),
		      json_string_value(json_object_get(*second, "host")));
}

/* What is known of each host, by id, and how it is shown, in an array. Replaces *state. */
static json_t *view_hosts(const struct overview *all, const struct conf *conf, json_t **state)
{
	/* The streams of a host beat once in PING. */
	long long gone_ms = conf->ping * 1500LL + EACH_MS;
	size_t count = reply_count(all->reports), known = 0;
	json_t *hosts = json_array(), *next = json_object(), **shown = xcalloc(count + 1, sizeof(json_t *));

	for (size_t i = 0; i < count; i++) {
		long long ms;
		const char *text = report_parse(all, i, &ms);
		json_t *report = console_parse(text, strlen(text)), *host;
		const char *id = json_string_value(json_object_get(report, "id"));

		if (id && json_string_value(json_object_get(report, "host"))) {
			host = follow_host(json_object_get(*state, id), report, ms);
			json_object_set_new(next, id, host);
			shown[known++] = view_host(host, all->now_ms - ms, gone_ms);
		}
		json_decref(report);
	}
	qsort(shown, known, sizeof(json_t *), by_name);
	for (size_t i = 0; i < known; i++)
		json_array_append_new(hosts, shown[i]);
	free(shown);
	json_decref(*state);
	*state = next;
	return hosts;
}

/* Of all hosts together. No rates: nobody has reported twice yet. */
static void add_totals(json_t *view, json_t *hosts)
{
	json_t *total = json_object(), *host, *rates;
	bool known = false;
	long long streams = 0;
	size_t i;

	json_array_foreach(hosts, i, host) {
		streams += json_integer_value(json_object_get(host, "streams"));
		rates = json_object_get(host, "per_second");
		known = known || json_is_object(rates);
		add_rates(total, rates, NULL, 1);
	}
	json_object_set_new(view, "streams", json_integer(streams));
	json_object_set_new(view, "per_second", known ? json_incref(total) : json_null());
	json_decref(total);
}

static json_t *look(struct console *c, json_t **state)
{
	int64_t start = clock_ns();
	struct overview all;
	enum err e = report_overview(c->redis, &c->conf, &all);
	double ms = (double)(clock_ns() - start) / 1e6;
	json_t *view, *hosts;

	if (e) {
		view = json_pack("{s:I, s:s}", "at", (json_int_t)clock_unix(), "error",
				 console_why());
	} else {
		view = json_pack("{s:I, s:I, s:I, s:I, s:f, s:I, s:f}", "at", (json_int_t)(all.now_ms / 1000),
			"rooms", (json_int_t)all.rooms, "peers_here", (json_int_t)all.here,
			"peers_away", (json_int_t)all.away, "redis_ms", ms,
			"webhook_events", (json_int_t)all.events, "webhook_late_s",
			all.events ? (double)(all.now_ms - all.first_ms) / 1000 : 0.0);
		hosts = view_hosts(&all, &c->conf, state);
		add_totals(view, hosts);
		json_object_set_new(view, "hosts", hosts);
	}
	reply_free(all.reply);
	return view;
}

/* The screen */

/* Of an object the sum. */
static double rate_of(const json_t *rates, const char *name)
{
	json_t *value = json_object_get(rates, name), *part;
	const char *word;
	double sum = json_number_value(value);

	json_object_foreach(value, word, part)
		sum += json_number_value(part);
	return sum;
}

static double outcome_of(const json_t *rates, const char *outcome)
{
	return json_number_value(json_object_get(json_object_get(rates, "relays"), outcome));
}

static long long count_of(const json_t *view, const char *name)
{
	return json_integer_value(json_object_get(view, name));
}

/* Two columns: what there is, and what happens. */
static void draw_totals(struct buf *to, const json_t *view)
{
	const json_t *rates = json_object_get(view, "per_second");
	const double happens[] = {
		outcome_of(rates, "delivered"), outcome_of(rates, "kept"),
		outcome_of(rates, "refused"), rate_of(rates, "broadcasts"),
		rate_of(rates, "messages"), rate_of(rates, "joins"), rate_of(rates, "leaves"),
	};
	static const char *const names[] = {
		"relays delivered", "relays kept", "relays refused", "broadcasts", "messages",
		"joins", "leaves",
	};
	struct { const char *name, *member; } is[] = {
		{ "rooms", "rooms" }, { "peers here", "peers_here" },
		{ "peers away", "peers_away" }, { "streams", "streams" },
	};

	buf_fmt(to, "%-30s %s\n", "NOW", json_is_object(rates) ? "A SECOND" :
		"A SECOND (known once the hosts have reported twice)");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (i < sizeof is / sizeof *is)
			buf_fmt(to, "%-14s %9lld      ", is[i].name, count_of(view, is[i].member));
		else if (i == sizeof is / sizeof *is)
			buf_fmt(to, "%-14s %6.1f ms      ", "Redis answers",
				json_number_value(json_object_get(view, "redis_ms")));
		else
			buf_fmt(to, "%30s", "");
		buf_fmt(to, " %-18s %9.1f\n", names[i], happens[i]);
	}
}

static void draw_refusals(struct buf *to, const json_t *view)
{
	json_t *refused = json_object_get(json_object_get(view, "per_second"), "refused"), *rate;
	const char *error;

	buf_str(to, "\nREFUSED A SECOND\n");
	json_object_foreach(refused, error, rate) {
		buf_fmt(to, "%-14s %9.1f\n", error, json_number_value(rate));
	}
	if (!json_object_size(refused))
		buf_str(to, "none\n");
}

/* Only where there are some, as most deployments have none: they should be gone at once. */
static void draw_events(struct buf *to, const json_t *view)
{
	long long events = count_of(view, "webhook_events");

	if (events)
		buf_fmt(to, "\nEVENTS FOR THE SITE (webhook)\nwaiting        %9lld       the first of them "
			"for %.0f s\n", events,
			json_number_value(json_object_get(view, "webhook_late_s")));
}

static void draw_hosts(struct buf *to, const json_t *view)
{
	const json_t *hosts = json_object_get(view, "hosts"), *host;
	size_t i;

	buf_fmt(to, "\n%-20s %8s %9s %9s %10s %9s %8s  %s\n", "HOST", "STREAMS", "OPENED/S",
		"RELAYS/S", "MESSAGES/S", "REFUSED/S", "REDIS MS", "REPORTED");
	json_array_foreach(hosts, i, host) {
		const json_t *rates = json_object_get(host, "per_second");
		const json_t *ms = json_object_get(host, "redis_ms");
		char redis[16] = "-";

		if (json_is_number(ms))
			snprintf(redis, sizeof redis, "%.2f", json_number_value(ms));
		buf_fmt(to, "%-20.20s %8lld %9.1f %9.1f %10.1f %9.1f %8s  %.0f s ago\n",
			json_string_value(json_object_get(host, "host")), count_of(host, "streams"),
			rate_of(rates, "streams_opened"), rate_of(rates, "relays"),
			rate_of(rates, "messages"), rate_of(rates, "refused"), redis,
			json_number_value(json_object_get(host, "reported_s")));
	}
	if (!json_array_size(hosts))
		buf_str(to, "none has reported: signal.fcgi and stream.fcgi do, once they serve\n");
}

static void draw_view(const json_t *view)
{
	struct buf out = BUF_INIT(VIEW_MAX);
	const char *error = json_string_value(json_object_get(view, "error"));

	buf_str(&out, "drawbridge watch      ");
	console_append_time(&out, count_of(view, "at"));
	buf_str(&out, "      q ends it\n\n");
	if (error) {
		buf_fmt(&out, "Redis cannot be asked: %s\n", error);
	} else {
		draw_totals(&out, view);
		draw_refusals(&out, view);
		draw_events(&out, view);
		draw_hosts(&out, view);
	}
	screen_draw(out.data);
	buf_free(&out);
}

static bool await_next(bool json, int64_t until_ms)
{
	int64_t left = until_ms - clock_ms();

	if (!json)
		return screen_wait(until_ms);
	if (left > 0)
		poll(NULL, 0, (int)left);
	return true;
}

/* Redis is waited for: who watches wants to see when it is back. */
static int watch(struct console *c, bool json, long count)
{
	json_t *state = NULL, *view;
	bool goes_on = true, failed = false;
	int64_t at = clock_ms();

	if (!json)
		screen_open();
	for (long i = 0; goes_on && (!count || i < count); i++) {
		view = look(c, &state);
		failed = json_object_get(view, "error");
		if (json) {
			console_print_json(view);
			fflush(stdout);
		} else {
			draw_view(view);
		}
		json_decref(view);
		at = at + EACH_MS > clock_ms() ? at + EACH_MS : clock_ms() + EACH_MS;
		if (!count || i + 1 < count)
			goes_on = await_next(json, at);
	}
	if (!json)
		screen_close();
	json_decref(state);
	return failed ? EXIT_WRONG : 0;
}

static int run_watch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'c' },
		{ 0 }
	};
	bool json = !isatty(STDOUT_FILENO);
	struct console c;
	long count = 0;
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'c':
			if (!number_parse(optarg, strlen(optarg), 1, COUNT_MAX, &count))
				return usage_error("--count: must be a number from 1 to %d", COUNT_MAX);
			break;
		default:
			return EXIT_USAGE;
		}
	if (optind < argc)
		return usage_error("watch takes only options; see drawbridge watch --help");
	if (!console_open(&c))
		return EXIT_WRONG;
	status = watch(&c, json, count);
	console_close(&c);
	return status;
}

const struct command command_watch = {
	"watch",
	"[--json] [--count N]\n"
	"           Shows once a second what goes on in the whole deployment: rooms, peers,\n"
	"           streams, relays, refusals by cause, Redis, and each host.\n"
	"           --json            a line of JSON each second; so it is, too, where the\n"
	"                             output is no terminal\n"
	"           --count N         end after so many",
	run_watch,
};
