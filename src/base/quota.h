/*
 * quota.h - how many streams the processes of this host hold together.
 * What a killed process held counts no more once anybody looks: who reads the
 * metrics, and who would be refused else, but of these one a second.
 */
#ifndef BASE_QUOTA_H
#define BASE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

/* One more, unless there are most already. Never more than most; of two
 * processes that want the last one at the same moment none may get it. */
bool quota_take(unsigned most);
void quota_give(void);

uint64_t quota_used(void);

#endif
