/*
 * redis_server.h - a redis-server (or what REDIS_SERVER names) of a test's own:
 * on a Unix socket in a new folder, without persistence. It ends and the folder
 * goes however the test ends, by a failure or a crash too.
 */
#ifndef UNIT_REDIS_SERVER_H
#define UNIT_REDIS_SERVER_H

#include <hiredis/hiredis.h>

/* Returns once it answers. Where there is none, one line says what is missing
 * and the test program ends. Call before any thread is started. */
void server_start(void);
void server_stop(void);

/* Killed and started again: empty, with another run_id. */
void server_restart(void);

/* Stands still, so that nothing is answered, and goes on. */
void server_freeze(void);
void server_thaw(void);

/* As DRAWBRIDGE_REDIS_URL wants it. */
const char *server_url(void);

/* A command, by the main thread; arguments as of redisCommand(). An error
 * fails the test. ask() gives what is to be freed. */
redisReply *ask(const char *fmt, ...);
redisReply *ask_argv(int argc, const char **argv);
void tell(const char *fmt, ...);
long long ask_number(const char *fmt, ...);

/* How many other clients are connected that are subscribed to at least `least` and at most
 * `most` channels. (With subscription.c one is a connection's own.) */
int server_clients(int least, int most);

#endif
