/*
 * buf.h - bytes that grow, up to a cap that the user chose.
 * What does not fit is dropped and sticks: write freely, ask buf_ok() once.
 * Out of memory ends the process. data is NUL-terminated once anything was
 * written; len does not count the NUL.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;		/* owned; NULL while empty */
	size_t len;
	size_t size;		/* allocated */
	size_t most;		/* the cap of len */
	bool overflow;
};

#define BUF_INIT(cap) { .most = (cap) }

void buf_add(struct buf *b, const char *data, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* Room for most bytes more to write into; NULL past the cap. Then add to len. */
char *buf_space(struct buf *b, size_t more);

static inline bool buf_ok(const struct buf *b)
{
	return !b->overflow;
}

/* Forgets the bytes and an overflow, keeps the memory. */
void buf_clear(struct buf *b);
void buf_free(struct buf *b);

/* malloc and strdup that end the process where there is no memory. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);

#endif
