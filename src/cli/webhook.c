/*
 * drawbridge webhook - sends events of rooms on to the site's own server.
 *
 * One thread. Any number of these run, as one on each host, and one of them is the sender: who
 * holds the lease in Redis (room/webhook.h). It takes a batch, sends it, and takes the next one
 * when the site has said that it has this one. So the order holds, and what a killed sender had
 * begun the next one does again.
 *
 * Whatever it waits for, SIGTERM and SIGINT, which come by a descriptor, end it at once; but a
 * command that Redis does not answer within a second.
 */
#include "config.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <curl/curl.h>

#include "auth/webhook_signature.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "cli/commands.h"
#include "conf/conf.h"
#include "room/webhook.h"
#include "shared/shared.h"
#include "store/store.h"

enum {
	LOOK_MS = 250,			/* while there is no event */
	STANDBY_MS = 1000,		/* while another one is the sender */
	RENEW_MS = WEBHOOK_LEASE_MS / 4,
	REDIS_AWAY_MS = 500,
	REQUEST_MS = 10000,		/* below WEBHOOK_LEASE_LEFT_MS */
	SITE_RETRY_MIN_MS = 1000,
	SITE_RETRY_MAX_MS = 600 * 1000,
	DISCARDED_MAX = 64 * 1024,		/* bytes, which nobody reads */
	LOST_LINE_MS = 60 * 1000,	/* between two lines of lost events */
	WHY_SIZE = CURL_ERROR_SIZE,
};

struct sender {
	const struct conf *conf;
	struct redis *redis;
	char name[ID_RANDOM_LEN + 1];
	int signals;			/* a signalfd */
	bool stops;
	CURLM *multi;
	CURL *easy;			/* kept, and with it the connection */
	unsigned failures;		/* in a row */
	int64_t failing_since;		/* on clock_ms() */
	int64_t retry_at;
	unsigned given_up, pushed_out;	/* that no line has told yet */
	_Atomic int64_t next_line;
};

/* What came of a request. */
struct outcome {
	CURLcode code;
	long status;			/* 0: none */
	curl_off_t retry_after;		/* seconds; 0: it does not say */
	size_t answered;		/* bytes, with head and trailer */
	char why[WHY_SIZE];
};

static void await_signal(struct sender *s, int64_t ms)
{
	struct pollfd p = { s->signals, POLLIN, 0 };

	if (!s->stops && poll(&p, 1, ms > 0 ? (int)ms : 0) > 0)
		s->stops = true;
}

/* Enough is known when the status is. */
static size_t discard_answer(char *data, size_t size, size_t n, void *arg)
{
	struct outcome *o = arg;

	(void)data;
	o->answered += size * n;
	return o->answered > DISCARDED_MAX ? 0 : size * n;
}

static bool is_accepted(const struct outcome *o)
{
	bool complete = o->code == CURLE_OK || o->answered > DISCARDED_MAX;

	return complete && o->status >= 200 && o->status < 300;
}

static struct curl_slist *append_header(struct curl_slist *list, const char *name,
					const char *value)
{
	struct buf line = BUF_INIT(1024);

	buf_fmt(&line, "%s: %s", name, value);
	list = curl_slist_append(list, line.data);
	buf_free(&line);
	return list;
}

static struct curl_slist *make_headers(const struct sender *s, const struct webhook_batch *b,
				       const struct buf *body)
{
	struct buf id = BUF_INIT(128), time = BUF_INIT(32), signature = BUF_INIT(256);
	struct curl_slist *list = NULL;
	int64_t now = clock_unix();

	webhook_append_id(&id, b);
	buf_fmt(&time, "%lld", (long long)now);
	webhook_signature(&signature, &s->conf->webhook_secrets, id.data, now, body);
	list = append_header(list, "Content-Type", "application/json");
	list = append_header(list, "webhook-id", id.data);
	list = append_header(list, "webhook-timestamp", time.data);
	list = append_header(list, "webhook-signature", signature.data);
	/* libcurl would wait for a "100 Continue". */
	list = curl_slist_append(list, "Expect:");
	buf_free(&id);
	buf_free(&time);
	buf_free(&signature);
	return list;
}

/* Certificates are verified and redirects are not followed, as libcurl does by itself. */
static void prepare_request(struct sender *s, const struct buf *body, struct curl_slist *headers,
			    struct outcome *o)
{
	curl_easy_reset(s->easy);
	curl_easy_setopt(s->easy, CURLOPT_URL, s->conf->webhook);
	curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(s->easy, CURLOPT_TIMEOUT_MS, (long)REQUEST_MS);
	curl_easy_setopt(s->easy, CURLOPT_USERAGENT, "drawbridge/" PACKAGE_VERSION);
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)body->len);
	curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body->data);
	curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, o->why);
	curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, discard_answer);
	curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, o);
	/* libcurl keeps the fields of a trailer, too, and bounds only those of a head. */
	curl_easy_setopt(s->easy, CURLOPT_HEADERFUNCTION, discard_answer);
	curl_easy_setopt(s->easy, CURLOPT_HEADERDATA, o);
}

static bool request_is_done(struct sender *s, struct outcome *o)
{
	CURLMsg *message;
	int running, queued;

	curl_multi_perform(s->multi, &running);
	while ((message = curl_multi_info_read(s->multi, &queued)))
		if (message->msg == CURLMSG_DONE) {
			o->code = message->data.result;
			return true;
		}
	return false;
}

/* False: we are to end. The site may have got it, or not. */
static bool perform(struct sender *s, struct outcome *o)
{
	struct curl_waitfd extra = { s->signals, CURL_WAIT_POLLIN, 0 };

	curl_multi_add_handle(s->multi, s->easy);
	while (!request_is_done(s, o) && !s->stops) {
		curl_multi_poll(s->multi, &extra, 1, REQUEST_MS, NULL);
		s->stops = extra.revents;
	}
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &o->status);
	curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &o->retry_after);
	curl_multi_remove_handle(s->multi, s->easy);
	return !s->stops;
}

/* Twice as long each time, and up to a half more, so that not all sites that were away at the
 * same time are asked again at the same time. */
static int64_t retry_ms(const struct sender *s, const struct outcome *o)
{
	unsigned doubled = s->failures < 20 ? s->failures - 1 : 20;
	int64_t base = (int64_t)SITE_RETRY_MIN_MS << doubled, asked = SITE_RETRY_MAX_MS;
	int64_t ms;

	if (base > SITE_RETRY_MAX_MS * 2 / 3)
		base = SITE_RETRY_MAX_MS * 2 / 3;
	ms = random_between((unsigned)base, (unsigned)(base * 3 / 2));
	/* Gone for good, says the site: who runs it is to unset the setting. */
	if (o->status == 410)
		return SITE_RETRY_MAX_MS;
	if (o->retry_after < SITE_RETRY_MAX_MS / 1000)
		asked = o->retry_after * 1000;
	return asked > ms ? asked : ms;
}

static void note_failure(struct sender *s, const struct outcome *o)
{
	metric_add(METRIC_WEBHOOK_REQUESTS, REQUEST_FAILED, 1);
	if (!s->failures++) {
		s->failing_since = clock_ms();
		if (o->status && (o->code == CURLE_OK || o->answered > DISCARDED_MAX))
			log_warn("webhook.send", "site=fails why=status-%ld%s", o->status,
				 o->status == 410 ? " (Gone: is DRAWBRIDGE_WEBHOOK right?)" :
				 o->status / 100 == 3 ? " (redirects are not followed)" : "");
		else
			log_warn("webhook.send", "site=fails why=%s",
				 *o->why ? o->why : curl_easy_strerror(o->code));
	}
	s->retry_at = clock_ms() + retry_ms(s, o);
}

/* Until Redis knows: the next batch begins after this one. */
static void note_success(struct sender *s, const struct webhook_batch *b)
{
	metric_add(METRIC_WEBHOOK_REQUESTS, REQUEST_ACCEPTED, 1);
	metric_add(METRIC_WEBHOOK_EVENTS, WEBHOOK_ARRIVED, b->count);
	if (s->failures)
		log_info("webhook.send", "site=works after=%llds",
			 (long long)(clock_ms() - s->failing_since) / 1000);
	s->failures = 0;
	s->retry_at = 0;
	while (webhook_sent(s->redis, s->conf, b) && !s->stops)
		await_signal(s, REDIS_AWAY_MS);
}

static void send_batch(struct sender *s, const struct webhook_batch *b)
{
	struct outcome o = { .code = CURLE_OK };
	struct buf body = BUF_INIT(WEBHOOK_BODY_MAX);
	struct curl_slist *headers;

	webhook_append_body(&body, b);
	headers = make_headers(s, b, &body);
	prepare_request(s, &body, headers, &o);
	if (!perform(s, &o))
		;	/* nobody knows */
	else if (is_accepted(&o))
		note_success(s, b);
	else
		note_failure(s, &o);
	curl_slist_free_all(headers);
	buf_free(&body);
}

/* While a site is away this happens all the time. */
static void note_lost(struct sender *s, const struct webhook_batch *b)
{
	metric_add(METRIC_WEBHOOK_EVENTS, WEBHOOK_GIVEN_UP, b->given_up);
	metric_add(METRIC_WEBHOOK_EVENTS, WEBHOOK_PUSHED_OUT, b->pushed_out);
	s->given_up += b->given_up;
	s->pushed_out += b->pushed_out;
	if (!(s->given_up || s->pushed_out) || b->more || !clock_due(&s->next_line, LOST_LINE_MS))
		return;
	log_warn("webhook.take", "lost=%u given-up=%u pushed-out=%u", s->given_up + s->pushed_out,
		 s->given_up, s->pushed_out);
	s->given_up = s->pushed_out = 0;
}

/* As the sender, with a batch that was asked for at asked_at. */
static void use_batch(struct sender *s, const struct webhook_batch *b, int64_t asked_at)
{
	int64_t now = clock_ms();

	note_lost(s, b);
	if (b->more)
		return;
	/* Where this was stopped meanwhile another one may be the sender by now. */
	if (b->count && now + REQUEST_MS < asked_at + WEBHOOK_LEASE_LEFT_MS)
		send_batch(s, b);
	else if (!b->count)
		await_signal(s, s->retry_at <= now ? LOOK_MS :
			s->retry_at - now < RENEW_MS ? s->retry_at - now : RENEW_MS);
}

/* Another one is the sender. Who becomes it tries at once. */
static void stand_by(struct sender *s, const struct webhook_batch *b)
{
	s->failures = 0;
	s->retry_at = 0;
	await_signal(s, b->wait_ms < STANDBY_MS ? b->wait_ms : STANDBY_MS);
}

static void send_batches(struct sender *s)
{
	while (!s->stops) {
		int64_t asked_at = clock_ms();
		struct webhook_batch b;

		if (webhook_take(s->redis, s->conf, s->name,
				 asked_at < s->retry_at ? 0 : WEBHOOK_BATCH_MAX, &b)) {
			await_signal(s, REDIS_AWAY_MS);
			continue;
		}
		if (b.wait_ms)
			stand_by(s, &b);
		else
			use_batch(s, &b, asked_at);
		reply_free(b.reply);
	}
}

/* Before there is a second thread, which libcurl has for names of hosts. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void run_sender(const struct conf *conf)
{
	struct sender s = { .conf = conf, .signals = open_signals() };

	if (s.signals < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) ||
	    !(s.multi = curl_multi_init()) || !(s.easy = curl_easy_init()))
		abort();
	id_random(s.name);
	s.redis = redis_new(-1);
	log_info("webhook.start", "version=%s sender=%s", PACKAGE_VERSION, s.name);
	send_batches(&s);
	webhook_end(s.redis, conf, s.name);
	redis_free(s.redis);
	curl_easy_cleanup(s.easy);
	curl_multi_cleanup(s.multi);
	curl_global_cleanup();
	close(s.signals);
	log_info("webhook.stop", "version=%s", PACKAGE_VERSION);
}

static int run_webhook(int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	struct conf conf;
	const char *wrong;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return EXIT_USAGE;
	if (optind < argc)
		return usage_error("webhook takes no arguments");
	conf_load(&conf);
	wrong = conf.webhook ? store_init(&conf) :
		"DRAWBRIDGE_WEBHOOK is not set: there is nothing to send, and nowhere to";
	if (wrong) {
		log_error("conf.load", "%s", wrong);
	} else {
		shared_init(&conf);
		run_sender(&conf);
	}
	conf_free(&conf);
	return wrong ? EXIT_WRONG : 0;
}

const struct command command_webhook = {
	"webhook",
	"\n"
	"           Runs until it is ended: sends events of rooms to DRAWBRIDGE_WEBHOOK. Of\n"
	"           those on several hosts one sends, and another one takes over from it.",
	run_webhook,
};
