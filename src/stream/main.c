/*
 * stream.fcgi - the event streams: one thread accepts, each stream is opened by
 * one of its own, and one follows them all.
 */
#include "config.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "stream/loop.h"
#include "web/program.h"

enum {
	STOP_MS = 700,		/* from SIGTERM to the end */
};

static struct conf conf;
static pthread_attr_t detached;

static int start(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	int e = thread_start(&thread, &detached, run, arg);

	if (e)
		log_error("stream.thread", "why=%s", strerror(e));
	return e;
}

/* To open one blocks, and leaves much in the caches of its thread. */
static void *begin(void *stream)
{
	if (stream_open(stream))
		loop_add(stream);
	return NULL;
}

static void *follow(void *unused)
{
	(void)unused;
	loop_run(false);
	return NULL;
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void accept_all(void)
{
	struct fcgi *f;

	while ((f = fcgi_accept())) {
		struct stream *s = stream_new(f, &conf);

		/* Here, so one at a time: with threads, many that come at once
		 * would hold more descriptors than there are. */
		if (stream_is_too_much(s) || start(begin, s))
			stream_refuse(s);
	}
}

static void serve(void)
{
	int64_t end;

	raise_descriptors();
	thread_attr_detached(&detached);
	mallopt(M_ARENA_MAX, 2);
	loop_init();
	if (start(follow, NULL))
		abort();
	log_info("stream.start", "version=%s streams=%u", PACKAGE_VERSION,
		 conf.streams);
	accept_all();
	for (end = clock_ms() + STOP_MS; stream_count() && clock_ms() < end;)
		usleep(5000);
	log_info("stream.stop", "version=%s open=%u", PACKAGE_VERSION,
		 stream_count());
	_exit(0);
}

static void serve_cgi(void)
{
	struct stream *s = stream_new(fcgi_cgi(), &conf);

	if (!stream_open(s))
		return;
	loop_init();
	loop_add(s);
	loop_run(true);
}

int main(int argc, char **argv)
{
	if (program_start(argc, argv, "stream.fcgi", &conf))
		serve();
	else
		serve_cgi();
	conf_free(&conf);
	return 0;
}
