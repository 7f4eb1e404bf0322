#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };

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
