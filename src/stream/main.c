/*
 * stream.fcgi - the event streams: one thread accepts, each stream has a thread
 * of its own.
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

static void *run(void *arg)
{
	stream_serve(arg, &conf, atomic_load(&open_streams) > conf.streams);
	atomic_fetch_sub(&open_streams, 1);
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
	pthread_attr_t attr;
	struct fcgi *f;

	thread_attr_detached(&attr);
	while ((f = fcgi_accept())) {
		pthread_t thread;
		int e;

		atomic_fetch_add(&open_streams, 1);
		e = thread_start(&thread, &attr, run, f);
		if (e) {
			log_error("stream.thread", "why=%s", strerror(e));
			stream_serve(f, &conf, true);
			atomic_fetch_sub(&open_streams, 1);
		}
	}
	pthread_attr_destroy(&attr);
}

static void serve(void)
{
	int64_t end;

	raise_descriptors();
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
	if (program_start(argc, argv, "stream.fcgi", &conf))
		serve();
	else
		stream_serve(fcgi_cgi(), &conf, false);
	conf_free(&conf);
	return 0;
}
