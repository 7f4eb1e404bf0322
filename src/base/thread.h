/*
 * thread.h - threads that leave signals to the one that made them.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* As pthread_create(3), but every signal is blocked in the new thread. */
int thread_start(pthread_t *thread, const pthread_attr_t *attr,
		 void *(*run)(void *), void *arg);

/* For threads that nobody joins. Destroy with pthread_attr_destroy. */
void thread_attr_detached(pthread_attr_t *attr);

#endif
