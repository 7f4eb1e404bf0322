/*
 * info.h - the reply of Redis to INFO, with lines "name:value". For this folder and its
 * tests.
 */
#ifndef STORE_INFO_H
#define STORE_INFO_H

#include <stdbool.h>
#include <stddef.h>

/* The value of a line, in size bytes; "" where there is none, or it is longer. */
const char *info_value(const char *info, const char *name, char *to, size_t size);

/* Whether this redis_version is REDIS_VERSION_MIN or later. That of Valkey is the version
 * of Redis that it is compatible with. */
bool info_version_suffices(const char *version);

/* Sets the metrics for the eviction of keys, and warns of it now and then. info has the
 * section "memory". */
void info_note_memory(const char *info);

#endif
