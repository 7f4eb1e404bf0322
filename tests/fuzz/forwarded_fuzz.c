/* X-Forwarded-For, Forwarded and X-Forwarded-Proto, a line each, as proxies pass
 * them on. */
#include "config.h"

#include "fuzz.h"
#include "web/forwarded.h"

enum { LINES = 3 };

/* What is there up to the end of a line; NULL: nothing. */
static void split_lines(char *text, const char *line[LINES])
{
	for (int i = 0; i < LINES; i++) {
		line[i] = text && *text != '\n' && *text ? text : NULL;
		text = text ? strchr(text, '\n') : NULL;
		if (text)
			*text++ = '\0';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char ipv4[] = "10.0.0.0/8", ipv6[] = "2001:db8::/32";
	static char *const proxies[] = { ipv4, ipv6, NULL };
	char *text = fuzz_text(data, size), to[NETWORK_HOST_MAX];
	char again[NETWORK_HOST_MAX];
	const char *line[LINES];
	bool certain;

	split_lines(text, line);
	certain = forwarded_client(proxies, "10.0.0.1", line[0], line[1], to);
	HOLDS(network_address(to, again) && !strcmp(to, again));
	/* Who is no proxy of ours is believed by those who are, alone. */
	HOLDS(certain || network_any_has(proxies, to));
	/* What comes before what a proxy has appended changes nothing. */
	if (line[0]) {
		struct buf b = BUF_INIT(1 << 20);

		buf_fmt(&b, "%s, 192.0.2.7", line[0]);
		HOLDS(forwarded_client(proxies, "10.0.0.1", b.data, NULL, to));
		HOLDS(!strcmp(to, "192.0.2.7"));
		buf_clear(&b);
		buf_fmt(&b, "%s, for=\"[2001:db9::7]:80\"", line[0]);
		HOLDS(forwarded_client(proxies, "10.0.0.1", NULL, b.data, to));
		HOLDS(!strcmp(to, "2001:db9::7"));
		buf_free(&b);
	}
	HOLDS(!forwarded_client(proxies, "192.0.2.1", line[0], line[1], to) ||
	      (!line[0] && !line[1]));
	HOLDS(!strcmp(to, "192.0.2.1"));
	forwarded_https(line[2], line[1]);
	free(text);
	return 0;
}
