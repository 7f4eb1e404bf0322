/*
 * Tokens: any text; and header and claims, a line each, that are signed here, so
 * that what is behind the signature is reached too.
 */
#include "config.h"

#include <string.h>

#include "auth/token.h"
#include "base/base64url.h"
#include "base/hmac.h"
#include "base/id.h"
#include "fuzz.h"

enum { NOW = 1000000000 };

static void verify(const char *token)
{
	struct claims claims;
	const char *why = NULL;

	if (token_verify(fuzz_conf(), token, NOW, &claims, &why)) {
		HOLDS(why);
	} else {
		HOLDS(claims.expires > NOW - 1);
		HOLDS(claims.issued >= 0);
		if (claims.server) {
			HOLDS(id_valid(claims.peer.id, strlen(claims.peer.id)));
			HOLDS(claims.expires <= NOW + 3660);
		} else {
			HOLDS(id_valid_name(claims.peer.id, strlen(claims.peer.id)));
			HOLDS(claims.peer.username[0]);
		}
		token_covers(&claims, "team-7");
	}
	claims_free(&claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf token = BUF_INIT(1 << 20);
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	char *text = fuzz_text(data, size);
	unsigned char mac[HMAC_SIZE];

	verify(text);
	free(text);
	if (!line)
		return 0;
	base64url_encode(&token, data, (size_t)(line - data));
	buf_char(&token, '.');
	base64url_encode(&token, line + 1, size - (size_t)(line + 1 - data));
	hmac_sha256(FUZZ_SECRET, strlen(FUZZ_SECRET), token.data, token.len, mac);
	buf_char(&token, '.');
	base64url_encode(&token, mac, sizeof mac);
	verify(token.data);
	buf_free(&token);
	return 0;
}
