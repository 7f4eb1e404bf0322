/*
 * One thread at a time asks, with the lock, and all others go by its answer. Asked is one of the
 * seeds of the URL after the other: a Sentinel for the master of that name; a node of a Redis
 * Cluster for the one that owns the slot of our keys, which are all in one. What is known is in
 * one of four states:
 *
 *	fresh		believed, and next_ask_at is ahead: nobody asks
 *	stale		believed, and next_ask_at has come: whoever needs it asks again
 *	rejected	not believed, as what it named is no master: another seed is
 *			asked, AGAIN_MS later
 *	silent		no seed answers: what was believed still is, for SILENT_MS,
 *			since the master may well be there
 *
 * An answer that names another master begins an epoch, by which connections to the one before
 * are known. So does a node of a Cluster that says that the slot has moved (MOVED): it knows best that
 * it has it no more, while seeds may name it until the others have told them.
 */
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
#include "base/resolve.h"
#include "store/cluster.h"
#include "store/master.h"
#include "store/tls.h"

enum {
	ONE_MS = 150,		/* for a seed to answer */
	GLANCE_MS = 100,	/* for all, while what is known seems right */
	FRESH_MS = 1000,	/* so long an answer is believed */
	/* By then no older reply is believed any more, not even one under way. */
	LEAVE_MS = FRESH_MS + MASTER_MS,
	AGAIN_MS = 100,		/* between two asks, where none was right */
	SILENT_MS = 10000,	/* where none answers, but the master does */
	LOG_MS = 10000,		/* between two lines of that */
	TOLD_MS = 5000,		/* until all nodes of a Cluster know of a move */
	WHY_MAX = 512,
};

/* The thread that has the lock asks; the others wait for the reply. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct redis_url *store_url;
static unsigned slot;			/* of a Cluster */
static const char *at;			/* for the log */
static struct master master;		/* the last that was named */
static atomic_bool believed;
static size_t first_seed;		/* to be asked first */
static int64_t logged_at;		/* 0: they reply */
static _Atomic int64_t next_ask_at;	/* not before */
static atomic_uint current_epoch;	/* as in master */
static _Atomic int64_t left_at;

/* Who has said MOVED, and until when seeds that name it are out of date. */
static struct master moved_from;
static int64_t moved_until;

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* An equal share of the time left; 0 would be no limit to hiredis. */
static struct timeval time_share(int64_t deadline, size_t parts)
{
	int64_t ms = (deadline - clock_ms()) / (int64_t)parts;

	if (ms < 1)
		ms = 1;
	return (struct timeval){ ms / 1000, ms % 1000 * 1000 };
}

static redisReply *await_reply(redisContext *c, int64_t deadline)
{
	redisReply *r = NULL;

	redisSetTimeout(c, time_share(deadline, 1));
	redisGetReply(c, (void **)&r);
	return r;
}

/* Of a Sentinel: an address, or nil where the name is unknown. */
static bool parse_address(const redisReply *r, struct master *to)
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

/* NULL: none. */
static const char *seed_password(void)
{
	return store_url->cluster ? store_url->password : store_url->sentinel_password;
}

static void append_question(redisContext *c)
{
	if (store_url->cluster && store_url->user)
		redisAppendCommand(c, "AUTH %s %s", store_url->user, seed_password());
	else if (seed_password())
		redisAppendCommand(c, "AUTH %s", seed_password());
	if (store_url->cluster)
		redisAppendCommand(c, "CLUSTER SLOTS");
	else
		redisAppendCommand(c, "SENTINEL GET-MASTER-ADDR-BY-NAME %s", store_url->master);
}

/* asked: the host that does, which a node of a Cluster that does not know its own name means by
 * none. */
static bool ask_connected(redisContext *c, const char *asked, int64_t deadline, struct master *to,
			  struct buf *why)
{
	redisReply *r = NULL;
	bool good = true;

	append_question(c);
	if (seed_password()) {
		r = await_reply(c, deadline);
		good = r && r->type != REDIS_REPLY_ERROR;
	}
	if (good) {
		if (r)
			freeReplyObject(r);
		r = await_reply(c, deadline);
		good = r && (store_url->cluster ? cluster_parse_slots(r, slot, asked, to) :
			     parse_address(r, to));
	}
	if (!r)
		buf_str(why, "no answer");
	else if (!good && r->type == REDIS_REPLY_ERROR)
		buf_str(why, r->str);
	else if (!good && store_url->cluster)
		buf_fmt(why, "knows no node that has slot %u", slot);
	else if (!good)
		buf_fmt(why, "knows no master %s", store_url->master);
	if (r)
		freeReplyObject(r);
	return good;
}

/* To one address of that host. Its error is the context's. NULL: out of memory. */
static redisContext *connect_address(const char *address, const struct redis_host *host,
				     struct timeval limit)
{
	int64_t deadline = clock_ms() + limit.tv_sec * 1000 + limit.tv_usec / 1000;
	redisContext *c = redisConnectWithTimeout(address, host->port, limit);

	if (store_url->tls && c && !c->err) {
		tls_start(c, host->name);
		tls_handshake(c, deadline);
	}
	return c;
}

/* To the first of its addresses that answers. NULL: none does, and why says so. */
static redisContext *connect_seed(const struct redis_host *host, int64_t deadline, struct buf *why)
{
	struct addresses a;
	const char *unresolved = resolve(host->name, deadline, &a);
	redisContext *c = NULL;

	if (unresolved) {
		buf_str(why, unresolved);
		return NULL;
	}
	for (size_t i = 0; i < a.count; i++) {
		c = connect_address(a.text[i], host, time_share(deadline, a.count - i));
		if (c && !c->err)
			return c;
		if (i + 1 == a.count)
			buf_str(why, c && c->errstr[0] ? c->errstr : "no answer");
		if (c)
			redisFree(c);
	}
	return NULL;
}

static bool ask_seed(const struct redis_host *host, int64_t deadline, struct master *to,
		     struct buf *why)
{
	redisContext *c;
	bool good = false;

	buf_fmt(why, "%s%s:%d ", why->len ? ", " : "", host->name, host->port);
	c = connect_seed(host, deadline, why);
	if (c)
		good = ask_connected(c, host->name, deadline, to, why);
	if (c)
		redisFree(c);
	return good;
}

static bool is_same(const struct master *a, const struct master *b)
{
	return !strcmp(a->host, b->host) && a->port == b->port;
}

/* With the lock. */
static void adopt_master(const struct master *named)
{
	if (!is_same(named, &master)) {
		if (master.epoch) {
			log_warn(at, "master=%s:%d was=%s:%d",
				 named->host, named->port, master.host,
				 master.port);
			atomic_store(&left_at, clock_ms() + LEAVE_MS);
		} else {
			log_info(at, "master=%s:%d", named->host,
				 named->port);
		}
		master = *named;
		master.epoch = atomic_fetch_add(&current_epoch, 1) + 1;
	}
	if (logged_at)
		log_info(at, "%s=back", store_url->cluster ? "cluster" : "sentinel");
	logged_at = 0;
	believed = true;
	atomic_store(&next_ask_at, clock_ms() + FRESH_MS);
}

static void note_silence(const struct buf *why)
{
	int64_t now = clock_ms();

	if (!logged_at || now - logged_at > LOG_MS) {
		log_warn(at, "%s=lost why=%s", store_url->cluster ? "cluster" : "sentinel", why->data);
		logged_at = now;
	}
	atomic_store(&next_ask_at, now + (believed ? SILENT_MS : AGAIN_MS));
}

/* With the lock. Where time does not suffice for all, the next round starts where this one
 * ended. */
static void ask_seeds(int64_t deadline)
{
	struct buf why = BUF_INIT(WHY_MAX);
	struct master named = { .port = 0 };
	bool good = false;

	for (size_t i = 0; i < store_url->seed_count && !good; i++) {
		int64_t now = clock_ms();

		if (now >= deadline)
			break;
		first_seed %= store_url->seed_count;
		good = ask_seed(&store_url->seeds[first_seed], earliest(deadline, now + ONE_MS), &named,
				&why);
		first_seed += !good;
	}
	if (good && believed && is_same(&named, &moved_from) && clock_ms() < moved_until)
		named = master;
	if (good)
		adopt_master(&named);
	else
		note_silence(&why);
	buf_free(&why);
}

void master_init(const struct conf *conf)
{
	store_url = &conf->redis;
	slot = cluster_slot(conf->prefix);
	at = store_url->cluster ? "cluster.ask" : "sentinel.ask";
}

bool master_is_asked_for(void)
{
	return store_url->seed_count;
}

bool master_find(struct master *to)
{
	int64_t deadline = clock_ms() + MASTER_MS;
	bool good;

	pthread_mutex_lock(&lock);
	if (clock_ms() >= atomic_load(&next_ask_at))
		ask_seeds(deadline);
	good = believed;
	*to = master;
	pthread_mutex_unlock(&lock);
	return good;
}

void master_reject(unsigned epoch)
{
	pthread_mutex_lock(&lock);
	if (believed && epoch == master.epoch) {
		believed = false;
		first_seed++;
		atomic_store(&next_ask_at, clock_ms() + AGAIN_MS);
	}
	pthread_mutex_unlock(&lock);
}

bool master_note_moved(unsigned epoch, const char *error, const char *asked)
{
	struct master named;

	if (!cluster_parse_moved(error, asked, &named))
		return false;
	pthread_mutex_lock(&lock);
	if (epoch == master.epoch) {
		moved_from = master;
		moved_until = clock_ms() + TOLD_MS;
		adopt_master(&named);
	}
	pthread_mutex_unlock(&lock);
	return true;
}

int64_t master_left_at(void)
{
	return atomic_load(&left_at);
}

bool master_is_stale(void)
{
	return believed && clock_ms() >= atomic_load(&next_ask_at);
}

bool master_replaced(unsigned epoch)
{
	return atomic_load(&current_epoch) != epoch;
}

/* With the lock. */
static void refresh(void)
{
	if (master_is_stale())
		ask_seeds(clock_ms() + GLANCE_MS);
}

bool master_changed(unsigned epoch)
{
	if (master_is_stale() && !pthread_mutex_trylock(&lock)) {
		refresh();
		pthread_mutex_unlock(&lock);
	}
	return master_replaced(epoch);
}

/* Also waits for another thread that is asking now. */
void master_refresh(void)
{
	pthread_mutex_lock(&lock);
	refresh();
	pthread_mutex_unlock(&lock);
}
