#include "config.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>

#include "base/hmac.h"

void hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
		 unsigned char to[HMAC_SIZE])
{
	struct hmac_sha256_ctx hmac;

	hmac_sha256_set_key(&hmac, key_len, key);
	hmac_sha256_update(&hmac, len, data);
	hmac_sha256_digest(&hmac, HMAC_SIZE, to);
}

/* memcmp() stops at the first difference, so its timing would reveal a MAC byte by
 * byte; memeql_sec() always reads everything. */
bool secret_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && memeql_sec(a, b, a_len);
}
