#include "config.h"

#include <stdio.h>

#include "base/id.h"
#include "signal/routes.h"

/* A fresh room, which nobody can guess. Relative, since a proxy may have taken a
 * prefix off the path. */
enum err run_home(struct call *c)
{
	char room[ID_RANDOM_LEN + 1];

	id_random(room);
	c->status = 302;
	buf_fmt(&c->head, "Location: %s\r\n", room);
	return OK;
}

/* Pages are the web server's; the row is there so that other methods are
 * refused. */
enum err run_page(struct call *c)
{
	snprintf(c->detail, sizeof c->detail,
		 "This page is a file, and the web server should have served it.");
	return ERR_ROUTE;
}
