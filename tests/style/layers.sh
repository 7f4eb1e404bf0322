#!/bin/sh
# layers.sh - includes and imports point one way, and a foreign library is named in
# one folder. Prints what does not.
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
layer base 'store|room|auth|web|signal|stream|cli'
layer store 'room|auth|web|signal|stream|cli'
layer room 'auth|web|signal|stream|cli'
layer auth 'web|signal|stream|cli'
layer web 'signal|stream|cli'
layer signal 'stream|cli'
layer stream 'signal|cli'
layer cli 'signal|stream'

# LIBRARY'S HEADER, and the folder that may name it
library() {
	complain "$(grep -rnE "#include <$1" . | grep -v "^\./$2/")"
}
library 'fcgi' web
library 'hiredis/' store
library 'jansson' room
library 'jwt' auth
library 'openssl/' base
library 'curl/' cli

# MODULE... of src/page, which import from rows above theirs alone, types too. A module
# is a file and a word here.
below='' listed=''
imports() { # FILE: line and name of each
	grep -noE "^(import |export |\}).*from '[^']*'|^import '[^']*'|import\\('[^']*'\\)" "$1" |
		sed "s/^\([0-9]*\):.*'\(.*\)'.*/\1 \2/"
}
row() {
	for module; do
		listed="$listed $module.js"
		[ -f "page/$module.js" ] || complain "page/$module.js: layers.sh names it, but there is none"
		complain "$(imports "page/$module.js" | while read -r line name; do
			case " $below " in
			*" ${name#./} "*) ;;
			*) printf 'page/%s.js:%s: imports %s\n' "$module" "$line" "$name" ;;
			esac
		done)"
	done
	for module; do below="$below $module.js"; done
}
row bytes events ice random requests
row connection outbox tabs tokens
row peer stream
row signaling
row drawbridge
# The board knows of the client what every page may know: its one module.
below='drawbridge.js random.js'
row elements memory
row shapes
row figures history store sync
row brush drawing outgoing toolbar view
row export paper people selection
row tools
row keys pointers text-field
row board
for file in page/*.js; do
	case " $listed " in
	*" ${file#page/} "*) ;;
	*) complain "$file: is in no row of layers.sh" ;;
	esac
done
exit $bad
