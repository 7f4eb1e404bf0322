/*
 * drawbridge token - a token signed with the first secret, for sites that give
 * out their own, and to try things with.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/number.h"
#include "cli/commands.h"
#include "room/json.h"

enum { TTL_MIN = 10, TTL_MAX = 31536000 };	/* as DRAWBRIDGE_TOKEN_TTL */

extern char **environ;

/* An id, or the beginning of one and a '*'. That beginning may be a reserved word, as
 * it is not all of the id. */
static bool pattern_valid(const char *text)
{
	size_t len = strlen(text);

	if (len && text[len - 1] == '*')
		return len == 1 || id_valid(text, len - 1);
	return id_valid_name(text, len);
}

/* What is wrong with the arguments; NULL: nothing. */
static const char *parse_option(int option, struct claims *claims,
				struct buf *rooms, long *ttl)
{
	size_t len;

	if (option == 's') {	/* the one without a value */
		claims->server = true;
		return NULL;
	}
	len = strlen(optarg);
	switch (option) {
	case 'i':
		if (!id_valid_name(optarg, len))
			return "--id: must be 1 to 64 characters of A-Z a-z 0-9 _ -, and "
				"not a reserved word (access, connect, ...)";
		strcpy(claims->peer.id, optarg);
		return NULL;
	case 'n':
		if (!json_name_valid(optarg, len))
			return "--name: must be 1 to 64 characters of UTF-8, none of them "
				"a control character";
		strcpy(claims->peer.username, optarg);
		return NULL;
	case 'r':
		if (!pattern_valid(optarg))
			return "--room: must be the id of a room, or a prefix followed "
				"by '*'";
		/* Characters of ids, and '*', need no escapes in JSON. */
		buf_fmt(rooms, "%c\"%s\"", rooms->len ? ',' : '[', optarg);
		return NULL;
	case 't':
		if (!number_parse(optarg, len, TTL_MIN, TTL_MAX, ttl))
			return "--ttl: must be a number of seconds from 10 to 31536000";
		return NULL;
	}
	return "";	/* getopt_long has complained */
}

/* Of a server: what is wrong, and what is not given. */
static const char *check_server(struct claims *claims, long ttl)
{
	if (*claims->peer.username)
		return "--server: has no --name, as it is no peer";
	if (ttl > SERVER_TTL_MAX)
		return "--ttl: must be at most 3600 with --server";
	if (!*claims->peer.id)
		strcpy(claims->peer.id, "server");
	return NULL;
}

/* In seconds. ttl is 0 where there was no --ttl, as TTL_MIN is above that. */
static long lifetime_of(const struct claims *claims, long ttl, const struct conf *conf)
{
	long preset = (long)conf->token_ttl;

	if (ttl)
		return ttl;
	return claims->server && preset > SERVER_TTL_MAX ? SERVER_TTL_MAX : preset;
}

/* Prints it, unless it is one that we would refuse: with many rooms it may be too long.
 * Better here than where it is used. */
static int print_token(const struct conf *conf, const struct claims *claims)
{
	int64_t now = clock_unix();
	char *token = token_sign(conf, claims, now);
	struct claims back;
	const char *why;
	bool good = token_verify(conf, token, now, &back, &why) == OK;

	if (good)
		puts(token);
	else
		usage_error("this token would be refused: %s", why);
	claims_free(&back);
	free(token);
	return good ? 0 : EXIT_USAGE;
}

static int run_token(int argc, char **argv)
{
	static const struct option options[] = {
		{ "id", required_argument, NULL, 'i' },
		{ "name", required_argument, NULL, 'n' },
		{ "room", required_argument, NULL, 'r' },
		{ "server", no_argument, NULL, 's' },
		{ "ttl", required_argument, NULL, 't' },
		{ 0 }
	};
	struct claims claims = { 0 };
	struct buf rooms = BUF_INIT(4000), why = BUF_INIT(32 * 1024);
	struct conf conf = { 0 };
	const char *wrong = NULL;
	long ttl = 0;
	int option, status = EXIT_USAGE;

	while (!wrong && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		wrong = option == '?' ? "" : parse_option(option, &claims, &rooms, &ttl);
	if (rooms.len)
		buf_char(&rooms, ']');
	if (!wrong && optind < argc)
		wrong = "token takes only options; see drawbridge token --help";
	if (!wrong)
		wrong = claims.server ? check_server(&claims, ttl) :
			*claims.peer.id && *claims.peer.username ? NULL :
			"token requires --id and --name, or --server";
	if (!wrong && !buf_ok(&rooms))
		wrong = "too many --room options for one token";
	if (wrong) {
		if (*wrong)
			usage_error("%s", wrong);
	} else if (!conf_read(&conf, environ, &why)) {
		fprintf(stderr, "%s", why.data);
		status = EXIT_WRONG;
	} else {
		claims.expires = clock_unix() + lifetime_of(&claims, ttl, &conf);
		claims.rooms = rooms.data;
		status = print_token(&conf, &claims);
	}
	conf_free(&conf);
	buf_free(&rooms);
	buf_free(&why);
	return status;
}

const struct command command_token = {
	"token",
	"--id ID --name NAME | --server [--id ID] [--room ROOM]... [--ttl SECONDS]\n"
	"           Prints a token for this peer, or for a server of the site, which is\n"
	"           valid for an hour at most; signed with the first secret. With --room it\n"
	"           is valid only for these rooms; a '*' at the end matches any suffix.",
	run_token,
};
