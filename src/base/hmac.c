#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/hmac.h"

void hmac_sha256(const char *key, const void *data, size_t len,
		 unsigned char to[HMAC_SIZE])
{
	unsigned size = 0;

	if (!HMAC(EVP_sha256(), key, (int)strlen(key), data, len, to, &size) ||
	    size != HMAC_SIZE)
		abort();
}

bool secret_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && !CRYPTO_memcmp(a, b, a_len);
}
