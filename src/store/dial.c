#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/dial.h"
#include "store/sentinel.h"
#include "store/store.h"

enum {
	AWAY_MS = 200,			/* between two tries while Redis is away */
	REFUSAL_MS = 10000,		/* between two lines of the same refusal */
	LATE_MS = 1000,			/* between two lines of late answers */
	TRIES = 3,			/* where it is closed in the greeting */
};

static const struct conf *conf;

/* When it may be tried again; 0: it is there. */
static _Atomic int64_t away_until;

/* When Redis has answered anybody, and when it was last said that it answers
 * somebody late. */
static _Atomic int64_t answered_at, late_told_at;

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char last_refusal[128];
static int64_t last_refusal_ms;

void store_init(const struct conf *c)
{
	conf = c;
	script_init(c);
}

static struct timeval timeval_of(int ms)
{
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	return t;
}

static bool may_try(void)
{
	int64_t until = atomic_load(&away_until), now = clock_ms();

	if (!until)
		return true;
	/* Who wins the exchange tries; the others see the later time. */
	return now >= until && atomic_compare_exchange_strong(&away_until,
		&until, now + DIAL_MS + AWAY_MS);
}

static void is_away(const char *at, const char *why)
{
	if (!atomic_exchange(&away_until, clock_ms() + AWAY_MS)) {
		metric_add(METRIC_REDIS_LOST, 0, 1);
		log_warn(at, "redis=lost why=%s", why);
	}
}

bool dial_is_away(void)
{
	return atomic_load(&away_until);
}

void dial_found(const char *at)
{
	if (atomic_exchange(&away_until, 0)) {
		metric_add(METRIC_REDIS_BACK, 0, 1);
		log_info(at, "redis=back");
	}
}

/* hiredis has no word of its own for it. */
static bool timed_out(const redisContext *context)
{
	return context->err == REDIS_ERR_IO && (!context->errstr[0] ||
		strstr(context->errstr, "temporarily"));
}

void dial_lost(const char *at, const redisContext *context)
{
	is_away(at, !context ? "memory" : timed_out(context) ? "timeout" :
		context->errstr);
}

void dial_answered(void)
{
	atomic_store(&answered_at, clock_ms());
}

/* One question may be a long one, or wait behind such: that is no reason to
 * refuse all others. */
void dial_late(const char *at, int64_t asked)
{
	int64_t told = atomic_load(&late_told_at), now = clock_ms();

	if (atomic_load(&answered_at) <= asked)
		is_away(at, "timeout");
	else if (now >= told + LATE_MS &&
		 atomic_compare_exchange_strong(&late_told_at, &told, now))
		log_warn(at, "redis=late ms=%lld", (long long)(now - asked));
}

void dial_broken(const char *at, const redisContext *context, int64_t asked)
{
	if (timed_out(context))
		dial_late(at, asked);
	else
		log_warn(at, "redis=closed why=%s", context->errstr);
}

bool dial_refused(const char *at, const char *error)
{
	static const char *const elsewhere[] = {
		"READONLY", "LOADING", "MASTERDOWN", "NOAUTH", "CLUSTERDOWN",
		"NOREPLICAS",
	};
	int64_t now = clock_ms();

	metric_add(METRIC_REDIS_ERRORS, 0, 1);
	pthread_mutex_lock(&log_lock);
	if (now - last_refusal_ms > REFUSAL_MS ||
	    strncmp(last_refusal, error, sizeof last_refusal - 1)) {
		last_refusal_ms = now;
		strncpy(last_refusal, error, sizeof last_refusal - 1);
		log_error(at, "redis=refuses why=%s", error);
	}
	pthread_mutex_unlock(&log_lock);
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		if (!strncmp(error, elsewhere[i], strlen(elsewhere[i])))
			return true;
	return false;
}

/* The next answer of a greeting; NULL where it is none that helps, which is
 * logged here but for what the context says. */
static redisReply *answer(redisContext *c)
{
	redisReply *r = NULL;

	if (redisGetReply(c, (void **)&r) != REDIS_OK)
		return NULL;
	if (r->type == REDIS_REPLY_ERROR) {
		dial_refused("redis.greet", r->str);
		is_away("redis.greet", r->str);
		freeReplyObject(r);
		return NULL;
	}
	return r;
}

static bool expect(redisContext *c)
{
	redisReply *r = answer(c);

	if (r)
		freeReplyObject(r);
	return r;
}

static bool read_server(redisContext *c, char *to, size_t size)
{
	redisReply *r = answer(c);
	const char *id = r && r->str ? strstr(r->str, "run_id:") : NULL;
	size_t len = id ? strcspn(id + 7, "\r\n") : 0;

	if (r && (!len || len >= size))
		is_away("redis.greet", "INFO has no run_id");
	if (len && len < size) {
		memcpy(to, id + 7, len);
		to[len] = '\0';
	}
	if (r)
		freeReplyObject(r);
	return len && len < size;
}

/* Sentinel may name one that has become a replica a moment ago. */
static bool expect_master(redisContext *c)
{
	redisReply *r = answer(c);
	const char *role = r && r->type == REDIS_REPLY_ARRAY && r->elements ?
		r->element[0]->str : NULL;
	bool good = role && !strcmp(role, "master");
	char why[320];

	if (r && !good) {
		snprintf(why, sizeof why, "%s:%d is no master, though Sentinel "
			 "names it", c->tcp.host, c->tcp.port);
		is_away("redis.greet", why);
	}
	if (r)
		freeReplyObject(r);
	return good;
}

/* A host that has gone without a word is noticed within two of our pings, by
 * the kernel: a subscription that is only read would not notice at all. */
static void set_options(int fd, int ping)
{
	const int options[][2] = {
		{ TCP_KEEPIDLE, ping }, { TCP_KEEPINTVL, (ping + 1) / 2 },
		{ TCP_KEEPCNT, 2 }, { TCP_USER_TIMEOUT, 2000 * ping },
		{ TCP_NODELAY, 1 },
	};

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		setsockopt(fd, IPPROTO_TCP, options[i][0], &options[i][1],
			   sizeof(int));
}

static int left_ms(const struct dialled *d)
{
	int64_t left = d->deadline - clock_ms();

	return left < 1 ? 1 : (int)left;	/* 0 is any to hiredis */
}

static void drop(struct dialled *d)
{
	redisFree(d->context);
	d->context = NULL;
}

/* Sentinel is asked for another, the next time. */
static enum err is_wrong(const struct dialled *d)
{
	if (conf->redis.master)
		sentinel_wrong(d->turn);
	return ERR_STORE;
}

/* Where many come, a full queue is an error to who does not wait; a connection to
 * that is there at once. */
static redisContext *connect_here(const struct dialled *d)
{
	return redisConnectUnixWithTimeout(conf->redis.path, timeval_of(left_ms(d)));
}

static redisContext *connect_master(struct dialled *d)
{
	struct master m;

	if (!sentinel_master(&conf->redis, &m)) {
		is_away("redis.connect", "no Sentinel names the master");
		return NULL;
	}
	d->turn = m.turn;
	return redisConnectNonBlock(m.host, m.port);
}

static enum err begin(struct dialled *d)
{
	const struct redis_url *url = &conf->redis;

	d->context = url->path ? connect_here(d) : url->master ? connect_master(d) :
		redisConnectNonBlock(url->server.name, url->server.port);
	if (d->context && !d->context->err)
		return OK;
	if (!d->context)
		return ERR_STORE;
	dial_lost("redis.connect", d->context);
	drop(d);
	return is_wrong(d);
}

enum err dial_start(struct dialled *d)
{
	d->context = NULL;
	if (!may_try())
		return ERR_STORE;
	d->deadline = clock_ms() + DIAL_MS;
	return begin(d);
}

/* 0, or why it is not connected. */
static int wait_connected(const struct dialled *d)
{
	struct pollfd p = { d->context->fd, POLLOUT, 0 };
	int error = 0;

	if (poll(&p, 1, left_ms(d)) <= 0)
		return ETIMEDOUT;
	getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof error });
	return error;
}

static enum err connected(struct dialled *d)
{
	redisContext *c = d->context;
	int error = conf->redis.path ? 0 : wait_connected(d);

	if (error) {
		is_away("redis.connect", error == ETIMEDOUT ? "timeout" :
			strerror(error));
		drop(d);
		return is_wrong(d);
	}
	if (!conf->redis.path) {
		set_options(c->fd, (int)conf->ping);
		fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) & ~O_NONBLOCK);
		c->flags |= REDIS_BLOCK;
	}
	redisSetTimeout(c, timeval_of(COMMAND_MS));
	return OK;
}

enum err dial_greet(struct dialled *d)
{
	const struct redis_url *url = &conf->redis;
	enum err e = connected(d);

	if (e)
		return e;
	if (url->user)
		redisAppendCommand(d->context, "AUTH %s %s", url->user,
				   url->password);
	else if (url->password)
		redisAppendCommand(d->context, "AUTH %s", url->password);
	if (url->db)
		redisAppendCommand(d->context, "SELECT %d", url->db);
	if (url->master)
		redisAppendCommand(d->context, "ROLE");
	return OK;
}

static bool greeted(redisContext *c)
{
	const struct redis_url *url = &conf->redis;

	return (!url->password || expect(c)) && (!url->db || expect(c)) &&
		(!url->master || expect_master(c));
}

enum err dial_greeted(struct dialled *d)
{
	return greeted(d->context) ? OK : is_wrong(d);
}

/* Where it fails there may be a context, which says why. */
static bool dial_once(struct dialled *d)
{
	redisContext *c;

	if (begin(d) || dial_greet(d))
		return false;
	c = d->context;
	redisAppendCommand(c, "INFO server");
	redisSetTimeout(c, timeval_of(left_ms(d)));
	if (!greeted(c) || !read_server(c, d->server, sizeof d->server))
		return false;
	redisSetTimeout(c, timeval_of(COMMAND_MS));
	/* A connection alone says nothing: a server that stands still accepts it
	 * too. */
	dial_found("redis.connect");
	return true;
}

enum err dial(struct dialled *d)
{
	bool closed = true;

	d->context = NULL;
	if (!may_try())
		return ERR_STORE;
	d->deadline = clock_ms() + DIAL_MS;
	for (int left = TRIES; left && closed; left--) {
		if (dial_once(d))
			return OK;
		if (!d->context)
			return ERR_STORE;
		closed = d->context->err && !timed_out(d->context);
		if (d->context->err && (!closed || left == 1))
			dial_lost("redis.greet", d->context);
		drop(d);
	}
	return is_wrong(d);
}

bool dial_moved(const struct dialled *d)
{
	return conf->redis.master && sentinel_moved(&conf->redis, d->turn);
}
