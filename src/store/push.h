/*
 * push.h - what Redis sends to a connection that is subscribed: arrays whose first element
 * says what they are. Protocol: RESP2, "Pushed messages". For this folder alone.
 */
#ifndef STORE_PUSH_H
#define STORE_PUSH_H

#include <stddef.h>

#include <hiredis/hiredis.h>

/* Element i of a push of this kind, as "message"; NULL: it is none, or has fewer. */
const redisReply *push_member(const redisReply *r, const char *kind, size_t i);

#endif
