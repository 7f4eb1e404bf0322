/*
 * thread.h - threads that leave signals to the main thread.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

/* As pthread_create(3), but every signal is blocked in the new thread. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

/* The same, detached and with a small stack. */
int thread_start_detached(void *(*run)(void *), void *arg);

/* A condition that waits by clock_ms(); may wake early, as pthread_cond_wait(3). */
void thread_cond_init(pthread_cond_t *cond);
void thread_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock,
			    int64_t deadline);

#endif
