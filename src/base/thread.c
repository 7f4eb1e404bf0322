#include "config.h"

#include <signal.h>

#include "base/thread.h"

/* Address space: what is not touched costs nothing. */
enum { STACK = 256 * 1024 };

int thread_start(pthread_t *thread, const pthread_attr_t *attr,
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

void thread_attr_detached(pthread_attr_t *attr)
{
	pthread_attr_init(attr);
	pthread_attr_setstacksize(attr, STACK);
	pthread_attr_setdetachstate(attr, PTHREAD_CREATE_DETACHED);
}
