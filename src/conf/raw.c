/*
 * The environment is read before the file, which then only fills in what is not set:
 * line, 0 for the environment, tells where a text is from. Nothing is known of values
 * here but that NAME and NAME_FILE exclude each other.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/raw.h"
#include "conf/settings.h"

/* Bytes, far more than any setting needs. It bounds what a wrong name costs: that of a
 * device, or of a log. */
enum { FILE_SIZE_MAX = 64 * 1024 };

bool complain(struct buf *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(why, fmt, ap);
	va_end(ap);
	buf_char(why, '\n');
	return false;
}

static bool set_value(struct raw_settings *raw, int i, const char *text, bool is_file,
		      int line, struct buf *why)
{
	struct raw_value *v = &raw->values[i];

	/* Which of the two was meant is not ours to guess. The same name twice in the
	 * file is accepted: the last one counts. */
	if (v->text && v->is_file != is_file)
		return complain(why, PREFIX "%s and " PREFIX "%s_FILE are both "
				"set: set only one of them", settings[i].name,
				settings[i].name);
	free(v->text);
	v->text = xstrdup(text);
	v->is_file = is_file;
	v->line = line;
	return true;
}

static bool read_environment(struct raw_settings *raw, char *const *environment,
			     struct buf *why, struct buf *warnings)
{
	bool good = true;

	for (; *environment; environment++) {
		const char *name = *environment, *eq = strchr(name, '=');
		bool is_file;
		int i;

		if (!eq || strncmp(name, PREFIX, strlen(PREFIX)) || !eq[1])
			continue;
		name += strlen(PREFIX);
		if (!strncmp(name, "CONF=", 5)) {
			raw->conf_file = eq + 1;
			continue;
		}
		i = setting_find(name, (size_t)(eq - name), &is_file);
		/* Only a warning: Kubernetes, for one, sets DRAWBRIDGE_PORT and others
		 * in the containers beside a service of our name. */
		if (i < 0)
			buf_fmt(warnings, "unknown setting " PREFIX "%.*s in the "
				"environment\n", (int)(eq - name), name);
		else if (!set_value(raw, i, eq + 1, is_file, 0, why))
			good = false;
	}
	return good;
}

/* The file's content without the white space at its end: editors end the last line, and
 * a secret with a newline would be another secret. NULL: errno. */
static char *read_whole_file(const char *name)
{
	FILE *f = fopen(name, "re");
	char *text;
	size_t n;
	int e;

	if (!f)
		return NULL;
	text = xmalloc(FILE_SIZE_MAX + 1);
	n = fread(text, 1, FILE_SIZE_MAX + 1, f);
	/* A NUL: the file is not text, such as a key that was never encoded. */
	e = ferror(f) ? errno : n > FILE_SIZE_MAX ? EFBIG :
		memchr(text, '\0', n) ? EILSEQ : 0;
	if (e) {
		free(text);
		text = NULL;
	} else {
		while (n && strchr(" \t\r\n", text[n - 1]))
			n--;
		text[n] = '\0';
	}
	fclose(f);
	errno = e;
	return text;
}

/* A line of the file: nothing, a comment, or DRAWBRIDGE_NAME=value. There are no
 * quotes, escapes, or comments after a value: a password may contain any of those
 * characters. An unknown name is an error here, as in this file it can only be a
 * misspelling. */
static bool parse_line(struct raw_settings *raw, char *line, int number,
		       struct buf *why)
{
	char *eq, *end;
	bool is_file;
	int i;

	line += strspn(line, " \t");
	end = line + strlen(line);
	while (end > line && strchr(" \t\r", end[-1]))
		*--end = '\0';
	if (!*line || *line == '#')
		return true;
	eq = strchr(line, '=');
	if (!eq || strncmp(line, PREFIX, strlen(PREFIX)))
		return complain(why, "%s:%d: must be " PREFIX "NAME=value",
				raw->conf_file, number);
	line += strlen(PREFIX);
	i = setting_find(line, (size_t)(eq - line), &is_file);
	if (i < 0)
		return complain(why, "%s:%d: unknown setting " PREFIX "%.*s",
				raw->conf_file, number, (int)(eq - line), line);
	/* The environment takes precedence. */
	if ((raw->values[i].text && !raw->values[i].line) || !eq[1])
		return true;
	return set_value(raw, i, eq + 1, is_file, number, why);
}

static bool read_file(struct raw_settings *raw, struct buf *why)
{
	char *text = read_whole_file(raw->conf_file), *line = text, *next;
	bool good = true;

	/* All settings may be in the environment, so the file may be missing. */
	if (!text && errno == ENOENT)
		return true;
	if (!text)
		return complain(why, PREFIX "CONF=%s: %s", raw->conf_file,
				strerror(errno));
	for (int number = 1; line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!parse_line(raw, line, number, why))
			good = false;
	}
	free(text);
	return good;
}

bool raw_read(struct raw_settings *raw, char *const *environment, struct buf *why,
	      struct buf *warnings)
{
	bool good;

	raw->values = xcalloc((size_t)setting_count, sizeof *raw->values);
	raw->conf_file = CONF_FILE;
	good = read_environment(raw, environment, why, warnings);
	return read_file(raw, why) && good;
}

void raw_free(struct raw_settings *raw)
{
	for (int i = 0; i < setting_count; i++)
		free(raw->values[i].text);
	free(raw->values);
}

char *raw_text(const struct raw_value *value)
{
	return value->is_file ? read_whole_file(value->text) : xstrdup(value->text);
}
