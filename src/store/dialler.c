/*
 * A dialler is a thread that calls one function and ends. It writes its result, then is_done,
 * then to done_fd, which wakes the thread that started it; that one joins it, and owns the
 * result from then on.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/dialler.h"

struct dialler {
	pthread_t thread;
	int done_fd;			/* readable once it is done */
	atomic_bool is_done;
	/* owned by the thread until it is done */
	struct dialled dialled;
	enum err e;
};

static void *run_dialler(void *arg)
{
	struct dialler *d = arg;

	d->e = dial(&d->dialled);
	d->is_done = true;
	eventfd_write(d->done_fd, 1);
	return NULL;
}

static void *run_refresh(void *arg)
{
	struct dialler *d = arg;

	dial_refresh();
	d->is_done = true;
	eventfd_write(d->done_fd, 1);
	return NULL;
}

/* Closing the descriptor removes it from the epoll. */
static void release_dialler(struct dialler *d)
{
	if (d->done_fd >= 0)
		close(d->done_fd);
	free(d);
}

static int start_run(struct dialler *d, void *(*run)(void *), int epoll, void *data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = data };

	d->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->done_fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, d->done_fd, &event))
		return errno;
	return thread_start(&d->thread, run, d);
}

/* Each stream may want one, many times a second. */
static struct dialler *start_dialler(void *(*run)(void *), int epoll, void *data)
{
	static _Atomic int64_t next_log_at;
	struct dialler *d = xcalloc(1, sizeof *d);
	int e = start_run(d, run, epoll, data);

	if (!e)
		return d;
	if (clock_due(&next_log_at, 1000))
		log_error("redis.thread", "why=%s", strerror(e));
	release_dialler(d);
	return NULL;
}

struct dialler *dialler_start(int epoll, void *data)
{
	return start_dialler(run_dialler, epoll, data);
}

struct dialler *dialler_refresh(int epoll, void *data)
{
	return start_dialler(run_refresh, epoll, data);
}

bool dialler_is_done(const struct dialler *d)
{
	return d->is_done;
}

void dialler_wait(const struct dialler *d)
{
	poll(&(struct pollfd){ d->done_fd, POLLIN, 0 }, 1, -1);
}

static void unblock_context(redisContext *c)
{
	fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	c->flags &= ~REDIS_BLOCK;
}

enum err dialler_end(struct dialler *d, struct dialled *to)
{
	enum err e;

	pthread_join(d->thread, NULL);
	*to = d->dialled;
	e = d->e;
	release_dialler(d);
	if (!e)
		unblock_context(to->context);
	return e;
}

void dialler_free(struct dialler *d)
{
	pthread_join(d->thread, NULL);
	release_dialler(d);
}
