/*
 * due.h - a look, later, at the peers whose time is over.
 * One thread of the process does it, made when it is first needed.
 */
#ifndef STREAM_DUE_H
#define STREAM_DUE_H

#include "base/conf.h"
#include "room/room.h"

/* Looks in so many milliseconds, up to 800 s; looks at nearly the same time are
 * one. */
void due_in(const struct conf *c, unsigned ms);

/* What a beat or a look has said is to be done later. */
void due_later(const struct conf *c, const struct later *later);

/* Streams beat, each of which looks as well. Who has few of them looks in half a
 * PING, where none of them has beaten by then. */
void due_beat(const struct conf *c);

#endif
