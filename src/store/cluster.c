#include "config.h"

#include <string.h>

#include "base/number.h"
#include "conf/redis_url.h"
#include "store/cluster.h"

/* CRC16-CCITT (XMODEM): polynomial 0x1021, from 0. */
static unsigned crc16(const char *s, size_t len)
{
	unsigned crc = 0;

	while (len--) {
		crc ^= (unsigned)(unsigned char)*s++ << 8;
		for (int i = 0; i < 8; i++)
			crc = (crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
	}
	return crc;
}

unsigned cluster_slot(const char *key)
{
	size_t len = strlen(key);
	const char *tag = redis_hash_tag(key, &len);

	return crc16(tag ? tag : key, len) % CLUSTER_SLOTS;
}

/* A name that is too long for a host is none. */
static bool set_node(struct master *to, const char *host, size_t len, long long port)
{
	if (!len || len >= sizeof to->host || port < 1 || port > 65535)
		return false;
	memcpy(to->host, host, len);
	to->host[len] = '\0';
	to->port = (int)port;
	return true;
}

static const redisReply *element(const redisReply *r, size_t i, int type)
{
	return r && r->type == REDIS_REPLY_ARRAY && i < r->elements &&
		r->element[i]->type == type ? r->element[i] : NULL;
}

/* {first slot, last slot, {host, port, ...} of the master, and of each replica}; the host is
 * empty or nil where the node does not know it. */
static bool parse_range(const redisReply *range, unsigned slot, const char *asked, struct master *to)
{
	const redisReply *first = element(range, 0, REDIS_REPLY_INTEGER);
	const redisReply *last = element(range, 1, REDIS_REPLY_INTEGER);
	const redisReply *node = element(range, 2, REDIS_REPLY_ARRAY);
	const redisReply *host = element(node, 0, REDIS_REPLY_STRING);
	const redisReply *port = element(node, 1, REDIS_REPLY_INTEGER);

	if (!first || !last || !port || slot < first->integer || slot > last->integer)
		return false;
	return host && host->len ? set_node(to, host->str, (size_t)host->len, port->integer) :
		set_node(to, asked, strlen(asked), port->integer);
}

bool cluster_parse_slots(const redisReply *reply, unsigned slot, const char *asked, struct master *to)
{
	for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
		if (parse_range(reply->element[i], slot, asked, to))
			return true;
	return false;
}

/* "MOVED slot host:port"; an IPv6 address has no brackets. */
bool cluster_parse_moved(const char *error, const char *asked, struct master *to)
{
	static const char moved[] = "MOVED ";
	const char *host, *colon;
	long port;

	if (strncmp(error, moved, strlen(moved)))
		return false;
	host = strchr(error + strlen(moved), ' ');
	colon = host ? strrchr(++host, ':') : NULL;
	if (!colon || !number_parse(colon + 1, strlen(colon + 1), 1, 65535, &port))
		return false;
	return colon > host ? set_node(to, host, (size_t)(colon - host), port) :
		set_node(to, asked, strlen(asked), port);
}

bool cluster_is_unsettled(const char *error)
{
	static const char *const codes[] = { "ASK ", "TRYAGAIN ", "CLUSTERDOWN " };

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (!strncmp(error, codes[i], strlen(codes[i])))
			return true;
	return false;
}
