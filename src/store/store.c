#include "config.h"

#include "store/dial.h"
#include "store/script.h"
#include "store/store.h"
#include "store/tls.h"

const char *store_init(const struct conf *conf)
{
	dial_init(conf);
	script_init(conf);
	return tls_init(&conf->redis);
}
