/*
 * webhook_signature.h - the site knows by it that a request is from here.
 * Format: Standard Webhooks 1.0, "Signature scheme" and "Webhook headers": of the id, the time
 * and the body, with full stops between them.
 */
#ifndef AUTH_WEBHOOK_SIGNATURE_H
#define AUTH_WEBHOOK_SIGNATURE_H

#include <stdint.h>

#include "base/buf.h"
#include "conf/conf.h"

/* Appends what webhook-signature says: "v1," and the signature, of each secret, with blanks
 * between them. id: without full stops; now: Unix seconds, as webhook-timestamp says. */
void webhook_signature(struct buf *to, const struct list *secrets, const char *id, int64_t now,
		       const struct buf *body);

#endif
