/*
 * stream.fcgi - the event streams: one thread accepts, one opens, each stream
 * has a thread of its own.
 */
#include "config.h"

#include <malloc.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "stream/stream.h"
#include "web/program.h"

enum {
	STOP_MS = 700,		/* from SIGTERM to the end */
};

static struct conf conf;
static atomic_uint open_streams;
static pthread_attr_t detached;

static int start(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	int e = thread_start(&thread, &detached, run, arg);

	if (e)
		log_error("stream.thread", "why=%s", strerror(e));
	return e;
}

static void *follow(void *stream)
{
	stream_follow(stream);
	atomic_fetch_sub(&open_streams, 1);
	return NULL;
}

/* A thread opens the stream and another one follows it: what the opening has
 * left in the first, its stack, its heap's and libcrypto's caches, would be
 * more than all else that a stream needs, for as long as it lives. */
static void *begin(void *fcgi)
{
	struct stream *s = stream_open(fcgi, &conf,
		atomic_load(&open_streams) > conf.streams);

	if (!s)
		atomic_fetch_sub(&open_streams, 1);
	else if (start(follow, s))
		follow(s);
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
		atomic_fetch_add(&open_streams, 1);
		if (start(begin, f)) {
			stream_open(f, &conf, true);
			atomic_fetch_sub(&open_streams, 1);
		}
	}
}

static void serve(void)
{
	int64_t end;

	raise_descriptors();
	thread_attr_detached(&detached);
	mallopt(M_ARENA_MAX, 2);
	log_info("stream.start", "version=%s streams=%u", PACKAGE_VERSION,
		 conf.streams);
	accept_all();
	for (end = clock_ms() + STOP_MS; atomic_load(&open_streams) &&
	     clock_ms() < end;)
		usleep(5000);
	log_info("stream.stop", "version=%s open=%u", PACKAGE_VERSION,
		 atomic_load(&open_streams));
	_exit(0);
}

int main(int argc, char **argv)
{
	struct stream *s;

	if (program_start(argc, argv, "stream.fcgi", &conf))
		serve();
	else if ((s = stream_open(fcgi_cgi(), &conf, false)))
		stream_follow(s);
	conf_free(&conf);
	return 0;
}
