#include "config.h"

#include <signal.h>
#include <time.h>

#include "base/thread.h"

/* Address space: what is not touched costs nothing. */
enum { STACK_BYTES = 256 * 1024 };

static int start_thread(pthread_t *thread, const pthread_attr_t *attr,
			void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	e = pthread_create(thread, attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return e;
}

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	return start_thread(thread, NULL, run, arg);
}

int thread_start_detached(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int e;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	e = start_thread(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return e;
}

void thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

void thread_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock,
			    int64_t deadline)
{
	const struct timespec at = {
		deadline / 1000, deadline % 1000 * 1000000,
	};

	pthread_cond_timedwait(cond, lock, &at);
}
