/*
 * tab.h - a tab of a browser and its stream, as stream.c serves it: what it
 * hears, up to which position, in which incarnation. Without HTTP.
 */
#ifndef UNIT_TAB_H
#define UNIT_TAB_H

#include <stdbool.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "room/presence.h"
#include "room/room.h"

extern struct conf conf;

/* Reads conf from these settings (NAME=value with DRAWBRIDGE_ before, NULL at
 * the end) and those of the server, and makes the scripts of it. Once. */
void conf_setup(const char *const *settings);

/* The id is its username, too. */
struct peer peer_named(const char *id);

/* A relay whose answer is waited for; nobody else uses r meanwhile. */
enum err relay_now(struct redis *r, const struct peer *p, int64_t issued,
		   const char *once, const char *to,
		   const struct item *items, int count, int *streams,
		   int *wait_ms);

struct tab {
	struct peer peer;
	int64_t issued;		/* its token: as in struct claims */
	struct listener *listener;	/* NULL: closed */
	char position[48], incarnation[48];
	bool over;		/* a later incarnation began: it passes on nothing */
	struct buf heard;	/* "add-peer b r offer; x b 1", the newest last */
};

/* The functions of presence.h, waited for. Beats sweep where that has something to do, as
 * stream.fcgi does; beat_now() is of one, which trims. */
enum err beats_now(struct redis *r, struct beat beats[], int count, struct sweep *sweep);
enum err leave_now(struct redis *r, const struct peer *p, bool *leaving);
enum err sweep_now(struct redis *r, struct sweep *sweep);
enum err beat_now(struct redis *r, const struct peer *p, const char *incarnation,
		  bool *live, struct sweep *sweep);

void tab_init(struct tab *t, const char *peer);
void tab_subscribe(struct tab *t);
/* As presence_connect(), waited for. */
enum err tab_presence(struct redis *r, const struct peer *p, int64_t issued,
		      const char *position, struct presence *to);
/* What was missed counts as heard, all its pages. ERR_NO_PEER: it was pushed out
 * meanwhile. */
enum err tab_connect(struct tab *t, struct redis *r, const char *position,
		     struct presence *p);
/* Takes what Redis has pushed to it by now, without waiting. A reply that came
 * after a push says that this is there. */
void tab_receive(struct tab *t);
void tab_close(struct tab *t);
void tab_free(struct tab *t);

#endif
