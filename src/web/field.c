#include "config.h"

#include <string.h>
#include <strings.h>

#include "web/field.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct field trim(const char *s, size_t len)
{
	while (len && is_space(*s)) {
		s++;
		len--;
	}
	while (len && is_space(s[len - 1]))
		len--;
	return (struct field){ s, len };
}

/* A backslash escapes only within a quoted string (RFC 9110, 5.6.4). An unclosed quote
 * reaches up to the end. */
bool field_shift(struct field *rest, char separator, struct field *part)
{
	bool quoted = false;
	size_t i = 0;

	if (!rest->len)
		return false;
	for (; i < rest->len && (quoted || rest->s[i] != separator); i++)
		if (rest->s[i] == '"')
			quoted = !quoted;
		else if (quoted && rest->s[i] == '\\')
			i++;
	/* The last byte was a backslash. */
	if (i > rest->len)
		i = rest->len;
	*part = trim(rest->s, i);
	i += i < rest->len;
	rest->s += i;
	rest->len -= i;
	return true;
}

/* Whether an odd number of backslashes precedes s[at]. */
static bool is_escaped(const char *s, size_t at)
{
	bool escaped = false;

	while (at && s[--at] == '\\')
		escaped = !escaped;
	return escaped;
}

/* From the end, because every proxy appends: what it has written is then found whatever
 * its client wrote before it. Read from the left, a quote that the client never closed
 * would swallow the proxy's part. A backslash counts only within quotes; outside of
 * them it may be the client's. */
bool field_pop(struct field *rest, struct field *element)
{
	bool quoted = false;
	size_t i = rest->len;

	if (!i)
		return false;
	for (; i && (quoted || rest->s[i - 1] != ','); i--)
		if (rest->s[i - 1] == '"' && !(quoted && is_escaped(rest->s, i - 1)))
			quoted = !quoted;
	*element = trim(rest->s + i, rest->len - i);
	rest->len = i ? i - 1 : 0;
	return true;
}

bool field_value(struct field from, char *to, size_t size)
{
	/* Only as a whole: a value with a quote somewhere in it is neither a token nor
	 * a quoted string, and is left as it is. */
	bool quoted = from.len >= 2 && from.s[0] == '"' &&
		from.s[from.len - 1] == '"';
	size_t end = from.len - quoted, len = 0;

	for (size_t i = quoted; i < end; i++) {
		if (quoted && from.s[i] == '\\' && i + 1 < end)
			i++;
		if (len + 1 >= size)
			return false;
		to[len++] = from.s[i];
	}
	to[len] = '\0';
	return true;
}

/* All are counted: one that occurs twice contradicts itself, and the caller decides
 * what that means. */
int field_parameter(struct field from, const char *name, char *to, size_t size)
{
	size_t name_len = strlen(name);
	struct field pair;
	int count = 0;

	while (field_shift(&from, ';', &pair)) {
		if (pair.len <= name_len || pair.s[name_len] != '=' ||
		    strncasecmp(pair.s, name, name_len))
			continue;
		pair.s += name_len + 1;
		pair.len -= name_len + 1;
		if (!count++ && !field_value(pair, to, size))
			return -1;
	}
	return count;
}
