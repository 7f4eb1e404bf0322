/*
 * Settings are read in three steps: their texts, from the environment and the file
 * (raw.c); each by its kind (kinds.c); then what some of them demand of others, if each
 * is valid by itself, since a wrong one would only lead to complaints about right ones.
 * Within a step nothing ends at the first fault: whoever starts the program sees all of
 * them at once.
 *
 * A struct conf is zero before it is read, so conf_free() and show() may be called
 * however far reading came.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/raw.h"
#include "conf/settings.h"

enum { SHOWN_MAX = 64 * 1024 };

static void *member_of(struct conf *c, const struct setting *s)
{
	return (char *)c + s->member;
}

/* A member is set even without a text: by the preset, or by what its kind makes of
 * "". */
static bool read_setting(struct conf *c, const struct setting *s,
			 const struct raw_value *raw, struct buf *why)
{
	const char *text = s->preset, *allowed;
	char *set = NULL;

	if (raw->text) {
		text = set = raw_text(raw);
		if (!set)
			return complain(why, PREFIX "%s_FILE=%s: %s", s->name,
					raw->text, strerror(errno));
	}
	allowed = s->kind->read(s, text ? text : "", member_of(c, s));
	if (allowed && !text)
		complain(why, PREFIX "%s is required: %s", s->name, allowed);
	else if (allowed)
		complain(why, PREFIX "%s=%s: must be %s", s->name,
			 s->kind->secret ? "(not shown)" : text, allowed);
	free(set);
	return !allowed;
}

/* Raises a setting that is not set, and complains about one that is, if it is below so
 * many times another. Only numbers may have such a condition. The rows are checked in
 * their order: one that may be raised itself (GRACE) must stand above those that depend
 * on it (MAILBOX_TTL). */
static bool check_min(struct conf *c, const struct setting *s,
			const struct raw_value *raw, struct buf *why)
{
	const struct setting *other;
	unsigned *value, min;

	if (!s->at_least.times)
		return true;
	other = setting_of_member(s->at_least.member);
	value = member_of(c, s);
	min = s->at_least.times * *(unsigned *)member_of(c, other);
	if (*value >= min)
		return true;
	if (raw->text)
		return complain(why, PREFIX "%s=%u: must be at least %u (%u * "
				PREFIX "%s)", s->name, *value, min,
				s->at_least.times, other->name);
	*value = min;
	return true;
}

/* What settings require of each other. */
static bool check_together(struct conf *c, const struct raw_settings *raw,
			   struct buf *why)
{
	bool good = true;

	for (int i = 0; i < setting_count; i++)
		good = check_min(c, &settings[i], &raw->values[i], why) && good;
	/* A body of BODY_MAX should fit into the burst, which is that of RATE_WINDOW_S,
	 * 6 s. The name is not used here because store/script.h is above this layer. */
	if (c->rate_bytes && c->rate_bytes < c->body_max / 6 + 1)
		good = complain(why, PREFIX "RATE_BYTES=%u: must be 0, or at least "
				"%u (a sixth of " PREFIX "BODY_MAX)",
				c->rate_bytes, c->body_max / 6 + 1);
	if (c->redis.cluster && !redis_hash_tag(c->prefix, &(size_t){ 0 }))
		good = complain(why, PREFIX "PREFIX=%s: must have a hash tag, as {draw}, where "
				PREFIX "REDIS_URL names a Cluster: all keys have to be in one slot",
				c->prefix);
	if (c->turn_urls.count && !*c->turn_secret)
		good = complain(why, PREFIX "TURN_URLS requires " PREFIX "TURN_SECRET: "
				"the static-auth-secret of the TURN server");
	if (c->webhook && !c->webhook_secrets.count)
		good = complain(why, PREFIX "WEBHOOK requires " PREFIX "WEBHOOK_SECRET: "
				"by it the site knows that a request is from here");
	return good;
}

static bool read_settings(struct conf *c, struct raw_settings *raw,
			  char *const *environment, struct buf *why)
{
	struct buf warnings = BUF_INIT(16 * 1024);
	bool good;

	memset(c, 0, sizeof *c);
	good = raw_read(raw, environment, why, &warnings);
	for (int i = 0; i < setting_count; i++)
		good = read_setting(c, &settings[i], &raw->values[i], why) && good;
	good = good && check_together(c, raw, why);
	/* Nothing runs after an error, so only that is shown. */
	if (good && warnings.len)
		buf_add(why, warnings.data, warnings.len);
	buf_free(&warnings);
	return good;
}

bool conf_read(struct conf *c, char *const *environment, struct buf *why)
{
	struct raw_settings raw;
	bool good = read_settings(c, &raw, environment, why);

	raw_free(&raw);
	if (!good)
		conf_free(c);
	return good;
}

static void append_source(struct buf *to, const struct raw_value *raw,
			  const char *conf_file)
{
	if (!raw->text) {
		buf_str(to, "default");
		return;
	}
	if (raw->line)
		buf_fmt(to, "%s:%d", conf_file, raw->line);
	else
		buf_str(to, "environment");
	if (raw->is_file)
		buf_fmt(to, ", _FILE=%s", raw->text);
}

bool conf_each(char *const *environment, conf_visitor *visit, void *arg,
	       struct buf *why)
{
	struct raw_settings raw;
	struct conf c;
	bool good = read_settings(&c, &raw, environment, why);

	for (int i = 0; i < setting_count; i++) {
		const struct setting *s = &settings[i];
		struct buf name = BUF_INIT(64), value = BUF_INIT(SHOWN_MAX);
		struct buf source = BUF_INIT(4096);

		buf_fmt(&name, PREFIX "%s", s->name);
		s->kind->show(s, &raw.values[i], member_of(&c, s), &value);
		append_source(&source, &raw.values[i], raw.conf_file);
		visit(arg, name.data, value.data, source.data);
		buf_free(&name);
		buf_free(&value);
		buf_free(&source);
	}
	raw_free(&raw);
	conf_free(&c);
	return good;
}

void conf_free(struct conf *c)
{
	for (int i = 0; i < setting_count; i++)
		if (settings[i].kind->free)
			settings[i].kind->free(member_of(c, &settings[i]));
	memset(c, 0, sizeof *c);
}

extern char **environ;

void conf_load(struct conf *c)
{
	struct buf why = BUF_INIT(32 * 1024);
	bool good = conf_read(c, environ, &why);
	char *line, *end;

	/* First, so that LOG also holds for the warnings. */
	if (good)
		log_set_level(c->log);
	for (line = why.data; line && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		log_line(good ? LOG_WARN : LOG_ERROR, "conf.load", "%s", line);
	}
	buf_free(&why);
	if (!good)
		exit(1);
}
