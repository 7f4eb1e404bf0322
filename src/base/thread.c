#include "config.h"

#include <signal.h>
#include <time.h>

#include "base/thread.h"

/* Of detached threads. It is address space: what is never touched costs nothing. The
 * deepest JSON that is accepted leaves three quarters of it unused
 * (tests/http/stacks.test.js). */
enum { STACK_BYTES = 256 * 1024 };

/* A new thread inherits its creator's mask. If it blocked signals itself, one could
 * arrive before that. This way handlers run only on the main thread, and interrupt no
 * system call of another. */
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

/* By default a condition variable waits by the time of day: setting the clock could end
 * a wait early, or make it last for hours. */
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
