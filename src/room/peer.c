#include "config.h"

#include "room/json.h"
#include "room/peer.h"

void peer_append(struct buf *b, const struct peer *p)
{
	/* An id consists of characters that need no escapes in JSON (id_valid()). A
	 * username is whatever a person chose. */
	buf_fmt(b, "{\"id\":\"%s\",\"username\":", p->id);
	json_append_string(b, p->username);
	buf_char(b, '}');
}
