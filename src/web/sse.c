#include "config.h"

#include "web/sse.h"

/* A client joins lines of data by LF, whatever separated them here. There is always
 * one, even for empty data: an event without any is not dispatched. Of what follows the
 * colon a client removes one space, so one is written, or data that begins with a space
 * would lose it. */
void sse_event(struct buf *out, const char *id, const char *name,
	       const char *data, size_t len)
{
	const char *end = data + len;

	if (*id)
		buf_fmt(out, "id: %s\n", id);
	buf_fmt(out, "event: %s\n", name);
	for (;;) {
		const char *p = data;

		while (p < end && *p != '\n' && *p != '\r')
			p++;
		buf_str(out, "data: ");
		buf_add(out, data, (size_t)(p - data));
		buf_char(out, '\n');
		if (p == end)
			break;
		/* CRLF is one line end, LF and CR are two. */
		data = p + (*p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1);
	}
	buf_char(out, '\n');
}
