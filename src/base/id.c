#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/id.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/* Words that are paths of ours, or keys in Redis. */
static const char *const reserved[] = {
	"access", "connect", "relay", "ice", "health", "metrics", "static",
	"channels",
};

bool id_valid(const char *s, size_t len)
{
	if (len < 1 || len > ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!s[i] || !strchr(alphabet, s[i]))
			return false;
	return true;
}

bool id_valid_name(const char *s, size_t len)
{
	if (!id_valid(s, len))
		return false;
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strlen(reserved[i]) == len && !memcmp(reserved[i], s, len))
			return false;
	return true;
}

static void random_bytes(void *to, size_t len)
{
	if (getrandom(to, len, 0) != (ssize_t)len)
		abort();
}

void id_random(char out[ID_RANDOM_LEN + 1])
{
	unsigned char bytes[ID_RANDOM_LEN];

	random_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < ID_RANDOM_LEN; i++)
		out[i] = alphabet[bytes[i] & 63];
	out[ID_RANDOM_LEN] = '\0';
}

unsigned random_between(unsigned min, unsigned max)
{
	/* Some for each system call: a stream draws three when it opens. */
	static _Thread_local uint64_t drawn[16];
	static _Thread_local size_t left;

	if (!left) {
		random_bytes(drawn, sizeof drawn);
		left = sizeof drawn / sizeof *drawn;
	}
	return min + (unsigned)(drawn[--left] % ((uint64_t)max - min + 1));
}
