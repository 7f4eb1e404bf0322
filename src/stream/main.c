/*
 * stream.fcgi - the event streams: one thread opens them, and one follows all.
 */
#include "config.h"

#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
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

static void *follow(void *unused)
{
	(void)unused;
	loop_run(false);
	return NULL;
}

static bool refused(struct fcgi *f)
{
	return stream_refused(f, &conf);
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Those that come while some are opened are opened together. */
static void *open_all(void *unused)
{
	bool other;

	(void)unused;
	do {
		struct stream *streams[STREAMS_AT_ONCE];
		int count = 0;
		struct fcgi *f;

		while (count < STREAMS_AT_ONCE && (f = fcgi_take()))
			streams[count++] = stream_new(f, &conf);
		if (count)
			loop_add(streams, count);
	} while (fcgi_wait(INT64_MAX, &other));
	return NULL;
}

static void serve(void)
{
	struct pollfd stop = { fcgi_stop_fd(), POLLIN, 0 };
	pthread_t follower, opener;
	pthread_attr_t detached;
	int64_t end;

	raise_descriptors();
	mallopt(M_ARENA_MAX, 2);
	loop_init();
	thread_attr_detached(&detached);
	if (thread_start(&follower, &detached, follow, NULL) ||
	    thread_start(&opener, &detached, open_all, NULL))
		abort();
	pthread_attr_destroy(&detached);
	log_info("stream.start", "version=%s streams=%u", PACKAGE_VERSION,
		 conf.streams);
	/* Here, as an opening may wait for Redis. */
	while (poll(&stop, 1, -1) <= 0)
		;
	for (end = clock_ms() + STOP_MS; stream_count() && clock_ms() < end;)
		usleep(5000);
	log_info("stream.stop", "version=%s open=%u", PACKAGE_VERSION,
		 stream_count());
}

static void serve_cgi(void)
{
	struct stream *s;

	loop_init();
	s = stream_new(fcgi_cgi(), &conf);
	loop_add(&s, 1);
	loop_run(true);
}

int main(int argc, char **argv)
{
	bool listening = program_start(argc, argv, "stream.fcgi", &conf);

	fcgi_on_head(refused);
	if (listening)
		serve();
	else
		serve_cgi();
	/* Other threads may be at work: nothing that they use goes before them. */
	_exit(0);
}
