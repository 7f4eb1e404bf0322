#include "config.h"

#include <string.h>

#include "auth/jws.h"
#include "base/base64url.h"
#include "base/hmac.h"

enum { SIGNATURE_MAX = 43 };		/* HMAC_SIZE bytes in Base64, unpadded */

static void append_signature(struct buf *to, const char *text, size_t len,
			     const char *key)
{
	unsigned char mac[HMAC_SIZE];

	hmac_sha256(key, strlen(key), text, len, mac);
	base64url_encode(to, mac, sizeof mac);
}

/* len: of what is signed. The signature is compared as text, so nothing that is not
 * signed is decoded. Stopping at the first key that fits reveals only which key that
 * is. */
static bool is_signed(const char *text, size_t len, const char *signature,
		      const struct list *keys)
{
	bool good = false;

	for (size_t i = 0; i < keys->count && !good; i++) {
		struct buf want = BUF_INIT(SIGNATURE_MAX);

		append_signature(&want, text, len, keys->words[i]);
		good = secret_equal(want.data, want.len, signature,
				    strlen(signature));
		buf_free(&want);
	}
	return good;
}

/* What is signed is the text as it came, up to the second dot (RFC 7515, 5.1). A third
 * dot would be part of the signature, which then is not equal to any. */
bool jws_open(const char *text, const struct list *keys, struct buf *header,
	      struct buf *payload)
{
	const char *middle = strchr(text, '.');
	const char *end = middle ? strchr(middle + 1, '.') : NULL;

	return end && is_signed(text, (size_t)(end - text), end + 1, keys) &&
		base64url_decode(header, text, (size_t)(middle - text)) &&
		base64url_decode(payload, middle + 1, (size_t)(end - middle - 1));
}

void jws_sign(struct buf *to, const char *header, const char *payload,
	      const char *key)
{
	size_t start = to->len;

	base64url_encode(to, header, strlen(header));
	buf_char(to, '.');
	base64url_encode(to, payload, strlen(payload));
	if (buf_ok(to)) {
		struct buf signature = BUF_INIT(SIGNATURE_MAX);

		append_signature(&signature, to->data + start, to->len - start, key);
		buf_char(to, '.');
		buf_add(to, signature.data, signature.len);
		buf_free(&signature);
	}
}
