#include "config.h"

#include "base/err.h"

/* Searches and alerts depend on these words: they are error= in the log and the label
 * of drawbridge_refused_total (drawbridge-operations(7)). Renaming an enumerator is no
 * reason to change its word. */
const char *const err_words[ERR_COUNT] = {
	[ERR_ROUTE] = "no-route",
	[ERR_METHOD] = "method",
	[ERR_NO_TOKEN] = "no-token",
	[ERR_TOKEN] = "token",
	[ERR_REVOKED] = "revoked",
	[ERR_ROOM_DENIED] = "room-denied",
	[ERR_SERVER] = "server-token",
	[ERR_BOUNDED] = "bounded-token",
	[ERR_KEPT_OUT] = "kept-out",
	[ERR_ORIGIN] = "origin",
	[ERR_ADDRESS] = "address",
	[ERR_ACCEPT] = "accept",
	[ERR_LENGTH] = "length",
	[ERR_TOO_LARGE] = "too-large",
	[ERR_MEDIA] = "media-type",
	[ERR_INPUT] = "input",
	[ERR_NO_PEER] = "no-peer",
	[ERR_NOT_MEMBER] = "not-member",
	[ERR_ROOM_FULL] = "room-full",
	[ERR_MANY_ROOMS] = "many-rooms",
	[ERR_IDEMPOTENCY] = "idempotency",
	[ERR_RATE] = "rate",
	[ERR_MAILBOX] = "mailbox-full",
	[ERR_BUSY] = "busy",
	[ERR_STORE] = "redis",
	[ERR_STORE_VERSION] = "redis-version",
	[ERR_SLOW] = "slow",
	[ERR_GONE] = "gone",
};
