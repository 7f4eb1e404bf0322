/*
 * message.h - what comes over a peer's channel, taken apart:
 *
 *     {"id":"...","event":"...","data":...}
 *
 * The members stand in this order, without white space between them; the Node
 * application sends none with an id. A mailbox holds the same without id and
 * opening brace.
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

/* Is this id (ms-sequence, as of Redis' streams) above the other? One that is
 * none is below all. */
bool id_above(const char *id, const char *other);

/* The position that a client gives (Last-Event-ID). What is no id becomes "0",
 * which nobody knows; nothing stays nothing. */
void position_take(const char *given, char to[ID_SIZE]);

#endif
