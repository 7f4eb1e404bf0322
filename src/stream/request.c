#include "config.h"

#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "shared/metric.h"
#include "shared/quota.h"
#include "stream/request.h"

/* Of the process: the fixed ones, those to Redis, and those of requests that are refused. */
enum { OTHER_DESCRIPTORS = 56 };

static const struct route route_connect = {
	.method = "GET",
	.path = "/connect",
	.token = TOKEN_SAME_ORIGIN,
};

static const struct route *const stream_routes[] = { &route_connect, NULL };

bool request_refused(struct fcgi *f, const struct conf *conf)
{
	return http_refused(f, conf, stream_routes);
}

/* If descriptors ran out, requests could not even be refused, and clients would wait. So
 * each stream counts for two. */
static bool has_descriptors(unsigned streams)
{
	static _Atomic int64_t next_log_at;
	struct rlimit limit;
	rlim_t needed = 2 * (rlim_t)streams + OTHER_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) || needed <= limit.rlim_cur)
		return true;
	if (clock_due(&next_log_at, 1000))
		log_warn("stream.open", "streams=%u why=RLIMIT_NOFILE is %llu",
			 streams - 1, (unsigned long long)limit.rlim_cur);
	return false;
}

static enum err acquire_room(const struct conf *conf, unsigned streams)
{
	if (!has_descriptors(streams) || !quota_acquire(conf->streams))
		return ERR_BUSY;
	metric_add(METRIC_STREAMS_OPENED, 0, 1);
	return OK;
}

struct call *request_accept(struct fcgi *f, const struct conf *conf, unsigned streams)
{
	struct call *c = http_call_new(f, conf, stream_routes);
	const char *method;
	bool is_head;
	enum err e;

	if (!c)
		return NULL;
	method = fcgi_env(f, "REQUEST_METHOD");
	is_head = method && !strcmp(method, "HEAD");
	e = !accepts_event_stream(fcgi_env(f, "HTTP_ACCEPT")) ? ERR_ACCEPT :
		is_head ? OK : acquire_room(conf, streams);
	if (!e && !is_head)
		return c;
	if (!e)
		buf_str(&c->head, "Content-Type: text/event-stream\r\n");
	http_complete(c, e);
	return NULL;
}
