/*
 * Any thread may dial. What all share is in atomic variables, but for the refusals that were
 * logged, which a lock guards.
 *
 * "Away" is one moment, retry_at: 0 while Redis answers. Who finds it away sets it AWAY_MS
 * ahead; once it has come one thread gets to try, and moves it on for as long as that may
 * take. Whoever gets an answer sets it to 0.
 *
 * The order of a dial: an address (a file, a host's next one, or the master's of whom a
 * Sentinel tells), the connection, TLS, then AUTH, SELECT and ROLE in one write, and with
 * them what the caller appends. Where an address fails the next one has the time that is
 * left; where a server closes the connection in the greeting, as one that restarts does, all
 * is tried again.
 */
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
#include "base/resolve.h"
#include "shared/metric.h"
#include "store/dial.h"
#include "store/info.h"
#include "store/master.h"
#include "store/tls.h"

enum {
	AWAY_MS = 200,			/* between two tries while Redis is away */
	REFUSAL_MS = 10000,		/* between two lines of the same refusal, */
	SIMILAR_MS = 1000,		/* and of one that begins with the same word */
	REFUSALS_MAX = 8,		/* such words */
	LINE_MS = 1000,			/* between two lines of late answers; or that Redis
					 * is away */
	DIAL_TRIES = 3,			/* where it is closed in the greeting */
	PLACE_MAX = 127,
};

static const struct conf *store_conf;

/* Redis is away: when it may be tried again. 0: it is not. */
static _Atomic int64_t retry_at;
static atomic_bool lost_is_logged;
static _Atomic int64_t next_lost_at;	/* when it may be logged again */

/* When any connection got a reply, and when a late one may be logged again. */
static _Atomic int64_t answered_at, next_late_at;

/* What was logged last, one of each first word: Redis' code of an error, as READONLY. */
struct logged_refusal {
	char why[128];
	int64_t at;
};
static struct logged_refusal logged_refusals[REFUSALS_MAX];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

void dial_init(const struct conf *c)
{
	store_conf = c;
	master_init(c);
}

static struct timeval timeval_of(int ms)
{
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	return t;
}

static bool may_try(void)
{
	int64_t not_before = atomic_load(&retry_at), now = clock_ms();

	if (!not_before)
		return true;
	/* The thread that wins the exchange tries; the others see the later time. */
	return now >= not_before && atomic_compare_exchange_strong(&retry_at,
		&not_before, now + DIAL_MS + AWAY_MS);
}

/* Where it is so for some and not for others, as where Redis has no more connections, that
 * goes to and fro. */
static void mark_away(const char *at, const char *why)
{
	if (!atomic_exchange(&retry_at, clock_ms() + AWAY_MS))
		metric_add(METRIC_REDIS_LOST, 0, 1);
	if (!atomic_load(&lost_is_logged) && clock_due(&next_lost_at, LINE_MS)) {
		atomic_store(&lost_is_logged, true);
		log_warn(at, "redis=lost why=%s", why);
	}
}

bool dial_is_away(void)
{
	return atomic_load(&retry_at);
}

void dial_note_found(const char *at)
{
	if (atomic_exchange(&retry_at, 0))
		metric_add(METRIC_REDIS_BACK, 0, 1);
	if (atomic_exchange(&lost_is_logged, false))
		log_info(at, "redis=back");
}

/* hiredis has no error of its own for it. */
static bool timed_out(const redisContext *context)
{
	return context->err == REDIS_ERR_IO && (!context->errstr[0] ||
		strstr(context->errstr, "temporarily"));
}

void dial_note_reply(void)
{
	atomic_store(&answered_at, clock_ms());
}

/* A command may take long, or wait behind one that does: that is no reason to refuse all
 * others. */
void dial_note_late(const char *at, int64_t asked_at)
{
	if (atomic_load(&answered_at) <= asked_at)
		mark_away(at, "timeout");
	else if (clock_due(&next_late_at, LINE_MS))
		log_warn(at, "redis=late ms=%lld", (long long)(clock_ms() - asked_at));
}

void dial_note_broken(const char *at, const redisContext *context, int64_t asked_at)
{
	if (timed_out(context))
		dial_note_late(at, asked_at);
	else
		log_warn(at, "redis=closed why=%s", context->errstr);
}

/* The one with this first word; else the oldest, whose place the new one takes. */
static struct logged_refusal *find_refusal(const char *why)
{
	size_t word = strcspn(why, " ");
	struct logged_refusal *oldest = logged_refusals;

	for (struct logged_refusal *r = logged_refusals; r < logged_refusals + REFUSALS_MAX; r++) {
		if (strcspn(r->why, " ") == word && !memcmp(r->why, why, word))
			return r;
		if (r->at < oldest->at)
			oldest = r;
	}
	*oldest = (struct logged_refusal){ .at = -REFUSAL_MS };
	return oldest;
}

/* Redis is there, but does not serve us. Its words name the script, or a key, and so differ
 * each time. */
static void log_refusal(const char *at, const char *why)
{
	int64_t now = clock_ms();
	struct logged_refusal *last;
	bool is_same;

	pthread_mutex_lock(&log_lock);
	last = find_refusal(why);
	is_same = !strncmp(last->why, why, sizeof last->why - 1);
	if (now - last->at > (is_same ? REFUSAL_MS : SIMILAR_MS)) {
		last->at = now;
		snprintf(last->why, sizeof last->why, "%s", why);
		log_error(at, "redis=refuses why=%s", why);
	}
	pthread_mutex_unlock(&log_lock);
}

void dial_note_lost(const char *at, const redisContext *context)
{
	if (context && context->err == TLS_ERR_REFUSED)
		log_refusal(at, context->errstr);
	mark_away(at, !context ? "memory" : timed_out(context) ? "timeout" :
		  context->errstr);
}

bool dial_note_error(const char *at, const char *error)
{
	static const char *const elsewhere[] = {
		"READONLY", "LOADING", "MASTERDOWN", "NOAUTH", "CLUSTERDOWN",
		"NOREPLICAS",
	};

	metric_add(METRIC_REDIS_ERRORS, 0, 1);
	log_refusal(at, error);
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
		if (!strncmp(error, elsewhere[i], strlen(elsewhere[i])))
			return true;
	return false;
}

/* The next reply to the greeting. NULL: it is an error, which is logged; or the context has
 * one, which is not. */
static redisReply *read_greeting(redisContext *c)
{
	redisReply *r = NULL;

	if (redisGetReply(c, (void **)&r) != REDIS_OK)
		return NULL;
	if (r->type == REDIS_REPLY_ERROR) {
		dial_note_error("redis.greet", r->str);
		mark_away("redis.greet", r->str);
		freeReplyObject(r);
		return NULL;
	}
	return r;
}

static bool expect_ok(redisContext *c)
{
	redisReply *r = read_greeting(c);

	if (r)
		freeReplyObject(r);
	return r;
}

/* Which Redis it is, for the log. */
static const char *format_place(const redisContext *c, char to[PLACE_MAX + 1])
{
	if (c->connection_type == REDIS_CONN_UNIX)
		snprintf(to, PLACE_MAX + 1, "%s", c->unix_sock.path);
	else
		snprintf(to, PLACE_MAX + 1, strchr(c->tcp.host, ':') ? "[%s]:%d" : "%s:%d",
			 c->tcp.host, c->tcp.port);
	return to;
}

/* One that is too old is not away, so requests are refused at once. */
static enum err check_version(const redisContext *c, const char *info)
{
	char version[32], where[PLACE_MAX + 1], why[PLACE_MAX + 100];

	info_value(info, "redis_version", version, sizeof version);
	if (info_version_suffices(version))
		return OK;
	snprintf(why, sizeof why, "Redis at %s has version %s, but " REDIS_VERSION_MIN
		 " or later is needed, or Valkey", format_place(c, where),
		 *version ? version : "(none)");
	log_refusal("redis.greet", why);
	return ERR_STORE_VERSION;
}

/* A connection alone proves nothing: the kernel accepts it for a server that is stopped. */
static enum err read_server(struct dialled *d)
{
	redisReply *r = read_greeting(d->context);
	enum err e = ERR_STORE;

	if (!r)
		return ERR_STORE;
	if (!r->str || !*info_value(r->str, "run_id", d->server, sizeof d->server)) {
		mark_away("redis.greet", "INFO has no run_id");
	} else {
		dial_note_found("redis.connect");
		e = check_version(d->context, r->str);
	}
	freeReplyObject(r);
	return e;
}

/* Of a node of a Cluster: see generation() in presence.lua. */
static enum err read_replication(struct dialled *d)
{
	redisReply *r = read_greeting(d->context);
	bool good = r && r->str && *info_value(r->str, "master_replid", d->server, sizeof d->server);

	if (r && !good)
		mark_away("redis.greet", "INFO has no master_replid");
	if (r)
		freeReplyObject(r);
	return good ? OK : ERR_STORE;
}

/* A Redis that does not tell is used all the same. */
static enum err read_memory(redisContext *c)
{
	redisReply *r = NULL;

	if (redisGetReply(c, (void **)&r) != REDIS_OK)
		return ERR_STORE;
	info_note_memory(r->str ? r->str : "");
	freeReplyObject(r);
	return OK;
}

/* Sentinel may name one that became a replica a moment ago. */
static bool expect_master(redisContext *c)
{
	redisReply *r = read_greeting(c);
	const char *role = r && r->type == REDIS_REPLY_ARRAY && r->elements ?
		r->element[0]->str : NULL;
	bool good = role && !strcmp(role, "master");
	char where[PLACE_MAX + 1], why[PLACE_MAX + 60];

	if (r && !good) {
		snprintf(why, sizeof why, "%s is not a master, although %s names it",
			 format_place(c, where), store_conf->redis.cluster ?
			 "a node of the Cluster" : "Sentinel");
		mark_away("redis.greet", why);
	}
	if (r)
		freeReplyObject(r);
	return good;
}

/* So that the kernel notices within two of our pings that a host has vanished: a
 * subscription, which is only read, would never notice. */
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

	return left < 1 ? 1 : (int)left;	/* 0 is no limit to hiredis */
}

static void drop_context(struct dialled *d)
{
	redisFree(d->context);
	d->context = NULL;
}

void dial_reject(const struct dialled *d)
{
	if (master_is_asked_for())
		master_reject(d->epoch);
}

/* Blocking, as a full backlog is an error otherwise; a socket here is connected at once. */
static redisContext *connect_here(const struct dialled *d)
{
	return redisConnectUnixWithTimeout(store_conf->redis.path,
					   timeval_of(left_ms(d)));
}

/* To the next address of the host. */
static redisContext *connect_host(struct dialled *d, const char *name, int port)
{
	struct addresses a;
	const char *unresolved = resolve(name, d->deadline, &a);
	redisContext *c;
	char why[320];
	size_t next;

	d->untried = 0;
	if (unresolved) {
		snprintf(why, sizeof why, "%s: %s", name, unresolved);
		mark_away("redis.connect", why);
		dial_reject(d);
		return NULL;
	}
	/* The addresses may have changed since the last try. */
	next = d->tried++ % a.count;
	d->untried = a.count - next - 1;
	c = redisConnectNonBlock(a.text[next], port);
	if (store_conf->redis.tls && c && !c->err)
		tls_start(c, name);
	return c;
}

static redisContext *connect_master(struct dialled *d)
{
	struct master m;

	if (!master_find(&m)) {
		mark_away("redis.connect", store_conf->redis.cluster ?
			  "no node of the Cluster names the one that has our slot" :
			  "no Sentinel names the master");
		return NULL;
	}
	d->epoch = m.epoch;
	return connect_host(d, m.host, m.port);
}

static redisContext *connect_next(struct dialled *d)
{
	const struct redis_url *url = &store_conf->redis;

	return url->path ? connect_here(d) : master_is_asked_for() ? connect_master(d) :
		connect_host(d, url->server.name, url->server.port);
}

/* The addresses that were not tried yet, until a connection is under way. */
static enum err try_addresses(struct dialled *d)
{
	d->context = connect_next(d);
	while (d->context && d->context->err && d->untried) {
		drop_context(d);
		d->context = connect_next(d);
	}
	if (d->context && !d->context->err)
		return OK;
	if (!d->context)
		return ERR_STORE;
	dial_note_lost("redis.connect", d->context);
	drop_context(d);
	dial_reject(d);
	return ERR_STORE;
}

static enum err begin_connect(struct dialled *d)
{
	d->tried = d->untried = 0;
	return try_addresses(d);
}

enum err dial_start(struct dialled *d)
{
	d->context = NULL;
	if (!may_try())
		return ERR_STORE;
	d->deadline = clock_ms() + DIAL_MS;
	return begin_connect(d);
}

/* Each address has its share of the time. False: the context says why. */
static bool wait_connected(const struct dialled *d)
{
	redisContext *c = d->context;
	int ms = left_ms(d) / (int)(d->untried + 1);
	int64_t deadline = clock_ms() + ms;
	int error = 0;

	if (poll(&(struct pollfd){ c->fd, POLLOUT, 0 }, 1, ms) <= 0)
		error = EAGAIN;
	else
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof error });
	if (!error)
		return !store_conf->redis.tls || tls_handshake(c, deadline);
	c->err = REDIS_ERR_IO;
	snprintf(c->errstr, sizeof c->errstr, "%s", strerror(error));
	return false;
}

static enum err finish_connect(struct dialled *d)
{
	redisContext *c;

	while (!store_conf->redis.path && !wait_connected(d)) {
		enum err e;

		if (!d->untried) {
			dial_note_lost("redis.connect", d->context);
			drop_context(d);
			dial_reject(d);
			return ERR_STORE;
		}
		drop_context(d);
		e = try_addresses(d);
		if (e)
			return e;
	}
	c = d->context;
	if (!store_conf->redis.path) {
		set_options(c->fd, (int)store_conf->ping);
		c->flags |= REDIS_BLOCK;
	}
	/* With TLS it is tls.c that waits. */
	if (!store_conf->redis.path && !store_conf->redis.tls)
		fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) & ~O_NONBLOCK);
	redisSetTimeout(c, timeval_of(COMMAND_MS));
	return OK;
}

enum err dial_send_greeting(struct dialled *d)
{
	const struct redis_url *url = &store_conf->redis;
	enum err e = finish_connect(d);

	if (e)
		return e;
	if (url->user)
		redisAppendCommand(d->context, "AUTH %s %s", url->user,
				   url->password);
	else if (url->password)
		redisAppendCommand(d->context, "AUTH %s", url->password);
	if (url->db)
		redisAppendCommand(d->context, "SELECT %d", url->db);
	if (master_is_asked_for())
		redisAppendCommand(d->context, "ROLE");
	return OK;
}

static bool await_greeting(redisContext *c)
{
	const struct redis_url *url = &store_conf->redis;

	return (!url->password || expect_ok(c)) && (!url->db || expect_ok(c)) &&
		(!master_is_asked_for() || expect_master(c));
}

enum err dial_await_greeting(struct dialled *d)
{
	if (await_greeting(d->context))
		return OK;
	dial_reject(d);
	return ERR_STORE;
}

/* Where it fails there may be a context, which has the error. */
static enum err dial_once(struct dialled *d)
{
	redisContext *c;
	enum err e = begin_connect(d);

	if (!e)
		e = dial_send_greeting(d);
	if (e)
		return e;
	c = d->context;
	/* Before 7.0 INFO takes no more than one section. */
	redisAppendCommand(c, "INFO server");
	redisAppendCommand(c, "INFO memory");
	if (store_conf->redis.cluster)
		redisAppendCommand(c, "INFO replication");
	redisSetTimeout(c, timeval_of(left_ms(d)));
	e = await_greeting(c) ? read_server(d) : ERR_STORE;
	if (!e)
		e = read_memory(c);
	if (!e && store_conf->redis.cluster)
		e = read_replication(d);
	redisSetTimeout(c, timeval_of(COMMAND_MS));
	return e;
}

enum err dial(struct dialled *d)
{
	bool closed = true;
	enum err e = ERR_STORE;

	d->context = NULL;
	if (!may_try())
		return ERR_STORE;
	d->deadline = clock_ms() + DIAL_MS;
	for (int left = DIAL_TRIES; left && closed; left--) {
		e = dial_once(d);
		if (!e || !d->context)
			return e;
		closed = d->context->err && d->context->err != TLS_ERR_REFUSED &&
			!timed_out(d->context);
		if (d->context->err && (!closed || left == 1))
			dial_note_lost("redis.greet", d->context);
		drop_context(d);
	}
	dial_reject(d);
	return e;
}

bool dial_was_just_tried(void)
{
	return clock_ms() < atomic_load(&retry_at);
}

bool dial_note_moved(const struct dialled *d, const char *error)
{
	return store_conf->redis.cluster &&
		master_note_moved(d->epoch, error, d->context->tcp.host);
}

bool dial_master_changed(const struct dialled *d)
{
	return master_is_asked_for() && master_changed(d->epoch);
}

bool dial_master_replaced(const struct dialled *d)
{
	return master_is_asked_for() && master_replaced(d->epoch);
}

bool dial_is_stale(void)
{
	return master_is_asked_for() && master_is_stale();
}

void dial_refresh(void)
{
	master_refresh();
}
