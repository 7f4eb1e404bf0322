#include "config.h"

#include <string.h>

#include "base/hmac.h"
#include "shared/metric.h"
#include "signal/routes.h"

/* Not a token of a peer: it is a word from the settings, for whoever collects the
 * metrics. */
static bool has_token(const struct call *c)
{
	const char *want = c->conf->metrics_token;
	char token[BEARER_SIZE];

	return want && http_bearer(c, token) &&
		secret_equal(token, strlen(token), want, strlen(want));
}

/* Not if it is uncertain who the client is: of a proxy that PROXIES does not name the
 * address is all that is known, and it may be one of METRICS_FROM. */
static bool is_allowed_address(const struct call *c)
{
	char client[NETWORK_HOST_MAX];

	return http_client(c, client) &&
		network_any_has(c->conf->metrics_from.words, client);
}

static enum err run_metrics(struct call *c)
{
	/* 401 only where a token would help. */
	if (!has_token(c) && !is_allowed_address(c))
		return !c->conf->metrics_token ? ERR_ADDRESS :
			c->bearer ? ERR_TOKEN : ERR_NO_TOKEN;
	c->type = "text/plain; version=0.0.4; charset=utf-8";
	metric_append_all(&c->out);
	return OK;
}

const struct route route_metrics = {
	.method = "GET",
	.path = "/metrics",
	.token = TOKEN_IGNORED,
	.run = run_metrics,
};
