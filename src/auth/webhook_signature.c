#include "config.h"

#include "auth/webhook_signature.h"
#include "base/base64.h"
#include "base/hmac.h"

enum { KEY_BYTES_MAX = 64 };

static void append_v1(struct buf *to, const char *secret, const struct buf *content)
{
	struct buf key = BUF_INIT(KEY_BYTES_MAX);
	unsigned char mac[HMAC_SIZE];

	base64_secret(&key, secret);
	hmac_sha256(key.data, key.len, content->data, content->len, mac);
	buf_str(to, "v1,");
	base64_append(to, mac, sizeof mac);
	buf_free(&key);
}

void webhook_signature(struct buf *to, const struct list *secrets, const char *id, int64_t now,
		       const struct buf *body)
{
	struct buf content = BUF_INIT(body->len + 256);

	buf_fmt(&content, "%s.%lld.", id, (long long)now);
	buf_add(&content, body->data, body->len);
	for (size_t i = 0; i < secrets->count; i++) {
		if (i)
			buf_char(to, ' ');
		append_v1(to, secrets->words[i], &content);
	}
	buf_free(&content);
}
