#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/advice.h"

/* A line of a text is a line of a configuration, or what to look at. '@' stands
 * for the mount. */
static const struct {
	const char *lighttpd, *apache, *nginx;
	const char *any;		/* of our own settings, or of any server */
} advices[CAUSES] = {
	[CAUSE_BUFFERED] = {
		"server.stream-response-body = 2   (where \"@connect\" is handled)",
		"FcgidOutputBufferSize 0   (mod_fcgid)\n"
		"ProxySet flushpackets=on   (mod_proxy_fcgi, in <Proxy ...fcgi://stream/>)",
		"proxy_buffering off;   (and no proxy_ignore_headers X-Accel-Buffering)",
		NULL },
	[CAUSE_COMPRESSED] = {
		"deflate.mimetypes = ( ... )   (without text/event-stream, text/ and \"\")",
		"SetEnvIf Request_URI \"^@connect$\" no-gzip=1 no-brotli=1",
		"gzip_types ...;   (without text/event-stream and *)",
		NULL },
	[CAUSE_IDLE] = {
		"server.max-write-idle = 360   (above DRAWBRIDGE_PING)",
		"FcgidIOTimeout 180   (mod_fcgid; IOTimeout in FcgidCmdOptions; above DRAWBRIDGE_PING)\n"
		"ProxySet timeout=180   (mod_proxy_fcgi, in <Proxy ...fcgi://stream/>)\n"
		"CGIDScriptTimeout 180   (mod_cgid)",
		"proxy_read_timeout 180s;   (above DRAWBRIDGE_PING)",
		"or DRAWBRIDGE_PING below what cuts the stream: a load balancer, a firewall?" },
	[CAUSE_AGE] = {
		NULL,
		"FcgidBusyTimeout 90000   (mod_fcgid: seconds in all, above DRAWBRIDGE_STREAM_AGE)",
		NULL,
		"or DRAWBRIDGE_STREAM_AGE below what cuts the stream; did stream.fcgi die? see its log" },
	[CAUSE_FULL] = {
		"server.max-connections = 12288   (above DRAWBRIDGE_STREAMS)\n"
		"server.max-fds = 32768   (above twice that)",
		"FcgidMaxProcesses 1000   (mod_fcgid: a process a stream)\n"
		"FcgidMaxProcessesPerClass 1000   (or MaxProcesses in FcgidCmdOptions .../stream.fcgi)\n"
		"FcgidSpawnScore 0   (and FcgidTerminationScore 0, FcgidTimeScore 0, FcgidSpawnScoreUpLimit 1000000)\n"
		"MaxRequestWorkers 1280   (a thread a stream; with ServerLimit and ThreadsPerChild)",
		"worker_connections 4096;",
		"do stream.fcgi and signal.fcgi run? see the error log" },
	[CAUSE_UNREAD] = {
		"server.stream-response-body = 2   (not 1, where \"@connect\" is handled)",
		NULL,
		"proxy_buffering off;",
		"or was it read again before DRAWBRIDGE_SEND_TIMEOUT (30) was over? then --unread 60" },
	[CAUSE_CLOSE] = {
		"\"tcp-fin-propagate\" => \"enable\"   (in fastcgi.server of stream.fcgi)",
		NULL,
		"proxy_ignore_client_abort off;",
		"or a proxy in front that does not pass on that its client has gone" },
	[CAUSE_TOKEN] = {
		NULL,
		"CGIPassAuth On   (in <Directory> of the programs)",
		NULL,
		"DRAWBRIDGE_SECRET: one for both programs, and on every host" },
	[CAUSE_POSITION] = {
		NULL, NULL, NULL,
		"does the header Last-Event-ID pass what stands in front?\n"
		"DRAWBRIDGE_REDIS_URL, DRAWBRIDGE_PREFIX: one for both programs, and on every host" },
	[CAUSE_PAGE] = {
		"$HTTP[\"request-method\"] =~ \"^(GET|HEAD)$\" { ... }   (around url.rewrite-once and alias.url of the page)",
		"SetEnvIf Request_Method \"^(GET|HEAD)$\" drawbridge_files=...   (with the two lines around it in drawbridge.conf)",
		"limit_except GET HEAD { ... }",
		"every other method and path goes to signal.fcgi" },
	[CAUSE_FILES] = {
		"var.drawbridge_page := \"...\"   (where the page is installed)",
		"Define drawbridge_share ...   (where the page is installed, in page/)",
		NULL, NULL },
	[CAUSE_MOUNT] = {
		"var.drawbridge_mount := \"@\"",
		"Define drawbridge_mount @   (and \"Use Drawbridge\" in this <VirtualHost>)",
		NULL,
		"DRAWBRIDGE_MOUNT=@" },
	[CAUSE_DOWN] = {
		"var.drawbridge_signal, var.drawbridge_stream   (are the programs there? see the error log)",
		"Define drawbridge_programs ...   (are the programs there? see the error log)",
		NULL,
		"\"drawbridge check\" tells whether the settings are right" },
	[CAUSE_BODY] = {
		"server.max-request-size = 2048   (KiB, above DRAWBRIDGE_BODY_MAX)",
		"FcgidMaxRequestLen 4194304   (mod_fcgid: bytes, above DRAWBRIDGE_BODY_MAX)\n"
		"LimitRequestBody 2097152",
		"client_max_body_size 2m;", NULL },
	[CAUSE_REDIS] = { NULL, NULL, NULL,
		"DRAWBRIDGE_REDIS_URL   (and why=... in the log of signal.fcgi)" },
	[CAUSE_STREAMS] = { NULL, NULL, NULL,
		"DRAWBRIDGE_STREAMS: so many are open; or Redis: why=... in the log of stream.fcgi" },
	[CAUSE_RATE] = { NULL, NULL, NULL,
		"DRAWBRIDGE_ACCESS_RATE, DRAWBRIDGE_RATE, DRAWBRIDGE_RATE_BYTES; or try again in a minute" },
	[CAUSE_ENDED] = { NULL, NULL, NULL,
		"was stream.fcgi stopped? DRAWBRIDGE_STREAM_AGE, DRAWBRIDGE_TOKEN_TTL: above the time of this test" },
};

static void print(const char *who, const char *text, const char *mount)
{
	if (!text)
		return;
	printf("        %s%s", who, *who ? ": " : "");
	for (; *text; text++)
		if (*text == '\n')
			printf("\n        %s%s", who, *who ? ": " : "");
		else if (*text == '@')
			fputs(mount, stdout);
		else
			putchar(*text);
	putchar('\n');
}

void advise(enum cause cause, const char *server, const char *mount)
{
	bool lighttpd = strstr(server, "lighttpd"), apache = strstr(server, "Apache");
	bool nginx = strstr(server, "nginx");
	bool any = !lighttpd && !apache && !nginx;

	if (lighttpd || any)
		print("lighttpd", advices[cause].lighttpd, mount);
	if (apache || any)
		print("Apache", advices[cause].apache, mount);
	if (nginx || any)
		print("nginx", advices[cause].nginx, mount);
	print("", advices[cause].any, mount);
}
