#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/advice.h"

/* Each line of a text is a line of a configuration, often with the value of our own, or
 * what to look at. '@' stands for the mount. Remarks are in parentheses, behind three
 * spaces, so that a line can be copied up to there. tests/http/doctor.test.js breaks
 * servers in many of these ways, and expects the lines that mend them. */
static const struct {
	const char *lighttpd, *apache, *nginx, *caddy, *haproxy;
	const char *any;		/* of our own settings, or of any server */
} advices[CAUSES] = {
	[CAUSE_BUFFERED] = {
		.lighttpd = "server.stream-response-body = 2   (where \"@connect\" is handled)",
		.apache = "FcgidOutputBufferSize 0   (mod_fcgid)\n"
			"ProxySet flushpackets=on   (mod_proxy_fcgi, in <Proxy ...fcgi://stream/>)",
		.nginx = "fastcgi_buffering off;   (where \"@connect\" is handled)\n"
			"proxy_buffering off;   (as a proxy; and no proxy_ignore_headers X-Accel-Buffering)",
		.caddy = "flush_interval -1   (where \"@connect\" is handled)",
	},
	[CAUSE_COMPRESSED] = {
		.lighttpd = "deflate.mimetypes = ( ... )   (without text/event-stream, text/ and \"\")",
		.apache = "SetEnvIf Request_URI \"^@connect$\" no-gzip=1 no-brotli=1",
		.nginx = "gzip off;   (where \"@connect\" is handled)\n"
			"gzip_types ...;   (as a proxy: without text/event-stream and *)",
		.haproxy = "compression type ...   (without text/event-stream)",
	},
	[CAUSE_IDLE] = {
		.lighttpd = "server.max-write-idle = 360   (above DRAWBRIDGE_PING)",
		.apache = "FcgidIOTimeout 180   (mod_fcgid; IOTimeout in FcgidCmdOptions; above DRAWBRIDGE_PING)\n"
			"ProxySet timeout=180   (mod_proxy_fcgi, in <Proxy ...fcgi://stream/>)\n"
			"CGIDScriptTimeout 180   (mod_cgid)",
		.nginx = "fastcgi_read_timeout 180s;   (as a proxy proxy_read_timeout: above DRAWBRIDGE_PING)",
		.haproxy = "timeout client 180s   (and timeout server: above DRAWBRIDGE_PING)",
		.any = "or DRAWBRIDGE_PING below what cuts the stream: a load balancer, a firewall?",
	},
	[CAUSE_AGE] = {
		.apache = "FcgidBusyTimeout 90000   (mod_fcgid: seconds in all, above DRAWBRIDGE_STREAM_AGE)",
		.any = "or DRAWBRIDGE_STREAM_AGE below what cuts the stream; did stream.fcgi die? see its log",
	},
	[CAUSE_FULL] = {
		.lighttpd = "server.max-connections = 12288   (above DRAWBRIDGE_STREAMS)\n"
			"server.max-fds = 32768   (above twice that)",
		.apache = "FcgidMaxProcesses 1000   (mod_fcgid: a process a stream)\n"
			"FcgidMaxProcessesPerClass 1000   (or MaxProcesses in FcgidCmdOptions .../stream.fcgi)\n"
			"FcgidSpawnScore 0   (and FcgidTerminationScore 0, FcgidTimeScore 0, FcgidSpawnScoreUpLimit 1000000)\n"
			"MaxRequestWorkers 1280   (a thread a stream; with ServerLimit and ThreadsPerChild)",
		.nginx = "worker_connections 24576;   (above twice DRAWBRIDGE_STREAMS; worker_rlimit_nofile above that)",
		.haproxy = "maxconn 20000   (of global and of the frontend)",
		.any = "do stream.fcgi and signal.fcgi run? see the error log",
	},
	[CAUSE_UNREAD] = {
		.lighttpd = "server.stream-response-body = 2   (not 1, where \"@connect\" is handled)",
		.nginx = "fastcgi_buffering off;   (where \"@connect\" is handled; as a proxy proxy_buffering)",
		.any = "or was it read again before DRAWBRIDGE_SEND_TIMEOUT (30) was over? then --unread 60",
	},
	[CAUSE_CLOSE] = {
		.lighttpd = "\"tcp-fin-propagate\" => \"enable\"   (in fastcgi.server of stream.fcgi)",
		.nginx = "fastcgi_ignore_client_abort off;   (as a proxy proxy_ignore_client_abort)",
		.haproxy = "option abortonclose   (in defaults)",
		.any = "or a proxy in front that does not pass on that its client has gone",
	},
	[CAUSE_TOKEN] = {
		.apache = "CGIPassAuth On   (in <Directory> of the programs)",
		.any = "DRAWBRIDGE_SECRET: one for both programs, and on every host",
	},
	[CAUSE_HOST] = {
		.apache = "ProxyPreserveHost On   (mod_proxy_http)",
		.nginx = "proxy_set_header Host $http_host;   (not $host, which lacks the port)",
		.any = "what stands in front must pass Host on as the browser sends it, with the port",
	},
	[CAUSE_METRICS] = {
		.any = "DRAWBRIDGE_METRICS_FROM: without this machine, and without the proxy in front "
			"unless it is in DRAWBRIDGE_PROXIES; or none, and DRAWBRIDGE_METRICS_TOKEN",
	},
	[CAUSE_POSITION] = {
		.any = "does the header Last-Event-ID pass what stands in front?\n"
			"DRAWBRIDGE_REDIS_URL, DRAWBRIDGE_PREFIX: one for both programs, and on every host",
	},
	[CAUSE_PAGE] = {
		.lighttpd = "$HTTP[\"request-method\"] =~ \"^(GET|HEAD)$\" { ... }   (around url.rewrite-once and alias.url of the page)",
		.apache = "SetEnvIf Request_Method \"^(GET|HEAD)$\" drawbridge_files=...   (with the two lines around it in drawbridge.conf)",
		.nginx = "error_page 404 405 = ...;   (where the page is handled, as in drawbridge-site.conf)",
		.any = "every other method and path goes to signal.fcgi",
	},
	[CAUSE_FILES] = {
		.lighttpd = "var.drawbridge_page := \"...\"   (where the page is installed)",
		.apache = "Define drawbridge_share ...   (where the page is installed, in page/)",
		.nginx = "alias .../page/$drawbridge_page;   (where the page is installed)",
		.caddy = "root * .../page   (where the page is installed)",
	},
	[CAUSE_MOUNT] = {
		.lighttpd = "var.drawbridge_mount := \"@\"",
		.apache = "Define drawbridge_mount @   (and \"Use Drawbridge\" in this <VirtualHost>)",
		.nginx = "location ~ \"^@...\"   (a copy of drawbridge-site.conf that says \"^@\" for \"^/\", in this server)",
		.any = "DRAWBRIDGE_MOUNT=@",
	},
	[CAUSE_DOWN] = {
		.lighttpd = "var.drawbridge_signal, var.drawbridge_stream   (are the programs there? see the error log)",
		.apache = "Define drawbridge_programs ...   (are the programs there? see the error log)",
		.nginx = "server unix:/run/drawbridge/signal.sock;   (and stream.sock: are drawbridge-signal.socket and drawbridge-stream.socket active?)",
		.caddy = "reverse_proxy unix//run/drawbridge/signal.sock { ... }   (and stream.sock: are drawbridge-signal.socket and "
			"drawbridge-stream.socket active, and caddy in the group www-data?)",
		.any = "\"drawbridge check\" tells whether the settings are right",
	},
	[CAUSE_BODY] = {
		.lighttpd = "server.max-request-size = 2048   (KiB, above DRAWBRIDGE_BODY_MAX)",
		.apache = "FcgidMaxRequestLen 4194304   (mod_fcgid: bytes, above DRAWBRIDGE_BODY_MAX)\n"
			"LimitRequestBody 2097152",
		.nginx = "client_max_body_size 2m;",
		.caddy = "max_size 2MB   (in request_body)",
	},
	[CAUSE_REDIS] = {
		.any = "DRAWBRIDGE_REDIS_URL   (why=... in the log of signal.fcgi, or \"drawbridge check\" on that host, says more)",
	},
	[CAUSE_EVICTS] = {
		.any = "maxmemory-policy noeviction   (in redis.conf; then restart Redis)",
	},
	[CAUSE_STREAMS] = {
		.any = "DRAWBRIDGE_STREAMS: so many are open; or Redis: why=... in the log of stream.fcgi",
	},
	[CAUSE_RATE] = {
		.any = "DRAWBRIDGE_ACCESS_RATE, DRAWBRIDGE_RATE, DRAWBRIDGE_RATE_BYTES; or try again in a minute",
	},
	[CAUSE_ENDED] = {
		.any = "was stream.fcgi stopped? DRAWBRIDGE_STREAM_AGE, DRAWBRIDGE_TOKEN_TTL: above the time of this test",
	},
};

static void print_advice(const char *who, const char *text, const char *mount)
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

struct server {
	const char *name, *text;
};

static bool is_named(const struct server *s, const char *header)
{
	return strstr(header, s->name);
}

/* The proxy in front may be the cause as well as the server, so both get their lines. If
 * neither tells its name it may be any of these. But of a client's end the server learns
 * by a proxy alone: where that has a line for this, nothing shows that the server needs
 * one. */
static bool concerns(const struct server *servers, int count, const struct server *s,
		     enum cause cause, const char *server, const char *front)
{
	bool known = false;

	for (int i = 0; i < count; i++) {
		if (cause == CAUSE_CLOSE && servers[i].text &&
		    is_named(&servers[i], front))
			return &servers[i] == s;
		known = known || is_named(&servers[i], server) ||
			is_named(&servers[i], front);
	}
	return !known || is_named(s, server) || is_named(s, front);
}

void advise(enum cause cause, const char *server, const char *front,
	    const char *mount)
{
	const char *caddy = advices[cause].caddy;
	const struct server servers[] = {
		{ "HAProxy", advices[cause].haproxy },
		{ "nginx", advices[cause].nginx },
		{ "Apache", advices[cause].apache },
		{ "lighttpd", advices[cause].lighttpd },
		/* Most of what can be set wrong in others it has no setting for. */
		{ "Caddy", caddy || !strstr(server, "Caddy") ? caddy :
			"Caddyfile   (compare it with that in share/drawbridge/caddy, and README.md there)" },
	};
	enum { SERVERS = sizeof servers / sizeof *servers };

	for (int i = 0; i < SERVERS; i++)
		if (concerns(servers, SERVERS, &servers[i], cause, server, front))
			print_advice(servers[i].name, servers[i].text, mount);
	print_advice("", advices[cause].any, mount);
}
