/*
 * screen.h - a terminal, drawn anew now and then: on its alternative screen (ECMA-48, and xterm's
 * 1049), without cursor and echo. What was there before is there again after screen_close(), a
 * call of exit(), and any signal that ends or stops a program and can be caught.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

/* Standard output must be a terminal. */
void screen_open(void);
void screen_close(void);

/* Lines; what does not fit is cut. */
void screen_draw(const char *text);

/* Until the time on clock_ms(), or the terminal has another size. False: it is to end, by a
 * signal or the key q. */
bool screen_wait(int64_t until_ms);

#endif
