/*
 * settings.h - the table of all settings. A setting is a row of it, of one of the kinds of
 * kinds.h, and a member of struct conf.
 */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include "conf/kinds.h"

#define PREFIX "DRAWBRIDGE_"

extern const struct setting settings[];
extern const int setting_count;

/* The index of a setting by its name after PREFIX, of len bytes, which may end in _FILE;
 * or -1. */
int setting_find(const char *name, size_t len, bool *is_file);

/* The setting whose member this is. */
const struct setting *setting_of_member(size_t member);

#endif
