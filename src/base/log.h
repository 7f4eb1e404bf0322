/*
 * log.h - one line, one fact, on standard error:
 *
 *     level at=module.function key=value ...
 *
 * Each line is one write, so lines of threads and processes do not mix. Bytes
 * that are not printable ASCII are escaped as \xHH, so that nobody outside can
 * forge a line. Never a token, never a message body.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* The names of the levels, in their order, NULL at the end. */
extern const char *const log_levels[];

/* Lines above this level are not written. Set once, at the start. */
void log_set_level(enum log_level max_level);

/* Lines that are not above the level go there instead of to standard error: for a
 * program that words them for a person. fact is "key=value ...". */
typedef void log_sink(enum log_level level, const char *fact);
void log_set_sink(log_sink *sink);

void log_line(enum log_level level, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(at, ...) log_line(LOG_ERROR, at, __VA_ARGS__)
#define log_warn(at, ...) log_line(LOG_WARN, at, __VA_ARGS__)
#define log_info(at, ...) log_line(LOG_INFO, at, __VA_ARGS__)
#define log_debug(at, ...) log_line(LOG_DEBUG, at, __VA_ARGS__)

#endif
