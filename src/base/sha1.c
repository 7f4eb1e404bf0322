#include "config.h"

#include <string.h>

#include <nettle/base16.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/sha1.h>

#include "base/sha1.h"

void sha1_hex(const char *text, char to[SHA1_HEX + 1])
{
	struct sha1_ctx sha1;
	uint8_t hash[SHA1_DIGEST_SIZE];

	sha1_init(&sha1);
	sha1_update(&sha1, strlen(text), (const uint8_t *)text);
	sha1_digest(&sha1, sizeof hash, hash);
	/* Nettle's encoders do not write a NUL. */
	base16_encode_update(to, sizeof hash, hash);
	to[SHA1_HEX] = '\0';
}

void sha1_hmac_base64(const char *key, const char *text,
		      char to[SHA1_BASE64 + 1])
{
	struct hmac_sha1_ctx hmac;
	uint8_t mac[SHA1_DIGEST_SIZE];

	hmac_sha1_set_key(&hmac, strlen(key), (const uint8_t *)key);
	hmac_sha1_update(&hmac, strlen(text), (const uint8_t *)text);
	hmac_sha1_digest(&hmac, sizeof mac, mac);
	base64_encode_raw(to, sizeof mac, mac);
	to[SHA1_BASE64] = '\0';
}
