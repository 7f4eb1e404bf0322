/*
 * signal.fcgi - the short requests: a fixed pool of threads, each with its own
 * connection to Redis, and one more that they share.
 */
#include "config.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/thread.h"
#include "signal/routes.h"
#include "web/program.h"

static const struct route routes[] = {
	{ "GET", "/", TOKEN_NONE, run_home },
	{ "POST", "/access", TOKEN_RENEWS, run_access },
	{ "GET", "/ice", TOKEN_NEEDED, run_ice },
	{ "GET", "/health/live", TOKEN_NONE, run_live },
	{ "GET", "/health/ready", TOKEN_NONE, run_ready },
	{ "GET", "/metrics", TOKEN_NONE, run_metrics },
	{ "POST", "/relay/{peer}/{event}", TOKEN_NEEDED, run_relay },
	{ "POST", "/relay/{peer}", TOKEN_NEEDED, run_relay_many },
	{ "GET", "/static/{file}", TOKEN_NONE, run_page },
	{ "POST", "/{room}/join", TOKEN_NEEDED, run_join },
	{ "POST", "/{room}/leave", TOKEN_NEEDED, run_leave },
	{ "GET", "/{room}/peers", TOKEN_NEEDED, run_peers },
	{ "POST", "/{room}/broadcast/{event}", TOKEN_NEEDED, run_broadcast },
	{ "GET", "/{page}", TOKEN_NONE, run_page },
	{ NULL, NULL, TOKEN_NONE, NULL },
};

static struct conf conf;

static void *work(void *line)
{
	struct redis *own = conf.workers > 1 ? redis_new() : NULL;
	struct redis *redis = own ? own : line;
	struct fcgi *f;

	while ((f = fcgi_accept()))
		http_serve(f, &conf, redis, line, routes);
	redis_free(own);
	return NULL;
}

static void serve_cgi(void)
{
	struct redis *redis = redis_new();

	http_serve(fcgi_cgi(), &conf, redis, redis, routes);
	redis_free(redis);
}

static void serve(void)
{
	pthread_t *threads = calloc(conf.workers, sizeof *threads);
	struct redis *line = redis_new();

	if (!threads)
		abort();
	log_info("signal.start", "version=%s workers=%u", PACKAGE_VERSION,
		 conf.workers);
	/* A signal comes to this thread alone, and wakes the others by the
	 * pipe. */
	for (unsigned i = 0; i < conf.workers; i++)
		if (thread_start(&threads[i], NULL, work, line))
			abort();
	for (unsigned i = 0; i < conf.workers; i++)
		pthread_join(threads[i], NULL);
	redis_free(line);
	free(threads);
	log_info("signal.stop", "version=%s", PACKAGE_VERSION);
}

int main(int argc, char **argv)
{
	if (program_start(argc, argv, "signal.fcgi", &conf))
		serve();
	else
		serve_cgi();
	conf_free(&conf);
	return 0;
}
