/*
 * signal.fcgi - the short requests.
 *
 * The main thread starts the others and waits for their end; signals come to it alone.
 *
 * The acceptor has the connections to the web server. It checks every request and runs
 * the routes that do not block: a relay is enqueued on its connection to Redis, and is
 * answered when the reply comes. It does not wait: threads of their own connect for it,
 * and ask the Sentinels (store/dialler.c).
 *
 * WORKERS - 1 workers run the routes that block, each on a connection of its own. With
 * one worker, or QUEUE_MAX calls in the queue, the acceptor runs these itself, and
 * waits: then nothing new is accepted, and what comes stays in the kernel's queue
 * instead of ours.
 *
 * The lock guards the queue. On SIGTERM the acceptor ends; then the workers, once the
 * queue is empty.
 */
#include "config.h"

#include <stdlib.h>

#include "base/fifo.h"
#include "base/log.h"
#include "base/thread.h"
#include "signal/routes.h"
#include "web/program.h"

enum {
	CALLS_AT_ONCE = 16,		/* before Redis' replies are read again */
	QUEUE_MAX = 128,
};

static struct conf signal_conf;

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t call_queued = PTHREAD_COND_INITIALIZER;
static struct fifo call_queue;
static int queue_len;
static bool no_more_calls;

/* False: the caller is to run it. */
static bool enqueue_call(struct call *c)
{
	bool room;

	pthread_mutex_lock(&queue_lock);
	room = signal_conf.workers > 1 && queue_len < QUEUE_MAX;
	if (room) {
		fifo_push(&call_queue, &c->link);
		queue_len++;
		pthread_cond_signal(&call_queued);
	}
	pthread_mutex_unlock(&queue_lock);
	return room;
}

static struct call *pop_call(void)
{
	struct call *c;

	pthread_mutex_lock(&queue_lock);
	while (!call_queue.first && !no_more_calls)
		pthread_cond_wait(&call_queued, &queue_lock);
	c = fifo_pop(&call_queue);
	queue_len -= c != NULL;
	pthread_mutex_unlock(&queue_lock);
	return c;
}

/* Called while the body is still on its way: see fcgi_on_head(). */
static bool refuses_call(struct fcgi *f)
{
	return http_refused(f, &signal_conf, signal_routes);
}

static void *run_worker(void *unused)
{
	struct redis *redis = redis_new(-1);
	struct call *c;

	(void)unused;
	while ((c = pop_call()))
		http_dispatch(c, redis);
	redis_free(redis);
	return NULL;
}

static void start_call(struct fcgi *f, struct redis *redis)
{
	struct call *c = http_call_new(f, &signal_conf, signal_routes);

	if (c && !(c->route->blocks && enqueue_call(c)))
		http_dispatch(c, redis);
}

/* A round: replies of Redis, and with them the answers to relays; new requests; then
 * all commands that these have enqueued go out to Redis together. */
static void *accept_calls(void *unused)
{
	struct redis *redis = redis_new(fcgi_epoll());
	struct epoll_event events[FCGI_EVENTS_MAX];
	int count = 0;

	(void)unused;
	do {
		struct fcgi *f;

		redis_receive(redis, count > 0);
		for (int i = 0; i < CALLS_AT_ONCE && (f = fcgi_accept()); i++)
			start_call(f, redis);
		redis_flush(redis);
	} while (fcgi_wait(redis_deadline(redis), events, &count));
	/* It waits for the commands that are under way, so that their requests are
	 * answered. */
	redis_free(redis);
	pthread_mutex_lock(&queue_lock);
	no_more_calls = true;
	pthread_cond_broadcast(&call_queued);
	pthread_mutex_unlock(&queue_lock);
	return NULL;
}

static void serve_cgi_call(void)
{
	struct redis *redis = redis_new(-1);
	struct call *c = http_call_new(fcgi_accept_cgi(), &signal_conf, signal_routes);

	if (c)
		http_dispatch(c, redis);
	redis_free(redis);
}

static void serve_calls(void)
{
	pthread_t *threads = calloc(signal_conf.workers, sizeof *threads);

	if (!threads)
		abort();
	log_info("signal.start", "version=%s workers=%u", PACKAGE_VERSION,
		 signal_conf.workers);
	/* Signals are blocked in all of them. The handler runs on this thread, and
	 * wakes the acceptor by a pipe (web/fcgi.c). */
	for (unsigned i = 0; i < signal_conf.workers; i++)
		if (thread_start(&threads[i], i ? run_worker : accept_calls, NULL))
			abort();
	for (unsigned i = 0; i < signal_conf.workers; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	log_info("signal.stop", "version=%s", PACKAGE_VERSION);
}

int main(int argc, char **argv)
{
	bool listening = program_start(argc, argv, "signal.fcgi", &signal_conf);

	/* Before the first request is read. */
	fcgi_on_head(refuses_call);
	if (listening)
		serve_calls();
	else
		serve_cgi_call();
	conf_free(&signal_conf);
	return 0;
}
