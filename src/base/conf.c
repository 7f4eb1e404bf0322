#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/id.h"
#include "base/log.h"
#include "base/network.h"
#include "base/number.h"

#define PREFIX "DRAWBRIDGE_"
#define CONF_FILE "/etc/drawbridge/drawbridge.conf"

enum { FILE_MOST = 64 * 1024, SECRET_LEAST = 32, METRICS_TOKEN_LEAST = 16 };

/*
 * A reader turns the text of a setting into a member of struct conf. NULL is
 * success; else it says what is allowed.
 */
struct row;
typedef const char *reader(const struct row *row, const char *text, void *to);

static reader read_number, read_text, read_list, read_secrets, read_redis,
	read_mount, read_switch, read_level, read_prefix, read_origins,
	read_ice_urls, read_networks, read_metrics_token, read_shm;

struct row {
	const char *name;
	const char *preset;		/* NULL: none */
	reader *read;
	size_t at;			/* in struct conf */
	long least, most;		/* of numbers */
	bool secret;			/* never shown */
};

#define AT(member) offsetof(struct conf, member)

static const struct row rows[] = {
	{ "SECRET", NULL, read_secrets, AT(secrets), 0, 0, true },
	{ "REDIS_URL", "redis://127.0.0.1:6379/0", read_redis, AT(redis), 0, 0, true },
	{ "PREFIX", NULL, read_prefix, AT(prefix), 0, 0, false },
	{ "MOUNT", "/", read_mount, AT(mount), 0, 0, false },
	{ "ACCESS", "on", read_switch, AT(access), 0, 0, false },
	{ "ACCESS_RATE", "60", read_number, AT(access_rate), 0, 1000000, false },
	{ "PROXIES", "none", read_networks, AT(proxies), 0, 0, false },
	{ "TOKEN_TTL", "3600", read_number, AT(token_ttl), 10, 31536000, false },
	{ "ORIGINS", NULL, read_origins, AT(origins), 0, 0, false },
	{ "PING", "10", read_number, AT(ping), 1, 60, false },
	{ "GRACE", "10", read_number, AT(grace), 1, 600, false },
	{ "STREAM_AGE", "3600", read_number, AT(stream_age), 1, 86400, false },
	{ "SEND_TIMEOUT", "30", read_number, AT(send_timeout), 1, 600, false },
	{ "MAILBOX", "256", read_number, AT(mailbox), 4, 100000, false },
	{ "MAILBOX_TTL", "60", read_number, AT(mailbox_ttl), 2, 86400, false },
	{ "BODY_MAX", "65536", read_number, AT(body_max), 1024, 1000000, false },
	{ "BODY_TIMEOUT", "30", read_number, AT(body_timeout), 3, 600, false },
	{ "ROOM_PEERS", "32", read_number, AT(room_peers), 2, 1024, false },
	{ "PEER_ROOMS", "16", read_number, AT(peer_rooms), 1, 64, false },
	{ "PEER_STREAMS", "8", read_number, AT(peer_streams), 1, 1000, false },
	{ "RATE", "100", read_number, AT(rate), 0, 1000000, false },
	{ "RATE_BYTES", "262144", read_number, AT(rate_bytes), 0, 1000000000, false },
	{ "WORKERS", "3", read_number, AT(workers), 1, 256, false },
	{ "STREAMS", "10000", read_number, AT(streams), 1, 1000000, false },
	{ "STUN_URLS", NULL, read_ice_urls, AT(stun_urls), 0, 0, false },
	{ "TURN_URLS", NULL, read_ice_urls, AT(turn_urls), 0, 0, false },
	{ "TURN_SECRET", NULL, read_text, AT(turn_secret), 0, 0, true },
	{ "TURN_TTL", "3600", read_number, AT(turn_ttl), 60, 604800, false },
	{ "METRICS_FROM", "none", read_networks, AT(metrics_from), 0, 0, false },
	{ "METRICS_TOKEN", NULL, read_metrics_token, AT(metrics_token), 0, 0, true },
	{ "SHM", NULL, read_shm, AT(shm), 0, 0, false },
	{ "LOG", "info", read_level, AT(log), 0, 0, false },
};

enum { ROWS = sizeof rows / sizeof *rows };

/* What is set, before it is read. */
struct given {
	char *text[ROWS];		/* NULL: not set */
	bool file[ROWS];		/* the text names a file */
	int line[ROWS];			/* of conf_file; 0: the environment */
	const char *conf_file;
};

/* Readers */

static const char *read_number(const struct row *row, const char *text, void *to)
{
	static _Thread_local char allowed[64];
	long value;

	if (number_parse(text, strlen(text), row->least, row->most, &value)) {
		*(unsigned *)to = (unsigned)value;
		return NULL;
	}
	snprintf(allowed, sizeof allowed, "a number from %ld to %ld",
		 row->least, row->most);
	return allowed;
}

static const char *read_text(const struct row *row, const char *text, void *to)
{
	(void)row;
	*(char **)to = xstrdup(text);
	return NULL;
}

static void split(const char *text, const char *separators, struct list *list)
{
	list->words = xcalloc(strlen(text) / 2 + 2, sizeof *list->words);
	list->count = 0;
	while (*(text += strspn(text, separators))) {
		size_t len = strcspn(text, separators);

		list->words[list->count++] = xstrndup(text, len);
		text += len;
	}
}

static const char *read_list(const struct row *row, const char *text, void *to)
{
	(void)row;
	split(text, " \t\r\n,", to);
	return NULL;
}

static const char *read_secrets(const struct row *row, const char *text, void *to)
{
	struct list *list = to;

	read_list(row, text, to);
	for (size_t i = 0; i < list->count; i++)
		if (strlen(list->words[i]) < SECRET_LEAST)
			list->count = 0;
	return list->count ? NULL :
		"keys of at least 32 bytes each, one a line or separated by commas";
}

static const char *read_redis(const struct row *row, const char *text, void *to)
{
	const char *allowed;

	(void)row;
	return redis_url_parse(text, to, &allowed) ? NULL : allowed;
}

static bool plain(const char *text, const char *more)
{
	for (const char *p = text; *p; p++)
		if (!id_valid(p, 1) && !strchr(more, *p))
			return false;
	return true;
}

static const char *read_prefix(const struct row *row, const char *text, void *to)
{
	/* It is put into scripts as a Lua string. */
	if (strlen(text) > 64 || !plain(text, "{}:./@"))
		return "up to 64 letters, digits and any of - _ { } : . / @";
	return read_text(row, text, to);
}

static const char *read_mount(const struct row *row, const char *text, void *to)
{
	size_t len = strlen(text);
	struct buf b = BUF_INIT(1024);

	(void)row;
	if (*text != '/' || len > 256 || !plain(text, "/.~") ||
	    strstr(text, "//") || strstr(text, "/."))
		return "a path as /draw/: letters, digits and any of - _ . ~ /";
	buf_str(&b, text);
	if (text[len - 1] != '/')
		buf_char(&b, '/');
	*(char **)to = b.data;
	return NULL;
}

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

static const char *read_switch(const struct row *row, const char *text, void *to)
{
	static const char *const words[] = { "off", "on", NULL };

	(void)row;
	return read_word(words, text, to) ? "on or off" : NULL;
}

static const char *read_level(const struct row *row, const char *text, void *to)
{
	(void)row;
	return read_word(log_levels, text, to) ?
		"error, warn, info or debug" : NULL;
}

static const char *read_origins(const struct row *row, const char *text, void *to)
{
	struct list *list = to;

	read_list(row, text, to);
	for (size_t i = 0; i < list->count; i++) {
		const char *host = strstr(list->words[i], "://");

		if (!host || host == list->words[i] || !host[3] ||
		    strpbrk(host + 3, "/?#@*"))
			return "origins as https://draw.example or http://host:8080, "
				"separated by spaces or commas";
	}
	return NULL;
}

/* A URI of RFC 7064 (stun) or RFC 7065 (turn): a browser that is given another
 * makes no connection at all. */
static bool ice_url(const char *url, bool turn)
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

static const char *read_ice_urls(const struct row *row, const char *text, void *to)
{
	struct list *list = to;
	bool turn = row->at == AT(turn_urls);

	read_list(row, text, to);
	for (size_t i = 0; i < list->count; i++)
		if (!ice_url(list->words[i], turn))
			return turn ? "turn:host[:port][?transport=udp|tcp] or turns:..."
				: "stun:host[:port] or stuns:...";
	return NULL;
}

static const char *read_networks(const struct row *row, const char *text, void *to)
{
	struct list *list = to;

	read_list(row, text, to);
	if (!strcmp(text, "none")) {
		free(list->words[--list->count]);
		list->words[0] = NULL;
	}
	for (size_t i = 0; i < list->count; i++)
		if (!network_valid(list->words[i]))
			return "none, or addresses and networks as 192.0.2.1 or "
				"2001:db8::/32, separated by spaces or commas";
	return NULL;
}

static const char *read_metrics_token(const struct row *row, const char *text,
				      void *to)
{
	if (!*text)
		return NULL;
	if (strlen(text) < METRICS_TOKEN_LEAST || strlen(text) > 1000 ||
	    strpbrk(text, " \t\r\n"))
		return "16 to 1000 characters without spaces";
	return read_text(row, text, to);
}

static const char *read_shm(const struct row *row, const char *text, void *to)
{
	if (!*text)
		return NULL;
	if (strlen(text) > 200 || *text == '.' || !plain(text, "."))
		return "up to 200 letters, digits and any of - _ ., the first no dot";
	return read_text(row, text, to);
}

/* What is given */

/* A line of why; false. */
__attribute__((format(printf, 2, 3)))
static bool complain(struct buf *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(why, fmt, ap);
	va_end(ap);
	buf_char(why, '\n');
	return false;
}

/* 0 to ROWS - 1, or -1. name ends at len; *file: it was NAME_FILE. */
static int row_named(const char *name, size_t len, bool *file)
{
	for (*file = false;; *file = true) {
		for (int i = 0; i < ROWS; i++)
			if (strlen(rows[i].name) == len &&
			    !memcmp(rows[i].name, name, len))
				return i;
		if (*file || len < 5 || memcmp(name + len - 5, "_FILE", 5))
			return -1;
		len -= 5;
	}
}

static bool put(struct given *g, int i, const char *text, bool file, int line,
		struct buf *why)
{
	if (g->text[i] && g->file[i] != file)
		return complain(why, PREFIX "%s and " PREFIX "%s_FILE are both "
				"set: set one of them", rows[i].name,
				rows[i].name);
	free(g->text[i]);
	g->text[i] = xstrdup(text);
	g->file[i] = file;
	g->line[i] = line;
	return true;
}

static bool take_environment(struct given *g, char *const *environment,
			     struct buf *why, struct buf *warnings)
{
	bool good = true;

	for (; *environment; environment++) {
		const char *name = *environment, *eq = strchr(name, '=');
		bool file;
		int i;

		if (!eq || strncmp(name, PREFIX, strlen(PREFIX)) || !eq[1])
			continue;
		name += strlen(PREFIX);
		if (!strncmp(name, "CONF=", 5)) {
			g->conf_file = eq + 1;
			continue;
		}
		i = row_named(name, (size_t)(eq - name), &file);
		if (i < 0)
			buf_fmt(warnings, PREFIX "%.*s in the environment is no "
				"setting\n", (int)(eq - name), name);
		else if (!put(g, i, eq + 1, file, 0, why))
			good = false;
	}
	return good;
}

/* The file's content without the white space at its end. NULL: errno. */
static char *slurp(const char *name)
{
	FILE *f = fopen(name, "re");
	char *text;
	size_t n;
	int e;

	if (!f)
		return NULL;
	text = xmalloc(FILE_MOST + 1);
	n = fread(text, 1, FILE_MOST + 1, f);
	e = ferror(f) ? errno : EFBIG;
	if (ferror(f) || n > FILE_MOST || memchr(text, '\0', n)) {
		free(text);
		text = NULL;
	} else {
		while (n && strchr(" \t\r\n", text[n - 1]))
			n--;
		text[n] = '\0';
	}
	fclose(f);
	errno = e;	/* of use where there is no text */
	return text;
}

/* A line of the file: nothing, a comment, or DRAWBRIDGE_NAME=value. */
static bool take_line(struct given *g, const struct given *set, char *line,
		      int number, struct buf *why)
{
	char *eq, *end;
	bool file;
	int i;

	line += strspn(line, " \t");
	end = line + strlen(line);
	while (end > line && strchr(" \t\r", end[-1]))
		*--end = '\0';
	if (!*line || *line == '#')
		return true;
	eq = strchr(line, '=');
	if (!eq || strncmp(line, PREFIX, strlen(PREFIX)))
		return complain(why, "%s:%d: lines are " PREFIX "NAME=value",
				g->conf_file, number);
	line += strlen(PREFIX);
	i = row_named(line, (size_t)(eq - line), &file);
	if (i < 0)
		return complain(why, "%s:%d: " PREFIX "%.*s is no setting",
				g->conf_file, number, (int)(eq - line), line);
	if (set->text[i] || !eq[1])
		return true;
	return put(g, i, eq + 1, file, number, why);
}

static bool take_file(struct given *g, struct buf *why)
{
	char *text = slurp(g->conf_file), *line = text, *next;
	struct given set = *g;		/* what the environment decided */
	bool good = true;

	if (!text && errno == ENOENT)
		return true;
	if (!text)
		return complain(why, PREFIX "CONF=%s: %s", g->conf_file,
				strerror(errno));
	for (int number = 1; line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!take_line(g, &set, line, number, why))
			good = false;
	}
	free(text);
	return good;
}

static bool read_row(struct conf *c, int i, const struct given *g,
		     struct buf *why)
{
	const struct row *row = &rows[i];
	const char *text = g->text[i] ? g->text[i] : row->preset, *allowed;
	char *content = NULL;
	bool good;

	if (g->text[i] && g->file[i]) {
		text = content = slurp(g->text[i]);
		if (!content)
			return complain(why, PREFIX "%s_FILE=%s: %s", row->name,
					g->text[i], strerror(errno));
	}
	allowed = row->read(row, text ? text : "", (char *)c + row->at);
	if (!allowed)
		good = true;
	else if (!text)
		good = complain(why, PREFIX "%s is required: %s", row->name,
				allowed);
	else
		good = complain(why, PREFIX "%s=%s: allowed is %s", row->name,
				row->secret ? "(not shown)" : text, allowed);
	free(content);
	return good;
}

/* Settings that others bound from below. One that is not set follows. */
static const struct {
	size_t at, times, of;
} bounds[] = {
	{ AT(grace), 1, AT(ping) },
	{ AT(mailbox), 2, AT(room_peers) },
	{ AT(mailbox_ttl), 2, AT(grace) },
};

static int row_at(size_t at)
{
	for (int i = 0; i < ROWS; i++)
		if (rows[i].at == at)
			return i;
	abort();
}

static bool check_bounds(struct conf *c, const struct given *g, struct buf *why)
{
	bool good = true;

	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		unsigned *value = (unsigned *)((char *)c + bounds[i].at);
		unsigned least = (unsigned)bounds[i].times *
			*(unsigned *)((char *)c + bounds[i].of);
		int row = row_at(bounds[i].at);

		if (*value >= least)
			continue;
		if (!g->text[row]) {
			*value = least;
			continue;
		}
		good = complain(why, PREFIX "%s=%u: allowed is at least %u (%zu "
				"times " PREFIX "%s)", rows[row].name, *value,
				least, bounds[i].times,
				rows[row_at(bounds[i].of)].name);
	}
	if (c->rate_bytes && c->rate_bytes < c->body_max / 6 + 1)
		good = complain(why, PREFIX "RATE_BYTES=%u: allowed is 0 or at "
				"least %u (a sixth of " PREFIX "BODY_MAX)",
				c->rate_bytes, c->body_max / 6 + 1);
	if (c->turn_urls.count && !*c->turn_secret)
		good = complain(why, PREFIX "TURN_URLS needs " PREFIX "TURN_SECRET: "
				"the secret that the TURN server has as "
				"static-auth-secret");
	return good;
}

static bool read_all(struct conf *c, struct given *g, char *const *environment,
		     struct buf *why)
{
	struct buf warnings = BUF_INIT(16 * 1024);
	bool good;

	memset(c, 0, sizeof *c);
	g->conf_file = CONF_FILE;
	good = take_environment(g, environment, why, &warnings);
	good = take_file(g, why) && good;
	for (int i = 0; i < ROWS; i++)
		good = read_row(c, i, g, why) && good;
	good = good && check_bounds(c, g, why);
	if (good && warnings.len)
		buf_add(why, warnings.data, warnings.len);
	buf_free(&warnings);
	return good;
}

static void given_free(struct given *g)
{
	for (int i = 0; i < ROWS; i++)
		free(g->text[i]);
}

bool conf_read(struct conf *c, char *const *environment, struct buf *why)
{
	struct given g = { 0 };
	bool good = read_all(c, &g, environment, why);

	given_free(&g);
	if (!good)
		conf_free(c);
	return good;
}

/* What conf_tell says of a setting */

/* Without its passwords. Where they stand is known in a valid URL alone. */
static void tell_redis(struct buf *to, const char *text)
{
	static const char last[] = "?sentinel_password=";
	const char *query = strstr(text, last), *host = strstr(text, "://"), *at;
	struct redis_url url = { 0 };
	const char *allowed;

	if (!redis_url_parse(text, &url, &allowed) || !host) {
		buf_str(to, "(not shown)");
	} else {
		host += 3;
		at = memrchr(host, '@', query ? (size_t)(query - host) : strlen(host));
		buf_add(to, text, (size_t)(host - text));
		if (at)
			buf_str(to, "(not shown)");
		at = at ? at : host;
		buf_fmt(to, "%.*s", query ? (int)(query - at) : -1, at);
		if (query)
			buf_fmt(to, "%s(not shown)", last);
	}
	redis_url_free(&url);
}

/* A list may be of several. */
static void tell_line(struct buf *to, const char *text)
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

static void tell_value(struct buf *to, const struct conf *c, int i,
		       const struct given *g)
{
	const struct row *row = &rows[i];
	const char *text = g->text[i] ? g->text[i] : row->preset;

	if (row->at == AT(secrets) && c->secrets.count)
		buf_fmt(to, "(not shown: %zu)", c->secrets.count);
	else if (!text)
		buf_str(to, "(none)");
	else if (row->at == AT(redis) && !g->file[i])
		tell_redis(to, text);
	else if (row->secret || g->file[i])
		buf_str(to, "(not shown)");
	else if (row->read == read_number && !g->text[i])
		buf_fmt(to, "%u", *(const unsigned *)((const char *)c + row->at));
	else
		tell_line(to, text);
}

static void tell_source(struct buf *to, int i, const struct given *g)
{
	if (!g->text[i]) {
		buf_str(to, "default");
		return;
	}
	if (g->line[i])
		buf_fmt(to, "%s:%d", g->conf_file, g->line[i]);
	else
		buf_str(to, "environment");
	if (g->file[i])
		buf_fmt(to, ", _FILE=%s", g->text[i]);
}

bool conf_tell(char *const *environment, conf_teller *tell, void *arg,
	       struct buf *why)
{
	struct given g = { 0 };
	struct conf c;
	bool good = read_all(&c, &g, environment, why);

	for (int i = 0; i < ROWS; i++) {
		struct buf name = BUF_INIT(64), value = BUF_INIT(FILE_MOST);
		struct buf source = BUF_INIT(4096);

		buf_fmt(&name, PREFIX "%s", rows[i].name);
		tell_value(&value, &c, i, &g);
		tell_source(&source, i, &g);
		tell(arg, name.data, value.data, source.data);
		buf_free(&name);
		buf_free(&value);
		buf_free(&source);
	}
	given_free(&g);
	conf_free(&c);
	return good;
}

static void list_free(struct list *list)
{
	for (size_t i = 0; list->words && list->words[i]; i++)
		free(list->words[i]);
	free(list->words);
}

void conf_free(struct conf *c)
{
	list_free(&c->secrets);
	list_free(&c->origins);
	list_free(&c->stun_urls);
	list_free(&c->turn_urls);
	list_free(&c->metrics_from);
	list_free(&c->proxies);
	redis_url_free(&c->redis);
	free(c->prefix);
	free(c->mount);
	free(c->turn_secret);
	free(c->metrics_token);
	free(c->shm);
	memset(c, 0, sizeof *c);
}

extern char **environ;

void conf_load(struct conf *c)
{
	struct buf why = BUF_INIT(32 * 1024);
	bool good = conf_read(c, environ, &why);
	char *line, *end;

	if (good)
		log_set_level(c->log);
	for (line = why.data; line && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		log_line(good ? LOG_WARN : LOG_ERROR, "conf.load", "%s", line);
	}
	buf_free(&why);
	if (!good)
		exit(1);
}
