/*
 * play.h - a course of events as one line, and what comes of it as another:
 *
 *     enter a b r | ?relay a b 1 | ?got b        streams 1 | x a 1
 *
 * Steps are separated by " | ". Each word of play.c's table is one; what those
 * with a ? give is the result. Tabs are named after their peer, b2 and b3 are
 * more tabs of b. Keys are written without the prefix. Time passes by moving
 * what Redis knows of it: `later 9000` makes all that is stored 9 s older.
 */
#ifndef UNIT_PLAY_H
#define UNIT_PLAY_H

#include "base/buf.h"

/* On an empty Redis, with no tab open and the settings as read. */
void play_begin(void);
/* Appends to result. Steps may be borrowed; an unknown one fails the test. */
void play(const char *steps, struct buf *result);
/* Also where none has begun, or a step has failed. */
void play_end(void);

/* All that Redis holds but for these keys (separated by spaces, or NULL), and
 * what the tabs have heard, as text that is the same where nothing was
 * changed. Owned by the caller. */
char *play_snapshot(const char *but);

#endif
