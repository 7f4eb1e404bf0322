/*
 * Tokens: any text; and header and claims, a line each, that are signed here, so
 * that what is behind the signature is reached too.
 */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/token.h"
#include "base/id.h"
#include "fuzz.h"

enum { NOW = 1000000000 };

static void put_base64url(struct buf *b, const unsigned char *data, size_t len)
{
	char *to = xmalloc(len / 3 * 4 + 8);
	int n = EVP_EncodeBlock((unsigned char *)to, data, (int)len);

	for (int i = 0; i < n && to[i] != '='; i++)
		buf_char(b, to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i]);
	free(to);
}

static void verify(const char *token)
{
	struct claims claims;
	const char *why = NULL;

	if (token_verify(fuzz_conf(), token, NOW, &claims, &why)) {
		HOLDS(why);
	} else {
		HOLDS(claims.expires > NOW - 1);
		HOLDS(id_valid_name(claims.peer.id, strlen(claims.peer.id)));
		HOLDS(claims.peer.username[0]);
		token_covers(&claims, "team-7");
	}
	claims_free(&claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf token = BUF_INIT(1 << 20);
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	char *text = fuzz_text(data, size);
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	verify(text);
	free(text);
	if (!line)
		return 0;
	put_base64url(&token, data, (size_t)(line - data));
	buf_char(&token, '.');
	put_base64url(&token, line + 1, size - (size_t)(line + 1 - data));
	HMAC(EVP_sha256(), FUZZ_SECRET, (int)strlen(FUZZ_SECRET),
	     (unsigned char *)token.data, token.len, hash, &len);
	buf_char(&token, '.');
	put_base64url(&token, hash, len);
	verify(token.data);
	buf_free(&token);
	return 0;
}
