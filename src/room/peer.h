/*
 * peer.h - who somebody is, as the others see it.
 */
#ifndef ROOM_PEER_H
#define ROOM_PEER_H

#include "base/buf.h"

struct peer {
	char id[65];
	char username[257];	/* UTF-8 */
};

/* Bytes of peer_append(): in JSON a character may take six. */
enum { USER_MAX = 2048 };

/* Appends {"id":...,"username":...}. */
void peer_append(struct buf *b, const struct peer *p);

#endif
