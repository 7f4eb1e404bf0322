/*
 * stream.fcgi - the event streams.
 *
 * The main thread runs the loop (loop.c), which has the connections to the web server while
 * their requests are read, checks these, and serves all open streams. It never blocks: it
 * asks Redis without waiting, and other threads connect for it (store/dialler.c). Signals
 * come to it alone; after SIGTERM it ends all streams within LOOP_STOP_MS.
 */
#include "config.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "stream/loop.h"
#include "stream/request.h"
#include "web/program.h"

static struct conf stream_conf;

static bool refuses_stream(struct fcgi *f)
{
	return request_refused(f, &stream_conf);
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void serve_streams(void)
{
	raise_descriptors();
	mallopt(M_ARENA_MAX, 2);
	loop_init(&stream_conf);
	log_info("stream.start", "version=%s streams=%u", PACKAGE_VERSION,
		 stream_conf.streams);
	loop_run(false);
	log_info("stream.stop", "version=%s open=%u", PACKAGE_VERSION,
		 stream_count());
}

static void serve_cgi_stream(void)
{
	struct stream *s = stream_open(fcgi_accept_cgi(), &stream_conf);

	if (!s)
		return;
	loop_init(&stream_conf);
	loop_add(s);
	loop_run(true);
}

int main(int argc, char **argv)
{
	bool listening = program_start(argc, argv, "stream.fcgi", &stream_conf);

	fcgi_on_head(refuses_stream);
	if (listening)
		serve_streams();
	else
		serve_cgi_stream();
	/* Other threads may be at work: nothing that they use is freed. */
	_exit(0);
}
