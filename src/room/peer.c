#include "config.h"

#include "room/json.h"
#include "room/peer.h"

void peer_put(struct buf *b, const struct peer *p)
{
	buf_fmt(b, "{\"id\":\"%s\",\"username\":", p->id);
	json_put_string(b, p->username);
	buf_char(b, '}');
}
