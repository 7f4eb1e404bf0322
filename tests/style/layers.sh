#!/bin/sh
# layers.sh - includes and imports point one way, a foreign library is named in one folder
# or file, and a name of the page in one module. Prints what does not.
set -u
cd "${top_srcdir:-$(dirname "$0")/../..}/src" || exit 1
bad=0

complain() {
	if [ -n "$1" ]; then
		printf '%s\n' "$1"
		bad=1
	fi
}

# FOLDER, and what must not be included there
layer() {
	complain "$(grep -rnE "#include \"($2)/" "$1" 2>/dev/null)"
}
layer base 'conf|shared|store|room|auth|web|signal|stream|cli'
layer conf 'shared|store|room|auth|web|signal|stream|cli'
layer shared 'store|room|auth|web|signal|stream|cli'
layer store 'room|auth|web|signal|stream|cli'
layer room 'auth|web|signal|stream|cli'
layer auth 'web|signal|stream|cli'
layer web 'signal|stream|cli'
layer signal 'stream|cli'
layer stream 'signal|cli'
layer cli 'signal|stream'

# What is in base can be read, and tested, alone: of these, a .c file and its header are one,
# none includes another in a circle.
complain "$(grep -rE '^#include "' base |
	sed -E 's|^(.*)\.[ch]:#include "(.*)\.h".*|\1 \2|' |
	tsort 2>&1 >/dev/null | sed 's/^tsort: -:/src: these include each other:/; s/^tsort: //')"

# LIBRARY'S HEADER, and the folder or file that may name it
library() {
	complain "$(grep -rnE "#include <$1" . | grep -v "^\./$2[/:]")"
}
library 'fcgi' web
library 'hiredis/' store
library 'jansson' room
library 'nettle/' base
library 'curl/' cli
library 'openssl/' store/tls.c

# FOLDER MODULE... of src/page, which import from rows above theirs alone, types too. A module
# is a file and a word here.
below='' listed=''
imports() { # FILE: line and name of each
	grep -noE "^(import |export |\}).*from '[^']*'|^import '[^']*'|import\\('[^']*'\\)" "$1" |
		sed "s/^\([0-9]*\):.*'\(.*\)'.*/\1 \2/"
}
row() {
	folder=$1/ row=''
	[ "$folder" = ./ ] && folder=''
	shift
	for module; do
		file=$folder$module.js
		row="$row $file"
		[ -f "page/$file" ] || complain "page/$file: layers.sh names it, but there is none"
		complain "$(imports "page/$file" | while read -r line name; do
			case $name in
			../*) named=${name#../} ;;
			./*) named=$folder${name#./} ;;
			*) named=$name ;;
			esac
			case " $below " in
			*" $named "*) ;;
			*) printf 'page/%s:%s: imports %s\n' "$file" "$line" "$name" ;;
			esac
		done)"
	done
	below="$below$row" listed="$listed$row"
}
row client events random requests search stats
row client names
row client bytes connection ice pace peer secret tabs tokens
row client datagrams link membership outbox seal stream tracks
row client transfer
row client channel
row client channel-end
row client channels media
row client modules room signaling
row client drawbridge
row . drawbridge
# The board knows of the client what every page may know, its one module; how names are made, and shown; and a search.
below=' drawbridge.js client/names.js client/random.js client/search.js'
row board checks edits hash memory offers private text-merge
row board graves
row board elements
row board quota removals shapes
row board excalidraw figures history store sync
row board brush drawing files outgoing toolbar view
row board export paper people selection
row board inserter onward tools
row board clipboard keys pointers text-field
row board board
# A page of its own.
row . name
# Pages as others write them: they know the one module, also as a package of npm, and other packages.
below=' drawbridge.js drawbridge-client lib0/decoding lib0/encoding lib0/observable react y-protocols/awareness yjs'
row examples page use-room yjs-provider
row examples chat cursors files video yjs
for file in page/*.js page/*/*.js; do
	case " $listed " in
	*" ${file#page/} "*) ;;
	*) complain "$file: is in no row of layers.sh" ;;
	esac
done
# Who searches for a name finds one. (Examples are read one by one.)
complain "$(for file in page/*.js page/board/*.js page/client/*.js; do
	sed -nE 's/^(export )?(async )?(function\*?|const|let|class) ([A-Za-z_0-9]+).*/\4/p' "$file" | sort -u
done | sort | uniq -d | sed 's/.*/page: two modules define & at their top/')"
exit $bad
