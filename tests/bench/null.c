/*
 * null.c - a FastCGI program that reads a request and answers it, with some threads: what a
 * web server and FastCGI cost at the least.
 *
 * With a port of a Redis in BENCH_REDIS it asks as often as Drawbridge does, for nothing: a
 * script for a POST; for a GET, which stands for a stream, a subscription and a script, and
 * both again once it is answered. Each thread has two connections, as a process of
 * Drawbridge has.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <fcgiapp.h>
#include <hiredis/hiredis.h>

/* Twice the requests at a time: libfcgi serves a connection that a web server keeps, as nginx
 * does, until it is closed. */
enum { NULL_THREADS = 32 };

/* Of the script below. */
#define NULL_SCRIPT "return 1"
#define NULL_SHA1 "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"

struct null_redis {
	redisContext *commands, *messages;
};

static void null_ask(redisContext *c, const char *command)
{
	redisReply *r = redisCommand(c, command);

	if (!r || r->type == REDIS_REPLY_ERROR)
		abort();
	freeReplyObject(r);
}

static void null_run_script(struct null_redis *redis)
{
	null_ask(redis->commands, "EVALSHA " NULL_SHA1 " 0");
}

static struct null_redis *null_connect(struct null_redis *redis)
{
	const char *port = getenv("BENCH_REDIS");
	redisReply *r;

	if (!port)
		return NULL;
	redis->commands = redisConnect("127.0.0.1", atoi(port));
	redis->messages = redisConnect("127.0.0.1", atoi(port));
	r = redisCommand(redis->commands, "SCRIPT LOAD %s", NULL_SCRIPT);
	if (!r || r->type == REDIS_REPLY_ERROR)
		abort();
	freeReplyObject(r);
	return redis;
}

static void *serve_null(void *unused)
{
	FCGX_Request r;
	char bytes[4096];
	struct null_redis own, *redis = null_connect(&own);

	FCGX_InitRequest(&r, 0, 0);
	while (FCGX_Accept_r(&r) >= 0) {
		bool is_stream = !strcmp(FCGX_GetParam("REQUEST_METHOD", r.envp), "GET");

		while (FCGX_GetStr(bytes, sizeof bytes, r.in) > 0)
			;
		if (redis && is_stream)
			null_ask(redis->messages, "SUBSCRIBE null");
		if (redis)
			null_run_script(redis);
		FCGX_PutS("Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK", r.out);
		FCGX_Finish_r(&r);
		if (redis && is_stream) {
			null_ask(redis->messages, "UNSUBSCRIBE null");
			null_run_script(redis);
		}
	}
	return unused;
}

int main(void)
{
	pthread_t thread;

	FCGX_Init();
	for (int i = 1; i < NULL_THREADS; i++)
		pthread_create(&thread, NULL, serve_null, NULL);
	serve_null(NULL);
	return 0;
}
