#!/bin/sh
# smoke.sh - does this deployment of Drawbridge work? POSIX sh and curl, from anywhere.
#
#   tests/smoke.sh [-k] [-t SECONDS] [-w SECONDS] URL
#
# URL is where Drawbridge is mounted: http://127.0.0.1:8080/ or https://example.org/draw/.
# Two peers get tokens, for which DRAWBRIDGE_ACCESS must be on, open streams, join a room, relay,
# are cut off and resume, and leave.
# Each line says what works, or what does not; the exit status is 0 only if all does. Which line
# of which configuration to change is what "drawbridge doctor" knows. It takes about 20 seconds,
# most of them waiting for a ping.
#
#   -k          accept any certificate (curl -k)
#   -t SECONDS  hold a stream for so long (20): a proxy that cuts streams after a minute, or
#               after five, shows only to one who waits
#   -w SECONDS  wait so long for any answer but a stream (5): ours come within 2, on a machine
#               that has time for them

# shellcheck disable=SC2317,SC2329 # some functions run from a trap, or as an argument of within

set -u
umask 077

usage() {
	echo "usage: $0 [-k] [-t SECONDS] [-w SECONDS] URL" >&2
	exit 2
}

# ---- counting --------------------------------------------------------------------------------

passed=0
failed=0

ok() {
	passed=$((passed + 1))
	echo "ok    $1"
}

fail() {
	failed=$((failed + 1))
	echo "FAIL  $1: $2"
}

# For what all the rest needs: more failures would say nothing new.
give_up() {
	fail "$1" "$2"
	finish
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] && exit
	echo "Run \"drawbridge doctor ${insecure:+-k }$url\": it names the lines of configuration to change."
	exit 1
}

clean_up() {
	for f in "$T"/*.pid; do
		[ -f "$f" ] && kill "$(cat "$f")" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$T"
}

# ---- asking ----------------------------------------------------------------------------------

curl_said() { sed -n 's/^curl: //p' "$T/$1" | tail -n 1; }

# status_of METHOD PATH - what was wrong with the last answer.
status_of() {
	if [ "$status" = 000 ]; then
		echo "no answer for $1 $url$2: $(curl_said error)"
	else
		echo "status $status for $1 $url$2"
	fi
}

# Tokens go to curl in files: what stands on a command line can be read by every user (ps).
# ask METHOD PATH WHO [BODY] - WHO is ann, bob or nobody. Sets status; answer and headers lie in $T.
ask() {
	: >"$T/answer"
	: >"$T/head"
	set -- "$1" "$2" "$T/$3.auth" "${4-}"
	case $1 in
	GET) set -- "$2" --config "$3" ;;
	HEAD) set -- "$2" --config "$3" --head ;;
	*) set -- "$2" --config "$3" -X "$1" -H 'Content-Type: application/json' --data-binary "$4" ;;
	esac
	path=$1
	shift
	status=$(curl -sS ${insecure:+-k} --max-time "$answer" -D "$T/head" -o "$T/answer" \
		-w '%{http_code}' "$@" "$url$path" 2>"$T/error")
}

# header FILE NAME - the value of a header in the last answer of FILE.
header() {
	tr -d '\r' <"$1" | grep -i "^$2:" | sed 's/^[^:]*: *//' | tail -n 1
}

# member NAME - the string of this name in the answer, which is JSON of our own.
member() {
	tr -d '\n' <"$T/answer" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"
}

# access WHO - a token for WHO, and where curl finds it: in a header, and in an address.
access() {
	ask POST access nobody "{\"username\":\"smoke-$1\"}"
	[ "$status" = 200 ] || give_up "access" "$(status_of POST access)"
	token=$(member token)
	[ -n "$token" ] || give_up "access" "200 for ${url}access, but no token in the answer"
	echo "header = \"Authorization: Bearer $token\"" >"$T/$1.auth"
	{
		cat "$T/$1.auth"
		echo "url = \"${url}connect\""
	} >"$T/$1.by-header"
	echo "url = \"${url}connect?token=$token\"" >"$T/$1.by-query"
}

# ---- streams ---------------------------------------------------------------------------------

# stream NAME CONFIG [OPTION...] - a stream in the background: its events are in $T/NAME.
# When it has ended by itself $T/NAME.end is not empty, and $T/NAME.error says if it was cut.
stream() {
	name=$1 config=$2
	shift 2
	: >"$T/$name"
	: >"$T/$name.head"
	: >"$T/$name.end"
	curl -sSN ${insecure:+-k} --max-time $((hold + answer * 12)) --config "$config" \
		-D "$T/$name.head" -o "$T/$name" -w 'ended %{http_code}' "$@" \
		>"$T/$name.end" 2>"$T/$name.error" &
	echo $! >"$T/$name.pid"
}

cut_stream() {
	kill "$(cat "$T/$1.pid")" 2>/dev/null
	wait "$(cat "$T/$1.pid")" 2>/dev/null
	rm "$T/$1.pid"
}

ended() { [ -s "$T/$1.end" ]; }

# events NAME EVENT - the data of each such event.
events() {
	sed -n "/^event: $2\$/{n;s/^data: //p;}" "$T/$1"
}

has_event() { events "$1" "$2" | grep -qF -e "${3-}"; }

headers_came() { ended "$1" || tr -d '\r' <"$T/$1.head" | grep -q '^$'; }

opened() { ended "$1" || has_event "$1" connected; }

last_id() { sed -n 's/^id: //p' "$T/$1" | tail -n 1; }

# within SECONDS COMMAND... - waits until it is so. Sets waited, in tenths of a second.
within() {
	most=$(($1 * 10)) waited=0
	shift
	until "$@"; do
		[ $waited -lt $most ] || return 1
		sleep 0.1
		waited=$((waited + 1))
	done
}

seconds() { echo "$((waited / 10)).$((waited % 10)) s"; }

# why_closed NAME - a stream without `connected`: is it refused, held back, or never begun?
why_closed() {
	code=$(sed -n 's/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$T/$1.head" | tail -n 1)
	if ended "$1" && [ -z "$code" ]; then
		echo "no answer: $(curl_said "$1.error")"
	elif [ -n "$code" ] && [ "$code" != 200 ]; then
		echo "status $code for ${url}connect"
	elif ended "$1"; then
		echo "200, but it ended without \`connected\`"
	elif [ -n "$code" ]; then
		echo "buffered: headers came, events do not"
	else
		# The answer to HEAD ends at once, so that no buffer holds it back.
		ask HEAD connect "${1%%-*}"
		case $status in
		200) echo "buffered: nothing comes in $answer s, though the program answers" ;;
		*) echo "no answer in $answer s, nor to HEAD" ;;
		esac
	fi
}

# why_ended NAME - a stream that ended while it should not.
why_ended() {
	if grep -qi '<html' "$T/$1"; then
		echo "the web server's error page came in the stream"
	elif [ -s "$T/$1.error" ]; then
		echo "cut ($(curl_said "$1.error"))"
	else
		echo "ended in order by stream.fcgi"
	fi
}

# arrives NAME EVENT TEXT WHAT - one event, at once. A late one means a buffer.
arrives() {
	if ! within "$answer" has_event "$1" "$2" "$3"; then
		if ended "$1"; then
			fail "$4" "no $2 on the stream of ${1%%-*}, which ended: $(why_ended "$1")"
		else
			fail "$4" "no $2 on the stream of ${1%%-*} in $answer s"
		fi
	elif [ $waited -gt $((answer * 2)) ]; then
		fail "$4" "$2 came after $(seconds), so it is buffered"
	else
		ok "$4"
	fi
}

# ---- the checks, in the order of a session ---------------------------------------------------

check_answers() {
	ask GET health/live nobody
	server=$(header "$T/head" server)
	case $status in
	200) ok "answers: signal.fcgi is running${server:+, behind $server}" ;;
	3??) give_up "answers" "it redirects to $(header "$T/head" location): use that URL" ;;
	*) give_up "answers" "$(status_of GET health/live)" ;;
	esac
	ask GET health/ready nobody
	case $status in
	200) ok "redis: a published message came back" ;;
	*) give_up "redis" "$(status_of GET health/ready)" ;;
	esac
}

check_page() {
	ask GET '' nobody
	location=$(header "$T/head" location)
	room=${location##*/}
	case $status:$room in
	302:?*) ok "room: $url leads to a fresh room" ;;
	*)
		fail "room" "status $status for $url, not 302 to a room"
		room=smoke-$$
		;;
	esac

	ask GET "$room" nobody
	case $status:$(header "$T/head" content-type) in
	200:text/html*)
		file=$(sed -n 's/.*"\(static\/[^"]*\.m\{0,1\}js\)".*/\1/p' "$T/answer" | head -n 1)
		ask GET "${file:-static/}" nobody
		case $status:$(header "$T/head" content-type) in
		200:*javascript*) ok "page: /ROOM is the board, and its scripts load" ;;
		*) fail "page" "status $status, type \"$(header "$T/head" content-type)\" for $url${file:-static/}" ;;
		esac
		;;
	*) fail "page" "status $status, type \"$(header "$T/head" content-type)\" for a room" ;;
	esac

	ask POST "$room" nobody '{}'
	case $status in
	405) ok "routes: a POST on a page is refused" ;;
	*) fail "routes" "status $status for a POST on a page, not 405" ;;
	esac
}

check_access() {
	access ann
	access bob
	ok "access: two tokens"
	ask POST "$room/join" nobody
	case $status in
	401) ok "refusal: no token, no room" ;;
	*) fail "refusal" "status $status for a join without a token, not 401" ;;
	esac
}

# That of a peer is not enough: 403 is the program's answer, to the method and token that it got.
check_server() {
	ask DELETE server/rooms/tea/members/nobody ann
	case $status in
	403) ok "server: DELETE is passed on, and is not for peers" ;;
	*) fail "server" "status $status for a DELETE below /server/ by a peer, not 403" ;;
	esac
}

# Ann's token comes in the address, as EventSource sends it, and she takes compressed answers,
# as browsers do; bob's token comes in the header.
check_streams() {
	stream ann "$T/ann.by-query" -H 'Accept-Encoding: gzip, deflate, br'
	stream bob "$T/bob.by-header"

	within "$answer" opened bob
	has_event bob connected || give_up "stream" "token in the header: $(why_closed bob)"

	within "$answer" headers_came ann
	coding=$(header "$T/ann.head" content-encoding)
	if [ -n "$coding" ]; then
		fail "plain" "compressed ($coding)"
		cut_stream ann
		stream ann "$T/ann.by-query"
	fi
	within "$answer" opened ann
	has_event ann connected || give_up "stream" "token in the address: $(why_closed ann)"
	ok "streams: two are open, one with its token in a header, one in the address"

	ann=$(events ann connected | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')
	bob=$(events bob connected | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')
}

# must WHAT METHOD PATH WHO [BODY] - an answer that is not 200 or 202 ends the test.
must() {
	what=$1
	shift
	ask "$@"
	case $status in
	200 | 202) ;;
	*) give_up "$what" "$(status_of "$1" "$2")" ;;
	esac
}

check_join() {
	must "join" POST "$room/join" ann
	must "join" POST "$room/join" bob
	grep -qF -e "$ann" "$T/answer" || fail "join" "bob's answer does not name ann"
	arrives ann add-peer "$bob" "join: ann hears that bob came"
	arrives bob add-peer '"offer":true' "join: bob hears of ann, and that it is he who offers"
}

check_relay() {
	text='"ä <&> \u00e4 1.50"'
	must "relay" POST "relay/$bob/smoke" ann "{\"text\":$text}"
	arrives bob smoke "$text" "relay: ann to bob, byte for byte, at once"
	must "relay" POST "relay/$ann/smoke" bob "[$text]"
	arrives ann smoke "$text" "relay: bob to ann"
}

# Until the server has noticed that bob's stream is gone his messages are "delivered" to it, and
# kept all the same. Apache notices only when it writes twice, which these relays make it do.
check_cut() {
	cut_stream bob
	sent=''
	n=0
	status=200
	while [ "$status" = 200 ] && [ $n -lt 25 ]; do
		n=$((n + 1))
		must "cut" POST "relay/$bob/smoke" ann "{\"n\":$n}"
		sent="$sent$n "
		[ "$status" = 202 ] || sleep 0.2
	done
	case $status in
	202) ok "cut: what comes for bob while he is away is kept (202, after $n)" ;;
	*) fail "cut" "bob's stream was closed $((n / 5)) s ago and still counts as open" ;;
	esac
}

numbers() { events "$1" smoke | sed -n 's/.*"data":{"n":\([0-9]*\)}.*/\1/p' | tr '\n' ' '; }

got_all() { [ "$(numbers bob-again)" = "$sent" ] || ended bob-again; }

check_resume() {
	echo "header = \"Last-Event-ID: $(last_id bob)\"" >>"$T/bob.by-header"
	stream bob-again "$T/bob.by-header"
	within "$answer" opened bob-again
	has_event bob-again connected || give_up "resume" "$(why_closed bob-again)"
	if ! has_event bob-again connected '"resumed":true'; then
		fail "resume" "bob came back with his position and was not resumed"
		return
	fi
	within "$answer" got_all
	if [ "$(numbers bob-again)" = "$sent" ]; then
		ok "resume: bob is back and got what he missed, once and in order"
	else
		fail "resume" "bob missed $sent but got $(numbers bob-again)"
	fi
	if has_event ann remove-peer; then
		fail "grace" "ann was told that bob left while he was only cut off: DRAWBRIDGE_GRACE"
	fi
}

check_leave() {
	must "leave" POST "$room/leave" bob
	arrives ann remove-peer "$bob" "leave: ann hears that bob left"
	cut_stream bob-again
}

pinged() { ended ann || has_event ann ping; }

check_hold() {
	within "$hold" pinged
	if ended ann; then
		fail "hold" "$(why_ended ann)"
		return
	elif ! has_event ann ping; then
		fail "hold" "no ping in $hold s"
		return
	fi
	ok "ping: an idle stream is kept alive"
	if [ "$hold" -gt 20 ]; then
		within $((hold - waited / 10)) ended ann
		if ended ann; then
			fail "hold" "$(why_ended ann)"
		else
			ok "hold: the stream is open after $hold s"
		fi
	fi
	ask POST "$room/leave" ann
}

# ---- begin -----------------------------------------------------------------------------------

insecure=''
hold=20
answer=5
server=''
while getopts kt:w: option; do
	case $option in
	k) insecure=yes ;;
	t) hold=$OPTARG ;;
	w) answer=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || usage
for seconds in "$hold" "$answer"; do
	case $seconds in
	'' | *[!0-9]*) usage ;;
	esac
done
case $1 in
*[?#\"\ ]*) usage ;;
http://?* | https://?*) url=${1%/}/ ;;
*) usage ;;
esac
command -v curl >/dev/null || {
	echo "$0: curl is missing: apt install curl" >&2
	exit 2
}

T=$(mktemp -d) || exit 2
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
: >"$T/nobody.auth"

check_answers
check_page
check_access
check_server
check_streams
check_join
check_relay
check_cut
check_resume
check_leave
check_hold
finish
