/* redis.c - dial.c's place in a target: Redis has said all already. */
#include "config.h"

#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "store/dial.h"
#include "store/store.h"

static int end = -1;			/* ours, with what Redis sent in it */
static int other = -1;			/* takes what is sent to Redis */

/* The bytes before a list of 100,000 or more: hiredis makes room for all of it
 * before it has come, and only Redis itself, which we trust, could say so. */
static size_t before_huge(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		size_t digits = 0;

		if (data[i] != '*')
			continue;
		while (i + digits + 1 < size && data[i + digits + 1] != '\r')
			digits++;
		if (digits > 5)
			return i;
	}
	return size;
}

void fuzz_redis(const uint8_t *data, size_t size)
{
	int pair[2];

	size = before_huge(data, size);

	if (end >= 0)
		close(end);
	if (other >= 0)
		close(other);
	HOLDS(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	/* More than the kernel holds would block: what is over is not sent. */
	while (size) {
		ssize_t n = send(pair[1], data, size, MSG_DONTWAIT);

		if (n <= 0)
			break;
		data += n;
		size -= (size_t)n;
	}
	shutdown(pair[1], SHUT_WR);
	other = pair[1];
	end = pair[0];
}

void store_init(const struct conf *c)
{
	script_init(c);
}

enum err dial(struct dialled *d)
{
	memset(d, 0, sizeof *d);
	if (end < 0)
		return ERR_STORE;
	d->context = redisConnectFd(end);
	end = -1;
	HOLDS(d->context);
	strcpy(d->server, "run-id");
	return OK;
}

enum err dial_start(struct dialled *d)
{
	return dial(d);
}

enum err dial_greet(struct dialled *d)
{
	(void)d;
	return OK;
}

enum err dial_greeted(struct dialled *d)
{
	(void)d;
	return OK;
}

bool dial_is_away(void)
{
	return false;
}

bool dial_moved(const struct dialled *d)
{
	(void)d;
	return false;
}

void dial_found(const char *at)
{
	(void)at;
}

void dial_lost(const char *at, const redisContext *context)
{
	(void)at;
	(void)context;
}

void dial_answered(void)
{
}

void dial_broken(const char *at, const redisContext *context, int64_t asked)
{
	(void)at;
	(void)context;
	(void)asked;
}

void dial_late(const char *at, int64_t asked)
{
	(void)at;
	(void)asked;
}

bool dial_refused(const char *at, const char *error)
{
	(void)at;
	HOLDS(error);
	return true;
}
