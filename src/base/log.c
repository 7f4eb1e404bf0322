#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };

/* Both are set before a second thread exists and only read after that, so there is no
 * lock. */
static enum log_level threshold = LOG_INFO;

static log_sink *sink;

void log_set_sink(log_sink *new_sink)
{
	sink = new_sink;
}

void log_set_level(enum log_level max_level)
{
	threshold = max_level;
}

/*
 * write(2) and not stdio, which would lock and might split a line. Writes of up to
 * PIPE_BUF (4096) bytes to a pipe are atomic (pipe(7)), so lines of processes that
 * share one stay apart: a line must not become longer than that.
 *
 * What does not fit is cut: first when the fact is formatted, then when it is escaped,
 * as an escaped byte takes four.
 */
void log_line(enum log_level level, const char *at, const char *fmt, ...)
{
	char fact[512], line[1024];
	size_t n, head;
	va_list ap;
	ssize_t written;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	vsnprintf(fact, sizeof fact, fmt, ap);
	va_end(ap);
	head = (size_t)snprintf(line, sizeof line, "%s at=%s ", log_levels[level], at);
	n = head;
	/* 6: the longest escape with the NUL of its snprintf(), and the newline. */
	for (const char *p = fact; *p && n < sizeof line - 6; p++) {
		unsigned char c = (unsigned char)*p;

		if (c >= ' ' && c < 0x7f)
			line[n++] = *p;
		else
			n += (size_t)snprintf(line + n, 5, "\\x%02x", c);
	}
	if (sink) {
		line[n] = '\0';
		sink(level, line + head);
		return;
	}
	line[n++] = '\n';
	/* A log that cannot be written must stop nothing. */
	written = write(STDERR_FILENO, line, n);
	(void)written;
}
