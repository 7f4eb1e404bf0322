/*
 * signal.fcgi - the short requests. One thread takes all of them, and never waits
 * for Redis; a fixed pool of others, each with its own connection, run those
 * whose routes do.
 */
#include "config.h"

#include <stdlib.h>

#include "base/fifo.h"
#include "base/log.h"
#include "base/thread.h"
#include "signal/routes.h"
#include "web/program.h"

enum { AT_ONCE = 16, WAITING_MOST = 128 };

static const struct route routes[] = {
	{ "GET", "/", TOKEN_NONE, false, run_home },
	{ "POST", "/access", TOKEN_RENEWS, true, run_access },
	{ "GET", "/ice", TOKEN_NEEDED, false, run_ice },
	{ "GET", "/health/live", TOKEN_NONE, false, run_live },
	{ "GET", "/health/ready", TOKEN_NONE, true, run_ready },
	{ "GET", "/metrics", TOKEN_NONE, false, run_metrics },
	{ "POST", "/relay/{peer}/{event}", TOKEN_NEEDED, false, run_relay },
	{ "POST", "/relay/{peer}", TOKEN_NEEDED, false, run_relay_many },
	{ "GET", "/static/{file}", TOKEN_NONE, false, run_page },
	{ "POST", "/{room}/join", TOKEN_NEEDED, true, run_join },
	{ "POST", "/{room}/leave", TOKEN_NEEDED, true, run_leave },
	{ "GET", "/{room}/peers", TOKEN_NEEDED, true, run_peers },
	{ "POST", "/{room}/broadcast/{event}", TOKEN_NEEDED, true, run_broadcast },
	{ "GET", "/{page}", TOKEN_NONE, false, run_page },
	{ NULL, NULL, TOKEN_NONE, false, NULL },
};

static struct conf conf;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static struct fifo calls;			/* to be run */
static int waiting;
static bool stopping;				/* once they are done */

/* False: they are too many. */
static bool hand_over(struct call *c)
{
	bool room;

	pthread_mutex_lock(&lock);
	room = conf.workers > 1 && waiting < WAITING_MOST;
	if (room) {
		fifo_put(&calls, &c->link);
		waiting++;
		pthread_cond_signal(&queued);
	}
	pthread_mutex_unlock(&lock);
	return room;
}

static struct call *take_call(void)
{
	struct call *c;

	pthread_mutex_lock(&lock);
	while (!calls.first && !stopping)
		pthread_cond_wait(&queued, &lock);
	c = fifo_take(&calls);
	waiting -= c != NULL;
	pthread_mutex_unlock(&lock);
	return c;
}

static bool refused(struct fcgi *f)
{
	return http_refused(f, &conf, routes);
}

static void *work(void *unused)
{
	struct redis *redis = redis_new(-1);
	struct call *c;

	(void)unused;
	while ((c = take_call()))
		http_run(c, redis);
	redis_free(redis);
	return NULL;
}

static void take(struct fcgi *f, struct redis *redis)
{
	struct call *c = http_take(f, &conf, routes);

	if (c && !(c->route->waits && hand_over(c)))
		http_run(c, redis);
}

/* What a round has started goes to Redis together. */
static void *take_all(void *unused)
{
	struct redis *redis = redis_new(fcgi_epoll());
	bool answered = false;

	(void)unused;
	do {
		struct fcgi *f;

		redis_receive(redis, answered);
		for (int i = 0; i < AT_ONCE && (f = fcgi_take()); i++)
			take(f, redis);
		redis_send(redis);
	} while (fcgi_wait(redis_until(redis), &answered));
	redis_free(redis);
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&queued);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void serve_cgi(void)
{
	struct redis *redis = redis_new(-1);
	struct call *c = http_take(fcgi_cgi(), &conf, routes);

	if (c)
		http_run(c, redis);
	redis_free(redis);
}

static void serve(void)
{
	pthread_t *threads = calloc(conf.workers, sizeof *threads);

	if (!threads)
		abort();
	log_info("signal.start", "version=%s workers=%u", PACKAGE_VERSION,
		 conf.workers);
	/* A signal comes to this thread alone, and wakes the first by a pipe. */
	for (unsigned i = 0; i < conf.workers; i++)
		if (thread_start(&threads[i], NULL, i ? work : take_all, NULL))
			abort();
	for (unsigned i = 0; i < conf.workers; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	log_info("signal.stop", "version=%s", PACKAGE_VERSION);
}

int main(int argc, char **argv)
{
	bool listening = program_start(argc, argv, "signal.fcgi", &conf);

	fcgi_on_head(refused);
	if (listening)
		serve();
	else
		serve_cgi();
	conf_free(&conf);
	return 0;
}
