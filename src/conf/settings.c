#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/kinds.h"
#include "conf/settings.h"

#define AT(member) offsetof(struct conf, member)

/*
 * In the order in which "drawbridge check" shows them. Some bounds are held by other
 * places; whoever moves one has to look there:
 *
 * PING and GRACE: base/slots.h schedules up to GRACE + PING / 2 ahead. The time-outs
 * for silence in our configurations of web servers (180 s and more) must be above PING.
 *
 * STREAM_AGE: the keys of a stream are not renewed while it is open, so KEEP_S of
 * store/script.c is twice the maximum. FcgidBusyTimeout (90000 in
 * apache/drawbridge.conf) must be above it.
 *
 * BODY_MAX: below the limits in our configurations of web servers, 2 MiB and more;
 * below DRAIN_MAX of web/conns.c; and with what is added to a batch below MESSAGE_MAX
 * of room/room.c.
 *
 * BODY_TIMEOUT: web/conns.c checks the rate of a body in thirds of it, so each has a
 * second.
 *
 * ROOM_PEERS and PEER_ROOMS: their product bounds how often a script is run again
 * (AGAIN_MAX of room/script_args.h).
 *
 * STREAMS: COUNT_BITS of shared/quota.c.
 */
const struct setting settings[] = {
	{ .name = "SECRET", .kind = &kind_secrets, .member = AT(secrets) },
	{ .name = "REDIS_URL", .kind = &kind_redis, .member = AT(redis),
	  .preset = "redis://127.0.0.1:6379/0" },
	{ .name = "PREFIX", .kind = &kind_prefix, .member = AT(prefix) },
	{ .name = "MOUNT", .kind = &kind_mount, .member = AT(mount), .preset = "/" },
	{ .name = "ACCESS", .kind = &kind_switch, .member = AT(access), .preset = "on" },
	{ .name = "ACCESS_RATE", .kind = &kind_number, .member = AT(access_rate),
	  .preset = "60", .min = 0, .max = 1000000 },
	{ .name = "PROXIES", .kind = &kind_networks, .member = AT(proxies),
	  .preset = "none" },
	{ .name = "TOKEN_TTL", .kind = &kind_number, .member = AT(token_ttl),
	  .preset = "3600", .min = 10, .max = 31536000 },
	{ .name = "ORIGINS", .kind = &kind_origins, .member = AT(origins) },
	{ .name = "PING", .kind = &kind_number, .member = AT(ping),
	  .preset = "10", .min = 1, .max = 60 },
	{ .name = "GRACE", .kind = &kind_number, .member = AT(grace),
	  .preset = "10", .min = 1, .max = 600, .at_least = { 1, AT(ping) } },
	{ .name = "STREAM_AGE", .kind = &kind_number, .member = AT(stream_age),
	  .preset = "3600", .min = 1, .max = 86400 },
	{ .name = "SEND_TIMEOUT", .kind = &kind_number, .member = AT(send_timeout),
	  .preset = "30", .min = 1, .max = 600 },
	{ .name = "MAILBOX", .kind = &kind_number, .member = AT(mailbox),
	  .preset = "256", .min = 4, .max = 100000, .at_least = { 2, AT(room_peers) } },
	{ .name = "MAILBOX_TTL", .kind = &kind_number, .member = AT(mailbox_ttl),
	  .preset = "60", .min = 2, .max = 86400, .at_least = { 2, AT(grace) } },
	{ .name = "BODY_MAX", .kind = &kind_number, .member = AT(body_max),
	  .preset = "65536", .min = 1024, .max = 1000000 },
	{ .name = "BODY_TIMEOUT", .kind = &kind_number, .member = AT(body_timeout),
	  .preset = "30", .min = 3, .max = 600 },
	{ .name = "ROOM_PEERS", .kind = &kind_number, .member = AT(room_peers),
	  .preset = "32", .min = 2, .max = 1024 },
	{ .name = "PEER_ROOMS", .kind = &kind_number, .member = AT(peer_rooms),
	  .preset = "16", .min = 1, .max = 64 },
	{ .name = "PEER_STREAMS", .kind = &kind_number, .member = AT(peer_streams),
	  .preset = "8", .min = 1, .max = 1000 },
	{ .name = "RATE", .kind = &kind_number, .member = AT(rate),
	  .preset = "100", .min = 0, .max = 1000000 },
	{ .name = "RATE_BYTES", .kind = &kind_number, .member = AT(rate_bytes),
	  .preset = "262144", .min = 0, .max = 1000000000 },
	{ .name = "SERVER_RATE", .kind = &kind_number, .member = AT(server_rate),
	  .preset = "100", .min = 0, .max = 1000000 },
	{ .name = "WORKERS", .kind = &kind_number, .member = AT(workers),
	  .preset = "3", .min = 1, .max = 256 },
	{ .name = "STREAMS", .kind = &kind_number, .member = AT(streams),
	  .preset = "10000", .min = 1, .max = 1000000 },
	{ .name = "STUN_URLS", .kind = &kind_stun_urls, .member = AT(stun_urls) },
	{ .name = "TURN_URLS", .kind = &kind_turn_urls, .member = AT(turn_urls) },
	{ .name = "TURN_SECRET", .kind = &kind_secret, .member = AT(turn_secret) },
	{ .name = "TURN_TTL", .kind = &kind_number, .member = AT(turn_ttl),
	  .preset = "3600", .min = 60, .max = 604800 },
	{ .name = "WEBHOOK", .kind = &kind_webhook, .member = AT(webhook) },
	{ .name = "WEBHOOK_SECRET", .kind = &kind_webhook_secrets,
	  .member = AT(webhook_secrets) },
	{ .name = "WEBHOOK_BACKLOG", .kind = &kind_number, .member = AT(webhook_backlog),
	  .preset = "100000", .min = 1000, .max = 10000000 },
	{ .name = "METRICS_FROM", .kind = &kind_networks, .member = AT(metrics_from),
	  .preset = "none" },
	{ .name = "METRICS_TOKEN", .kind = &kind_metrics_token,
	  .member = AT(metrics_token) },
	{ .name = "SHM", .kind = &kind_shm, .member = AT(shm) },
	{ .name = "LOG", .kind = &kind_level, .member = AT(log), .preset = "info" },
};

const int setting_count = sizeof settings / sizeof *settings;

static int find_name(const char *name, size_t len)
{
	for (int i = 0; i < setting_count; i++)
		if (strlen(settings[i].name) == len &&
		    !memcmp(settings[i].name, name, len))
			return i;
	return -1;
}

int setting_find(const char *name, size_t len, bool *is_file)
{
	int i = find_name(name, len);

	/* The whole name first, should a setting ever end in _FILE itself. */
	*is_file = i < 0 && len > 5 && !memcmp(name + len - 5, "_FILE", 5);
	return *is_file ? find_name(name, len - 5) : i;
}

const struct setting *setting_of_member(size_t member)
{
	for (int i = 0; i < setting_count; i++)
		if (settings[i].member == member)
			return &settings[i];
	abort();
}
