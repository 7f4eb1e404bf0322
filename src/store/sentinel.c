#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/sentinel.h"

enum {
	ONE_MS = 150,		/* for a Sentinel to answer */
	GLANCE_MS = 100,	/* for all, while what is known seems right */
	FRESH_MS = 1000,	/* so long an answer is believed */
	/* Until no answer is believed that was given before, or on its way. */
	LEAVE_MS = FRESH_MS + SENTINEL_MS,
	AGAIN_MS = 100,		/* between two asks, where none was right */
	SILENT_MS = 10000,	/* where none answers, but the master does */
	LOG_MS = 10000,		/* between two lines of that */
	WHY_MOST = 512,
};

/* Who holds the lock asks; the others wait for the answer. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct master master;		/* the last that was named */
static bool believed;
static size_t first;			/* the Sentinel to ask first */
static int64_t logged_at;		/* 0: they answer */
static _Atomic int64_t ask_at;		/* not before */
static atomic_uint turn;		/* as in master */
static _Atomic int64_t left_at;

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What is left until then; hiredis takes 0 for no limit. */
static struct timeval left(int64_t until)
{
	int64_t ms = until - clock_ms();

	if (ms < 1)
		ms = 1;
	return (struct timeval){ ms / 1000, ms % 1000 * 1000 };
}

static redisReply *answer(redisContext *c, int64_t until)
{
	redisReply *r = NULL;

	redisSetTimeout(c, left(until));
	redisGetReply(c, (void **)&r);
	return r;
}

/* The answer is an address, or nothing where the name is unknown. */
static bool take_address(const redisReply *r, struct master *to)
{
	const redisReply *host, *port;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2)
		return false;
	host = r->element[0];
	port = r->element[1];
	if (host->type != REDIS_REPLY_STRING ||
	    port->type != REDIS_REPLY_STRING || host->len >= sizeof to->host)
		return false;
	strcpy(to->host, host->str);
	to->port = atoi(port->str);
	return *to->host && to->port > 0;
}

static bool question(redisContext *c, const struct redis_url *url,
		     int64_t until, struct master *to, struct buf *why)
{
	redisReply *r = NULL;
	bool good = true;

	if (url->sentinel_password)
		redisAppendCommand(c, "AUTH %s", url->sentinel_password);
	redisAppendCommand(c, "SENTINEL GET-MASTER-ADDR-BY-NAME %s",
			   url->master);
	if (url->sentinel_password) {
		r = answer(c, until);
		good = r && r->type != REDIS_REPLY_ERROR;
	}
	if (good) {
		if (r)
			freeReplyObject(r);
		r = answer(c, until);
		good = r && take_address(r, to);
	}
	if (!r)
		buf_str(why, "no answer");
	else if (!good && r->type == REDIS_REPLY_ERROR)
		buf_str(why, r->str);
	else if (!good)
		buf_fmt(why, "knows no master %s", url->master);
	if (r)
		freeReplyObject(r);
	return good;
}

static bool ask_one(const struct redis_url *url, const struct redis_host *host,
		    int64_t until, struct master *to, struct buf *why)
{
	redisContext *c = redisConnectWithTimeout(host->name, host->port,
						  left(until));
	bool good = false;

	buf_fmt(why, "%s%s:%d ", why->len ? ", " : "", host->name, host->port);
	if (!c || c->err)
		buf_str(why, c && c->errstr[0] ? c->errstr : "no answer");
	else
		good = question(c, url, until, to, why);
	if (c)
		redisFree(c);
	return good;
}

static void take(const struct master *named)
{
	if (strcmp(named->host, master.host) || named->port != master.port) {
		if (master.turn) {
			log_warn("sentinel.ask", "master=%s:%d was=%s:%d",
				 named->host, named->port, master.host,
				 master.port);
			atomic_store(&left_at, clock_ms() + LEAVE_MS);
		} else {
			log_info("sentinel.ask", "master=%s:%d", named->host,
				 named->port);
		}
		master = *named;
		master.turn = atomic_fetch_add(&turn, 1) + 1;
	}
	if (logged_at)
		log_info("sentinel.ask", "sentinel=back");
	logged_at = 0;
	believed = true;
	atomic_store(&ask_at, clock_ms() + FRESH_MS);
}

static void none(const struct buf *why)
{
	int64_t now = clock_ms();

	if (!logged_at || now - logged_at > LOG_MS) {
		log_warn("sentinel.ask", "sentinel=lost why=%s", why->data);
		logged_at = now;
	}
	atomic_store(&ask_at, now + (believed ? SILENT_MS : AGAIN_MS));
}

/* With the lock. Where time does not suffice for all, the next time begins
 * where this one ended. */
static void ask(const struct redis_url *url, int64_t until)
{
	struct buf why = BUF_INIT(WHY_MOST);
	struct master named = { .port = 0 };
	bool good = false;

	for (size_t i = 0; i < url->sentinel_count && !good; i++) {
		int64_t now = clock_ms();

		if (now >= until)
			break;
		first %= url->sentinel_count;
		good = ask_one(url, &url->sentinels[first],
			       earliest(until, now + ONE_MS), &named, &why);
		first += !good;
	}
	if (good)
		take(&named);
	else
		none(&why);
	buf_free(&why);
}

bool sentinel_master(const struct redis_url *url, struct master *to)
{
	int64_t until = clock_ms() + SENTINEL_MS;
	bool good;

	pthread_mutex_lock(&lock);
	if (clock_ms() >= atomic_load(&ask_at))
		ask(url, until);
	good = believed;
	*to = master;
	pthread_mutex_unlock(&lock);
	return good;
}

void sentinel_wrong(unsigned master_turn)
{
	pthread_mutex_lock(&lock);
	if (believed && master_turn == master.turn) {
		believed = false;
		first++;
		atomic_store(&ask_at, clock_ms() + AGAIN_MS);
	}
	pthread_mutex_unlock(&lock);
}

int64_t sentinel_left_at(void)
{
	return atomic_load(&left_at);
}

bool sentinel_moved(const struct redis_url *url, unsigned of)
{
	if (clock_ms() >= atomic_load(&ask_at) &&
	    !pthread_mutex_trylock(&lock)) {
		if (believed)
			ask(url, clock_ms() + GLANCE_MS);
		pthread_mutex_unlock(&lock);
	}
	return atomic_load(&turn) != of;
}
