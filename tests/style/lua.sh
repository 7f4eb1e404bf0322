#!/bin/sh
# lua.sh LUA_SCRIPTS - luacheck over each script as Redis gets it: what the loader puts before
# a step, and the step. Not every step needs all of the former: what is unused there is
# a fault where it is unused in every script that has it.
set -u
writer=$1
rules=$(cd "$(dirname "$0")" && pwd)/luacheckrc
folder=lua-scripts	# stays, to be looked at: lines count as in there
mkdir -p "$folder" && "$writer" "$folder" >"$folder/heads" || exit 1
luacheck --config "$rules" --no-cache --formatter plain --no-color "$folder"/*.lua >"$folder/found"
[ $? -le 2 ] || { cat "$folder/found"; exit 1; }	# 1: warnings, 2: no Lua

awk -F: '
	FILENAME ~ /heads$/ {
		split($0, field, " ")
		head[field[1]] = field[2]
		next
	}
	FILENAME ~ /[.]lua$/ {
		line = FNR == 1 ? "settings" : $0	# whose numbers differ
		if (FNR <= head[FILENAME]) scripts[FNR, line]++
		text[FILENAME, FNR] = line
		next
	}
	$2 == 1 && /line is too long/ { next }	# the settings
	$2 > head[$1] || !/[(]W2/ { print; bad = 1; next }
	{
		fault = $2 ":" $3 ":" $4
		if (++unused[fault] == scripts[$2, text[$1, $2]]) { print; bad = 1 }
	}
	END { exit bad }
' "$folder/heads" "$folder"/*.lua "$folder/found"
