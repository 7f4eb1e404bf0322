/*
 * Signals are blocked and read from a descriptor, so they come only in screen_wait(): nothing
 * that they restore is half done.
 */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/screen.h"

enum { DRAWING_MAX = 1024 * 1024, ROWS_MIN = 24, COLUMNS_MIN = 80 };

/* Alternative screen, no cursor; and back. */
static const char enter_screen[] = "\033[?1049h\033[?25l";
static const char leave_screen[] = "\033[?25h\033[?1049l";

static bool is_open, has_keys;
static struct termios keys_before;
static int signals = -1;

static void write_screen(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0)
			return;		/* the terminal is gone; SIGHUP says so, too */
		text += n;
		len -= (size_t)n;
	}
}

static void enter(void)
{
	struct termios keys;

	has_keys = !tcgetattr(STDIN_FILENO, &keys_before);
	if (has_keys) {
		keys = keys_before;
		keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &keys);
	}
	write_screen(enter_screen, sizeof enter_screen - 1);
	is_open = true;
}

void screen_open(void)
{
	static const int caught[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGPIPE,
	};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
		sigaddset(&set, caught[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		abort();
	atexit(screen_close);
	enter();
}

void screen_close(void)
{
	if (!is_open)
		return;
	is_open = false;
	write_screen(leave_screen, sizeof leave_screen - 1);
	if (has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &keys_before);
}

/* How many bytes of a line fit: a character of UTF-8 takes one column. */
static size_t fitting(const char *line, size_t len, unsigned columns)
{
	size_t n = 0;

	for (unsigned used = 0; n < len; n++)
		if ((line[n] & 0xc0) != 0x80 && used++ == columns)
			break;
	return n;
}

void screen_draw(const char *text)
{
	struct buf out = BUF_INIT(DRAWING_MAX);
	struct winsize size;
	bool known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col;
	unsigned rows = known ? size.ws_row : ROWS_MIN;
	unsigned columns = known ? size.ws_col : COLUMNS_MIN;

	buf_str(&out, "\033[H");
	for (unsigned row = 0; *text && row < rows; row++) {
		size_t len = strcspn(text, "\n");

		buf_str(&out, row ? "\n" : "");
		buf_add(&out, text, fitting(text, len, columns));
		buf_str(&out, "\033[K");
		text += len + (text[len] == '\n');
	}
	buf_str(&out, "\033[J");
	write_screen(out.data, out.len);
	buf_free(&out);
}

/* As any program that is stopped: the shell has its screen meanwhile. */
static void stop_here(void)
{
	screen_close();
	raise(SIGSTOP);
	enter();
}

/* True: go on waiting, or *redraws. */
static bool read_signal(bool *redraws)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof info) != (ssize_t)sizeof info)
		return true;
	if (info.ssi_signo == SIGTSTP)
		stop_here();
	*redraws = info.ssi_signo == SIGTSTP || info.ssi_signo == SIGWINCH;
	return *redraws || info.ssi_signo == SIGPIPE;
}

static bool read_key(void)
{
	char key;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	has_keys = n > 0;		/* at its end it would be readable for ever */
	return n <= 0 || (key != 'q' && key != 'Q');
}

bool screen_wait(int64_t until_ms)
{
	bool redraws = false, goes_on = true;
	int64_t left;

	while (goes_on && !redraws && (left = until_ms - clock_ms()) > 0) {
		struct pollfd p[] = {
			{ signals, POLLIN, 0 }, { has_keys ? STDIN_FILENO : -1, POLLIN, 0 },
		};

		if (poll(p, 2, (int)left) <= 0)
			continue;
		if (p[0].revents)
			goes_on = read_signal(&redraws);
		if (goes_on && p[1].revents)
			goes_on = read_key();
	}
	return goes_on;
}
