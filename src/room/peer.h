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

/* {"id":...,"username":...} */
void peer_put(struct buf *b, const struct peer *p);

#endif
