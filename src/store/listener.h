/*
 * listener.h - a connection to Redis that is subscribed to one channel, to wait for a
 * message or two. For the channels of streams see subscription.h.
 */
#ifndef STORE_LISTENER_H
#define STORE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct listener;

/* Connects, and waits until Redis has confirmed the subscription: no message that is
 * published from now on is missed. Where it fails *to is NULL. */
enum err listener_open(const char *channel, struct listener **to);

int listener_fd(const struct listener *l);

/* Once the descriptor is readable; then it does not block. ERR_STORE: the connection is
 * lost; messages that were read before are still returned. */
enum err listener_read(struct listener *l);

/* The next message, which lives until the next call. False: none is left. */
bool listener_next(struct listener *l, const char **message, size_t *len);

void listener_free(struct listener *l);

#endif
