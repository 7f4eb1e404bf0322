/*
 * message.h - parses what comes over a peer's channel:
 *
 *     {"id":"...","event":"...","data":...}
 *
 * The members are in this order, without white space between them; messages of the Node
 * application have no id. A mailbox holds the same without id and opening brace.
 */
#ifndef STREAM_MESSAGE_H
#define STREAM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

enum { ID_SIZE = 48 };

struct message {
	char id[ID_SIZE];	/* empty: none */
	char event[65];
	const char *data;	/* borrowed from the text */
	size_t len;
};

bool message_parse(const char *text, size_t len, struct message *m);

/* Whether this is the event that ends the streams of its peer. Without an id it is the Node
 * application's. */
bool event_is_last(const char *id, const char *event);
bool message_is_last(const char *text, size_t len);

/* Whether this id (ms-sequence, as those of Redis streams) is above the other. What is no
 * id is below all. */
bool id_is_above(const char *id, const char *other);

/* The position that a client sends (Last-Event-ID). What is no id becomes "0", which no
 * mailbox has; an empty one stays empty. */
void position_parse(const char *given, char to[ID_SIZE]);

#endif
