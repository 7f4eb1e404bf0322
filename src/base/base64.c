#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>

#include "base/base64.h"

void base64_append(struct buf *to, const void *data, size_t len)
{
	char text[BASE64_ENCODE_RAW_LENGTH(BASE64_BYTES_MAX)];

	base64_encode_raw(text, len, data);
	buf_add(to, text, BASE64_ENCODE_RAW_LENGTH(len));
}

bool base64_secret(struct buf *to, const char *secret)
{
	static const char prefix[] = "whsec_";
	struct base64_decode_ctx ctx;
	size_t len = strlen(secret), size;
	char *bytes;

	if (strncmp(secret, prefix, strlen(prefix)) != 0) {
		buf_add(to, secret, len);
		return true;
	}
	secret += strlen(prefix);
	len -= strlen(prefix);
	size = BASE64_DECODE_LENGTH(len);
	bytes = xmalloc(size + 1);
	base64_decode_init(&ctx);
	/* Without the final check "AAA" would count as two bytes. */
	if (base64_decode_update(&ctx, &size, (uint8_t *)bytes, len, secret) &&
	    base64_decode_final(&ctx))
		buf_add(to, bytes, size);
	else
		len = 0;
	free(bytes);
	return len;
}
