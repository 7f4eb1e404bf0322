#!/bin/sh
# tidy.sh FILE... -- FLAG... - clang-tidy over C files, as many at a time as there are cores. What it
# says of a file comes in one piece.
set -u
if [ "$1" = one ]; then
	shift
	# Its standard error counts the warnings that it does not show.
	said=$(clang-tidy --quiet "$@" 2>/dev/null) && [ -z "$said" ] && exit 0
	printf '%s\n' "${said:-clang-tidy failed: clang-tidy $*}"
	exit 1
fi
clang-tidy --version >/dev/null || exit 1
files=
while [ "$1" != -- ]; do
	files="$files$1
"
	shift
done
printf %s "$files" | tr '\n' '\0' | xargs -0 -P "$(nproc)" -I '{}' sh "$0" one '{}' "$@"
