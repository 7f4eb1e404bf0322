#!/bin/sh
# layers.sh - includes point one way, and a foreign library is named in one
# folder. Prints what does not.
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
exit $bad
