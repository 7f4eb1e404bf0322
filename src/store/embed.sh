#!/bin/sh
# embed.sh FILE.lua ... - the scripts as C strings, without their comments.
set -eu

# Lua's escapes that matter to C too are the backslash and the quote. Comment
# lines go: Redis would keep them in memory.
string() {
	sed -e '/^[[:space:]]*--/d' -e '/^[[:space:]]*$/d' \
		-e 's/[\\"]/\\&/g' -e 's/^/\t"/' -e 's/$/\\n"/' "$1"
}

# is_step NAME - false: it is put before the steps
is_step() {
	[ "$1" != deliver ] && [ "$1" != presence ]
}

constant() {
	printf 'SCRIPT_%s' "$(printf %s "$1" | tr '[:lower:]' '[:upper:]')"
}

printf '/* Made by embed.sh from lua/. */\n#include "config.h"\n\n'
printf '#include "store/script.h"\n'
for file; do
	name=$(basename "$file" .lua)
	is_step "$name" && continue
	printf '\nconst char script_%s[] =\n' "$name"
	string "$file"
	printf ';\n'
done
printf '\nconst char *const script_bodies[SCRIPT_COUNT] = {\n'
steps=0
for file; do
	name=$(basename "$file" .lua)
	is_step "$name" || continue
	steps=$((steps + 1))
	printf '[%s] =\n' "$(constant "$name")"
	string "$file"
	printf ',\n'
done
printf '};\n'
printf '\nconst char *const script_names[SCRIPT_COUNT] = {\n'
for file; do
	name=$(basename "$file" .lua)
	is_step "$name" || continue
	printf '[%s] = "%s",\n' "$(constant "$name")" "$name"
done
printf '};\n'
printf '\n_Static_assert(SCRIPT_COUNT == %d, "script.h and the list of scripts in Makefile.am differ");\n' "$steps"
