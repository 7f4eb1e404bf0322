#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "store/store.h"

extern char **environ;

/* The sink of the log has no argument for it. */
static char last_why[512];

static void note_fact(enum log_level level, const char *fact)
{
	const char *why = strstr(fact, "why=");

	if (level <= LOG_WARN)
		snprintf(last_why, sizeof last_why, "%s", why ? why + 4 : fact);
}

const char *console_why(void)
{
	return *last_why ? last_why : "no answer in time";
}

int console_wrong(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("drawbridge: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_WRONG;
}

int console_failed(const char *what, enum err e)
{
	if (err_is_store(e))
		return console_wrong("Redis cannot be asked: %s (\"drawbridge check\" says "
				     "more)", console_why());
	if (e == ERR_NO_PEER)
		return console_wrong("%s: there is no such peer", what);
	return console_wrong("%s: refused: %s", what, err_words[e]);
}

static bool connect_console(struct console *c)
{
	const char *wrong = store_init(&c->conf);
	enum err e;

	if (wrong) {
		console_wrong("DRAWBRIDGE_REDIS_URL: %s", wrong);
		return false;
	}
	log_set_sink(note_fact);
	c->redis = redis_new(-1);
	e = redis_connect(c->redis);
	if (e)
		console_failed("", e);
	return !e;
}

bool console_open(struct console *c)
{
	struct buf why = BUF_INIT(32 * 1024);
	bool good;

	*c = (struct console){ 0 };
	good = conf_read(&c->conf, environ, &why);
	/* Who can read the settings needs no limit, nor should a site's server share its own. */
	c->conf.server_rate = 0;
	if (!good)
		fprintf(stderr, "%s", why.data);
	buf_free(&why);
	good = good && connect_console(c);
	if (!good)
		console_close(c);
	return good;
}

void console_close(struct console *c)
{
	redis_free(c->redis);
	conf_free(&c->conf);
}

bool console_check_id(const char *what, const char *id)
{
	if (id_valid_name(id, strlen(id)))
		return true;
	usage_error("%s: must be 1 to 64 characters of A-Z a-z 0-9 _ -, and not a reserved "
		    "word (access, connect, ...)", what);
	return false;
}

int console_run(int argc, char **argv, const struct option *options, const char *what,
		const char *usage, console_show *show)
{
	struct console c;
	bool json = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'j')
			return EXIT_USAGE;
		json = true;
	}
	if (optind + (what ? 1 : 0) != argc)
		return usage_error("%s", usage);
	if (what && !console_check_id(what, argv[optind]))
		return EXIT_USAGE;
	if (!console_open(&c))
		return EXIT_WRONG;
	status = show(&c, argv[optind], json);
	console_close(&c);
	return status;
}

/* Controls: C0, DEL and C1 (U+0080 to U+009F); and what ends a line or turns the direction of
 * what follows it: U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069. */
static bool is_control(const unsigned char *p, size_t len)
{
	switch (len) {
	case 1: return *p < ' ' || *p == 0x7f;
	case 2: return (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xd8 && p[1] == 0x9c);
	case 3: return p[0] == 0xe2 &&
		((p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
		 (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
	default: return false;
	}
}

/* One of these becomes a '?'. text is UTF-8. */
void console_append_text(struct buf *to, const char *text)
{
	size_t len;

	for (const char *p = text; *p; p += len) {
		for (len = 1; (p[len] & 0xc0) == 0x80; len++)
			;
		if (is_control((const unsigned char *)p, len))
			buf_char(to, '?');
		else
			buf_add(to, p, len);
	}
}

void console_append_time(struct buf *to, long long unix_seconds)
{
	time_t t = (time_t)unix_seconds;
	char text[32] = "-";
	struct tm tm;

	if (unix_seconds > 0 && localtime_r(&t, &tm))
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
	buf_str(to, text);
}

void console_print_json(const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));

	puts(text ? text : "null");
	free(text);
}

json_t *console_parse(const char *text, size_t len)
{
	return json_loadb(text, len, 0, NULL);
}

json_t *console_json(struct buf *answer)
{
	json_t *json = answer->len ? console_parse(answer->data, answer->len) : NULL;

	buf_clear(answer);
	return json;
}
