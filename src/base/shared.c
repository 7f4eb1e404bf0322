#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/shared.h"

enum { NAME_MOST = 255, TRIES = 8, LOCK_MS = 1000, LOCK_AGAIN_MS = 5 };

static struct shared alone;
struct shared *shared = &alone;

/* By user, prefix and mount, which tell deployments apart. */
static void name_segment(char name[NAME_MOST + 1], const struct conf *c)
{
	if (c->shm)
		snprintf(name, NAME_MOST + 1, "/%s", c->shm);
	else
		snprintf(name, NAME_MOST + 1, "/drawbridge.%u.%s%s",
			 (unsigned)geteuid(), c->prefix, c->mount);
	for (char *p = name + 1; *p; p++)
		if (*p == '/')
			*p = '+';
}

/* Memory for all of it at once: where there is none, that shows here, and not as
 * SIGBUS at its first use. */
static bool grow(int fd)
{
	errno = posix_fallocate(fd, 0, sizeof *shared);
	return !errno;
}

/* Whether it is laid out as we know it. */
static bool take(struct shared *s)
{
	uint64_t mark = metric_layout();

	if (!s->mark && !s->size) {
		s->size = sizeof *s;
		s->mark = mark;
	}
	return s->mark == mark && s->size == sizeof *s;
}

/* It is held for microseconds, unless its holder stands still: then to serve, and
 * to count alone, is better than to wait. */
static bool lock(int fd)
{
	int64_t deadline = clock_ms() + LOCK_MS;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (clock_ms() >= deadline)
			return false;
		usleep(LOCK_AGAIN_MS * 1000);
	}
	return true;
}

/* 1: mapped; 0: it was another's, and is no more; -1: *why. The file is locked,
 * so that no two make it or remove it at the same time. */
static int map(int fd, const char *name, const char **why)
{
	struct stat st;
	void *at;

	/* First, as others may hold a lock of what is theirs. */
	if (fstat(fd, &st))
		goto failed;
	if (st.st_uid != geteuid() || st.st_mode & 077) {
		*why = "it is not this user's alone";
		return -1;
	}
	if (!lock(fd)) {
		*why = "another process has locked it";
		return -1;
	}
	if (fstat(fd, &st))		/* it may be another size now */
		goto failed;
	if (!st.st_nlink)
		return 0;
	if (!st.st_size && !grow(fd))
		goto failed;
	if (!st.st_size || st.st_size == sizeof *shared) {
		at = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);
		if (at == MAP_FAILED)
			goto failed;
		if (take(at)) {
			shared = at;
			return 1;
		}
		munmap(at, sizeof *shared);
	}
	/* Of another version. Whoever still runs keeps what it has mapped. */
	shm_unlink(name);
	return 0;
failed:
	*why = strerror(errno);
	return -1;
}

void shared_init(const struct conf *conf)
{
	char name[NAME_MOST + 1];
	const char *why = "it does not stay";
	int got = 0;

	shared = &alone;
	name_segment(name, conf);
	for (int i = 0; i < TRIES && !got; i++) {
		int fd = shm_open(name, O_RDWR | O_CREAT, 0600);

		if (fd < 0) {
			why = strerror(errno);
			break;
		}
		got = map(fd, name, &why);
		/* What is mapped would hold it on. */
		flock(fd, LOCK_UN);
		close(fd);
	}
	if (got != 1)
		log_warn("shared.open", "shm=%s why=%s: /metrics and "
			 "DRAWBRIDGE_STREAMS are of each process alone", name, why);
}

uint64_t shared_is(void)
{
	return shared != &alone;
}
