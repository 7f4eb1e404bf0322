/*
 * A connection belongs to one thread at a time, and the context of OpenSSL to all, which
 * do not change it after tls_init().
 *
 * Who waits for a descriptor sees nothing of what OpenSSL has read already. So it has to
 * keep nothing back: without read-ahead it reads one record at a time, of at most 16 KiB
 * (RFC 8446, 5.1), and redisBufferRead() asks for as much.
 *
 * The functions here and not hiredis' own of libhiredis_ssl, which block for the rest of a
 * record where a thread serves others meanwhile, do not clear the errors that another
 * connection of the thread has left, and do not say what is wrong with a certificate.
 */
#include "config.h"

#include "store/tls.h"

#ifdef HAVE_REDIS_TLS

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/sds.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/clock.h"

struct tls {
	SSL *ssl;
	redisContextFuncs funcs;	/* of hiredis, but for ours */
	char host[];			/* ends with a NUL */
};

static SSL_CTX *ssl_context;

static const char *reason(unsigned long error)
{
	const char *text = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) :
		ERR_reason_error_string(error);

	return text ? text : "unknown error";
}

/* A key that wants a passphrase must not ask for it on a terminal. */
static int no_passphrase(char *to, int size, int writes, void *unused)
{
	(void)to, (void)size, (void)writes, (void)unused;
	return -1;
}

static bool load_ca(const struct redis_url *url)
{
	return url->ca ? SSL_CTX_load_verify_file(ssl_context, url->ca) :
		SSL_CTX_set_default_verify_paths(ssl_context);
}

static bool load_cert(const struct redis_url *url)
{
	return !url->cert || SSL_CTX_use_certificate_chain_file(ssl_context, url->cert) == 1;
}

static bool load_key(const struct redis_url *url)
{
	return !url->key || SSL_CTX_use_PrivateKey_file(ssl_context, url->key,
							SSL_FILETYPE_PEM) == 1;
}

/* NULL, or what is wrong with which file. */
static const char *load_files(const struct redis_url *url)
{
	const struct {
		bool (*load)(const struct redis_url *url);
		const char *name, *file;
	} all[] = {
		{ load_ca, "ca", url->ca },
		{ load_cert, "cert", url->cert },
		{ load_key, "key", url->key },
	};
	static char why[4200];

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		ERR_clear_error();
		if (all[i].load(url))
			continue;
		snprintf(why, sizeof why, "%s=%s: %s", all[i].name,
			 all[i].file ? all[i].file : "", reason(ERR_peek_error()));
		return why;
	}
	return NULL;
}

const char *tls_init(const struct redis_url *url)
{
	if (!url->tls)
		return NULL;
	SSL_CTX_free(ssl_context);
	ssl_context = SSL_CTX_new(TLS_client_method());
	if (!ssl_context)
		abort();
	SSL_CTX_set_min_proto_version(ssl_context, TLS1_2_VERSION);
	SSL_CTX_set_verify(ssl_context, SSL_VERIFY_PEER, NULL);
	/* A server that is killed sends no close_notify; replies tell where they end. */
	SSL_CTX_set_options(ssl_context, SSL_OP_NO_RENEGOTIATION |
			    SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Meanwhile hiredis may append to what is to be sent. */
	SSL_CTX_set_mode(ssl_context, SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(ssl_context, no_passphrase);
	return load_files(url);
}

/* The error of the context, where there is none yet. */
static void fail(redisContext *c, int type, const char *why)
{
	c->err = type;
	snprintf(c->errstr, sizeof c->errstr, "%.*s", (int)sizeof c->errstr - 1, why);
}

static void fail_tls(redisContext *c)
{
	const struct tls *t = c->privctx;
	long verified = SSL_get_verify_result(t->ssl);
	char why[512];

	if (verified == X509_V_OK)
		snprintf(why, sizeof why, "TLS: %s", reason(ERR_peek_error()));
	else
		snprintf(why, sizeof why, "TLS: the certificate is refused: %s, for %s",
			 X509_verify_cert_error_string(verified), t->host);
	fail(c, TLS_ERR_REFUSED, why);
}

/* Until OpenSSL can go on, that long at most; -1: any time. False: the context has
 * the error. */
static bool wait_for(redisContext *c, short events, int ms)
{
	int n = poll(&(struct pollfd){ c->fd, events, 0 }, 1, ms);

	/* hiredis has no text for a timeout, either. */
	if (!n)
		fail(c, REDIS_ERR_IO, "");
	else if (n < 0 && errno != EINTR)
		fail(c, REDIS_ERR_IO, strerror(errno));
	return !c->err;
}

/* What a function of OpenSSL waits for, which has returned this: POLLIN or POLLOUT. 0: it
 * failed, and the context has the error. */
static short wanted(redisContext *c, int result)
{
	const struct tls *t = c->privctx;
	int system_error = errno, error = SSL_get_error(t->ssl, result);

	if (error == SSL_ERROR_WANT_READ)
		return POLLIN;
	if (error == SSL_ERROR_WANT_WRITE)
		return POLLOUT;
	if (error == SSL_ERROR_SSL)
		fail_tls(c);
	else if (error == SSL_ERROR_SYSCALL && system_error)
		fail(c, REDIS_ERR_IO, strerror(system_error));
	else
		fail(c, REDIS_ERR_EOF, "Server closed the connection");
	return 0;
}

static void clear_errors(void)
{
	ERR_clear_error();
	errno = 0;
}

static int timeout_ms(const redisContext *c)
{
	const struct timeval *t = c->command_timeout;

	return t ? (int)(t->tv_sec * 1000 + t->tv_usec / 1000) : -1;
}

/* Like recv(2), it waits for something, not for a whole record. */
static ssize_t read_tls(redisContext *c, char *to, size_t size)
{
	const struct tls *t = c->privctx;
	size_t n;
	int result;

	if ((c->flags & REDIS_BLOCK) && !SSL_pending(t->ssl) &&
	    !wait_for(c, POLLIN, timeout_ms(c)))
		return -1;
	clear_errors();
	result = SSL_read_ex(t->ssl, to, size, &n);
	return result > 0 ? (ssize_t)n : wanted(c, result) ? 0 : -1;
}

/* In TLS 1.3 a server refuses our certificate when for us the handshake is over (RFC 8446,
 * 4.4.2.4): it sends an alert and closes, and what we have sent meanwhile is answered by a
 * reset. A write finds only the reset; the alert is still there to be read. */
static void read_alert(redisContext *c)
{
	const struct tls *t = c->privctx;
	char byte;
	size_t n;

	clear_errors();
	if (SSL_get_error(t->ssl, SSL_read_ex(t->ssl, &byte, 1, &n)) == SSL_ERROR_SSL)
		fail_tls(c);
}

static ssize_t write_tls(redisContext *c)
{
	const struct tls *t = c->privctx;
	size_t n;
	int result;
	short events;

	clear_errors();
	result = SSL_write_ex(t->ssl, c->obuf, sdslen(c->obuf), &n);
	if (result > 0)
		return (ssize_t)n;
	events = wanted(c, result);
	if (!events) {
		read_alert(c);
		return -1;
	}
	return (c->flags & REDIS_BLOCK) && !wait_for(c, events, timeout_ms(c)) ? -1 : 0;
}

/* By redisFree(), which has closed the descriptor. */
static void free_tls(void *privctx)
{
	struct tls *t = privctx;

	SSL_free(t->ssl);
	free(t);
}

/* An address is looked for in the certificate among addresses, and not sent as SNI. */
static void set_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (!X509_VERIFY_PARAM_set1_ip_asc(param, host) &&
	    (!X509_VERIFY_PARAM_set1_host(param, host, 0) ||
	     !SSL_set_tlsext_host_name(ssl, host)))
		abort();
}

void tls_start(redisContext *c, const char *host)
{
	struct tls *t = xcalloc(1, sizeof *t + strlen(host) + 1);

	t->ssl = SSL_new(ssl_context);
	if (!t->ssl || !SSL_set_fd(t->ssl, c->fd))
		abort();
	strcpy(t->host, host);
	set_host(t->ssl, host);
	SSL_set_connect_state(t->ssl);
	t->funcs = *c->funcs;
	t->funcs.free_privctx = free_tls;
	t->funcs.read = read_tls;
	t->funcs.write = write_tls;
	c->funcs = &t->funcs;
	c->privctx = t;
}

bool tls_handshake(redisContext *c, int64_t deadline)
{
	const struct tls *t = c->privctx;
	int result;

	fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	for (;;) {
		int64_t left = deadline - clock_ms();
		short events;

		clear_errors();
		result = SSL_do_handshake(t->ssl);
		if (result == 1)
			return true;
		events = wanted(c, result);
		if (!events || !wait_for(c, events, left > 0 ? (int)left : 0))
			return false;
	}
}

#else

#include <stdlib.h>

const char *tls_init(const struct redis_url *url)
{
	return url->tls ? "this build has no TLS to Redis, which takes hiredis 1.0 or later "
		"(Debian 13) and OpenSSL: see \"TLS by stunnel\" in "
		"drawbridge-operations(7)" : NULL;
}

void tls_start(redisContext *c, const char *host)
{
	(void)c, (void)host;
	abort();	/* tls_init() has said no */
}

bool tls_handshake(redisContext *c, int64_t deadline)
{
	(void)c, (void)deadline;
	abort();
}

#endif
