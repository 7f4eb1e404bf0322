#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "redis_server.h"

/* The disk may be cold, and the machine busy. */
enum { START_MS = 60000, POLL_MS = 10 };

static char folder[64], path[96], url[128];
static pid_t keeper;
static int orders = -1;			/* to the keeper; its end is the end */
static redisContext *context;
static char run_id[64];

static void bail(const char *what, const char *why)
{
	fprintf(stderr, "redis-server for the tests: %s: %s\n", what, why);
	exit(1);
}

/* Or another that speaks as Redis does: REDIS_SERVER=valkey-server. */
static const char *program(void)
{
	const char *named = getenv("REDIS_SERVER");

	return named && *named ? named : "redis-server";
}

static void exec_server(int failed)
{
	int null = open("/dev/null", O_RDWR);
	int e;

	dup2(null, 0);
	dup2(null, 1);
	/* One whose order is not that of bytes, where the machine has it: Redis 8 does not start
	 * with one that is missing. */
	if (setlocale(LC_COLLATE, "en_US.UTF-8"))
		setenv("LC_ALL", "en_US.UTF-8", 1);
	/* Small nodes, so that `~` trims a mailbox of the tests too. */
	execlp(program(), program(), "--port", "0", "--unixsocket",
	       path, "--dir", folder, "--save", "", "--appendonly", "no",
	       "--stream-node-max-entries", "4", (char *)NULL);
	e = errno;
	if (write(failed, &e, sizeof e) < 0)
		_exit(126);
	_exit(127);
}

/* A process between the test and Redis: it sees that the test has ended when
 * the pipe has. A byte in it: start Redis anew. */
static void run_keeper(int commands, int failed)
{
	ssize_t n;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	do {
		pid_t pid = fork();
		char byte;

		if (!pid)
			exec_server(failed);
		if (failed >= 0)
			close(failed);
		failed = -1;
		n = read(commands, &byte, 1);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		unlink(path);
	} while (n == 1);
	rmdir(folder);
	_exit(0);
}

static redisContext *connect_server(void)
{
	redisContext *c = redisConnectUnix(path);

	if (c && !c->err)
		return c;
	if (c)
		redisFree(c);
	return NULL;
}

/* Whether this is another than before. */
static bool greet(redisContext *c)
{
	redisReply *r = redisCommand(c, "INFO server");
	const char *id = r && r->str ? strstr(r->str, "run_id:") : NULL;
	bool new = id && strncmp(id + 7, run_id, 40);

	if (new)
		snprintf(run_id, sizeof run_id, "%.40s", id + 7);
	if (r)
		freeReplyObject(r);
	return new;
}

static void wait_ready(void)
{
	const struct timespec step = { 0, POLL_MS * 1000000 };

	for (int ms = 0; ms < START_MS; ms += POLL_MS) {
		context = connect_server();
		if (context && greet(context))
			return;
		if (context)
			redisFree(context);
		context = NULL;
		nanosleep(&step, NULL);
	}
	bail("start", "no answer within a minute");
}

void server_start(void)
{
	const char *tmp = getenv("TMPDIR");
	int commands[2], failed[2], e;

	signal(SIGPIPE, SIG_IGN);	/* as the programs do */
	snprintf(folder, sizeof folder, "%.40s/drawbridge-XXXXXX",
		 tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(folder))
		bail(folder, strerror(errno));
	snprintf(path, sizeof path, "%s/redis.sock", folder);
	snprintf(url, sizeof url, "unix://%s", path);
	if (pipe2(commands, O_CLOEXEC) || pipe2(failed, O_CLOEXEC))
		bail("pipe", strerror(errno));
	fflush(NULL);
	keeper = fork();
	if (!keeper) {
		close(commands[1]);
		close(failed[0]);
		run_keeper(commands[0], failed[1]);
	}
	close(commands[0]);
	close(failed[1]);
	orders = commands[1];
	if (read(failed[0], &e, sizeof e) == sizeof e) {
		server_stop();
		bail(program(), strerror(e));
	}
	close(failed[0]);
	wait_ready();
}

void server_stop(void)
{
	if (context)
		redisFree(context);
	context = NULL;
	close(orders);
	waitpid(keeper, NULL, 0);
}

void server_restart(void)
{
	redisFree(context);
	context = NULL;
	if (write(orders, "r", 1) != 1)
		bail("restart", strerror(errno));
	wait_ready();
}

static pid_t pid_of_server(void)
{
	static char known[64];
	static pid_t pid;

	if (strcmp(known, run_id)) {
		redisReply *r = ask("INFO server");

		pid = atoi(strstr(r->str, "process_id:") + 11);
		strcpy(known, run_id);
		freeReplyObject(r);
	}
	return pid;
}

static bool is_stopped(pid_t pid)
{
	char name[32], state = 0;
	FILE *f;

	snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
	f = fopen(name, "r");
	if (!f || fscanf(f, "%*d %*s %c", &state) != 1)
		bail(name, "is not as in proc(5)");
	fclose(f);
	return state == 'T';
}

/* A signal takes its time. */
void server_freeze(void)
{
	const struct timespec step = { 0, 1000000 };
	pid_t pid = pid_of_server();

	kill(pid, SIGSTOP);
	while (!is_stopped(pid))
		nanosleep(&step, NULL);
}

void server_thaw(void)
{
	kill(pid_of_server(), SIGCONT);
}

const char *server_url(void)
{
	return url;
}

static redisReply *checked(redisReply *r, const char *what)
{
	if (!r)
		fail_msg("%s: %s", what, context->errstr);
	if (r->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", what, r->str);
	return r;
}

redisReply *ask(const char *fmt, ...)
{
	redisReply *r;
	va_list ap;

	va_start(ap, fmt);
	r = redisvCommand(context, fmt, ap);
	va_end(ap);
	return checked(r, fmt);
}

redisReply *ask_argv(int argc, const char **argv)
{
	return checked(redisCommandArgv(context, argc, argv, NULL), argv[0]);
}

void tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	freeReplyObject(checked(redisvCommand(context, fmt, ap), fmt));
	va_end(ap);
}

int server_clients(int least, int most)
{
	redisReply *r = ask("CLIENT LIST");
	int count = least ? 0 : -1;

	for (const char *at = r->str; (at = strstr(at, " sub=")); at++) {
		int channels = atoi(at + strlen(" sub="));

		count += channels >= least && channels <= most;
	}
	freeReplyObject(r);
	return count;
}

long long ask_number(const char *fmt, ...)
{
	redisReply *r;
	va_list ap;
	long long n;

	va_start(ap, fmt);
	r = checked(redisvCommand(context, fmt, ap), fmt);
	va_end(ap);
	n = r->type == REDIS_REPLY_INTEGER ? r->integer :
		r->str ? atoll(r->str) : -1;
	freeReplyObject(r);
	return n;
}
