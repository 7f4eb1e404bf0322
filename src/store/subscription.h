/*
 * subscription.h - a connection to Redis that is subscribed to one channel.
 * Whoever holds it waits on its descriptor together with others, then reads.
 */
#ifndef STORE_SUBSCRIPTION_H
#define STORE_SUBSCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct subscription;

/* Begins to connect: of many, all side by side. */
enum err subscription_start(const char *channel, struct subscription **to);
/* Waits until it is connected, and asks for it, unless it has. ERR_STORE: it is of no
 * use any more. */
enum err subscription_ask(struct subscription *s);
/* Waits until Redis has confirmed it: nothing published from now on is missed.
 * ERR_STORE: it is of no use any more; without waits, if that is not there. */
enum err subscription_confirm(struct subscription *s, bool waits);
/* All of it. *to is NULL, and stays so where it fails. */
enum err subscription_open(const char *channel, struct subscription **to);

/*
 * Of clock_ms(). Where Sentinels have just named another master, other programs
 * write to the old one until then. Who was told here meanwhile that all is lost
 * would join there, and that were lost without a word.
 */
int64_t subscription_settles_at(void);

int subscription_fd(const struct subscription *s);

/* Once the descriptor is readable; never blocks then. ERR_STORE: it is lost.
 * What was read before can still be taken. */
enum err subscription_read(struct subscription *s);

/* The next message, which lives until the next call. False: none is left. */
bool subscription_next(struct subscription *s, const char **message,
		       size_t *len);

void subscription_free(struct subscription *s);

/* The same, once Redis does not count it any more: asks for that, and then waits
 * for it. */
void subscription_stop(struct subscription *s);
void subscription_end(struct subscription *s);

#endif
