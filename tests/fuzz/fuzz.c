#include "config.h"

#include <stdio.h>

#include "base/log.h"
#include "fuzz.h"

char *fuzz_text(const uint8_t *data, size_t size)
{
	return xstrndup((const char *)data, size);
}

const struct conf *fuzz_conf(void)
{
	static struct conf conf;
	char *environment[] = {
		(char *)(uintptr_t)"DRAWBRIDGE_CONF=/nonexistent",
		(char *)(uintptr_t)"DRAWBRIDGE_SECRET=" FUZZ_SECRET,
		(char *)(uintptr_t)"DRAWBRIDGE_ORIGINS=https://a.example",
		NULL,
	};
	struct buf why = BUF_INIT(4096);

	if (conf.secrets.count)
		return &conf;
	log_set_level(LOG_ERROR);
	HOLDS(conf_read(&conf, environment, &why));
	buf_free(&why);
	return &conf;
}
