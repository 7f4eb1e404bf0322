/* Each script against a Redis of the test's own, through room.h: a course of
 * events (see play.h), and what comes of it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "play.h"
#include "redis_server.h"
#include "store/script.h"
#include "tab.h"

struct script_row {
	const char *why, *steps, *want;
};

/* Whether it came so. */
static bool run_row(const struct script_row *row)
{
	struct buf got = BUF_INIT(1024 * 1024);
	bool same;

	print_message("  %s\n", row->why);
	play_begin();
	play(row->steps, &got);
	play_end();
	same = !strcmp(got.len ? got.data : "", row->want);
	if (!same)
		print_error("  %s\n    steps  %s\n    got    %s\n    wanted %s\n",
			    row->why, row->steps, got.len ? got.data : "",
			    row->want);
	buf_free(&got);
	return same;
}

static void run_rows(const struct script_row *rows, size_t n)
{
	size_t wrong = 0;

	for (size_t i = 0; i < n; i++)
		wrong += !run_row(&rows[i]);
	assert_int_equal(wrong, 0);
}

#define RUN(rows) run_rows(rows, sizeof rows / sizeof *rows)

/* Contracts */

static void test_access(void **state)
{
	static const struct script_row rows[] = {
		{ "so many a window and address",
		  "limit 1 1 2 | ?access 10.0.0.1 | ?access 10.0.0.1 | "
		  "?access 10.0.0.1 | ?access 10.0.0.2",
		  "ok 1 | ok 1 | rate | ok 1" },
		{ "the window begins with the first, not with each",
		  "access h | ?keys | age | access h | ?keys",
		  "rate:@h=60s | rate:@h=old" },
		{ "the window ends",
		  "limit 1 1 1 | access h | later 50000 | ?access h | "
		  "later 10001 | ?access h", "rate | ok 1" },
		{ "a clock that went back: a minute at most",
		  "limit 1 1 1 | access h | later -3600000 | ?access h | ?keys | "
		  "later 60000 | ?access h", "rate | rate:@h=60s | ok 1" },
		{ "0 is any number, and nothing is kept",
		  "limit 1 1 0 | ?access h | ?access h | ?keys", "ok 1 | ok 1 | " },
		{ "an address is no peer: its rate is another",
		  "enter a b r | limit 1 1000 1 | access a | ?relay a b 1 | "
		  "?redis GET %rate:a", "streams 1 | 1000" },
	};

	(void)state;
	RUN(rows);
}

static void test_relay(void **state)
{
	static const struct script_row rows[] = {
		{ "to a stream, in order, however many",
		  "enter a b r | ?relay a b 1 | ?relay a b 2 3 | ?got b",
		  "streams 1 | streams 1 | x a 1; x a 2; x a 3" },
		{ "streams that took it: all of the peer",
		  "enter a b r | open b2 b3 | join b r | ?relay a b 1",
		  "streams 3" },
		{ "kept where none is open",
		  "enter a b r | close b | ?relay a b 1 2 | subscribe b | "
		  "?connect b at | ?got b",
		  "streams 0 | resumed in r, missed x a 1; x a 2 | nothing" },
		{ "no shared room: absent and elsewhere look alike, nothing is charged",
		  "enter a r | enter b q | ?relay a b 1 | ?relay a nobody 1 | "
		  "?redis EXISTS %rate:a | ?got b", "no-peer | no-peer | 0 | nothing" },
		{ "one shared room of several is enough",
		  "enter a b r | join a q | join b s | leave a r | ?relay a b 1 | "
		  "join a s | ?relay a b 2", "no-peer | streams 1" },
		{ "over the rate: all or none",
		  "enter a b r | limit 2 0 0 | ?relay a b 1 2 3 4 5 6 7 8 9 0 | "
		  "?relay a b 1 2 3 | ?got b",
		  "streams 1 | rate | x a 1; x a 2; x a 3; x a 4; x a 5; x a 6; "
		  "x a 7; x a 8; x a 9; x a 0" },
		{ "over the rate by bytes",
		  "enter a b r | limit 0 1000 0 | ?relay a b +5800 | "
		  "?relay a b +200 | later 6001 | ?relay a b +200",
		  "streams 1 | rate | streams 1" },
		{ "what is refused costs nothing",
		  "enter a b r | limit 0 1000 0 | relay a b +5500 | "
		  "?relay a b +800 | ?relay a b +300", "rate | streams 1" },
		{ "a batch above a window: where half is left it has a place, and the window is "
		  "as much longer",
		  "enter a b r | limit 0 1000 0 | ?relay a b +5800 +5800 | ?relay a b 1 | "
		  "later 6001 | ?relay a b 1 | later 6000 | ?relay a b +3200 | "
		  "?relay a b +5800 +5800",
		  "streams 1 | rate | rate | streams 1 | rate" },
		{ "both limits are one number",
		  "enter a b r | limit 10 1000 0 | relay a b 1 | "
		  "?redis GET %rate:a | relay a b +500 | ?redis GET %rate:a",
		  "100 | 664" },
		{ "no limit, and nothing is kept",
		  "enter a b r | limit 0 0 0 | ?relay a b +60000 | "
		  "?redis EXISTS %rate:a", "streams 1 | 0" },
		{ "the window begins with the first; the rest is not touched",
		  "enter a b r | age | relay a b 1 | ?keys",
		  "a:channels=old b:channels=old channels:r=old mailbox:a=old "
		  "mailbox:b=old numbers:r=old peer:a=old peer:b=old present=old "
		  "rate:a=6s rooms=old" },
		{ "the second does not stretch it",
		  "enter a b r | relay a b 1 | age | relay a b 1 | "
		  "?redis TTL %rate:a", "3600" },
		{ "a clock that went back: who is refused waits a window at most",
		  "enter a b r | limit 0 100 0 | relay a b +500 | "
		  "later -3600000 | ?relay a b +200 | later 6001 | "
		  "?relay a b +200", "rate | streams 1" },
		{ "byte for byte",
		  "enter a b r | ?relay a b {\"z\":1.50,\"a\":\"\\u00e4\"} | ?got b",
		  "streams 1 | x a {\"z\":1.50,\"a\":\"\\u00e4\"}" },
		{ "a peer of the Node application: no id, no mailbox",
		  "enter a r | node n r | subscribe n | ?relay a n 1 | ?got n | "
		  "?redis EXISTS %mailbox:n", "streams 1 | x a 1 | 0" },
		{ "a mailbox holds so many, and what is left of a node of four",
		  "enter a b r | limit 0 0 0 | "
		  "relay a b 1 2 3 4 5 6 7 8 9 10 11 12 | "
		  "relay a b 1 2 3 4 5 6 7 8 9 10 11 12 | "
		  "relay a b 1 2 3 4 5 6 7 8 9 10 11 12 | "
		  "?redis XLEN %mailbox:b | close b | subscribe b | ?connect b 1-1",
		  "18 | not resumed" },
		{ "so many are kept for who is away, of each sender half, all or none",
		  "enter a b c d r | limit 10 1000 0 | close b | "
		  "?relay a b 1 2 3 4 5 6 | ?relay a b 1 2 3 | ?relay a b 7 8 | "
		  "?relay a b 9 | ?relay c b 1 2 3 4 5 6 7 | ?relay d b 1 2 | "
		  "?relay d b 1 | ?relay c b 8 | ?redis GET %rate:a | subscribe b | "
		  "?connect b at | ?relay a b 9 | ?got b",
		  "streams 0 | mailbox-full | streams 0 | mailbox-full | streams 0 | "
		  "mailbox-full | streams 0 | mailbox-full | 800 | "
		  "resumed in r, missed x a 1; x a 2; x a 3; x a 4; x a 5; x a 6; "
		  "x a 7; x a 8; x c 1; x c 2; x c 3; x c 4; x c 5; x c 6; x c 7; "
		  "x d 1 | streams 1 | x a 9" },
		{ "and as long as a mailbox keeps them, from the last on",
		  "enter a b c d r | limit 10 1000 0 | close b | relay a b 1 | "
		  "later 50000 | relay a b 2 | later 50000 | ?redis EXISTS %kept:b | "
		  "later 10001 | ?redis EXISTS %kept:b", "1 | 0" },
		{ "a batch above its half is not kept at all, and goes to who is there",
		  "enter a b r | limit 0 0 0 | ?relay a b 1 2 3 4 5 6 7 8 9 | close b | "
		  "?relay a b 1 2 3 4 5 6 7 8 9 | ?relay a b 1 2 3 4 5 6 7 8",
		  "streams 1 | mailbox-full | streams 0" },
		{ "what is kept is pushed out neither by who comes and goes, nor by age",
		  "enter a b r | limit 0 0 0 | close b | relay a b 1 | later 50000 | "
		  "beat a | open c | "
		  "join c r | leave c r | join c r | leave c r | join c r | leave c r | "
		  "join c r | leave c r | join c r | leave c r | join c r | leave c r | "
		  "join c r | leave c r | join c r | leave c r | join c r | leave c r | "
		  "join c r | leave c r | join c r | leave c r | join c r | leave c r | "
		  "join c r | leave c r | broadcast a r 2 | ?redis XLEN %mailbox:b | "
		  "subscribe b | connect b at | ?redis EXISTS %kept:b | "
		  "relay a b 3 | ?redis XLEN %mailbox:b",
		  "30 | 0 | 19" },
		{ "until it was replayed to its end",
		  "enter a b r | limit 0 0 0 | close b | relay a b +9000 +9000 | "
		  "subscribe b | connect b at | ?redis EXISTS %kept:b | "
		  "later 70000 | beat b | ?redis XLEN %mailbox:b",
		  "0 | 1" },
		{ "to a peer of the Node application nothing is counted",
		  "enter a r | node n r | ?relay a n 1 | ?redis EXISTS %peer:n",
		  "streams 0 | 0" },
		{ "from the server: to any peer that there is, in no room as well",
		  "open a | node n r | ?relay @ a 1 | ?relay @ n 2 | ?relay @ nobody 3 | ?got a",
		  "streams 1 | streams 0 | no-peer | x @ 1" },
		{ "kept where none is open, and no place of a peer's is taken",
		  "enter a b r | limit 0 0 0 | close b | ?relay @ b 1 2 3 4 5 6 7 8 | ?relay @ b 9 | "
		  "?relay a b 1 2 3 4 5 6 7 8 | subscribe b | ?connect b at",
		  "streams 0 | mailbox-full | streams 0 | resumed in r, missed x @ 1; x @ 2; x @ 3; "
		  "x @ 4; x @ 5; x @ 6; x @ 7; x @ 8; x a 1; x a 2; x a 3; x a 4; x a 5; x a 6; "
		  "x a 7; x a 8" },
		{ "within a rate of its own: one for each 4 KiB, whatever the peers' is",
		  "open a | limit 1 1 0 | ?relay @ a 1 | ?redis GET %rate:@server | relay @ a +5000 | "
		  "?redis GET %rate:@server | limit 1 1 0 1 | relay @ a 1 2 3 | ?relay @ a 1 | "
		  "later 6001 | ?relay @ a 1", "streams 1 | 1 | 3 | rate | streams 1" },
		{ "who is gone is no peer of it, though its rooms are still to be told",
		  "enter a r | redis HDEL %peer:a inc | redis DEL %a:channels | ?relay @ a 1",
		  "no-peer" },
	};

	(void)state;
	RUN(rows);
}

static void test_broadcast(void **state)
{
	static const struct script_row rows[] = {
		{ "to every other member",
		  "enter a b c r | enter d q | ?broadcast a r 1 | ?got a | "
		  "?got b | ?got c | ?got d",
		  "peers 2 | nothing | x a 1 | x a 1 | nothing" },
		{ "members only",
		  "enter a r | enter b q | ?broadcast b r 1 | ?broadcast b none 1 | "
		  "?got a | ?redis EXISTS %rate:b",
		  "not-member | not-member | nothing | 0" },
		{ "nobody else: nothing is charged",
		  "enter a r | ?broadcast a r 1 | ?redis EXISTS %rate:a",
		  "peers 0 | 0" },
		{ "charged by recipients",
		  "enter a b c r | limit 10 1000 0 | broadcast a r 1 | "
		  "?redis GET %rate:a", "200" },
		{ "what costs more than a window goes where half of one is left, and "
		  "makes it as much longer",
		  "enter a b c r | limit 10 1000 0 | relay a b 1 | "
		  "?broadcast a r +5000 | ?broadcast a r 1 | ?got b | later 6001 | "
		  "?broadcast a r 1 | later 4400 | relay a b +3000 | "
		  "?broadcast a r +5000", "peers 2 | rate | x a 1; x a ... | rate | rate" },
		{ "kept for who is away; to the Node application's without an id",
		  "enter a b r | node n r | subscribe n | close b | "
		  "?broadcast a r 1 | ?got n | subscribe b | ?connect b at",
		  "peers 2 | x a 1 | resumed in r, missed x a 1" },
		{ "from the server: to all, charged by recipients; an empty room is no error",
		  "enter a b r | ?broadcast @ r 1 | ?got a | ?got b | ?broadcast @ none 1 | "
		  "?redis GET %rate:@server | limit 0 0 0 1 | ?broadcast @ r 1 | ?broadcast @ r 1 | "
		  "?broadcast @ r 1 | ?got a",
		  "peers 2 | x @ 1 | x @ 1 | peers 0 | 2 | peers 2 | peers 2 | rate | x @ 1; x @ 1" },
		{ "only the rate is renewed",
		  "enter a b r | age | broadcast a r 1 | ?keys",
		  "a:channels=old b:channels=old channels:r=old mailbox:a=old "
		  "mailbox:b=old numbers:r=old peer:a=old peer:b=old present=old "
		  "rate:a=6s rooms=old" },
	};

	(void)state;
	RUN(rows);
}

#define FILL_ANSWERS "redis EVAL for\ti=1,4096\tdo\tredis.call('HSET','{t}:answers:a',i,'')end 0"

static void test_repeated(void **state)
{
	static const struct script_row rows[] = {
		{ "the answer of the first; it arrives once, and is charged once",
		  "enter a b r | limit 10 1000 0 | once k | ?relay a b 1 2 | once k | ?relay a b 1 2 | "
		  "?got b | ?redis GET %rate:a", "streams 1 | streams 1 | x a 1; x a 2 | 200" },
		{ "also once it was kept, over the rate, after the sender has left",
		  "enter a b r | limit 1 0 0 | close b | once k | ?relay a b 1 | relay a b 2 3 4 5 6 | "
		  "subscribe b | ?connect b at | once k | ?relay a b 1 | leave a r | once k | "
		  "?relay a b 1 | ?got b",
		  "streams 0 | resumed in r, missed x a 1; x a 2; x a 3; x a 4; x a 5; x a 6 | "
		  "streams 0 | streams 0 | remove-peer a r" },
		{ "other words under the key, or another receiver: refused, and nothing is charged",
		  "enter a b c r | limit 10 1000 0 | once k | relay a b 1 | once k | ?relay a b 2 | "
		  "once k | ?relay a c 1 | once k | ?broadcast a r 1 | ?got b | ?got c | "
		  "?redis GET %rate:a",
		  "idempotency | idempotency | idempotency | x a 1 | nothing | 100" },
		{ "a key is one of its peer, and of no other one",
		  "enter a b c r | once k | relay a b 1 | once k | ?relay c b 1 | once k | ?relay @ b 1 | "
		  "?got b", "streams 1 | streams 1 | x a 1; x c 1; x @ 1" },
		{ "what was refused is not remembered",
		  "enter a r | open b | limit 1 0 0 | once k | ?relay a b 1 | join b r | "
		  "relay a b 1 2 3 4 5 6 | once k | ?relay a b 1 | later 6001 | got b | once k | "
		  "?relay a b 1 | ?got b", "no-peer | rate | streams 1 | x a 1" },
		{ "for five minutes, however long others come after it",
		  "enter a b r | once k | relay a b 1 | later 299000 | once l | relay a b 2 | "
		  "later 2000 | once m | relay a b 3 | later 297000 | once l | ?relay a b 2 | "
		  "once k | ?relay a b 1 | later 3000 | got b | once l | ?relay a b 2 | once m | "
		  "?relay a b 3 | ?got b",
		  "streams 1 | streams 1 | streams 1 | streams 1 | x a 2" },
		{ "nothing is left after ten",
		  "enter a b r | once k | relay a b 1 | later 301000 | once l | relay a b 2 | "
		  "?redis EXISTS %answers:a %answers:a:old | later 600001 | "
		  "?redis EXISTS %answers:a %answers:a:old", "2 | 0" },
		{ "a clock that went back stretches nothing",
		  "enter a b r | once k | relay a b 1 | later -3600000 | once l | relay a b 2 | got b | "
		  "once k | relay a b 1 | ?got b | later 300001 | once k | relay a b 1 | ?got b",
		  "nothing | x a 1" },
		{ "so many of a sender: more are refused, until five minutes after the first",
		  "enter a b r | once k | relay a b 1 | got b | " FILL_ANSWERS " | later 298000 | "
		  "once l | ?relay a b 2 | once k | ?relay a b 1 | ?relay a b 3 | later 2001 | once l | "
		  "?relay a b 2 | ?got b",
		  "rate | streams 1 | streams 1 | streams 1 | x a 3; x a 2" },
		{ "of the server, for each last letter",
		  "open a | once k1 | ?relay @ a 1 | once k2 | ?relay @ a 1 | once k1 | ?relay @ a 1 | "
		  "?got a | ?redis HLEN %answers:@server1 | ?redis HLEN %answers:@server2",
		  "streams 1 | streams 1 | streams 1 | x @ 1; x @ 1 | 2 | 2" },
		{ "a broadcast: likewise",
		  "enter a b c r | limit 10 1000 0 | once k | ?broadcast a r 1 | leave c r | got b | "
		  "once k | ?broadcast a r 1 | ?got b | ?got c | ?redis GET %rate:a",
		  "peers 2 | peers 2 | nothing | x a 1 | 200" },
		{ "to nobody: who comes later does not get it",
		  "enter a r | once k | ?broadcast a r 1 | enter b r | once k | ?broadcast a r 1 | ?got b",
		  "peers 0 | peers 0 | nothing" },
		{ "one that ended halfway goes on there, charged once, though the sender knows more by now",
		  "enter a b c d r | limit 10 1000000 0 | break mailbox:d | once k | "
		  "?broadcast a r +131000 | mend mailbox:d | ?got b | ?got d | once k | "
		  "?broadcast a r +131000 | ?got b | ?got c | ?got d | once k | "
		  "?broadcast a r +131000 | ?got d",
		  "redis | x a ... | nothing | peers 3 | nothing | x a ... | x a ... | peers 3 | "
		  "nothing" },
		{ "and where the sender has left it ends there",
		  "enter a b c d r | break mailbox:d | once k | broadcast a r +131000 | "
		  "mend mailbox:d | leave a r | once k | ?broadcast a r +131000 | join a r | once k | "
		  "?broadcast a r +131000 | ?got d",
		  "peers 2 | peers 2 | remove-peer a r; add-peer a r" },
		{ "without a key nothing is kept", "enter a b r | relay a b 1 | broadcast a r 1 | "
		  "?redis EXISTS %answers:a", "0" },
	};

	(void)state;
	RUN(rows);
}

static void test_revoked(void **state)
{
	static const struct script_row rows[] = {
		{ "who is in no room is told that its token was, where it was issued until then",
		  "enter a b r | redis SET %revoked:a 1000 | issued 1000 | ?relay a b 1 | "
		  "leave a r | ?relay a b 1 | ?broadcast a r 1 | issued 1001 | ?relay a b 1 | "
		  "?broadcast a r 1 | issued 0 | ?relay a b 1 | ?broadcast a r 1 | ?relay b a 1",
		  "streams 1 | revoked | revoked | no-peer | not-member | revoked | revoked | "
		  "no-peer" },
	};

	(void)state;
	RUN(rows);
}

static void test_join(void **state)
{
	static const struct script_row rows[] = {
		{ "who comes is told to offer, who is there is not",
		  "open a b c | ?join a r | ?join b r | ?join c r | ?got a | "
		  "?got b | ?heard c",
		  "nobody | a | a b | add-peer b r; add-peer c r | "
		  "add-peer a r offer; add-peer c r | "
		  "add-peer a r offer; add-peer b r offer" },
		{ "idempotent: who joins again is told of the others again",
		  "enter a b r | ?join b r | ?join a r | ?members channels:r | "
		  "?got a | ?got b",
		  "a | b | a b | add-peer b r | add-peer a r offer" },
		{ "again, but it was away: the others are told too",
		  "enter a b r | close b | end b | ?join b r | ?got a | "
		  "enter c r | ?join c r | ?got a",
		  "a | add-peer b r | a b | add-peer c r" },
		{ "again, of who lost what it was told beside a twin: likewise, once, in "
		  "each of its rooms",
		  "enter a b r | join a b q | got a | subscribe b2 | connect b2 1-1 | "
		  "join b r | join b q | join b r | ?got a | ?got b2",
		  "add-peer b r; add-peer b q | add-peer a r offer; "
		  "add-peer a q offer; add-peer a r offer" },
		{ "it then offers to those who came later as well",
		  "enter a b r | close a | end a | join a r | subscribe a | connect a at | "
		  "join b r | ?got b",
		  "add-peer a r; add-peer a r" },
		{ "it costs what the others are told, now and when it leaves",
		  "enter a b c r | limit 10 1000 0 | open d | join d r | "
		  "?redis GET %rate:d | join d r | ?redis GET %rate:d | leave d r | "
		  "?redis GET %rate:d", "600 | 900 | 900" },
		{ "over the rate: nobody is told, and nothing is done",
		  "enter a b c r | limit 1 1000 0 | open d | ?join d r | ?leave d r | "
		  "?join d r | ?members channels:r | ?heard d | later 6001 | ?join d r",
		  "a b c | ok | rate | a b c | add-peer a r offer; add-peer b r offer; "
		  "add-peer c r offer | a b c" },
		{ "alone it costs as one", "limit 10 1000 0 | open a | ?join a r | "
		  "?redis GET %rate:a", "nobody | 100" },
		{ "a full room; who is in it may join again",
		  "enter a b c d r | open e | age | ?join e r | ?join d r | "
		  "?members channels:r | ?members e:channels | ?got e",
		  "room-full | a b c | a b c d | nobody | nothing" },
		{ "too many rooms; one may be joined again",
		  "open a | join a q | join a r | join a s | ?join a t | "
		  "?join a s | ?members a:channels | ?redis EXISTS %channels:t",
		  "many-rooms | nobody | q r s | 0" },
		{ "all that it concerns is kept",
		  "open a | age | join a r | ?keys",
		  "a:channels=kept channels:r=kept mailbox:a=kept numbers:r=kept "
		  "peer:a=kept present=old rate:a=6s rooms=kept" },
		{ "without a stream: leaving for GRACE, and the rest is kept",
		  "?join a r | ?until leaving a | ?until present a | ?keys",
		  "nobody | 10000 | none | a:channels=kept channels:r=kept "
		  "leaving=kept mailbox:a=kept numbers:r=kept peer:a=kept rate:a=6s "
		  "rooms=kept" },
		{ "again without a stream: GRACE is not begun anew",
		  "join a r | later 4000 | join a q | ?redis ZCARD %leaving | "
		  "later 6001 | enter b r | got b | sweep | ?got b | ?members channels:r",
		  "1 | remove-peer a r | b" },
		{ "with a stream it is not leaving",
		  "open a | later 1000 | join a r | ?until leaving a | ?until present a",
		  "none | other" },
		{ "subscribed, but not yet connected: its connect begins anew",
		  "enter a r | subscribe b | ?join b r | ?redis EXISTS %peer:b "
		  "%mailbox:b | ?members channels:r | ?connect b | ?got a",
		  "a | 2 | a b | not resumed | add-peer b r; remove-peer b r" },
		{ "and where that never comes it is gone after the grace",
		  "enter a r | subscribe b | join b r | close b | later 10001 | "
		  "sweep | ?members channels:r | ?got a",
		  "a | add-peer b r; remove-peer b r" },
		{ "without a stream, then one without a position: begun anew",
		  "enter a r | join b r | subscribe b | ?connect b | ?got a",
		  "not resumed | add-peer b r; remove-peer b r" },
		{ "a member that only Redis knows by id, as the Node application's",
		  "node n r | subscribe n | open a | ?join a r | ?got n | ?got a | "
		  "?redis EXISTS %peer:n",
		  "n | add-peer a r | add-peer n r offer | 0" },
		{ "the room of the Node application's expires from then on",
		  "node n r | open a | age | join a r | ?keys",
		  "a:channels=kept channels:r=kept mailbox:a=kept n:channels=- "
		  "numbers:r=kept peer:a=kept present=old rate:a=6s rooms=kept" },
	};

	(void)state;
	RUN(rows);
}

static void test_leave(void **state)
{
	static const struct script_row rows[] = {
		{ "out of both sets; who stays is told, who leaves is not",
		  "enter a b c r | ?leave a r | ?got a | ?got b | ?got c | "
		  "?members channels:r | ?members a:channels",
		  "ok | nothing | remove-peer a r | remove-peer a r | b c | nobody" },
		{ "no member: no error, and nobody hears it",
		  "enter a r | open b | ?leave b r | ?leave b none | ?got a",
		  "ok | ok | nothing" },
		{ "idempotent", "enter a b r | leave a r | ?leave a r | ?got b",
		  "ok | remove-peer a r" },
		{ "in one set alone, as after a fault: out of it",
		  "enter a r | redis SREM %channels:r a | leave a r | "
		  "?members a:channels", "nobody" },
		{ "only one room", "enter a b r | join a q | join b q | leave a r | "
		  "?members a:channels | ?relay b a 1", "q | streams 1" },
		{ "only the Node application's stay: the room does not expire",
		  "node n r | enter a r | age | leave a r | ?keys",
		  "channels:r=- mailbox:a=old n:channels=- numbers:r=old peer:a=old "
		  "present=old rooms=old" },
		{ "one of ours stays: it does, and nothing is renewed",
		  "node n r | enter a b r | age | leave a r | ?redis TTL %channels:r",
		  "3600" },
		{ "the last: no room is left",
		  "enter a r | leave a r | ?redis EXISTS %channels:r %a:channels", "0" },
	};

	(void)state;
	RUN(rows);
}

static void test_peers(void **state)
{
	static const struct script_row rows[] = {
		{ "the others", "enter a b c r | ?peers a r", "b c" },
		{ "nobody else", "enter a r | ?peers a r", "nobody" },
		{ "members only", "enter a r | open b | ?peers b r | ?peers b none",
		  "not-member | not-member" },
		{ "the Node application's by id", "node n r | enter a r | ?peers a r",
		  "n" },
		{ "only the rate is renewed", "enter a b r | age | peers a r | ?keys",
		  "a:channels=old b:channels=old channels:r=old mailbox:a=old "
		  "mailbox:b=old numbers:r=old peer:a=old peer:b=old present=old "
		  "rate:a=6s rooms=old" },
		{ "it costs as one, and is refused over the rate",
		  "enter a b c r | limit 10 1000 0 | ?peers a r | ?redis GET %rate:a | "
		  "limit 1 100 0 | ?peers a r | ?redis GET %rate:a | later 6001 | "
		  "?peers a r", "b c | 100 | b c | 200 | b c" },
	};

	(void)state;
	RUN(rows);
}

static void test_connect(void **state)
{
	static const struct script_row rows[] = {
		{ "new: a mark, a life, present for 1.5 PING, and kept",
		  "subscribe a | ?connect a | ?until present a | "
		  "?redis XLEN %mailbox:a | ?keys",
		  "not resumed | 15000 | 1 | mailbox:a=kept peer:a=kept present=kept" },
		{ "new: of an older life there is nobody to hear",
		  "subscribe a | connect a | ?got a", "nothing" },
		{ "resumed: what was missed, once, in order",
		  "enter a b r | close b | end b | relay a b 1 2 3 | subscribe b | "
		  "?connect b at | ?got b | ?until leaving b | ?until present b",
		  "resumed in r, missed x a 1; x a 2; x a 3 | nothing | none | 15000" },
		{ "resumed: all that it concerns is kept",
		  "enter a b r | age | connect b at | ?keys",
		  "a:channels=old b:channels=kept channels:r=kept mailbox:a=old "
		  "mailbox:b=kept numbers:r=old peer:a=old peer:b=kept present=kept "
		  "rooms=old" },
		{ "what is relayed after SUBSCRIBE and before the position comes once",
		  "enter a b r | close b | relay a b 1 | subscribe b | relay a b 2 | "
		  "?connect b at | relay a b 3 | ?got b",
		  "resumed in r, missed x a 1; x a 2 | x a 3" },
		{ "the id of `connected` is a position; its mark is never sent",
		  "open b | join b r | close b | enter a r | subscribe b | "
		  "?connect b at",
		  "resumed in r, missed add-peer a r" },
		{ "nothing missed", "enter a b r | close b | subscribe b | ?connect b at",
		  "resumed in r" },
		{ "a reload beside its old stream is a new life: no relay is before "
		  "its join, and the old stream ends",
		  "enter a b r | subscribe b2 | ?connect b2 | ?got a | ?relay a b 1 | "
		  "?got b | ?join b2 r | ?got a",
		  "not resumed | remove-peer b r | no-peer | ping | a | "
		  "add-peer b r" },
		{ "no position of the old life is known any more",
		  "enter a b r | close b | open b2 | subscribe b | ?connect b at | "
		  "?redis XLEN %mailbox:b", "not resumed | 1" },
		{ "out of all rooms, and all are told",
		  "enter a b r | enter c q | join b q | got c | subscribe b2 | "
		  "?connect b2 | ?got a | ?got c | ?members b:channels",
		  "not resumed | remove-peer b r | remove-peer b q | nobody" },
		{ "a second tab with a position is legal",
		  "enter a b r | subscribe b2 | ?connect b2 b | ?beat b | ?beat b2 | "
		  "?relay a b 1 | ?got b | ?got b2",
		  "resumed in r | live | live | streams 2 | x a 1 | x a 1" },
		{ "an unknown position beside a live tab: in its rooms, no new life",
		  "enter a b r | subscribe b2 | ?connect b2 1-1 | ?beat b | ?beat b2 | "
		  "?got a | relay a b 1 | ?got b2",
		  "not resumed in r | live | live | nothing | x a 1" },
		{ "an unknown position alone: a new life",
		  "enter a b r | close b | subscribe b | ?connect b 1-1 | ?got a",
		  "not resumed | remove-peer b r" },
		{ "malformed positions are none, and no error",
		  "enter a b r | ?connect b xx | ?connect b "
		  "99999999999999999999999-1 | ?connect b - | ?connect b 0-0 | "
		  "?connect b 0 | ?connect b (1-1",
		  "not resumed | not resumed | not resumed | not resumed | "
		  "not resumed | not resumed" },
		{ "another Redis knows the id and lacks what came last",
		  "enter a b r | redis HSET %peer:b server another | ?connect b at | "
		  "?got a | ?connect b at",
		  "not resumed | remove-peer b r | resumed" },
		{ "the same beside a twin: one new life, not two",
		  "enter a b r | subscribe b2 | connect b2 b | "
		  "redis HSET %peer:b server another | ?connect b at | "
		  "?connect b2 at | ?beat b | ?beat b2 | ?connect b2 at",
		  "not resumed | not resumed | live | live | resumed" },
		{ "a replica has taken over: what came last may be lost",
		  "enter a b r | close a b | failover | open a | subscribe b | "
		  "?connect b at | ?join a r | close b | subscribe b | "
		  "?connect b at",
		  "not resumed | nobody | resumed" },
		{ "a hash without a mailbox, as after a fault",
		  "enter a b r | redis DEL %mailbox:b | ?connect b at | ?got a",
		  "not resumed | remove-peer b r" },
		{ "emptied, one stream begins anew: the other is told first",
		  "enter a b r | subscribe b2 | connect b2 b | redis FLUSHALL | "
		  "later 3000 | ?beat b2 | ?connect b2 at | ?got b",
		  "over | not resumed | ping" },
		{ "a clock an hour back: ids rise all the same",
		  "enter a b r | relay a b 1 | got b | later -3600000 | "
		  "?relay a b 2 | close b | subscribe b | ?connect b at",
		  "streams 1 | resumed in r, missed x a 2" },
		{ "a new life after a clock an hour back: above the old",
		  "enter a b r | later -3600000 | subscribe b2 | ?connect b2 | "
		  "?got b | ?connect b2 at", "not resumed | ping | resumed" },
		{ "given up on, it runs late: the live stream is told",
		  "enter a b r | ?connect b2 | ?got b | ?got a",
		  "not resumed | ping | remove-peer b r" },
		{ "its own peer alone",
		  "enter a b r | close a | end a | connect b | ?until leaving b | "
		  "?redis ZCARD %leaving", "none | 1" },
	};

	(void)state;
	RUN(rows);
}

/* A mailbox of 300 messages from long ago. */
#define OLD(peer) \
	"redis DEL %mailbox:" peer " | redis EVAL for\ti=1,300\tdo\t" \
	"redis.call('XADD',KEYS[1],'1-'..i,'m','x')\tend 1 %mailbox:" peer

static void test_beat(void **state)
{
	static const struct script_row rows[] = {
		{ "present for 1.5 PING; what it concerns is kept since it connected, and the index",
		  "enter a b r | join a q | age | ?beat a | ?until present a | ?keys",
		  "live | 15000 | a:channels=old b:channels=old channels:q=old "
		  "channels:r=old mailbox:a=old mailbox:b=old numbers:q=old "
		  "numbers:r=old peer:a=old peer:b=old present=kept rate:a=old rooms=kept" },
		{ "of several each by itself, in whatever order",
		  "enter a b c d e r | redis ZREM %present a b c | redis HSET %peer:b inc 1-1 | "
		  "break peer:c | close d | ?beat a b c d e | ?until present a | ?until leaving a",
		  "live, over, over, over, live | 15000 | none" },
		{ "not leaving any more",
		  "enter a r | redis ZREM %present a | redis ZADD %leaving 9e15 a | "
		  "?beat a | ?until leaving a | ?until present a",
		  "live | none | 15000" },
		{ "an older life ends with the ping of the new one, not with a beat",
		  "open a | subscribe a2 | connect a2 | ?got a | ?beat a | ?beat a2", "ping | live | live" },
		{ "an older life changes nothing",
		  "enter a r | subscribe a2 | connect a2 | close a a2 | end a | age | "
		  "?beat a | ?until present a | ?keys",
		  "over | none | leaving=old mailbox:a=old peer:a=old" },
		{ "reaped, or Redis was emptied", "open a | redis FLUSHALL | ?beat a | "
		  "?keys", "over | " },
		{ "nobody is subscribed: another server",
		  "open a | close a | later 1000 | ?beat a | ?until present a", "over | other" },
		{ "messages older than MAILBOX_TTL go, but not the newest of them",
		  "enter a b r | limit 0 0 0 | relay a b 1 2 3 4 5 6 7 8 | "
		  "later 70000 | relay a b 9 | beat b | ?redis XLEN %mailbox:b | "
		  "?connect b at",
		  "3 | resumed in r, missed x a 9" },
		{ "where many are to go they do so in parts: the next beat has the rest",
		  "open a b c | " OLD("a") " | " OLD("b") " | " OLD("c") " | ?beat a b c | "
		  "?redis XLEN %mailbox:b | ?redis XLEN %mailbox:c | ?beat c | "
		  "?redis XLEN %mailbox:c",
		  "live, live, again | 4 | 300 | live | 4" },
		{ "silent for longer than MAILBOX_TTL, then a message while away",
		  "enter a b r | relay a b 1 2 3 4 5 6 7 8 | got b | later 70000 | "
		  "beat a b | later 10000 | beat a b | close b | end b | "
		  "relay a b 9 | subscribe b | ?connect b at",
		  "resumed in r, missed x a 9" },
		{ "a silent room reconnects while somebody joins: all resume",
		  "enter a b c r | later 70000 | beat a b c | close a b c | "
		  "enter d r | beat d | subscribe a b c | ?connect a at | "
		  "?connect b at | ?connect c at",
		  "resumed in r, missed add-peer d r | "
		  "resumed in r, missed add-peer d r | "
		  "resumed in r, missed add-peer d r" },
		{ "sweeps, as sweep does",
		  "enter a b r | close b | later 15001 | ?beat a | ?until leaving b | "
		  "?until present b | later 15001 | ?beat a | ?got a | "
		  "?redis EXISTS %peer:b %mailbox:b %b:channels",
		  "live moved | 15000 | none | live | remove-peer b r | 0" },
		{ "one of two subscriptions is gone unseen: it cannot tell",
		  "enter b r | subscribe b2 | connect b2 b | close b2 | ?beat b",
		  "live" },
	};

	(void)state;
	RUN(rows);
}

static void test_end(void **state)
{
	static const struct script_row rows[] = {
		{ "leaving for GRACE", "enter a r | close a | ?end a | "
		  "?until leaving a | ?until present a", "leaving | 10000 | none" },
		{ "another stream is there", "enter a r | subscribe a2 | "
		  "connect a2 a | close a | later 1000 | ?end a | ?until present a | "
		  "?until leaving a", "stays | other | none" },
		{ "the next stream has subscribed, but not yet connected",
		  "enter a r | close a | subscribe a2 | ?end a | ?connect a2 a",
		  "stays | resumed in r" },
		{ "gone already, or never here",
		  "open b | ?end a | ?redis EXISTS %leaving", "stays | 0" },
		{ "leaving already, as after a jump: GRACE from here on",
		  "enter a b r | later 3600000 | beat a | later 12000 | close b | "
		  "?end b | later 5000 | beat a | ?members channels:r",
		  "leaving | a b" },
		{ "the room is kept, and nobody hears of it",
		  "enter a b r | close b | end b | ?got a | ?members channels:r",
		  "nothing | a b" },
		{ "only leaving is renewed", "enter a r | close a | age | end a | ?keys",
		  "a:channels=old channels:r=old leaving=kept mailbox:a=old "
		  "numbers:r=old peer:a=old rooms=old" },
	};

	(void)state;
	RUN(rows);
}

#define MANY_PEERS "ma mb mc md me mf mg mh mi mj mk ml"

static void test_sweep(void **state)
{
	static const struct script_row rows[] = {
		{ "nobody is", "?sweep | enter a r | ?sweep", "sweep | sweep" },
		{ "present no longer: leaving for GRACE + PING / 2",
		  "enter a b r | close b | later 14000 | beat a | later 1001 | ?sweep | "
		  "?until leaving b | ?until present b | ?got a | "
		  "?members channels:r",
		  "sweep moved | 15000 | none | nothing | a b" },
		{ "left for good: out of all rooms, all are told, nothing is left",
		  "enter a b r | enter c q | join b q | got c | close b | end b | "
		  "later 10001 | beat a c | ?got a | ?got c | "
		  "?redis EXISTS %peer:b %mailbox:b %b:channels | "
		  "?members channels:r | ?until leaving b",
		  "remove-peer b r | remove-peer b q | 0 | a | none" },
		{ "not yet", "enter a b r | close b | end b | later 5000 | ?sweep | "
		  "?got a", "sweep | nothing" },
		{ "reaped after the clock went back: the next life's ids are above what a stream "
		  "has yet to read",
		  "enter a b r | relay a b 1 | got b | later -3600000 | close b | end b | "
		  "later 10001 | subscribe b | ?sweep | ?connect b at | ?redis XLEN %mailbox:b | "
		  "relay a b 2 | ?got b | join b r | ?relay a b 3 | ?got b | ?beat b",
		  "sweep | not resumed | 1 | nothing | streams 1 | add-peer a r offer; x a 3 | live" },
		{ "reaped: a return is no resumption, and in no room",
		  "enter a b r | close b | end b | later 10001 | ?sweep | "
		  "subscribe b | ?connect b at", "sweep | not resumed" },
		{ "back in time: nobody heard of it",
		  "enter a b r | close b | end b | later 5000 | subscribe b | "
		  "?connect b at | later 6000 | ?sweep | ?got a",
		  "resumed in r | sweep | nothing" },
		{ "a few at a time, and then at once again",
		  "open " MANY_PEERS " | later 15001 | ?sweep | ?sweep | ?sweep | "
		  "later 15001 | ?sweep | ?sweep | ?sweep | ?redis DBSIZE",
		  "sweep moved more | sweep moved | sweep | sweep more | sweep | sweep | 0" },
		{ "a clock that went back: an entry is cut to the most it can be",
		  "open a b | close b | end b | later -3600000 | sweep | "
		  "?until present a | ?until leaving b", "15000 | 15000" },
		{ "a clock an hour back, a peer dies: gone all the same",
		  "enter a b r | later -3600000 | close b | beat a | later 15001 | "
		  "beat a | later 15001 | beat a | ?got a", "remove-peer b r" },
		{ "a clock an hour forward: nobody with a stream loses the room",
		  "enter a b c d r | later 3600000 | ?beat a | later 10000 | "
		  "?beat a b c d | ?members channels:r | ?got a",
		  "live moved | live, live, live, live | a b c d | nothing" },
		{ "between two streams when the clock jumps: lost, and told",
		  "enter a b r | close b | end b | later 3600000 | beat a | ?got a | "
		  "subscribe b | ?connect b at", "remove-peer b r | not resumed" },
		{ "nothing is renewed", "enter a b r | age | sweep | ?keys",
		  "a:channels=old b:channels=old channels:r=old mailbox:a=old "
		  "mailbox:b=old numbers:r=old peer:a=old peer:b=old present=old rooms=old" },
		{ "all are killed and nobody returns: two days, and nothing is left",
		  "enter a b r | relay a b 1 | close a b | later 172800001 | "
		  "?redis DBSIZE", "0" },
		{ "a room that only the Node application's keep does not expire",
		  "node n r | enter a r | close a | end a | later 10001 | sweep | "
		  "later 180000000 | ?members channels:r | ?keys",
		  "n | channels:r=- n:channels=-" },
	};

	(void)state;
	RUN(rows);
}

static void test_server_lists(void **state)
{
	static const struct script_row rows[] = {
		{ "rooms by name, each with the count of its members",
		  "?rooms 9 | enter a b r | join a p | enter c q | ?rooms 9",
		  "none | p 1, q 1, r 2" },
		{ "in pages, after a name that need not be there any more",
		  "enter a p | enter b q | enter c r | ?rooms 2 | leave b q | "
		  "?rooms 2 q | ?rooms 2 r | ?rooms 1 a",
		  "p 1, q 1, next q | r 1 | none | p 1, next p" },
		{ "some are passed over, and the page is shorter, or empty; nothing tells of them",
		  "enter a p | enter b q | enter c r1 | join b s | ?rooms-but-q 2 | ?rooms-but-q 1 p | "
		  "?rooms-but-q 2 p | ?rooms-but-q 9 r1 | leave a p | ?rooms-but-q 1 | "
		  "?rooms-but-q 1 r~",
		  "p 1, next p | r1 1, next r1 | r1 1 | none | none, next p | none" },
		{ "a room is there from the first that enters to the last that leaves",
		  "enter a b r | leave a r | ?rooms 9 | leave b r | ?rooms 9 | "
		  "?redis EXISTS %rooms", "r 1 | none | 0" },
		{ "or that is reaped, begins anew or is disconnected",
		  "enter a p | enter b q | enter c r | close a | end a | later 10001 | sweep | "
		  "?rooms 9 | connect b | ?rooms 9 | disconnect c | ?rooms 9",
		  "q 1, r 1 | r 1 | none" },
		{ "one that is empty goes as it is met; of a broken one nothing is said",
		  "enter a p | enter b q | enter c r | redis DEL %channels:p | "
		  "break channels:q | ?rooms 9 | ?redis ZRANGE %rooms 0 -1 | mend channels:q",
		  "r 1 | q r" },
		{ "rooms from before there was an index are in it when a stream is resumed",
		  "enter a b r | redis DEL %rooms | redis HDEL %peer:a indexed | ?connect a at | "
		  "?rooms 9",
		  "resumed in r | r 2" },
		{ "one that is lost is not put in again",
		  "enter a r | redis DEL %channels:r %rooms | redis HDEL %peer:a indexed | "
		  "connect a at | ?redis EXISTS %rooms",
		  "0" },
		{ "members by id, whether they have a stream, and since when they are in",
		  "?room r 9 | enter a b r | close b | later 70000 | join c r | ?room r 9",
		  "0 | 3: a here, b, c" },
		{ "in the order of their bytes, and not in that of a locale",
		  "enter C r | join a-b r | join aa r | join _ r | ?room r 2 | ?room r 2 _",
		  "4: C here, _, next _ | 4: a-b, aa" },
		{ "since is when it entered, also where it lost its place and is told again",
		  "enter a b r | redis HSET %peer:a number:r 5@5000\tlost | ?room r 1 | join a r | "
		  "?room r 1", "2: a here old, next a | 2: a here old, next a" },
		{ "in pages, whoever goes", "enter a b c d r | ?room r 2 | leave b r | ?room r 2 b",
		  "4: a here, b here, next b | 3: c here, d here" },
		{ "of a member of an older version it is not known since when, nor of the Node "
		  "application's", "enter a b r | node n r | redis HSET %peer:a number:r 5 | "
		  "?room r 9 | leave b r | join b r | ?got a",
		  "3: a here unknown, b here, n unknown | remove-peer b r; add-peer b r" },
		{ "a peer: its streams and its rooms",
		  "?peer a | enter a r | join a p | subscribe a2 | connect a2 a | ?peer a | "
		  "close a a2 | ?peer a", "no-peer | a here 2 p r | a 0 p r" },
		{ "one that only joined, and one of the Node application",
		  "join a r | node n r | ?peer a | ?peer n", "a 0 r | n unknown 0 r" },
		{ "all of it is within SERVER_RATE, whoever asks",
		  "server-limit 1 | enter a r | ?rooms 9 | room r 9 | peer a | remove a q | "
		  "disconnect c 1 | ?redis GET %rate:@server | ?rooms 9 | ?room r 9 | ?peer a | "
		  "?remove a r | ?disconnect a 1 | ?members channels:r | ?revoked a | later 6001 | "
		  "?rooms 9",
		  "r 1 | 5 | r 1 | rate | rate | rate | rate | a | ok | r 1" },
		{ "a list costs as one for each 32, and nothing of its own is renewed",
		  "enter a b r | age | ?rooms 100 | redis DEL %rate:@server | ?room r 100 | ?keys",
		  "r 2 | 2: a here, b here | a:channels=old b:channels=old channels:r=old "
		  "mailbox:a=old mailbox:b=old numbers:r=old peer:a=old peer:b=old "
		  "present=old rate:@server=6s rooms=old" },
	};

	(void)state;
	RUN(rows);
}

static void test_webhook(void **state)
{
	static const struct script_row rows[] = {
		{ "off: nothing is written",
		  "enter a b r | leave a r | close b | end b | later 10001 | sweep | "
		  "?redis EXISTS %webhook %webhook:state", "0" },
		{ "who joins and leaves, and rooms that begin and end, in this order",
		  "webhook 1000 | enter a b r | leave a r | leave b r | ?events",
		  "occupied r; joined a r 1; joined b r 2; left a r left 1; left b r left 0; "
		  "vacated r" },
		{ "once: joining and leaving again is none",
		  "webhook 1000 | enter a b r | join a r | leave b r | leave b r | ?events",
		  "occupied r; joined a r 1; joined b r 2; left b r left 1" },
		{ "nor is a join that is refused",
		  "webhook 1000 | enter a b c d r | open e | ?join e r | "
		  "limit 1 100 0 | open f | ?join f q | ?join f q | ?events",
		  "room-full | nobody | nobody | occupied r; joined a r 1; joined b r 2; "
		  "joined c r 3; joined d r 4; occupied q; joined f q 1" },
		{ "a member that has lost its place, and is announced again, neither",
		  "webhook 1000 | enter a b r | subscribe b2 | connect b2 1-1 | join b r | ?events",
		  "occupied r; joined a r 1; joined b r 2" },
		{ "a short absence is none",
		  "webhook 1000 | enter a b r | close b | end b | later 9000 | sweep | "
		  "subscribe b | connect b at | join b r | ?events",
		  "occupied r; joined a r 1; joined b r 2" },
		{ "gone: out of all its rooms",
		  "webhook 1000 | enter a b r | join a q | close a | end a | later 10001 | sweep | "
		  "?redis XLEN %webhook | take s 8 | arrived | leave b r | ?take s",
		  "8 | left b r left 0; vacated r" },
		{ "gone: a page that begins anew",
		  "webhook 1000 | enter a b r | subscribe b2 | connect b2 | join b2 r | ?events",
		  "occupied r; joined a r 1; joined b r 2; left b r gone 1; joined b r 2" },
		{ "without a stream, too",
		  "webhook 1000 | join a r | later 10001 | sweep | ?events",
		  "occupied r; joined a r 1; left a r gone 0; vacated r" },
		{ "a room of the Node application's is neither occupied nor vacated",
		  "webhook 1000 | node n r | enter a r | leave a r | ?events",
		  "joined a r 2; left a r left 1" },
		{ "a full memory: who leaves is told of, and who is refused is not",
		  "webhook 1000 | enter a b r | memory full | ?join b q | ?leave a r | ?events",
		  "redis | ok | occupied r; joined a r 1; joined b r 2; left a r left 1" },
		{ "keys of another type keep nobody in a room; what is lost is counted",
		  "webhook 1000 | enter a b r | take s | arrived | break webhook | ?leave a r | "
		  "mend webhook | leave b r | ?take s | arrived | break webhook:state | "
		  "?join a r | ?join b r | ?members channels:r | mend webhook:state",
		  "ok | left b r left 0; vacated r, dropped 1, pushed out 1 | nobody | a | a b" },
		{ "both keys are kept",
		  "webhook 1000 | enter a r | age | leave a r | ?redis TTL %webhook | "
		  "?redis TTL %webhook:state", "172800 | 172800" },
	};

	(void)state;
	RUN(rows);
}

static void test_server_remove(void **state)
{
	static const struct script_row rows[] = {
		{ "out of the room; the others are told, and so is the peer",
		  "enter a b c r | join a q | ?remove a r | ?got a | ?got b | ?got c | "
		  "?members channels:r | ?members a:channels",
		  "removed 1 | remove-peer a r removed | remove-peer a r removed | "
		  "remove-peer a r removed | b c | q" },
		{ "no member: nobody hears it", "enter a r | open b | ?remove b r | ?remove x r | "
		  "?got a | ?got b", "removed 0 | removed 0 | nothing | nothing" },
		{ "it may come back, where it is not kept out",
		  "enter a b r | remove a r | ?join a r | ?redis EXISTS %banned:r", "b | 0" },
		{ "kept out, for so long; of one room alone",
		  "enter a b r | remove a r 60 | ?join a r | ?join a q | later 59000 | "
		  "?join a r | ?members channels:r | later 1001 | ?join a r",
		  "kept-out 60 s | nobody | kept-out 1 s | b | b" },
		{ "a clock that went back a year: not for longer than can be said",
		  "redis ZADD %banned:r 9e14 a | open a | ?join a r | later 604799000 | ?join a r | "
		  "later 1001 | ?join a r", "kept-out 604800 s | kept-out 1 s | nobody" },
		{ "also one that was no member, or is not here",
		  "enter b r | remove a r 60 | open a | ?join a r", "kept-out 60 s" },
		{ "the last word holds, and one without a time says nothing of it",
		  "remove a r 60 | remove a r 5 | open a | ?join a r | remove a r | ?join a r",
		  "kept-out 5 s | kept-out 5 s" },
		{ "as many are kept out as 1024; those that end first go",
		  "redis EVAL for\ti=1,1023\tdo\tredis.call('ZADD',KEYS[1],9e14+i,'x'..i)\tend 1 "
		  "%banned:r | remove a r 60 | ?redis ZCARD %banned:r | remove b r 70 | "
		  "?redis ZCARD %banned:r | ?redis ZSCORE %banned:r a",
		  "1024 | 1024 | none" },
		{ "it is kept as long as the longest, and what is over goes",
		  "remove a r 600 | remove b r 60 | ?redis TTL %banned:r | later 61000 | "
		  "remove c r 10 | ?redis ZCARD %banned:r | later 540000 | ?redis EXISTS %banned:r",
		  "600 | 2 | 0" },
		{ "away: it hears so when it is back, and who is there does at once",
		  "enter a b r | close a | end a | remove a r | ?got b | subscribe a | ?connect a at",
		  "remove-peer a r removed | resumed, missed remove-peer a r removed" },
		{ "what is left to tell comes first",
		  "enter a b r | redis RPUSH %telling:a -p -q | ?remove a r | ?got b | "
		  "?redis EXISTS %telling:a", "removed 1 | remove-peer a r removed | 0" },
		{ "a peer of the Node application",
		  "enter a r | node n r | subscribe n | ?remove n r | ?got a | ?got n | "
		  "?members n:channels", "removed 1 | remove-peer n r removed | "
		  "remove-peer n r removed | nobody" },
	};

	(void)state;
	RUN(rows);
}

#define FOUR "webhook 1000 | open a | join a r | leave a r"

static void test_webhook_take(void **state)
{
	static const struct script_row rows[] = {
		{ "in order, from where the last one ended",
		  FOUR " | ?take s 3 | ?arrived | ?take s 3 | ?arrived | ?take s",
		  "occupied r; joined a r 1; left a r left 0, reset | ok | vacated r | ok | nothing" },
		{ "a batch is the same until it has arrived, also to who takes over, though more came",
		  FOUR " | take s 2 | join a q | ?take s | later 20001 | ?take t | ?arrived | ?take t",
		  "occupied r; joined a r 1, reset | occupied r; joined a r 1, reset | ok | "
		  "left a r left 0; vacated r; occupied q; joined a q 1" },
		{ "one is the sender, as long as it asks",
		  FOUR " | ?take s 1 | ?take t | later 4000 | ?take s 0 | later 4000 | ?take s 0 | "
		  "later 16000 | ?take t | later 4001 | ?take t 1 | ?take s",
		  "occupied r, reset | wait 20000 | nothing | nothing | wait 5000 | occupied r, reset | "
		  "wait 20000" },
		{ "while it asks, it is so for 15 s at least, and Redis is not told each time",
		  FOUR " | take s 1 | later 3000 | take s | ?redis TTL %webhook:sender | "
		  "later 2001 | take s | ?redis TTL %webhook:sender", "17 | 20" },
		{ "it gives it back, and nobody else's",
		  FOUR " | take s | ?retire t | ?take t 1 | ?retire s | ?take t 1",
		  "ok | wait 20000 | ok | occupied r, reset" },
		{ "a clock that went back an hour: not for an hour",
		  FOUR " | take s | later -3600000 | ?take t | later 20001 | ?take t 1",
		  "wait 20000 | occupied r, reset" },
		{ "what waits, for how long, and whether somebody sends it",
		  FOUR " | ?state | later 90000 | take s 1 | ?state | arrived | retire s | ?state | "
		  "take s | arrived | ?state",
		  "4, 0 s | 4, 90 s, sent | 3, 90 s | 0, 0 s, sent" },
		{ "who was replaced may say that a batch has arrived; twice is as once",
		  FOUR " | take s 2 | later 20001 | take t 2 | ?arrived | ?take t 1 | ?arrived | "
		  "?arrived | ?take t", "ok | left a r left 0 | ok | ok | vacated r" },
		{ "or where the data has gone back meanwhile: what comes next may be before it",
		  FOUR " | take s 2 | redis HSET %webhook:state last 1-1 | ?arrived | ?redis XLEN %webhook",
		  "ok | 4" },
		{ "or late, when the next has arrived: then it changes nothing",
		  FOUR " | take s 1 | arrived | take s 1 | arrived | ?late | ?take s",
		  "ok | left a r left 0; vacated r" },
		{ "older than a day: given up, once, and the next says how many are missing",
		  FOUR " | take s 1 | arrived | later 86300000 | join a q | later 100001 | ?take s | "
		  "?take s | ?arrived | ?take s",
		  "occupied q; joined a q 1, dropped 3, given up 3 | occupied q; joined a q 1, dropped 3 | "
		  "ok | nothing" },
		{ "in the midst of a batch: of that what is younger goes",
		  "webhook 1000 | open a | join a q | take s | arrived | join a r | later 50000000 | "
		  "leave a r | take s | later 40000000 | ?take s | ?arrived | ?take s",
		  "left a r left 0; vacated r, dropped 2, given up 2 | ok | nothing" },
		{ "all of a batch: the next one is another",
		  "webhook 1000 | open a | join a q | take s | arrived | join a r | take s | "
		  "later 86400001 | leave a r | ?take s | ?arrived | ?take s",
		  "left a r left 0; vacated r, dropped 2, given up 2 | ok | nothing" },
	};

	(void)state;
	RUN(rows);
}

static void test_disconnect(void **state)
{
	static const struct script_row rows[] = {
		{ "out of all rooms; it is told why, the others that it has gone",
		  "enter a b r | enter c q | join a q | got a | got c | ?disconnect a | ?got a | ?got b | "
		  "?got c | ?members a:channels | ?members channels:r",
		  "streams 1 | disconnect \"why\" 0 | remove-peer a r removed | "
		  "remove-peer a q removed | nobody | b" },
		{ "each of its streams", "enter a r | subscribe a2 | connect a2 a | ?disconnect a 9 | "
		  "?got a | ?got a2", "streams 2 | disconnect \"why\" 9 | disconnect \"why\" 9" },
		{ "away: it hears so when it is back, within its grace",
		  "enter a b r | close a | end a | ?disconnect a | subscribe a | ?connect a at | "
		  "close a | end a | later 10001 | sweep | ?peer a",
		  "streams 0 | resumed, missed disconnect \"why\" 0 | no-peer" },
		{ "who is not here cannot be told; but what was issued for it can be refused",
		  "?disconnect a | ?disconnect a 60 | open a | ?revoked a",
		  "no-peer | streams 0 | revoked" },
		{ "its tokens are refused wherever it comes in, and where it is not in a room",
		  "enter a b r | disconnect a 60 | ?join a r | ?peers a r | ?leave a r | "
		  "?connect a at | ?connect a | ?revoked a",
		  "revoked | revoked | revoked | revoked | revoked | revoked" },
		{ "for so long", "enter a r | disconnect a 60 | later 60001 | ?join a r | "
		  "?revoked a", "nobody | ok" },
		{ "not one that was issued since", "enter a b r | disconnect a 60 | issue a | "
		  "?revoked a | ?connect a | ?join a r", "ok | not resumed | b" },
		{ "nor those of others", "enter a b r | disconnect a 60 | ?revoked b | ?join b q",
		  "ok | nobody" },
		{ "without a time no token is refused, but those that were",
		  "enter a r | disconnect a | ?join a r | disconnect a 60 | disconnect a | "
		  "?join a r", "nobody | revoked" },
		{ "the last word holds, for what was issued by then",
		  "open a | disconnect a 600 | issue a | later 2000 | ?revoked a | "
		  "disconnect a 5 | ?revoked a | later 5001 | ?revoked a", "ok | revoked | ok" },
		{ "what is left to tell comes first",
		  "enter a b r | redis RPUSH %telling:a -p -q | ?disconnect a | ?got b | "
		  "?redis EXISTS %telling:a", "streams 1 | remove-peer a r removed | 0" },
		{ "while its connect is under way: the stream is not let in, or ends",
		  "enter a b r | close a | subscribe a | disconnect a 60 | ?connect a at | ?got a",
		  "revoked | disconnect \"why\" 60" },
		{ "its keys go with its grace, but what says that its tokens are refused",
		  "enter a r | disconnect a 60 | close a | end a | later 10001 | sweep | ?keys",
		  "revoked:a=old" },
	};

	(void)state;
	RUN(rows);
}

/* So many joins and leaves that what is not sent is pushed out: by nodes of a stream, so it is
 * some that go. */
static void test_webhook_backlog(void **state)
{
	struct buf got = BUF_INIT(1024 * 1024);
	long long left;

	(void)state;
	play_begin();
	play("webhook 10 | redis CONFIG SET stream-node-max-entries 4 | open a | join a q | take s | "
	     "arrived", &got);
	for (int i = 0; i < 20; i++)
		play("join a r | leave a r", &got);
	play("redis CONFIG SET stream-node-max-entries 100", &got);
	left = ask_number("XLEN %swebhook", conf.prefix);
	assert_in_range(left, 10, 14);
	play("take s | arrived | join a r | ?take s", &got);
	assert_string_equal(got.data, "occupied r; joined a r 1");
	buf_clear(&got);
	play_end();
	buf_free(&got);
}

static void test_report(void **state)
{
	static const struct script_row rows[] = {
		{ "the last of each host", "report h 1 | report i 2 | report h 3 | ?watch | ?redis TTL %hosts",
		  "0 rooms, 0 here, 0 away, 2 3 | 80" },
		{ "who was silent for a minute and two pings is not shown",
		  "report h 1 | later 70000 | report i 2 | later 10001 | ?watch",
		  "0 rooms, 0 here, 0 away, 2" },
		{ "what waits for the site, and since when",
		  "redis XADD %webhook 5-1 m 1 | redis XADD %webhook 7-1 m 1 | ?watch",
		  "0 rooms, 0 here, 0 away, 2 events since 5, nobody" },
		{ "a full memory keeps the last that it has taken", "report h 1 | memory full | "
		  "?report h 2 | ?watch", "ok | 0 rooms, 0 here, 0 away, 1" },
	};
	char result[256];
	struct buf b = BUF_INIT(sizeof result);

	(void)state;
	RUN(rows);
	/* One more than Redis keeps: the one that was silent for longest goes. */
	play_begin();
	for (int i = 0; i < 65; i++) {
		snprintf(result, sizeof result, "report h%d %d | later 1", i, i);
		play(result, &b);
	}
	play("report h1 again | ?redis HLEN %hosts | ?redis HEXISTS %hosts h0 | "
	     "?redis HEXISTS %hosts h1 | ?redis HEXISTS %hosts h64", &b);
	assert_string_equal(b.data, "64 | 0 | 1 | 1");
	buf_free(&b);
	play_end();
}

/* Every script in one course: what comes before, it, and what it answers there
 * and on an empty Redis. A name begins with that of the script. */
#define ROOM "enter a b c r | open d"

static const struct script_call {
	const char *name, *before, *step, *want, *want_empty;
	const char *keys;	/* that it must find of their type */
	const char *spared;	/* what may change though it was refused */
	bool full;		/* does with a full memory */
} calls[] = {
	{ "access", ROOM, "?access h", "ok 1", "ok 1", "rate:@h", NULL, false },
	{ "relay", ROOM, "?relay a b 1 2", "streams 1", "no-peer",
	  "a:channels b:channels rate:a mailbox:b", "rate:a", false },
	{ "broadcast", ROOM, "?broadcast a r 1", "peers 2", "not-member",
	  "channels:r rate:a mailbox:b mailbox:c", "rate:a", false },
	{ "relay by the server", ROOM, "?relay @ d 1 2", "streams 1", "no-peer",
	  "peer:d rate:@server mailbox:d", "rate:@server", false },
	{ "relay once", ROOM, "once k | ?relay a b 1 2", "streams 1", "no-peer",
	  "answers:a answers:a:old", "rate:a", false },
	{ "broadcast once", ROOM, "once k | ?broadcast a r 1", "peers 2", "not-member",
	  "answers:a answers:a:old", "rate:a", false },
	{ "broadcast by the server", ROOM, "?broadcast @ r 1", "peers 3", "peers 0",
	  "channels:r rate:@server mailbox:a mailbox:b mailbox:c", "rate:@server", false },
	{ "server_rooms", ROOM, "?rooms 9", "r 3", "none", "rooms", NULL, true },
	{ "server_room", ROOM, "?room r 9", "3: a here, b here, c here", "0",
	  "channels:r peer:a peer:c", "rate:@server", true },
	{ "server_peer", ROOM, "?peer a", "a here 1 r", "no-peer",
	  "peer:a a:channels telling:a", NULL, true },
	{ "server_remove", ROOM, "?remove a r 9", "removed 1", "removed 0",
	  "channels:r a:channels peer:a mailbox:a telling:a telling rooms banned:r",
	  "rate:@server", true },
	{ "disconnect", ROOM, "?disconnect a", "streams 1", "no-peer",
	  "a:channels peer:a mailbox:a telling:a telling revoked:a rooms channels:r",
	  "rate:@server", true },
	{ "disconnect and revoke", "open a", "?disconnect a 9", "streams 1", "streams 0",
	  "a:channels peer:a mailbox:a telling:a telling revoked:a", "rate:@server", true },
	{ "revoked", ROOM, "?revoked a", "ok", "ok", "revoked:a", NULL, true },
	{ "join", ROOM, "?join d r", "a b c", "nobody",
	  "channels:r d:channels peer:d mailbox:d present leaving numbers:r "
	  "entering:r telling:d rooms banned:r revoked:d peer:a "
	  "mailbox:a peer:b mailbox:b peer:c mailbox:c", "rate:d", false },
	{ "join without a stream", ROOM, "?join e r", "a b c", "nobody",
	  "channels:r e:channels peer:e mailbox:e present leaving numbers:r "
	  "entering:r telling:e rooms banned:r revoked:e peer:a "
	  "mailbox:a peer:b mailbox:b peer:c mailbox:c", "rate:e", false },
	{ "leave", ROOM, "?leave a r", "ok", "ok",
	  "channels:r a:channels peer:a telling:a rooms", NULL, true },
	{ "peers", ROOM, "?peers a r", "b c", "not-member",
	  "channels:r peer:b", "rate:a", true },
	{ "connect anew", ROOM " | join a q", "?connect a", "not resumed",
	  "not resumed", "peer:a mailbox:a a:channels present leaving "
	  "channels:q channels:r rooms revoked:a", NULL, true },
	{ "connect and go on", ROOM, "?connect a at", "resumed in r",
	  "not resumed", "peer:a mailbox:a a:channels present leaving revoked:a",
	  NULL, true },
	{ "connect and put into the index", ROOM " | redis HDEL %peer:a indexed", "?connect a at",
	  "resumed in r", "not resumed", "rooms", NULL, true },
	{ "replay", ROOM " | close a | broadcast b r +9000 | broadcast b r +9000", "?connect a at",
	  "resumed in r, missed x b ...; x b ...", "not resumed", "peer:a mailbox:a", NULL,
	  true },
	{ "beat", ROOM " | redis ZREM %present a | redis ZADD %leaving 9e12 a", "?beat a", "live",
	  "over", "present leaving", NULL, true },
	{ "stream_end", ROOM " | close a", "?end a", "leaving", "stays",
	  "present leaving", NULL, true },
	{ "webhook_take", FOUR, "?take s", "occupied r; joined a r 1; left a r left 0; vacated r, "
	  "reset", "nothing, reset", "webhook webhook:state webhook:sender", NULL, true },
	{ "webhook_sent", FOUR " | take s", "?arrived", "ok", "ok", "webhook webhook:state", NULL,
	  true },
	{ "webhook_state", FOUR, "?state", "4, 0 s", "0, 0 s", "webhook", NULL, true },
	{ "webhook_end", FOUR " | take s", "?retire s", "ok", "ok", "webhook:sender", NULL, true },
	{ "report", "report h counts", "?report h more", "ok", "ok", "hosts", NULL, true },
	{ "watch", ROOM " | redis ZADD %rooms 0 r | close c | end c | report h counts", "?watch",
	  "1 rooms, 3 here, 1 away, counts", "0 rooms, 0 here, 0 away, nobody",
	  "rooms present leaving hosts webhook", NULL, true },
	{ "sweep", ROOM " | close c | end c | later 15001", "?sweep", "sweep moved",
	  "sweep", "present leaving", NULL, true },
};

#define EACH_CALL \
	for (const struct script_call *c = calls; \
	     c < calls + sizeof calls / sizeof *calls; c++)

static bool has_call(const char *script)
{
	size_t len = strlen(script);

	EACH_CALL
		if (!strncmp(c->name, script, len) && strchr(" ", c->name[len]))
			return true;
	return false;
}

static void test_all_called(void **state)
{
	size_t lacking = 0;

	(void)state;
	for (int i = 0; i < SCRIPT_COUNT; i++) {
		if (has_call(script_names[i]))
			continue;
		lacking++;
		print_error("  calls[] lacks %s.lua\n", script_names[i]);
	}
	assert_int_equal(lacking, 0);
}

static size_t wrong;			/* of a test, so that all are shown */

static void expect_result(const struct script_call *c, const char *when, const char *got,
			  const char *want)
{
	if (!strcmp(got, want))
		return;
	wrong++;
	print_error("  %s, %s: got %s, wanted %s\n", c->name, when, got, want);
}

/* In a scene that was played before; returns what it answered. */
static const char *play_one(const char *steps)
{
	static char answer[256];
	struct buf b = BUF_INIT(sizeof answer - 1);

	play(steps, &b);
	snprintf(answer, sizeof answer, "%s", b.len ? b.data : "");
	buf_free(&b);
	return answer;
}

/* Redis has forgotten the scripts, on a connection that knew them. */
static void test_flushed(void **state)
{
	(void)state;
	wrong = 0;
	EACH_CALL {
		print_message("  %s\n", c->name);
		play_begin();
		play_one(c->before);
		play_one("redis SCRIPT FLUSH");
		expect_result(c, "after SCRIPT FLUSH", play_one(c->step), c->want);
		assert_int_equal(ask_number("DBSIZE") > 0, 1);
		play_end();
	}
	assert_int_equal(wrong, 0);
}

/* Killed and empty: the first call on the connection of before, and the first
 * of a new one to a Redis that knows no script. */
static void test_restarted(void **state)
{
	(void)state;
	wrong = 0;
	EACH_CALL {
		print_message("  %s\n", c->name);
		play_begin();
		play_one("sweep | restart");
		expect_result(c, "after a restart", play_one(c->step), c->want_empty);
		play_end();
		play_begin();
		play_one("redial | redis SCRIPT FLUSH");
		expect_result(c, "first of a connection", play_one(c->step),
			      c->want_empty);
		play_end();
	}
	assert_int_equal(wrong, 0);
}

static void assert_unchanged(const struct script_call *c, const char *when,
			     char *before)
{
	char *after = play_snapshot(c->spared);

	if (strcmp(before, after)) {
		wrong++;
		print_error("  %s, %s: half done:\n%s\nwas\n%s", c->name, when,
			    after, before);
	}
	free(before);
	free(after);
}

static void refuse_foreign(const struct script_call *c, const char *key)
{
	char when[80], step[80], *before;

	snprintf(when, sizeof when, "%s of another type", key);
	play_begin();
	play_one(c->before);
	snprintf(step, sizeof step, "break %s", key);
	play_one(step);
	before = play_snapshot(c->spared);
	expect_result(c, when, play_one(c->step), "redis");
	assert_unchanged(c, when, before);
	snprintf(step, sizeof step, "mend %s", key);
	play_one(step);
	expect_result(c, "mended", play_one(c->step), c->want);
	play_end();
}

/* Somebody else's key where no PREFIX keeps apart: an error, and nothing is
 * half done. */
static void test_foreign(void **state)
{
	(void)state;
	wrong = 0;
	EACH_CALL {
		char *keys = xstrdup(c->keys), *rest = keys, *key;

		print_message("  %s\n", c->name);
		while ((key = strtok_r(NULL, " ", &rest)))
			refuse_foreign(c, key);
		free(keys);
	}
	assert_int_equal(wrong, 0);
}

/* A full memory: an error and nothing done, or all of it. */
static void test_full(void **state)
{
	(void)state;
	wrong = 0;
	EACH_CALL {
		char *before;

		print_message("  %s\n", c->name);
		play_begin();
		play_one(c->before);
		play_one("memory full");
		before = play_snapshot(NULL);
		expect_result(c, "memory full", play_one(c->step),
			      c->full ? c->want : "redis");
		if (c->full)
			free(before);
		else
			assert_unchanged(c, "memory full", before);
		play_one("memory free");
		if (!c->full)
			expect_result(c, "memory free again", play_one(c->step),
				      c->want);
		play_end();
	}
	assert_int_equal(wrong, 0);
}

static void test_full_and_foreign(void **state)
{
	static const struct script_row rows[] = {
		{ "full: what needs no more goes on, and leaves nobody behind",
		  "enter a b c d r | close c | end c | later 10001 | memory full | "
		  "?beat a | ?members channels:r | ?leave d r | ?connect b at | "
		  "?relay a b 1 | ?broadcast a r 1 | ?join d r | ?peers a r | "
		  "?access h | memory free | ?heard a",
		  "live | a b d | ok | resumed in r, missed remove-peer c r; "
		  "remove-peer d r | redis | redis | redis | b | redis | "
		  "remove-peer c r; remove-peer d r" },
		{ "full, and without limits: a relay is refused all the same",
		  "enter a b r | limit 0 0 0 | memory full | ?relay a b 1 | "
		  "?broadcast a r 1 | ?got b", "redis | redis | nothing" },
		{ "full: what was kept is replayed, page by page",
		  "enter a b r | close b | relay a b +9000 | relay a b +9000 | memory full | "
		  "?connect b at", "resumed in r, missed x a ...; x a ..." },
		{ "full, on a new connection",
		  "enter a b r | memory full | redial | ?leave a r | ?got b",
		  "ok | remove-peer a r" },
		{ "a peer's key of another type stops no beat: others are reaped, "
		  "it is later",
		  "enter a b c r | close b c | end b | end c | later 10001 | "
		  "break b:channels | ?beat a | ?got a | ?members channels:r | "
		  "?sweep | mend b:channels | later 15001 | ?beat a | ?got a | "
		  "?redis ZCARD %leaving",
		  "live | remove-peer c r | a b | sweep | live | remove-peer b r | 0" },
		{ "so does a room's", "enter a b r | enter c q | close b c | "
		  "end b | end c | later 10001 | break channels:q | ?sweep | ?got a | "
		  "mend channels:q | later 15001 | ?beat a | "
		  "?redis EXISTS %channels:q %peer:c",
		  "sweep | remove-peer b r | live | 0" },
	};

	(void)state;
	RUN(rows);
}

/* No answer in time: it may run all the same, so it is repeated. */
static void test_given_up(void **state)
{
	static const struct script_row rows[] = {
		{ "join", "enter a r | open b | freeze | ?join b r | thaw | "
		  "?join b r | ?members channels:r | ?got a",
		  "redis | a | a b | add-peer b r" },
		{ "leave", "enter a b r | freeze | ?leave b r | thaw | ?leave b r | "
		  "?members channels:r | ?got a", "redis | ok | a | remove-peer b r" },
	};

	(void)state;
	RUN(rows);
}

static int scripts_group_setup(void **state)
{
	static const char *const settings[] = {
		"DRAWBRIDGE_PREFIX={t}:", "DRAWBRIDGE_ROOM_PEERS=4",
		"DRAWBRIDGE_PEER_ROOMS=3", "DRAWBRIDGE_MAILBOX=16", NULL,
	};

	(void)state;
	server_start();
	conf_setup(settings);
	return 0;
}

static int scripts_teardown(void **state)
{
	(void)state;
	play_end();
	return 0;
}

static int scripts_group_teardown(void **state)
{
	(void)state;
	server_stop();
	conf_free(&conf);
	return 0;
}

int main(void)
{
#define COURSE(name) cmocka_unit_test_teardown(name, scripts_teardown)
	static const struct CMUnitTest tests[] = {
		COURSE(test_access),
		COURSE(test_relay),
		COURSE(test_broadcast),
		COURSE(test_repeated),
		COURSE(test_revoked),
		COURSE(test_join),
		COURSE(test_leave),
		COURSE(test_peers),
		COURSE(test_connect),
		COURSE(test_server_lists),
		COURSE(test_server_remove),
		COURSE(test_disconnect),
		COURSE(test_beat),
		COURSE(test_end),
		COURSE(test_sweep),
		COURSE(test_webhook),
		COURSE(test_webhook_take),
		COURSE(test_webhook_backlog),
		COURSE(test_report),
		COURSE(test_all_called),
		COURSE(test_flushed),
		COURSE(test_restarted),
		COURSE(test_foreign),
		COURSE(test_full),
		COURSE(test_full_and_foreign),
		COURSE(test_given_up),
	};

	return cmocka_run_group_tests(tests, scripts_group_setup, scripts_group_teardown);
}
