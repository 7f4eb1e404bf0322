/*
 * The counts are shared by all processes of a host, and so is the time of the next report: any
 * of them makes it.
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "room/json.h"
#include "room/report.h"
#include "room/script_args.h"
#include "shared/metric.h"
#include "shared/quota.h"
#include "shared/shared.h"

enum {
	REPORT_MS = 1000,
	/* Until processes that were killed are looked for, which takes 10 us for each: with
	 * mod_fcgid a stream is a process. */
	RECOUNT_MS = 10000,
	REPORT_MAX = 8 * 1024,
};

static const struct conf *report_conf;
static char host_name[256];

void report_init(const struct conf *c)
{
	if (gethostname(host_name, sizeof host_name - 1))
		*host_name = '\0';
	report_conf = *shared->id ? c : NULL;
}

struct report_command {
	struct redis_command command;
	struct script_args args;
	struct buf text;
};

static void on_report_reply(struct redis_command *command, enum err e, struct reply *reply)
{
	struct report_command *cmd = (struct report_command *)command;

	(void)e;
	reply_free(reply);
	buf_free(&cmd->text);
	free(cmd);
}

static void append_report(struct buf *to)
{
	uint64_t streams = clock_due(&shared->recount_at, RECOUNT_MS) ?
		quota_used() : quota_counted();

	buf_fmt(to, "{\"id\":\"%s\",\"host\":", shared->id);
	json_append_string(to, host_name);
	buf_fmt(to, ",\"streams\":%" PRIu64 ",\"counts\":", streams);
	metric_append_json(to);
	buf_char(to, '}');
}

void report_if_due(struct redis *r)
{
	struct report_command *cmd;

	if (!report_conf || !clock_due(&shared->report_at, REPORT_MS))
		return;
	cmd = xcalloc(1, sizeof *cmd);
	cmd->text.max = REPORT_MAX;
	append_report(&cmd->text);
	args_append_key(&cmd->args, report_conf, "hosts", "", "");
	args_append_string(&cmd->args, shared->id);
	args_append_word(&cmd->args, cmd->text.data, cmd->text.len);
	/* Not by args_enqueue(), which asks whether a report is due. */
	cmd->command = (struct redis_command){
		.script = SCRIPT_REPORT, .keys = cmd->args.keys, .args = cmd->args.args,
		.count = cmd->args.count, .done = on_report_reply,
	};
	redis_enqueue(r, &cmd->command);
}

const char *report_parse(const struct overview *o, size_t i, long long *ms)
{
	const char *text = reply_string(reply_at(o->reports, i), NULL);
	char *end;

	*ms = strtoll(text, &end, 10);
	return end + (*end == ' ');
}

enum err report_overview(struct redis *r, const struct conf *c, struct overview *to)
{
	struct script_args args = { .count = 0 };
	struct reply *reply = NULL;
	enum err e;

	args_append_key(&args, c, "rooms", "", "");
	args_append_key(&args, c, "present", "", "");
	args_append_key(&args, c, "leaving", "", "");
	args_append_key(&args, c, "hosts", "", "");
	args_append_key(&args, c, "webhook", "", "");
	e = args_run(r, SCRIPT_WATCH, &args, &reply);
	*to = (struct overview){
		.now_ms = reply_number(reply_at(reply, 0)),
		.rooms = reply_number(reply_at(reply, 1)),
		.here = reply_number(reply_at(reply, 2)),
		.away = reply_number(reply_at(reply, 3)),
		.events = reply_number(reply_at(reply, 4)),
		.first_ms = reply_number(reply_at(reply, 5)),
		.reports = reply_at(reply, 6),
		.reply = reply,
	};
	return e;
}
