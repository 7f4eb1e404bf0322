#include "config.h"

#include "auth/turn.h"
#include "base/sha1.h"

/* The TURN server reads the time before the colon and computes the same HMAC, so it
 * knows neither peers nor passwords: all that is shared is the secret (section 2.2 of
 * the draft). */
void turn_username(struct buf *to, int64_t expires, const char *peer)
{
	buf_fmt(to, "%lld:%s", (long long)expires, peer);
}

void turn_credential(struct buf *to, const char *secret, const char *username)
{
	char text[SHA1_BASE64 + 1];

	sha1_hmac_base64(secret, username, text);
	buf_str(to, text);
}
