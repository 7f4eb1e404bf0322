#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/sha1.h"

void sha1_hex(const char *text, char to[SHA1_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!EVP_Digest(text, strlen(text), hash, &len, EVP_sha1(), NULL) ||
	    len != SHA1_HEX / 2)
		abort();
	for (unsigned i = 0; i < len; i++) {
		*to++ = digits[hash[i] >> 4];
		*to++ = digits[hash[i] & 15];
	}
	*to = '\0';
}

void sha1_hmac_base64(const char *key, const char *text,
		      char to[SHA1_BASE64 + 1])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!HMAC(EVP_sha1(), key, (int)strlen(key),
		  (const unsigned char *)text, strlen(text), mac, &len) ||
	    (len + 2) / 3 * 4 != SHA1_BASE64)
		abort();
	EVP_EncodeBlock((unsigned char *)to, mac, (int)len);
}
