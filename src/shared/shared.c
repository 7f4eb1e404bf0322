/*
 * Several processes may open the segment at the same time, and any of them may be
 * killed half way. What makes that safe is the order in map_segment():
 *
 * 1. The owner is checked before the file is locked: another user who made the file
 * first could hold its lock for ever.
 *
 * 2. Size and link count are read again under the lock: whoever had it before may have
 * allocated the file, or removed it to make a new one. A file without a link would be
 * found by nobody else, so it is not mapped: that is another try.
 *
 * 3. An empty file is allocated, and then all bytes in it are 0, which is a valid
 * start. If it has any other size than ours, it is of another version, or its maker was
 * killed: it is removed.
 *
 * 4. The layout is written under the lock, too. Where its writer was killed half way it
 * matches no version, and the segment is removed.
 */
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
#include "shared/shared.h"


enum {
	SEGMENT_NAME_MAX = 255,		/* bytes; see shm_open(3) */
	OPEN_TRIES = 8,			/* one fails when the file was just removed */
	LOCK_MS = 1000,
	LOCK_AGAIN_MS = 5,		/* flock(2) has no time limit of its own */
};

/* Until shared_init(), and if that fails: what needs the counts never has to ask
 * whether they are there. */
static struct shared process_own;
struct shared *shared = &process_own;

/* By user, prefix and mount, which identify a deployment. What is longer than a name
 * may be is cut off. */
static void name_segment(char name[SEGMENT_NAME_MAX + 1], const struct conf *c)
{
	if (c->shm)
		snprintf(name, SEGMENT_NAME_MAX + 1, "/%s", c->shm);
	else
		snprintf(name, SEGMENT_NAME_MAX + 1, "/drawbridge.%u.%s%s",
			 (unsigned)geteuid(), c->prefix, c->mount);
	for (char *p = name + 1; *p; p++)
		if (*p == '/')
			*p = '+';
}

/* All at once: where memory is short that shows here, and not as SIGBUS at first
 * use. */
static bool allocate_segment(int fd)
{
	errno = posix_fallocate(fd, 0, sizeof *shared);
	return !errno;
}

/* Whether it has our layout; a new one is given it. */
static bool check_layout(struct shared *s)
{
	uint64_t layout = metric_layout();

	if (!s->layout && !s->size) {
		id_random(s->id);
		s->size = sizeof *s;
		s->layout = layout;
	}
	return s->layout == layout && s->size == sizeof *s;
}

/* It is held for microseconds, unless its holder is stopped: then it is better to serve
 * and count alone than to wait. */
static bool lock_segment(int fd)
{
	int64_t deadline = clock_ms() + LOCK_MS;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (clock_ms() >= deadline)
			return false;
		usleep(LOCK_AGAIN_MS * 1000);
	}
	return true;
}

/* 1: mapped; 0: it had another layout, and was removed; -1: *why. The file is locked,
 * so that no two processes create or remove it at the same time. */
static int map_segment(int fd, const char *name, const char **why)
{
	struct stat st;
	void *at;

	/* Before the lock: other users may hold one on a segment of theirs. */
	if (fstat(fd, &st))
		goto failed;
	if (st.st_uid != geteuid() || st.st_mode & 077) {
		*why = "it is not private to this user";
		return -1;
	}
	if (!lock_segment(fd)) {
		*why = "another process has locked it";
		return -1;
	}
	if (fstat(fd, &st))		/* it may be another size now */
		goto failed;
	if (!st.st_nlink)
		return 0;
	if (!st.st_size && !allocate_segment(fd))
		goto failed;
	if (!st.st_size || st.st_size == sizeof *shared) {
		at = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);
		if (at == MAP_FAILED)
			goto failed;
		if (check_layout(at)) {
			shared = at;
			return 1;
		}
		munmap(at, sizeof *shared);
	}
	/* Of another version; whoever still runs keeps what it has mapped. The name still
	 * stands for this file: it has a link, and others remove it only under this lock. */
	shm_unlink(name);
	return 0;
failed:
	*why = strerror(errno);
	return -1;
}

void shared_init(const struct conf *conf)
{
	char name[SEGMENT_NAME_MAX + 1];
	const char *why = "it is being replaced over and over";
	int got = 0;

	shared = &process_own;
	name_segment(name, conf);
	for (int i = 0; i < OPEN_TRIES && !got; i++) {
		int fd = shm_open(name, O_RDWR | O_CREAT, 0600);

		if (fd < 0) {
			why = strerror(errno);
			break;
		}
		got = map_segment(fd, name, &why);
		/* Closing does not unlock it: the lock belongs to the open file, which
		 * the mapping keeps. */
		flock(fd, LOCK_UN);
		close(fd);
	}
	if (got != 1)
		log_warn("shared.open", "shm=%s why=%s: /metrics and "
			 "DRAWBRIDGE_STREAMS are per process", name, why);
}

uint64_t shared_is_mapped(void)
{
	return shared != &process_own;
}
