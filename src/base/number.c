#include "config.h"

#include <limits.h>

#include "base/number.h"

/* Not strtol(3): it accepts white space and signs, stops silently at the first
 * character that is not a digit, and reports an overflow only in errno. */
bool number_parse(const char *s, size_t len, long min, long max, long *to)
{
	long value = 0;

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		/* Stops before the multiplication can overflow. That also refuses the
		 * last few numbers below LONG_MAX, which nobody needs. */
		if (s[i] < '0' || s[i] > '9' || value > (LONG_MAX - 9) / 10)
			return false;
		value = value * 10 + (s[i] - '0');
	}
	if (value < min || value > max)
		return false;
	*to = value;
	return true;
}
