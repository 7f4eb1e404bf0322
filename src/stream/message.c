#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "stream/message.h"

static bool skip(const char **at, const char *end, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(end - *at) < len || memcmp(*at, word, len))
		return false;
	*at += len;
	return true;
}

/* What stands before the next quote. */
static bool take(const char **at, const char *end, char *to, size_t size)
{
	const char *quote = memchr(*at, '"', (size_t)(end - *at));
	size_t len = quote ? (size_t)(quote - *at) : size;

	if (len >= size)
		return false;
	memcpy(to, *at, len);
	to[len] = '\0';
	*at = quote + 1;
	return true;
}

bool message_parse(const char *text, size_t len, struct message *m)
{
	const char *end = text + len;

	m->id[0] = '\0';
	skip(&text, end, "{");
	if (skip(&text, end, "\"id\":\"") &&
	    (!take(&text, end, m->id, sizeof m->id) || !skip(&text, end, ",") ||
	     strspn(m->id, "0123456789-") != strlen(m->id)))
		return false;
	if (!skip(&text, end, "\"event\":\"") ||
	    !take(&text, end, m->event, sizeof m->event) ||
	    !id_valid(m->event, strlen(m->event)) ||
	    !skip(&text, end, ",\"data\":") || text >= end - 1 || end[-1] != '}')
		return false;
	m->data = text;
	m->len = (size_t)(end - 1 - text);
	return true;
}

bool id_above(const char *id, const char *other)
{
	unsigned long long ms = 0, seq = 0, other_ms = 0, other_seq = 0;

	if (sscanf(id, "%20llu-%20llu", &ms, &seq) != 2)
		return false;
	if (sscanf(other, "%20llu-%20llu", &other_ms, &other_seq) != 2)
		return true;
	return ms != other_ms ? ms > other_ms : seq > other_seq;
}

void position_take(const char *given, char to[ID_SIZE])
{
	snprintf(to, ID_SIZE, "%.*s", ID_SIZE - 1, given);
	if (to[strspn(to, "0123456789-")])
		strcpy(to, "0");
}
