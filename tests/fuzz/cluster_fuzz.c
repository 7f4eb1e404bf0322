/*
 * What nodes of a Redis Cluster say: a reply to CLUSTER SLOTS, and the text of an error.
 */
#include "config.h"

#include <hiredis/hiredis.h>

#include "fuzz.h"
#include "store/cluster.h"

static void check_node(bool good, const struct master *m)
{
	HOLDS(!good || (*m->host && strlen(m->host) < sizeof m->host && m->port >= 1 &&
			m->port <= 65535));
}

static void parse_reply(const char *data, size_t size)
{
	redisReader *reader = redisReaderCreate();
	struct master m;
	void *reply = NULL;

	redisReaderFeed(reader, data, size);
	if (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
		check_node(cluster_parse_slots(reply, 5, "asked", &m), &m);
		freeReplyObject(reply);
	}
	redisReaderFree(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct master m;

	parse_reply((const char *)data, size);
	check_node(cluster_parse_moved(text, "asked", &m), &m);
	HOLDS(cluster_slot(text) < CLUSTER_SLOTS);
	free(text);
	return 0;
}
