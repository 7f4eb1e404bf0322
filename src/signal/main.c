/*
 * signal.fcgi - the short requests: a fixed pool of threads, each with its own
 * connection to Redis.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "signal/routes.h"
#include "store/store.h"

static const struct route routes[] = {
	{ "GET", "/", true, run_home },
	{ "POST", "/access", true, run_access },
	{ "GET", "/health/live", true, run_live },
	{ "GET", "/health/ready", true, run_ready },
	{ "POST", "/relay/{peer}/{event}", false, run_relay },
	{ "POST", "/relay/{peer}", false, run_relay_many },
	{ "GET", "/static/{file}", true, run_page },
	{ "POST", "/{room}/join", false, run_join },
	{ "POST", "/{room}/leave", false, run_leave },
	{ "GET", "/{room}/peers", false, run_peers },
	{ "POST", "/{room}/broadcast/{event}", false, run_broadcast },
	{ "GET", "/{page}", true, run_page },
	{ NULL, NULL, false, NULL },
};

static struct conf conf;

static void *work(void *unused)
{
	struct redis *redis = redis_new();
	struct fcgi *f;

	(void)unused;
	while ((f = fcgi_accept()))
		http_serve(f, &conf, redis, routes);
	redis_free(redis);
	return NULL;
}

static void serve_cgi(void)
{
	struct redis *redis = redis_new();

	http_serve(fcgi_cgi(), &conf, redis, routes);
	redis_free(redis);
}

static void serve(void)
{
	pthread_t *threads = calloc(conf.workers, sizeof *threads);
	sigset_t all, old;

	if (!threads)
		abort();
	log_info("signal.start", "version=%s workers=%u", PACKAGE_VERSION,
		 conf.workers);
	/* A signal comes to this thread alone, and wakes the others by the
	 * pipe. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (unsigned i = 0; i < conf.workers; i++)
		if (pthread_create(&threads[i], NULL, work, NULL))
			abort();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	for (unsigned i = 0; i < conf.workers; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	log_info("signal.stop", "version=%s", PACKAGE_VERSION);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("signal.fcgi " PACKAGE_VERSION);
		return 0;
	}
	conf_load(&conf);
	store_init(&conf);
	if (fcgi_init())
		serve();
	else
		serve_cgi();
	conf_free(&conf);
	return 0;
}
