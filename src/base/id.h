/*
 * id.h - names of rooms, peers and events.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

enum {
	ID_MAX = 64,		/* bytes, without the NUL */
	ID_RANDOM_LEN = 20,	/* 120 random bits */
};

/* [A-Za-z0-9_-]{1,64} */
bool id_valid(const char *s, size_t len);

/* A valid id that is no word of our own URLs. */
bool id_valid_name(const char *s, size_t len);

/* A valid id that is no event of our own. */
bool id_valid_event(const char *s, size_t len);

/* Unguessable, from getrandom(2). */
void id_random(char out[ID_RANDOM_LEN + 1]);

/* A random number from min to max, both included. Not for secrets. */
unsigned random_between(unsigned min, unsigned max);

#endif
