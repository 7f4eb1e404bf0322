/*
 * stream.fcgi - the event streams: one thread accepts, each stream has a thread
 * of its own.
 */
#include "config.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"
#include "stream/stream.h"

enum {
	STACK = 256 * 1024,	/* address space: what is not touched costs nothing */
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
	sigset_t all, old;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	while ((f = fcgi_accept())) {
		pthread_t thread;
		int e;

		atomic_fetch_add(&open_streams, 1);
		/* Signals are for this thread alone. */
		pthread_sigmask(SIG_BLOCK, &all, &old);
		e = pthread_create(&thread, &attr, run, f);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
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
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("stream.fcgi " PACKAGE_VERSION);
		return 0;
	}
	conf_load(&conf);
	store_init(&conf);
	if (fcgi_init())
		serve();
	else
		stream_serve(fcgi_cgi(), &conf, false);
	conf_free(&conf);
	return 0;
}
