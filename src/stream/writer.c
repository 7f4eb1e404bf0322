/*
 * Events wait in two buffers. `out` has those that no record has yet; they become records, in
 * `wire`, only when that is empty. So of a client that is slow one `wire` is under way, and
 * stream.c asks Redis for no more meanwhile.
 *
 * The deadline is that of SEND_MIN bytes, and each that many set another; from writer_end()
 * on it is one for all that is left.
 */
#include "config.h"

#include "base/clock.h"
#include "stream/writer.h"

enum {
	OUT_MAX = 64 * 1024 * 1024,	/* far above any message */
	WIRE_MAX = 2 * OUT_MAX,
	SEND_MIN = 8192,		/* bytes in a send timeout */
	END_MS = 200,			/* for the last words of a stream */
};

void writer_init(struct writer *w, struct fcgi *f, unsigned send_timeout)
{
	w->fcgi = f;
	w->send_timeout_ms = send_timeout * 1000;
	w->out.max = OUT_MAX;
	w->wire.max = WIRE_MAX;
}

void writer_free(struct writer *w)
{
	buf_free(&w->out);
	buf_free(&w->wire);
	fcgi_free(w->fcgi);
}

static void clear_wire(struct writer *w)
{
	buf_free(&w->wire);
	w->wire_sent = 0;
}

void writer_drop(struct writer *w)
{
	w->state = WRITER_ENDED;
	clear_wire(w);
}

/* SEND_MIN bytes or all must be sent in time: a byte at a time could take for ever. */
static void extend_deadline(struct writer *w)
{
	w->wire_goal = w->wire_sent + SEND_MIN;
	w->deadline = clock_ms() + w->send_timeout_ms;
}

static void send_wire(struct writer *w)
{
	ssize_t n = fcgi_send(w->fcgi, w->wire.data + w->wire_sent,
			      w->wire.len - w->wire_sent);

	if (n < 0) {
		writer_drop(w);
		return;
	}
	w->wire_sent += (size_t)n;
	if (w->state == WRITER_OPEN && w->wire_sent >= w->wire_goal)
		extend_deadline(w);
	if (w->wire_sent == w->wire.len)
		clear_wire(w);
}

static void append_events(struct writer *w, bool last)
{
	fcgi_append(w->fcgi, &w->wire, w->out.data, w->out.len, last);
	buf_free(&w->out);
}

bool writer_send(struct writer *w)
{
	bool has_new = false;

	if (w->wire.len)
		send_wire(w);
	if (w->state == WRITER_OPEN && !w->wire.len && w->out.len) {
		append_events(w, false);
		extend_deadline(w);
		has_new = true;
		send_wire(w);
	}
	if (w->state == WRITER_ENDING && !w->wire.len)
		w->state = WRITER_ENDED;
	return has_new;
}

bool writer_is_slow(const struct writer *w)
{
	return w->wire.len;
}

int64_t writer_deadline(const struct writer *w)
{
	return w->state == WRITER_ENDING || w->wire.len ? w->deadline : INT64_MAX;
}

/* Without an end Apache writes an error page into the stream; and lighttpd logs a failure,
 * even when the client has gone. */
void writer_end(struct writer *w)
{
	append_events(w, true);
	w->deadline = clock_ms() + END_MS;
	w->state = WRITER_ENDING;
	writer_send(w);
}

void writer_expire(struct writer *w, int64_t now)
{
	if (now >= writer_deadline(w))
		writer_drop(w);
}
