#include "config.h"

#include <string.h>

#include "store/push.h"

const redisReply *push_member(const redisReply *r, const char *kind, size_t i)
{
	if (!r || r->type != REDIS_REPLY_ARRAY || r->elements <= i ||
	    r->element[0]->type != REDIS_REPLY_STRING ||
	    strcmp(r->element[0]->str, kind))
		return NULL;
	return r->element[i];
}
