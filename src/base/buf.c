/*
 * Once a buffer has memory, size is greater than len, so that there is always a byte
 * for the NUL. max bounds len, not size, which doubles and may exceed it. len is never
 * above max, so max - len cannot wrap; whoever lowers max must empty the buffer first.
 *
 * There are no locks: a buffer belongs to one thread at a time.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* No caller could recover from this, and code that tried would never be tested. Ending
 * the process is cheap: what it held is in Redis, or its client asks again. */
static void *or_die(void *p)
{
	if (!p) {
		fputs("error at=memory why=exhausted\n", stderr);
		abort();
	}
	return p;
}

void *xmalloc(size_t size)
{
	return or_die(malloc(size));
}

void *xcalloc(size_t n, size_t size)
{
	return or_die(calloc(n, size));
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *xstrndup(const char *s, size_t len)
{
	return or_die(strndup(s, len));
}

char *buf_space(struct buf *b, size_t more)
{
	if (b->overflow || more > b->max - b->len) {
		b->overflow = true;
		return NULL;
	}
	/* >= leaves a byte for the NUL. Doubling means that a buffer filled byte by
	 * byte is copied only a few times. */
	if (b->len + more >= b->size) {
		size_t size = b->size ? b->size * 2 : 512;

		while (size <= b->len + more)
			size *= 2;
		b->data = or_die(realloc(b->data, size));
		b->size = size;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const char *data, size_t len)
{
	char *to = buf_space(b, len);

	if (!to)
		return;
	/* memcpy() must not be given a NULL, even for 0 bytes. */
	if (len)
		memcpy(to, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

/* Tries the room that is there first, which is usually enough: then the text is
 * formatted once, not once to measure it and again to write it. */
void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	char *to;
	int len;

	va_copy(again, ap);
	to = buf_space(b, 0);
	room = to ? b->size - b->len : 0;
	len = vsnprintf(to, room, fmt, ap);
	if (len < 0)
		abort();
	/* The second condition: it did fit into the memory, which may extend past max.
	 * Either way cut off what was written, since data must end at len. */
	if ((size_t)len >= room || (size_t)len > b->max - b->len) {
		if (to)
			*to = '\0';
		to = buf_space(b, (size_t)len);
		if (to)
			vsnprintf(to, (size_t)len + 1, fmt, again);
	}
	if (to)
		b->len += (size_t)len;
	va_end(again);
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

/* Here and in buf_free() max is kept: the buffer can be used again. */
void buf_clear(struct buf *b)
{
	b->len = 0;
	b->overflow = false;
}

void buf_free(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->size = 0;
	b->overflow = false;
}
