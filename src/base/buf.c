#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

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
