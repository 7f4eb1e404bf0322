#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/dial.h"
#include "store/store.h"

enum {
	AWAY_MS = 200,			/* between two tries while Redis is away */
	REFUSAL_MS = 10000,		/* between two lines of the same refusal */
};

static const struct conf *conf;

/* When it may be tried again; 0: it is there. */
static _Atomic int64_t away_until;

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
		&until, now + CONNECT_MS + GREET_MS + AWAY_MS);
}

static void is_away(const char *at, const char *why)
{
	if (!atomic_exchange(&away_until, clock_ms() + AWAY_MS))
		log_warn(at, "redis=lost why=%s", why);
}

bool dial_is_away(void)
{
	return atomic_load(&away_until);
}

void dial_found(const char *at)
{
	if (atomic_exchange(&away_until, 0))
		log_info(at, "redis=back");
}

void dial_lost(const char *at, const redisContext *context)
{
	/* hiredis has no word of its own for a timeout. */
	is_away(at, !context ? "memory" :
		context->err == REDIS_ERR_IO && (!context->errstr[0] ||
			strstr(context->errstr, "temporarily")) ? "timeout" :
		context->errstr);
}

bool dial_refused(const char *at, const char *error)
{
	static const char *const elsewhere[] = {
		"READONLY", "LOADING", "MASTERDOWN", "NOAUTH", "CLUSTERDOWN",
	};
	int64_t now = clock_ms();

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

/* The next answer of a greeting; NULL where it is none that helps. */
static redisReply *answer(redisContext *c)
{
	redisReply *r = NULL;

	if (redisGetReply(c, (void **)&r) != REDIS_OK) {
		dial_lost("redis.greet", c);
		return NULL;
	}
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

static bool take_server(redisContext *c, char *to, size_t size)
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

static bool greet(struct dialled *d, bool server)
{
	const struct redis_url *url = &conf->redis;
	redisContext *c = d->context;

	if (url->user)
		redisAppendCommand(c, "AUTH %s %s", url->user, url->password);
	else if (url->password)
		redisAppendCommand(c, "AUTH %s", url->password);
	if (url->db)
		redisAppendCommand(c, "SELECT %d", url->db);
	if (server)
		redisAppendCommand(c, "INFO server");
	if (url->password && !expect(c))
		return false;
	if (url->db && !expect(c))
		return false;
	return !server || take_server(c, d->server, sizeof d->server);
}

/* A host that has gone without a word is noticed within two of our pings, by
 * the kernel: a subscription that is only read would not notice at all. */
static void keep_alive(int fd, int ping)
{
	const int options[][2] = {
		{ TCP_KEEPIDLE, ping }, { TCP_KEEPINTVL, (ping + 1) / 2 },
		{ TCP_KEEPCNT, 2 }, { TCP_USER_TIMEOUT, 2000 * ping },
	};

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		setsockopt(fd, IPPROTO_TCP, options[i][0], &options[i][1],
			   sizeof(int));
}

enum err dial(struct dialled *d, bool server)
{
	const struct redis_url *url = &conf->redis;
	redisContext *c;

	if (!may_try())
		return ERR_STORE;
	c = url->path ?
		redisConnectUnixWithTimeout(url->path, timeval_of(CONNECT_MS)) :
		redisConnectWithTimeout(url->host, url->port,
					timeval_of(CONNECT_MS));
	d->context = c;
	if (!c || c->err) {
		dial_lost("redis.connect", c);
		goto failed;
	}
	if (!url->path)
		keep_alive(c->fd, (int)conf->ping);
	redisSetTimeout(c, timeval_of(GREET_MS));
	if (!greet(d, server))
		goto failed;
	redisSetTimeout(c, timeval_of(COMMAND_MS));
	/* A connection alone says nothing: a server that stands still accepts
	 * it too. */
	if (server || url->password || url->db)
		dial_found("redis.connect");
	return OK;
failed:
	if (c)
		redisFree(c);
	d->context = NULL;
	return ERR_STORE;
}
