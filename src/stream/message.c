#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "stream/message.h"

static bool skip_word(const char **at, const char *end, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(end - *at) < len || memcmp(*at, word, len))
		return false;
	*at += len;
	return true;
}

/* Copies what comes before the next quote. */
static bool copy_quoted(const char **at, const char *end, char *to, size_t size)
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
	skip_word(&text, end, "{");
	if (skip_word(&text, end, "\"id\":\"") &&
	    (!copy_quoted(&text, end, m->id, sizeof m->id) ||
	     !skip_word(&text, end, ",") ||
	     strspn(m->id, "0123456789-") != strlen(m->id)))
		return false;
	if (!skip_word(&text, end, "\"event\":\"") ||
	    !copy_quoted(&text, end, m->event, sizeof m->event) ||
	    !id_valid(m->event, strlen(m->event)) ||
	    !skip_word(&text, end, ",\"data\":") || text >= end - 1 || end[-1] != '}')
		return false;
	m->data = text;
	m->len = (size_t)(end - 1 - text);
	return true;
}

bool event_is_last(const char *id, const char *event)
{
	return *id && !strcmp(event, "disconnect");
}

bool message_is_last(const char *text, size_t len)
{
	struct message m;

	return message_parse(text, len, &m) && event_is_last(m.id, m.event);
}

bool id_is_above(const char *id, const char *other)
{
	unsigned long long ms = 0, seq = 0, other_ms = 0, other_seq = 0;

	if (sscanf(id, "%20llu-%20llu", &ms, &seq) != 2)
		return false;
	if (sscanf(other, "%20llu-%20llu", &other_ms, &other_seq) != 2)
		return true;
	return ms != other_ms ? ms > other_ms : seq > other_seq;
}

void position_parse(const char *given, char to[ID_SIZE])
{
	snprintf(to, ID_SIZE, "%.*s", ID_SIZE - 1, given);
	if (to[strspn(to, "0123456789-")])
		strcpy(to, "0");
}
