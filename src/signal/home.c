#include "config.h"

#include <stdio.h>

#include "base/id.h"
#include "signal/routes.h"

/* To a new room, whose name nobody can guess: where tokens are for any room, that alone
 * keeps strangers out. Relative (RFC 9110, 10.2.2), since a proxy may have removed a
 * prefix of the path. */
static enum err run_home(struct call *c)
{
	char room[ID_RANDOM_LEN + 1];

	id_random(room);
	c->status = 302;
	buf_fmt(&c->head, "Location: %s\r\n", room);
	return OK;
}

const struct route route_home = {
	.method = "GET",
	.path = "/",
	.token = TOKEN_IGNORED,
	.run = run_home,
};

/* Files are served by the web server; nginx asks here for those that it does not have.
 * These routes also exist so that other methods on a file are 405 and not 404. */
static enum err run_page(struct call *c)
{
	snprintf(c->detail, sizeof c->detail,
		 "There is no such file, or the web server does not serve it.");
	return ERR_ROUTE;
}

const struct route route_file = {
	.method = "GET",
	.path = "/static/{file}",
	.token = TOKEN_IGNORED,
	.run = run_page,
};

const struct route route_folder_file = {
	.method = "GET",
	.path = "/static/{folder}/{file}",
	.token = TOKEN_IGNORED,
	.run = run_page,
};

const struct route route_page = {
	.method = "GET",
	.path = "/{page}",
	.token = TOKEN_IGNORED,
	.run = run_page,
};
