/*
 * dialler.h - what blocks, on a thread of its own, for callers that must not: dial(), or to
 * ask the Sentinels. For this folder alone.
 */
#ifndef STORE_DIALLER_H
#define STORE_DIALLER_H

#include "store/dial.h"

struct dialler;

/* Starts to dial. Once it is done, the epoll reports an event with this data.ptr. NULL: there
 * is no descriptor or no thread for it, which the log says. */
struct dialler *dialler_start(int epoll, void *data);

/* Likewise, but it is dial_refresh() that is called. */
struct dialler *dialler_refresh(int epoll, void *data);

bool dialler_is_done(const struct dialler *d);
void dialler_wait(const struct dialler *d);

/* Waits until it is done, returns the result of dial(), and frees the dialler. Reads and
 * writes of the connection do not block. */
enum err dialler_end(struct dialler *d, struct dialled *to);

/* The same for one that refreshes. */
void dialler_free(struct dialler *d);

#endif
