#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/id.h"

/* Exactly 64, so that six random bits choose one without bias. */
static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/* A room of such a name would be hidden by one of our own paths. "channels" is not a
 * path, but the rooms of a peer with that id would share a key with the members of a
 * room of that name (PEER:channels, channels:ROOM). tests/style/docs checks this list
 * and its copies elsewhere; with --write it updates them. */
static const char *const reserved[] = {
	"access", "connect", "relay", "ice", "health", "metrics", "static",
	"server",
	"channels",
};

/* Who could send these could make others believe that somebody has come or gone. */
static const char *const server_events[] = {
	"connected", "add-peer", "remove-peer", "disconnect", "ping",
};

bool id_valid(const char *s, size_t len)
{
	if (len < 1 || len > ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		/* strchr() would match a NUL with the one that ends the alphabet. */
		if (!s[i] || !strchr(alphabet, s[i]))
			return false;
	return true;
}

/* A valid id, and none of these words. */
static bool valid_but(const char *const words[], size_t count, const char *s, size_t len)
{
	if (!id_valid(s, len))
		return false;
	for (size_t i = 0; i < count; i++)
		if (strlen(words[i]) == len && !memcmp(words[i], s, len))
			return false;
	return true;
}

bool id_valid_name(const char *s, size_t len)
{
	return valid_but(reserved, sizeof reserved / sizeof *reserved, s, len);
}

bool id_valid_event(const char *s, size_t len)
{
	return valid_but(server_events, sizeof server_events / sizeof *server_events, s, len);
}

/* Up to 256 bytes always come whole (getrandom(2)): there is no partial result to
 * handle. */
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
	/* Several per system call: a stream draws three when it opens. Per thread, so
	 * that no lock is needed. */
	static _Thread_local uint64_t drawn[16];
	static _Thread_local size_t left;

	if (!left) {
		random_bytes(drawn, sizeof drawn);
		left = sizeof drawn / sizeof *drawn;
	}
	/* With 64 random bits the bias of the remainder is below 2^-32. */
	return min + (unsigned)(drawn[--left] % ((uint64_t)max - min + 1));
}
