/*
 * A whole request, from its head to its answer: parameters as the web server
 * gives them, NAME=value, one a line; then an empty line, and the body. The token
 * "T" stands for one that is valid, "S" for one of a server. Redis cannot be reached.
 */
#include "config.h"

#include "auth/token.h"
#include "base/clock.h"
#include "fuzz.h"
#include "signal/routes.h"
#include "store/store.h"

enum { PARAMETERS_MAX = 32 };

struct fcgi {
	char *head;
	char *name[PARAMETERS_MAX], *value[PARAMETERS_MAX];
	size_t count;
	struct request_body body;
	int answers;
};

/* web/fcgi.c's place */

const char *fcgi_env(const struct fcgi *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->name[i], name))
			return f->value[i];
	return NULL;
}

bool fcgi_env_is_ambiguous(const struct fcgi *f, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < f->count; i++)
		count += !strcmp(f->name[i], name);
	return count > 1;
}

const struct request_body *fcgi_body(const struct fcgi *f)
{
	return &f->body;
}

bool fcgi_is_cgi(const struct fcgi *f)
{
	return fcgi_env(f, "GATEWAY_INTERFACE");
}

void fcgi_answer(struct fcgi *f, const char *data, size_t len)
{
	/* Nothing in a request makes a 500, or a header line of its own. */
	HOLDS(len > 12 && !memcmp(data, "Status: ", 8));
	HOLDS(strchr("234", data[8]) || !memcmp(data + 8, "503", 3));
	HOLDS(memmem(data, len, "\r\n\r\n", 4));
	f->answers++;
}

void fcgi_free(struct fcgi *f)
{
	(void)f;
}

/* The request */

static const char *valid_token(bool server)
{
	static char *texts[2];
	int64_t now = clock_unix();
	struct claims claims = { .peer = { "ann", "Ann" }, .server = server,
				 .expires = server ? now + SERVER_TTL_MAX : INT32_MAX };

	if (!texts[server])
		texts[server] = token_sign(fuzz_conf(), &claims, now);
	return texts[server];
}

static char *with_token(const char *value, const char *before)
{
	size_t len = strlen(before);
	struct buf b = BUF_INIT(1 << 20);

	if (strncmp(value, before, len) ||
	    (strcmp(value + len, "T") && strcmp(value + len, "S")))
		return xstrdup(value);
	buf_fmt(&b, "%s%s", before, valid_token(value[len] == 'S'));
	return b.data;
}

static void parse_head(struct fcgi *f)
{
	char *line = f->head, *next, *eq;

	for (; line && *line && f->count < PARAMETERS_MAX; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		eq = strchr(line, '=');
		if (!eq)
			continue;
		*eq++ = '\0';
		f->name[f->count] = line;
		f->value[f->count++] = !strcmp(line, "HTTP_COOKIE") ?
			with_token(eq, "drawbridge=") : with_token(eq, "Bearer ");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct redis *redis;
	const uint8_t *blank = size ? memmem(data, size, "\n\n", 2) : NULL;
	size_t head = blank ? (size_t)(blank - data) : size;
	struct fcgi f = { .head = fuzz_text(data, head) };
	struct call *c;

	if (!redis) {
		store_init(fuzz_conf());
		redis = redis_new(-1);
	}
	f.body.complete = true;
	f.body.kept.max = fuzz_conf()->body_max;
	if (blank) {
		f.body.len = size - head - 2;
		buf_add(&f.body.kept, (const char *)blank + 2, f.body.len);
	}
	parse_head(&f);
	c = http_call_new(&f, fuzz_conf(), signal_routes);
	if (c)
		http_dispatch(c, redis);
	redis_drain(redis);
	HOLDS(f.answers == 1);
	for (size_t i = 0; i < f.count; i++)
		free(f.value[i]);
	free(f.head);
	buf_free(&f.body.kept);
	return 0;
}
