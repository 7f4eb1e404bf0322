#include "config.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "shared/metric.h"
#include "store/info.h"
#include "store/script.h"

enum { WARN_MS = 10000 };		/* between two lines */

const char *info_value(const char *info, const char *name, char *to, size_t size)
{
	size_t name_len = strlen(name), len;

	*to = '\0';
	for (; *info; info += strcspn(info, "\n"), info += *info == '\n') {
		if (strncmp(info, name, name_len) || info[name_len] != ':')
			continue;
		info += name_len + 1;
		len = strcspn(info, "\r\n");
		if (len >= size)
			break;
		memcpy(to, info, len);
		to[len] = '\0';
		break;
	}
	return to;
}

bool info_version_suffices(const char *version)
{
	return atoi(version) >= atoi(REDIS_VERSION_MIN);
}

static void warn_of_eviction(const char *policy, const char *maxmemory)
{
	static _Atomic int64_t warn_at;

	if (!clock_due(&warn_at, WARN_MS))
		return;
	if (atoll(maxmemory))
		log_warn("redis.greet", "redis=evicts why=maxmemory-policy is %s: Redis "
			 "evicts keys of ours once it uses maxmemory (%s bytes); "
			 "noeviction is needed", policy, maxmemory);
	else
		log_warn("redis.greet", "redis=evicts why=maxmemory-policy is %s: Redis "
			 "would evict keys of ours if it had a maxmemory; "
			 "noeviction is needed", policy);
}

void info_note_memory(const char *info)
{
	char policy[64], maxmemory[24];
	bool evicts;

	info_value(info, "maxmemory_policy", policy, sizeof policy);
	info_value(info, "maxmemory", maxmemory, sizeof maxmemory);
	evicts = *policy && strcmp(policy, "noeviction");
	metric_set(METRIC_REDIS_EVICTS, evicts);
	metric_set(METRIC_REDIS_MAXMEMORY, strtoull(maxmemory, NULL, 10));
	if (evicts)
		warn_of_eviction(policy, maxmemory);
}
