#include "config.h"

#include <string.h>

#include "base/hmac.h"
#include "base/metric.h"
#include "signal/routes.h"

static bool has_token(const struct call *c)
{
	const char *want = c->conf->metrics_token;
	char token[BEARER_MOST];

	return want && http_bearer(c, token) &&
		secret_equal(token, strlen(token), want, strlen(want));
}

/* What a proxy has passed on comes from the proxy's address, whoever asks. */
static bool known_address(const struct call *c)
{
	char client[NETWORK_HOST_MAX];

	return http_client(c, client) &&
		network_any_has(c->conf->metrics_from.words, client);
}

enum err run_metrics(struct call *c)
{
	if (!has_token(c) && !known_address(c))
		return !c->conf->metrics_token ? ERR_ADDRESS :
			c->bearer ? ERR_TOKEN : ERR_NO_TOKEN;
	c->type = "text/plain; version=0.0.4; charset=utf-8";
	metric_put(&c->out);
	return OK;
}
