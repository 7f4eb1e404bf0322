#include "config.h"

#include <string.h>

#include "base/percent.h"

/* The value of a digit of either case (RFC 3986, 2.1); -1: it is not one. */
static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* '+' is left alone: it means a space only in form data (WHATWG URL, 5), not in a path
 * or in the user and password of a URL; and the tokens in our queries contain
 * neither. */
bool percent_decode(const char *s, size_t len, char *to, size_t *to_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] != '%') {
			to[n++] = s[i];
			continue;
		}
		if (len - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
			return false;
		to[n++] = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
		i += 2;
	}
	*to_len = n;
	return true;
}

void percent_encode(const char *s, size_t len, struct buf *to)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (size_t i = 0; i < len; i++)
		if (s[i] && strchr(unreserved, s[i]))
			buf_char(to, s[i]);
		else
			buf_fmt(to, "%%%02X", (unsigned char)s[i]);
}
