#!/bin/sh
# embed.sh FILE.lua ... - the scripts as C strings, without their comments.
#
# Redis creates each function of a script anew for each run, and all of deliver.lua and
# presence.lua take longer than most steps. So a step has those of their definitions that
# it uses, by itself or by another one. A definition begins at the margin with "local", or
# with the table that it adds to.
set -eu

is_step() {
	[ "$1" != deliver ] && [ "$1" != presence ]
}

# Comment lines go: Redis would keep them in memory.
strip() {
	sed -e '/^[[:space:]]*--/d' -e '/^[[:space:]]*$/d' "$@"
}

# Lua's escapes that matter to C too are the backslash and the quote.
string() {
	sed -e 's/[\\"]/\\&/g' -e 's/^/\t"/' -e 's/$/\\n"/'
}

# helpers STEP.lua - the definitions that it uses, of $shared
helpers() {
	strip "$1" | awk '
		FNR == NR {
			if (/^local / || /^[a-z_]+\[/) {
				names[++n] = $0
				sub(/^local (function )?/, "", names[n])
				sub(/[^A-Za-z0-9_, ].*/, "", names[n])
			}
			texts[n] = texts[n] $0 "\n"
			next
		}
		{ text = text $0 "\n" }
		function is_used(i, word, j, count) {
			count = split(names[i], word, /[, ]+/)
			for (j = 1; j <= count; j++)
				if (word[j] != "" && text ~ ("(^|[^A-Za-z0-9_])" word[j] "([^A-Za-z0-9_]|$)"))
					return 1
			return 0
		}
		END {
			for (i = n; i; i--)
				if (is_used(i)) {
					text = texts[i] text
					kept = texts[i] kept
				}
			printf "%s", kept
		}
	' "$shared" -
}

constant() {
	printf 'SCRIPT_%s' "$(printf %s "$1" | tr '[:lower:]' '[:upper:]')"
}

shared=$(mktemp)
trap 'rm -f "$shared"' EXIT
for file; do
	is_step "$(basename "$file" .lua)" || strip "$file" >>"$shared"
done

# array NAME COMMAND FILE.lua ... - what COMMAND prints of each step
array() {
	printf '\nconst char *const %s[SCRIPT_COUNT] = {\n' "$1"
	command=$2
	shift 2
	for file; do
		name=$(basename "$file" .lua)
		is_step "$name" || continue
		printf '[%s] =\n' "$(constant "$name")"
		"$command" "$file" | string
		printf '\t"",\n'	# there may be nothing
	done
	printf '};\n'
}

printf '/* Made by embed.sh from lua/. */\n#include "config.h"\n\n'
printf '#include "store/script.h"\n'
array script_helpers helpers "$@"
array script_bodies strip "$@"
printf '\nconst char *const script_names[SCRIPT_COUNT] = {\n'
steps=0
for file; do
	name=$(basename "$file" .lua)
	is_step "$name" || continue
	steps=$((steps + 1))
	printf '[%s] = "%s",\n' "$(constant "$name")" "$name"
done
printf '};\n'
printf '\n_Static_assert(SCRIPT_COUNT == %d, "script.h and the list of scripts in Makefile.am differ");\n' "$steps"
