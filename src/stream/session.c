/*
 * All commands of a round are sent together, on one connection beside those of the
 * subscriptions. What a step asks for waits in one of two lists, until sessions_flush():
 *
 *	to_beat		one script for BEATS_AT_ONCE, BATCHES_MAX of them under way at a time
 *	to_ask		one script each. ASKS_MAX are under way at a time, from the
 *			subscription to the answer of a connect: each may bring a page, and
 *			where a script takes long those that were sent after it are late
 *
 * With a sweep they are fewer than redis_enqueue() would wait for.
 *
 * The callbacks of replies only move sessions between lists: a session whose step is over
 * goes into `finished`, from where session_ready() takes it.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "shared/metric.h"
#include "stream/reaper.h"
#include "stream/session.h"

enum { ASKS_MAX = 128, BATCHES_MAX = 64, TRIES = 2 };
static_assert(ASKS_MAX + BATCHES_MAX + 1 < REDIS_UNANSWERED_MAX, "redis_enqueue() would wait");

struct beat_batch {
	struct session *all[BEATS_AT_ONCE];
	struct beat beats[BEATS_AT_ONCE];
	int count;
	bool is_due;			/* for a sweep */
};

static struct session_list to_beat = TAILQ_HEAD_INITIALIZER(to_beat);
static struct session_list to_ask = TAILQ_HEAD_INITIALIZER(to_ask);
static struct session_list finished = TAILQ_HEAD_INITIALIZER(finished);
static int beats_waiting, asks_under_way, batches_under_way;
static struct redis *sessions_redis;
static bool redis_has_event;
static const struct conf *sessions_conf;

void sessions_init(int epoll, const struct conf *conf)
{
	char *own = presence_channel(conf, PRESENCE_CONNECTION);

	sessions_conf = conf;
	sessions_redis = redis_new(epoll);
	subscription_init(epoll, own, message_is_last);
	free(own);
}

void session_init(struct session *s, const struct conf *conf, const struct peer *peer,
		  int64_t issued)
{
	s->conf = conf;
	s->peer = *peer;
	s->issued = issued;
	s->channel = presence_channel(conf, peer->id);
}

/* NULL: into none. */
static void set_list(struct session *s, struct session_list *list)
{
	if (s->list)
		TAILQ_REMOVE(s->list, s, entry);
	if (list)
		TAILQ_INSERT_TAIL(list, s, entry);
	beats_waiting += (list == &to_beat) - (s->list == &to_beat);
	s->list = list;
}

void session_free(struct session *s)
{
	set_list(s, NULL);
	session_drop(s);
	session_free_presence(s);
	free(s->channel);
}

bool session_is_busy(const struct session *s)
{
	return s->step != SESSION_IDLE;
}

void session_drop(struct session *s)
{
	subscription_free(s->subscription);
	s->subscription = NULL;
}

static void begin_step(struct session *s, enum session_step step, struct session_list *list)
{
	s->tries = 0;
	s->step = step;
	set_list(s, list);
}

static void finish_step(struct session *s, enum err e)
{
	s->err = e;
	s->step = SESSION_IDLE;
	set_list(s, &finished);
}

static void finish_ask(struct session *s, enum err e)
{
	asks_under_way--;
	finish_step(s, e);
}

/* Connecting */

static void fail_connect(struct session *s, enum err e)
{
	if (++s->tries == TRIES || e == ERR_REVOKED) {
		finish_ask(s, e);
		return;
	}
	asks_under_way--;
	s->step = SESSION_TO_CONNECT;
	set_list(s, &to_ask);
}

static bool is_too_early(void)
{
	return clock_ms() < subscription_settles_at();
}

static void on_connected(void *arg, enum err e)
{
	struct session *s = arg;

	if (e) {
		fail_connect(s, e);
		return;
	}
	s->number = s->presence.number;
	if (is_too_early()) {
		/* The subscription was confirmed by the master before. */
		session_free_presence(s);
		session_drop(s);
		finish_ask(s, OK);
		return;
	}
	strcpy(s->incarnation, s->presence.incarnation);
	/* If all processes were killed, the first one that is back sweeps for all of them. */
	reaper_sweep_in(0);
	finish_ask(s, OK);
}

static void ask_position(struct session *s)
{
	s->step = SESSION_CONNECTING;
	presence_connect(sessions_redis, s->conf, &s->peer, s->issued, s->position,
			 s->number, &s->presence, on_connected, s);
}

static void check_subscription(struct session *s)
{
	enum subscription_state state = subscription_state(s->subscription);

	if (state == SUBSCRIPTION_STARTING)
		return;
	if (state != SUBSCRIPTION_CONFIRMED) {
		enum err e = state == SUBSCRIPTION_LOST ?
			subscription_error(s->subscription) : ERR_STORE;

		session_drop(s);
		fail_connect(s, e);
	} else if (is_too_early()) {
		session_drop(s);
		finish_ask(s, OK);
	} else {
		ask_position(s);
	}
}

/* The first one of a process connects for the subscription and for the script at the same
 * time. */
static void start_connect(struct session *s)
{
	/* The subscription of the first try may have been lost since. */
	if (s->subscription &&
	    subscription_state(s->subscription) != SUBSCRIPTION_CONFIRMED)
		session_drop(s);
	if (!s->subscription)
		s->subscription = subscription_start(s->channel, s);
	if (!s->subscription) {
		fail_connect(s, ERR_STORE);
		return;
	}
	s->step = SESSION_SUBSCRIBING;
	redis_prepare(sessions_redis);
	check_subscription(s);
}

void session_connect(struct session *s)
{
	begin_step(s, SESSION_TO_CONNECT, &to_ask);
}

void session_free_presence(struct session *s)
{
	reply_free(s->presence.reply);
	s->presence = (struct presence){ .reply = NULL };
}

/* Beating */

static void finish_beat(struct session *s, const struct beat *b, enum err e)
{
	if (e && ++s->tries < TRIES) {
		s->step = SESSION_TO_BEAT;
		set_list(s, &to_beat);
		return;
	}
	s->beat = *b;
	finish_step(s, e);
}

static void on_beaten(void *arg, enum err e)
{
	struct beat_batch *b = arg;

	batches_under_way--;
	for (int i = 0; i < b->count; i++)
		finish_beat(b->all[i], &b->beats[i], e);
	if (!e) {
		if (b->is_due)
			reaper_sweep_in(0);
		metric_add(METRIC_BEATS, 0, (uint64_t)b->count);
		metric_add(METRIC_BEAT_BATCHES, 0, 1);
	}
	free(b);
}

/* By one script. */
static void start_beats(void)
{
	struct beat_batch *b = xcalloc(1, sizeof *b);
	struct session *s;

	while (b->count < BEATS_AT_ONCE && (s = TAILQ_FIRST(&to_beat))) {
		set_list(s, NULL);
		s->step = SESSION_BEATING;
		b->beats[b->count] = s->beat;
		b->all[b->count++] = s;
	}
	batches_under_way++;
	reaper_note_beat(sessions_conf);
	presence_beat(sessions_redis, sessions_conf, b->beats, b->count, &b->is_due,
		      on_beaten, b);
}

void session_beat(struct session *s, bool trims)
{
	s->beat = (struct beat){
		.peer = &s->peer, .incarnation = s->incarnation,
		.connection = subscription_connection(s->subscription), .trims = trims,
	};
	begin_step(s, SESSION_TO_BEAT, &to_beat);
}

/* Replaying. Messages that come meanwhile wait in the subscription. Where these were too
 * many, they are replayed as well. */

static void on_replayed(void *arg, enum err e)
{
	finish_ask(arg, e);
}

static void start_replay(struct session *s)
{
	s->step = SESSION_REPLAYING;
	presence_replay(sessions_redis, s->conf, &s->peer, s->position, &s->presence,
			on_replayed, s);
}

void session_replay(struct session *s)
{
	begin_step(s, SESSION_TO_REPLAY, &to_ask);
}

/* Leaving */

static void on_left(void *arg, enum err e)
{
	struct session *s = arg;

	if (!e && s->is_leaving)
		reaper_sweep_in(s->conf->grace * 1000);
	finish_ask(s, e);
}

static void start_leave(struct session *s)
{
	s->step = SESSION_LEAVING;
	presence_leave(sessions_redis, s->conf, &s->peer, s->number, &s->is_leaving,
		       on_left, s);
}

/* Until that is confirmed, late or lost. */
static void check_unsubscribed(struct session *s)
{
	if (subscription_state(s->subscription) == SUBSCRIPTION_STOPPING)
		return;
	session_drop(s);
	begin_step(s, SESSION_TO_LEAVE, &to_ask);
}

void session_leave(struct session *s)
{
	if (!s->subscription) {
		begin_step(s, SESSION_TO_LEAVE, &to_ask);
		return;
	}
	begin_step(s, SESSION_UNSUBSCRIBING, NULL);
	subscription_stop(s->subscription);
	check_unsubscribed(s);
}

/* All of them */

bool sessions_dispatch(const struct epoll_event *e)
{
	if (e->data.u64 & SUBSCRIPTION_EVENT)
		subscription_receive(e->data.u64);
	else if (e->data.ptr == sessions_redis)
		redis_has_event = true;
	else
		return false;
	return true;
}

void sessions_receive(void)
{
	subscription_expire();
	redis_receive(sessions_redis, redis_has_event);
	redis_has_event = false;
}

/* Whether its stream is to hear of what has come for its subscription. */
static bool dispatch_subscription(struct session *s)
{
	switch (s->step) {
	case SESSION_SUBSCRIBING:
		check_subscription(s);
		return false;
	case SESSION_UNSUBSCRIBING:
		check_unsubscribed(s);
		return false;
	case SESSION_IDLE:
	case SESSION_TO_BEAT:
	case SESSION_BEATING:
		return true;
	default:
		return false;
	}
}

void *session_ready(void)
{
	struct session *s;

	while ((s = subscription_ready()))
		if (dispatch_subscription(s))
			return s->arg;
	s = TAILQ_FIRST(&finished);
	if (!s)
		return NULL;
	set_list(s, NULL);
	return s->arg;
}

static void start_ask(struct session *s)
{
	set_list(s, NULL);
	asks_under_way++;
	if (s->step == SESSION_TO_CONNECT)
		start_connect(s);
	else if (s->step == SESSION_TO_REPLAY)
		start_replay(s);
	else
		start_leave(s);
}

static bool may_beat(int least)
{
	return beats_waiting >= least && batches_under_way < BATCHES_MAX;
}

static bool may_ask(void)
{
	return !TAILQ_EMPTY(&to_ask) && asks_under_way < ASKS_MAX;
}

/* Beats first, and a sweep: they must not be late. */
void sessions_flush(bool more_to_come)
{
	while (may_beat(more_to_come ? BEATS_AT_ONCE : 1))
		start_beats();
	reaper_run(sessions_redis, sessions_conf);
	while (may_ask())
		start_ask(TAILQ_FIRST(&to_ask));
	subscription_flush();
	redis_flush(sessions_redis);
}

static int64_t earliest_of(const int64_t *times, size_t count)
{
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < count; i++)
		if (times[i] < first)
			first = times[i];
	return first;
}

int64_t sessions_deadline(void)
{
	const int64_t times[] = {
		redis_deadline(sessions_redis), redis_trim(sessions_redis),
		subscription_deadline(), reaper_deadline(),
	};

	/* What failed as it was sent is to be reported, or tried again. */
	if (subscription_has_ready() || !TAILQ_EMPTY(&finished) || may_beat(1) || may_ask())
		return 0;
	return earliest_of(times, sizeof times / sizeof *times);
}
