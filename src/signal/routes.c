#include "config.h"

#include "signal/routes.h"

/* Each is in the file of its like. The first path that matches decides, so literal ones
 * stand before ids. One list makes both the declarations and the array: a route that is
 * named here and does not exist does not link. */
#define ROUTES(_) \
	_(home) \
	_(access) \
	_(ice) \
	_(live) \
	_(ready) \
	_(metrics) \
	_(server_rooms) \
	_(server_room) \
	_(server_room_event) \
	_(server_remove) \
	_(server_peer) \
	_(server_peer_event) \
	_(server_disconnect) \
	_(relay) \
	_(relay_many) \
	_(file) \
	_(folder_file) \
	_(join) \
	_(leave) \
	_(peers) \
	_(broadcast) \
	_(page)

#define DECLARE(name) extern const struct route route_##name;
#define ADDRESS(name) &route_##name,

ROUTES(DECLARE)

const struct route *const signal_routes[] = { ROUTES(ADDRESS) NULL };
