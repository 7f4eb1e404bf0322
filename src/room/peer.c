#include "config.h"

#include "room/json.h"
#include "room/peer.h"

void peer_append(struct buf *b, const struct peer *p)
{
	buf_fmt(b, "{\"id\":\"%s\",\"username\":", p->id);
	json_append_string(b, p->username);
	buf_char(b, '}');
}
