/*
 * buf.h - a growing buffer, up to a cap that its user chose.
 * What does not fit is dropped, and the overflow sticks: write freely, ask buf_ok() once.
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
	size_t max;		/* the cap of len */
	bool overflow;
};

#define BUF_INIT(cap) { .max = (cap) }

void buf_add(struct buf *b, const char *data, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* Memory for `more` bytes at the end; NULL past the cap. The caller adds to len. */
char *buf_space(struct buf *b, size_t more);

static inline bool buf_ok(const struct buf *b)
{
	return !b->overflow;
}

/* Empties it and clears an overflow, but keeps the memory. */
void buf_clear(struct buf *b);
void buf_free(struct buf *b);

/* As malloc(3) and strdup(3), but they abort where there is no memory. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);

#endif
