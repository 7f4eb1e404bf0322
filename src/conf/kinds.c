#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/id.h"
#include "base/log.h"
#include "base/network.h"
#include "base/number.h"
#include "conf/conf.h"
#include "conf/kinds.h"

enum {
	SECRET_MIN = 32,		/* bytes, as in the hash: RFC 7518, 3.2 */
	METRICS_TOKEN_MIN = 16,
	WEBHOOK_URL_MAX = 2000,
	WEBHOOK_SECRET_MIN = 24,	/* bytes: Standard Webhooks, "Signature scheme" */
	WEBHOOK_SECRET_MAX = 64,
};

/* What several kinds do */

/* Without line ends, since a list may be written in several lines. */
static void append_line(struct buf *to, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\t\r\n");

		buf_add(to, text, len);
		text += len;
		if (*text) {
			buf_char(to, ' ');
			text++;
		}
	}
}

static void show_text(const struct setting *s, const struct raw_value *raw,
		      const void *member, struct buf *to)
{
	const char *text = raw->text ? raw->text : s->preset;

	(void)member;
	if (!text)
		buf_str(to, "(none)");
	/* Files are for secrets, whatever the setting. */
	else if (raw->is_file)
		buf_str(to, "(not shown)");
	else
		append_line(to, text);
}

static void show_secret(const struct setting *s, const struct raw_value *raw,
			const void *member, struct buf *to)
{
	(void)s;
	(void)member;
	buf_str(to, raw->text ? "(not shown)" : "(none)");
}

static const char *read_text(const struct setting *s, const char *text, void *to)
{
	(void)s;
	*(char **)to = xstrdup(text);
	return NULL;
}

static void free_text(void *member)
{
	free(*(char **)member);
}

/* Whether it consists of characters of ids and these. */
static bool is_plain(const char *text, const char *more)
{
	for (const char *p = text; *p; p++)
		if (!id_valid(p, 1) && !strchr(more, *p))
			return false;
	return true;
}

/* They are separated by white space or commas. */
static void split_words(const char *text, struct list *list)
{
	static const char separators[] = " \t\r\n,";

	/* A word takes a character and a separator at least; one more for NULL. */
	list->words = xcalloc(strlen(text) / 2 + 2, sizeof *list->words);
	list->count = 0;
	while (*(text += strspn(text, separators))) {
		size_t len = strcspn(text, separators);

		list->words[list->count++] = xstrndup(text, len);
		text += len;
	}
}

/* Up to the NULL, not by count, which read_secrets() sets to 0 when it refuses some. */
static void free_list(void *member)
{
	struct list *list = member;

	for (size_t i = 0; list->words && list->words[i]; i++)
		free(list->words[i]);
	free(list->words);
}

/* Numbers and words */

static const char *read_number(const struct setting *s, const char *text, void *to)
{
	/* Read by the caller before the next setting is. */
	static _Thread_local char allowed[64];
	long value;

	if (number_parse(text, strlen(text), s->min, s->max, &value)) {
		*(unsigned *)to = (unsigned)value;
		return NULL;
	}
	snprintf(allowed, sizeof allowed, "a number from %ld to %ld",
		 s->min, s->max);
	return allowed;
}

/* One that is not set may have been raised above its preset. */
static void show_number(const struct setting *s, const struct raw_value *raw,
			const void *member, struct buf *to)
{
	if (raw->text)
		show_text(s, raw, member, to);
	else
		buf_fmt(to, "%u", *(const unsigned *)member);
}

const struct setting_kind kind_number = {
	.read = read_number,
	.show = show_number,
};

static const char *read_word(const char *const *words, const char *text,
			     unsigned *to)
{
	for (unsigned i = 0; words[i]; i++)
		if (!strcmp(words[i], text)) {
			*to = i;
			return NULL;
		}
	return "";
}

static const char *read_switch(const struct setting *s, const char *text, void *to)
{
	static const char *const words[] = { "off", "on", NULL };

	(void)s;
	return read_word(words, text, to) ? "on or off" : NULL;
}

const struct setting_kind kind_switch = {
	.read = read_switch,
	.show = show_text,
};

static const char *read_level(const struct setting *s, const char *text, void *to)
{
	(void)s;
	return read_word(log_levels, text, to) ?
		"error, warn, info or debug" : NULL;
}

const struct setting_kind kind_level = {
	.read = read_level,
	.show = show_text,
};

/* Texts */

static const char *read_prefix(const struct setting *s, const char *text, void *to)
{
	/* It becomes a Lua string in the scripts (store/script.c), where a quote, a
	 * backslash or a line end would end it; and a part of keys of at most KEY_MAX
	 * bytes (room/script_args.h). */
	if (strlen(text) > 64 || !is_plain(text, "{}:./@"))
		return "at most 64 letters, digits and characters of - _ { } : . / @";
	return read_text(s, text, to);
}

const struct setting_kind kind_prefix = {
	.read = read_prefix,
	.free = free_text,
	.show = show_text,
};

/* It is compared with REQUEST_URI byte by byte (web/parse.c), and stands as it is in
 * Location and in the cookie's Path. So it holds nothing that a browser or a web server
 * writes differently: no %, no //, and no segment that begins with a dot. */
static const char *read_mount(const struct setting *s, const char *text, void *to)
{
	size_t len = strlen(text);
	struct buf b = BUF_INIT(1024);

	(void)s;
	if (*text != '/' || len > 256 || !is_plain(text, "/.~") ||
	    strstr(text, "//") || strstr(text, "/."))
		return "a path such as /draw/, of letters, digits and - _ . ~";
	buf_str(&b, text);
	if (text[len - 1] != '/')
		buf_char(&b, '/');
	*(char **)to = b.data;
	return NULL;
}

const struct setting_kind kind_mount = {
	.read = read_mount,
	.free = free_text,
	.show = show_text,
};

/* shm_open(3) allows no slash but the first, and NAME_MAX (255) bytes. */
static const char *read_shm(const struct setting *s, const char *text, void *to)
{
	if (!*text)
		return NULL;
	if (strlen(text) > 200 || *text == '.' || !is_plain(text, "."))
		return "at most 200 letters, digits and characters of - _ ., and must not "
			"begin with a dot";
	return read_text(s, text, to);
}

const struct setting_kind kind_shm = {
	.read = read_shm,
	.free = free_text,
	.show = show_text,
};

const struct setting_kind kind_secret = {
	.read = read_text,
	.free = free_text,
	.show = show_secret,
	.secret = true,
};

static const char *read_metrics_token(const struct setting *s, const char *text,
				      void *to)
{
	if (!*text)
		return NULL;
	if (strlen(text) < METRICS_TOKEN_MIN || strlen(text) > 1000 ||
	    strpbrk(text, " \t\r\n"))
		return "16 to 1000 characters without white space";
	return read_text(s, text, to);
}

const struct setting_kind kind_metrics_token = {
	.read = read_metrics_token,
	.free = free_text,
	.show = show_secret,
	.secret = true,
};

/* Any host, private ones too: it is the operator who names it. Who calls is told by the
 * signature, so there is no user in it, whose password would be shown. */
static const char *read_webhook(const struct setting *s, const char *text, void *to)
{
	const char *host = !strncmp(text, "https://", 8) ? text + 8 :
		!strncmp(text, "http://", 7) ? text + 7 : NULL;
	size_t len = host ? strcspn(host, "/?") : 0;

	if (!*text)
		return NULL;
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("#\"\\<>", *p))
			len = 0;
	if (!len || *host == ':' || memchr(host, '@', len) || strlen(text) > WEBHOOK_URL_MAX)
		return "one URL such as https://site.example/hook, without a user and a fragment";
	return read_text(s, text, to);
}

const struct setting_kind kind_webhook = {
	.read = read_webhook,
	.free = free_text,
	.show = show_text,
};

/* Lists */

static const char *read_secrets(const struct setting *s, const char *text, void *to)
{
	struct list *list = to;

	(void)s;
	split_words(text, list);
	/* One that is too short makes all of the setting invalid: an operator who
	 * rotates keys must not believe that the new one is in use when it was
	 * skipped. */
	for (size_t i = 0; i < list->count; i++)
		if (strlen(list->words[i]) < SECRET_MIN)
			list->count = 0;
	return list->count ? NULL :
		"one or more keys of at least 32 bytes, separated by commas or newlines";
}

static void show_secrets(const struct setting *s, const struct raw_value *raw,
			 const void *member, struct buf *to)
{
	const struct list *list = member;

	/* How many, so that a rotation can be followed. */
	if (list->count)
		buf_fmt(to, "(not shown: %zu)", list->count);
	else
		show_secret(s, raw, member, to);
}

const struct setting_kind kind_secrets = {
	.read = read_secrets,
	.free = free_list,
	.show = show_secrets,
	.secret = true,
};

static bool webhook_secret_valid(const char *secret)
{
	struct buf key = BUF_INIT(WEBHOOK_SECRET_MAX);
	bool good = base64_secret(&key, secret) && buf_ok(&key) &&
		key.len >= WEBHOOK_SECRET_MIN;

	buf_free(&key);
	return good;
}

static const char *read_webhook_secrets(const struct setting *s, const char *text, void *to)
{
	struct list *list = to;

	(void)s;
	split_words(text, list);
	for (size_t i = 0; i < list->count; i++)
		if (list->count > WEBHOOK_SECRETS_MAX || !webhook_secret_valid(list->words[i]))
			return "one key or two, of 24 to 64 bytes, as text or as whsec_ and "
				"Base64, separated by a comma or a newline";
	return NULL;
}

const struct setting_kind kind_webhook_secrets = {
	.read = read_webhook_secrets,
	.free = free_list,
	.show = show_secrets,
	.secret = true,
};

/* As a browser writes them in Origin, with which they are compared: scheme, host and
 * port, and no path, not even a slash. There is no '*': with credentials it is not
 * allowed (WHATWG Fetch, "CORS protocol and credentials"). */
static const char *read_origins(const struct setting *s, const char *text, void *to)
{
	struct list *list = to;

	(void)s;
	split_words(text, list);
	for (size_t i = 0; i < list->count; i++) {
		const char *host = strstr(list->words[i], "://");

		if (!host || host == list->words[i] || !host[3] ||
		    strpbrk(host + 3, "/?#@*"))
			return "origins such as https://draw.example or http://host:8080, "
				"separated by spaces or commas";
	}
	return NULL;
}

const struct setting_kind kind_origins = {
	.read = read_origins,
	.free = free_list,
	.show = show_text,
};

/* A URI of RFC 7064 (stun) or RFC 7065 (turn): given any other, a browser makes no
 * connection at all. */
static bool is_ice_url(const char *url, bool turn)
{
	const char *rest = url + strcspn(url, ":"), *port;
	size_t scheme = (size_t)(rest - url), len;
	long number;

	if (strncmp(url, turn ? "turns" : "stuns", scheme) || scheme < 4 || !*rest)
		return false;
	if (*++rest == '[')
		len = strspn(rest + 1, "0123456789abcdefABCDEF:.") + 2;
	else
		len = strcspn(rest, ":?");
	if (*rest == '[' ? len < 4 || rest[len - 1] != ']' :
	    !len || strcspn(rest, "/@#&=[]") < len)
		return false;
	rest += len;
	if (*rest == ':') {
		port = rest + 1;
		len = strcspn(port, "?");
		if (!number_parse(port, len, 1, 65535, &number))
			return false;
		rest = port + len;
	}
	return !*rest || (turn && (!strcmp(rest, "?transport=udp") ||
				   !strcmp(rest, "?transport=tcp")));
}

static bool read_ice_urls(const char *text, bool turn, struct list *list)
{
	split_words(text, list);
	for (size_t i = 0; i < list->count; i++)
		if (!is_ice_url(list->words[i], turn))
			return false;
	return true;
}

static const char *read_stun_urls(const struct setting *s, const char *text, void *to)
{
	(void)s;
	return read_ice_urls(text, false, to) ? NULL :
		"URLs such as stun:host[:port] or stuns:host[:port], separated by "
		"spaces or commas";
}

const struct setting_kind kind_stun_urls = {
	.read = read_stun_urls,
	.free = free_list,
	.show = show_text,
};

static const char *read_turn_urls(const struct setting *s, const char *text, void *to)
{
	(void)s;
	return read_ice_urls(text, true, to) ? NULL :
		"URLs such as turn:host[:port][?transport=udp|tcp] or turns:..., "
		"separated by spaces or commas";
}

const struct setting_kind kind_turn_urls = {
	.read = read_turn_urls,
	.free = free_list,
	.show = show_text,
};

static const char *read_networks(const struct setting *s, const char *text, void *to)
{
	struct list *list = to;

	(void)s;
	split_words(text, list);
	/* A word for the empty list: an empty value counts as not set, so it could not
	 * override the file. */
	if (!strcmp(text, "none")) {
		free(list->words[--list->count]);
		list->words[0] = NULL;
	}
	for (size_t i = 0; i < list->count; i++)
		if (!network_valid(list->words[i]))
			return "none, or addresses and networks such as 192.0.2.1 or "
				"2001:db8::/32, separated by spaces or commas";
	return NULL;
}

const struct setting_kind kind_networks = {
	.read = read_networks,
	.free = free_list,
	.show = show_text,
};

/* Redis */

static const char *read_redis(const struct setting *s, const char *text, void *to)
{
	const char *allowed;

	(void)s;
	return redis_url_parse(text, to, &allowed) ? NULL : allowed;
}

static void free_redis(void *member)
{
	redis_url_free(member);
}

/* Without its passwords. Where they stand is known only for a valid URL, so of any
 * other nothing is shown. Parts are copied, not composed of struct redis_url: people
 * look for what they have written. */
static void append_redis_url(struct buf *to, const char *text)
{
	static const char password[] = "sentinel_password=";
	struct redis_url url = { 0 };
	const char *allowed, *s = strstr(text, "://"), *at;
	size_t len;

	if (!redis_url_parse(text, &url, &allowed) || !s) {
		buf_str(to, "(not shown)");
		return;
	}
	s += 3;
	buf_add(to, text, (size_t)(s - text));
	at = memrchr(s, '@', strcspn(s, "/?"));
	if (at)
		buf_str(to, "(not shown)");
	s = at ? at : s;
	len = strcspn(s, "?");
	buf_add(to, s, len);
	/* Each parameter, with what stands before it. */
	for (s += len; *s; s += len) {
		len = 1 + strcspn(s + 1, "&");
		if (strncmp(s + 1, password, strlen(password)))
			buf_add(to, s, len);
		else
			buf_fmt(to, "%c%s(not shown)", *s, password);
	}
	redis_url_free(&url);
}

static void show_redis(const struct setting *s, const struct raw_value *raw,
		       const void *member, struct buf *to)
{
	if (raw->is_file)
		show_text(s, raw, member, to);
	else
		append_redis_url(to, raw->text ? raw->text : s->preset);
}

/* A secret, since a URL that is invalid may have its password anywhere. */
const struct setting_kind kind_redis = {
	.read = read_redis,
	.free = free_redis,
	.show = show_redis,
	.secret = true,
};
