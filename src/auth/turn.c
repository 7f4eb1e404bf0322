#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/turn.h"

enum { SHA1_LEN = 20, BASE64_LEN = (SHA1_LEN + 2) / 3 * 4 };

void turn_username(struct buf *to, int64_t expires, const char *peer)
{
	buf_fmt(to, "%lld:%s", (long long)expires, peer);
}

void turn_credential(struct buf *to, const char *secret, const char *username)
{
	unsigned char mac[EVP_MAX_MD_SIZE], text[BASE64_LEN + 1];
	unsigned int len = 0;

	if (!HMAC(EVP_sha1(), secret, (int)strlen(secret),
		  (const unsigned char *)username, strlen(username), mac, &len) ||
	    len != SHA1_LEN)
		abort();
	EVP_EncodeBlock(text, mac, SHA1_LEN);
	buf_str(to, (const char *)text);
}
