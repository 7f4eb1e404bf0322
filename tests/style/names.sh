#!/bin/sh
# names.sh - no two C files define the same name: a function, macro, type, enumerator, or a
# variable outside functions, static ones too. So a name in a debugger or a search is one
# thing. Tags of structs are apart from the other names, as they are in C; members, locals
# and prototypes do not count. Prints what is defined twice.
set -u
LC_ALL=C
export LC_ALL
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1
ctags --quiet --options=NONE --version 2>/dev/null | grep -q '^Universal Ctags' || {
	echo >&2 'names.sh: Universal Ctags is missing (Debian: universal-ctags)'
	exit 1
}

# TEST SOURCE: a program of the tests has its own stand-in for what this source defines.
stand_ins='
tests/fuzz/redis.c src/store/dial.c
tests/fuzz/request_fuzz.c src/web/conns.h
tests/fuzz/request_fuzz.c src/web/fcgi.c
tests/unit/loop_test.c src/base/clock.c
tests/unit/loop_test.c src/stream/session.c
tests/unit/loop_test.c src/stream/stream.c
tests/unit/loop_test.c src/web/conns.c
tests/unit/stream_test.c src/store/subscription.c
tests/unit/stream_test.c src/stream/request.c
tests/unit/stream_test.c src/stream/session.c
'
# Where a program begins: its name is not ours to choose.
entries='main LLVMFuzzerTestOneInput'

find src tests -name node_modules -prune -o -name '*.[ch]' -print | sort |
	ctags --quiet --options=NONE --languages=C --langmap=C:.c.h --kinds-C=defgstuv \
		-x --_xformat='%K %N %F:%n %F' -L - |
	awk -v stand_ins="$stand_ins" -v entries="$entries" '
		BEGIN {
			split(entries, word, " ")
			for (i in word) entry[word[i]]
			n = split(stand_ins, word, /[ \n]+/)
			for (i = 1; i < n; i++) if (word[i] ~ /^tests/) stands_in[word[i], word[i + 1]]
		}
		$2 in entry { next }
		{
			name = ($1 ~ /^(struct|union|enum)$/ ? "tag " : "") $2
			for (i = 1; i <= count[name]; i++) {
				file = files[name, i]
				if (file == $4 || ($4, file) in stands_in || (file, $4) in stands_in) continue
				printf "%s: %s %s is defined in %s, too\n", $3, $1, $2, file
				bad = 1
			}
			files[name, ++count[name]] = $4
			found++
		}
		END {
			if (found < 1000) { print "names.sh: ctags found " found + 0 " names"; bad = 1 }
			exit bad
		}
	'
