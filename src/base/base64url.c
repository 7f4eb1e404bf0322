#include "config.h"

#include <stdint.h>
#include <string.h>

#include "base/base64url.h"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* bits is never cleared: its lowest count bits are still to be encoded; whatever lies
 * above them is masked out or shifted off the top. */
void base64url_encode(struct buf *to, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	uint32_t bits = 0;
	int count = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | bytes[i];
		for (count += 8; count >= 6; count -= 6)
			buf_char(to, digits[bits >> (count - 6) & 63]);
	}
	if (count)
		buf_char(to, digits[bits << (6 - count) & 63]);
}

bool base64url_decode(struct buf *to, const char *text, size_t len)
{
	uint32_t bits = 0;
	int count = 0;

	for (size_t i = 0; i < len; i++) {
		/* Not strchr(), to which a NUL in text would match the one that ends
		 * digits. */
		const char *digit = memchr(digits, text[i], 64);

		if (!digit)
			return false;
		bits = bits << 6 | (uint32_t)(digit - digits);
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_char(to, (char)(bits >> count & 0xff));
		}
	}
	/* A single digit is less than a byte. Leftover bits must be 0, or the same
	 * bytes would have several spellings (RFC 4648, 3.5). '=' is not a digit: there
	 * is no padding (RFC 7515, 2). */
	return count < 6 && !(bits & ((1u << count) - 1));
}
