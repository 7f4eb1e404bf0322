/*
 * load.c - streams that are held, and requests that are timed, for bench.js.
 *
 *	load open|hold|post PORT [OPTION]... <PLAN
 *
 *	open	opens all streams, and closes each when it is ready
 *	hold	opens all, and holds them
 *	post	likewise; then each client posts again and again
 *
 *	-c N	streams that are opened at a time (16)
 *	-r TEXT	a stream is ready when this has come (an empty line: its head)
 *	-d MS	post for so long, after half a second that does not count (2000)
 *	-n N	post so often, each client, instead
 *	-e	post again only when the messages have arrived, too
 *	-w MS	wait before each post
 *	-p PORT	post to this port, if not to that of the streams
 *
 * The plan holds the requests as bytes: nothing here knows who is asked.
 *
 *	stream LENGTH	a client; so many bytes follow, which open its stream; 0:
 *			it has none
 *	post LENGTH	what it posts, over a connection that is kept; it may have
 *			several, which take turns
 *	go
 *
 * Each '~' in a post is a message, which the client's own stream is to bring. The first
 * ######## is the number of the post, which is another one each time. The
 * results are in JSON, a line when all streams are open and one at the end. Between
 * them hold and post wait for standard input to go on, or to end.
 * One thread, so that it takes little from what it measures.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	POSTS_MAX = 2,			/* of a client */
	NUMBER_LEN = 8,			/* of ######## */
	GOT_MAX = 1024 * 1024,		/* of an answer, or of a stream's begin */
	SETTLE_MS = 300,		/* a subscription may come after the head */
	WARM_MS = 500,
	QUIET_MS = 10000,		/* without anything: give up */
};

struct load_conn {
	struct load_client *client;
	int fd;				/* -1: none */
	char *got;
	size_t len, room;
};

struct post {
	char *bytes;
	size_t len;
	unsigned messages;
	char *number;			/* in bytes; NULL: it has none */
};

struct load_client {
	char *open;
	size_t open_len;
	struct post post[POSTS_MAX];
	unsigned posts, next_post, count;
	struct load_conn stream, lane;
	bool ready, answered;
	unsigned missing;		/* messages that were posted and did not arrive */
	uint64_t posted_at;
};

struct times {
	uint64_t *ns;
	size_t count, room;
};

static struct load_client *clients;
static size_t count, begun, opened, lost;
static int load_epoll;
static struct sockaddr_in to = { .sin_family = AF_INET }, posts_to;

/* Options */
static unsigned at_a_time = 16, duration_ms = 2000, posts_max, wait_ms;
static bool wait_event, holds;
static const char *ready_text = "\r\n\r\n";

static bool posting, counting;
static size_t all_posts, all_messages, posts, messages;
static struct times answer_times[POSTS_MAX], event_times;

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *grow(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (!p)
		die("out of memory");
	return p;
}

static void add_time(struct times *t, uint64_t since)
{
	if (!counting)
		return;
	if (t->count == t->room) {
		t->room = t->room * 2 + 1024;
		t->ns = grow(t->ns, t->room * sizeof *t->ns);
	}
	t->ns[t->count++] = now_ns() - since;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double median_us(struct times *t)
{
	if (!t->count)
		return 0;
	qsort(t->ns, t->count, sizeof *t->ns, compare_ns);
	return (double)t->ns[t->count / 2] / 1e3;
}

/* Connections */

static void connect_to(struct load_conn *c, struct load_client *client,
		       const struct sockaddr_in *address)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	c->client = client;
	c->len = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)address, sizeof *address))
		die("connect to port %d: %s", ntohs(address->sin_port), strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (epoll_ctl(load_epoll, EPOLL_CTL_ADD, c->fd, &e))
		die("epoll: %s", strerror(errno));
}

static void close_conn(struct load_conn *c)
{
	close(c->fd);
	c->fd = -1;
}

static void send_all(struct load_conn *c, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			return;		/* reading tells, too */
		bytes += n;
		len -= (size_t)n;
	}
}

/* Streams */

static void be_ready(struct load_client *c)
{
	c->ready = true;
	opened++;
	if (!holds)
		close_conn(&c->stream);
}

static void open_some(void)
{
	for (; begun < count && begun - opened < at_a_time; begun++) {
		struct load_client *c = &clients[begun];

		c->stream.fd = c->lane.fd = -1;
		if (!c->open_len) {
			c->ready = true;
			opened++;
			continue;
		}
		connect_to(&c->stream, c, &to);
		send_all(&c->stream, c->open, c->open_len);
	}
}

static void post(struct load_client *c);

static void post_next(struct load_client *c)
{
	if (posting && c->answered && (!wait_event || !c->missing))
		post(c);
}

static void arrive_message(struct load_client *c)
{
	all_messages++;
	messages += counting;
	if (!c->missing)
		die("a message that nobody sent, or twice");
	if (--c->missing)
		return;
	if (wait_event)
		add_time(&event_times, c->posted_at);
	post_next(c);
}

/* Adds to what came; a NUL is behind it. */
static void collect(struct load_conn *c, const char *bytes, size_t len)
{
	if (c->len + len >= c->room) {
		c->room = c->len + len + 1024;
		if (c->room > GOT_MAX)
			die("too long an answer: %.500s", c->got);
		c->got = grow(c->got, c->room);
	}
	memcpy(c->got + c->len, bytes, len);
	c->len += len;
	c->got[c->len] = '\0';
}

static void read_stream(struct load_client *c, char *bytes, size_t len)
{
	const char *end = bytes + len;

	if (c->ready) {
		for (char *p = bytes; (p = memchr(p, '~', (size_t)(end - p))); p++)
			arrive_message(c);
		return;
	}
	collect(&c->stream, bytes, len);
	if (c->stream.len > 12 && memcmp(c->stream.got + 9, "200", 3))
		die("no stream: %s", c->stream.got);
	if (strstr(c->stream.got, ready_text))
		be_ready(c);
}

/* Posts */

static void send_post(struct load_client *c)
{
	const struct post *p = &c->post[c->next_post];

	if (c->lane.fd < 0)
		connect_to(&c->lane, c, &posts_to);
	c->lane.len = 0;
	send_all(&c->lane, p->bytes, p->len);
}

static void post(struct load_client *c)
{
	const struct post *p = &c->post[c->next_post];

	if (!c->posts || (posts_max && c->count == posts_max))
		return;
	c->count++;
	if (p->number) {
		char digits[NUMBER_LEN + 1];

		snprintf(digits, sizeof digits, "%0*u", NUMBER_LEN, c->count % 100000000);
		memcpy(p->number, digits, NUMBER_LEN);
	}
	if (wait_ms)
		usleep(wait_ms * 1000);
	c->answered = false;
	c->missing += p->messages;
	c->posted_at = now_ns();
	send_post(c);
}

static bool is_whole(const struct load_conn *c)
{
	const char *body = strstr(c->got, "\r\n\r\n");
	const char *length = strcasestr(c->got, "\r\ncontent-length:");

	if (!body)
		return false;
	body += 4;
	if (length && length < body)
		return c->got + c->len >= body + atoi(length + 17);
	return c->len > 5 && !strcmp(c->got + c->len - 5, "0\r\n\r\n");
}

static void read_answer(struct load_client *c, const char *bytes, size_t len)
{
	collect(&c->lane, bytes, len);
	if (!is_whole(&c->lane))
		return;
	if (c->lane.got[9] != '2')
		die("a post was refused: %s", c->lane.got);
	add_time(&answer_times[c->next_post], c->posted_at);
	all_posts++;
	posts += counting;
	c->next_post = (c->next_post + 1) % c->posts;
	c->answered = true;
	if (strcasestr(c->lane.got, "\r\nconnection: close"))
		close_conn(&c->lane);
	post_next(c);
}

/* The loop */

static void read_conn(struct load_conn *c)
{
	static char bytes[65536];
	struct load_client *client = c->client;
	bool stream = c == &client->stream;
	ssize_t n;

	if (c->fd < 0)
		return;			/* closed since */
	n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && stream) {
		read_stream(client, bytes, (size_t)n);
	} else if (n > 0) {
		read_answer(client, bytes, (size_t)n);
	} else if (stream && (!client->ready || posting)) {
		die("a stream was closed: %s", c->got ? c->got : "");
	} else {
		lost += stream;
		close_conn(c);
		/* It was kept, and closed just when the post was sent. */
		if (!stream && !client->answered)
			send_post(client);
	}
}

/* False: nothing happened for so long. */
static bool poll_once(int ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(load_epoll, events, 256, ms);

	for (int i = 0; i < n; i++)
		read_conn(events[i].data.ptr);
	return n > 0;
}

static void poll_until_ms(unsigned ms)
{
	uint64_t end = now_ns() + (uint64_t)ms * 1000000;

	for (uint64_t t; (t = now_ns()) < end;)
		poll_once((int)((end - t) / 1000000) + 1);
}

/* What the modes do */

static double open_all(void)
{
	uint64_t start = now_ns();

	for (open_some(); opened < count; open_some())
		if (opened < begun && !poll_once(QUIET_MS))
			die("%zu of %zu streams are open, and the next does not come", opened, count);
	return (double)(now_ns() - start) / 1e9;
}

/* Until standard input has something, or ends. */
static void hold(void)
{
	struct epoll_event events[256], e = { .events = EPOLLIN, .data.ptr = NULL };
	bool held = true;

	if (epoll_ctl(load_epoll, EPOLL_CTL_ADD, STDIN_FILENO, &e))
		die("standard input: %s", strerror(errno));
	while (held) {
		int n = epoll_wait(load_epoll, events, 256, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.ptr)
				read_conn(events[i].data.ptr);
			else
				held = false;
	}
	epoll_ctl(load_epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
}

/* All that was posted is answered, and has arrived; and as often as was asked for. */
static bool is_done(void)
{
	for (size_t i = 0; i < count; i++)
		if (clients[i].posts && (clients[i].count < posts_max ||
		    !clients[i].answered || clients[i].missing))
			return false;
	return true;
}

static void finish_posts(void)
{
	while (!is_done() && poll_once(QUIET_MS))
		;
}

static void post_all(void)
{
	uint64_t start;
	size_t missing = 0;
	double seconds;

	poll_until_ms(SETTLE_MS);
	posting = true;
	counting = posts_max;
	for (size_t i = 0; i < count; i++)
		post(&clients[i]);
	if (!posts_max)
		poll_until_ms(WARM_MS);
	counting = true;
	start = now_ns();
	if (posts_max)
		finish_posts();
	else
		poll_until_ms(duration_ms);
	seconds = (double)(now_ns() - start) / 1e9;
	counting = posting = false;
	finish_posts();
	for (size_t i = 0; i < count; i++)
		missing += clients[i].missing;
	printf("{\"seconds\":%.6f,\"posts\":%zu,\"messages\":%zu,\"all_posts\":%zu,"
	       "\"all_messages\":%zu,\"missing\":%zu,\"event_us\":%.1f,\"answer_us\":[",
	       seconds, posts, messages, all_posts, all_messages, missing,
	       median_us(&event_times));
	for (unsigned i = 0; i < clients[0].posts; i++)
		printf("%s%.1f", i ? "," : "", median_us(&answer_times[i]));
	puts("]}");
}

/* The plan */

static char *read_bytes(size_t len)
{
	char *bytes = grow(NULL, len + 1);

	if (fread(bytes, 1, len, stdin) != len)
		die("the plan ends within a request");
	bytes[len] = '\0';
	return bytes;
}

static void read_post(struct load_client *c, size_t len)
{
	struct post *p;

	if (!c || c->posts == POSTS_MAX)
		die("the plan has a post too many");
	p = &c->post[c->posts++];
	p->bytes = read_bytes(len);
	p->len = len;
	for (size_t i = 0; i < len; i++)
		p->messages += p->bytes[i] == '~';
	p->number = memmem(p->bytes, len, "########", NUMBER_LEN);
}

static void read_plan(void)
{
	char line[64];
	size_t len;

	while (fgets(line, sizeof line, stdin) && strcmp(line, "go\n")) {
		if (sscanf(line, "stream %zu", &len) == 1) {
			clients = grow(clients, ++count * sizeof *clients);
			clients[count - 1] = (struct load_client){
				.open = read_bytes(len), .open_len = len,
			};
		} else if (sscanf(line, "post %zu", &len) == 1) {
			read_post(count ? &clients[count - 1] : NULL, len);
		} else {
			die("no line of a plan: %s", line);
		}
	}
	if (!count)
		die("the plan is empty");
}

int main(int argc, char **argv)
{
	const char *mode, *posts_port = NULL;
	int option;

	while ((option = getopt(argc, argv, "c:r:d:n:ew:p:")) != -1)
		switch (option) {
		case 'c': at_a_time = (unsigned)atoi(optarg); break;
		case 'r': ready_text = optarg; break;
		case 'd': duration_ms = (unsigned)atoi(optarg); break;
		case 'n': posts_max = (unsigned)atoi(optarg); break;
		case 'e': wait_event = true; break;
		case 'w': wait_ms = (unsigned)atoi(optarg); break;
		case 'p': posts_port = optarg; break;
		default: return 2;
		}
	if (optind + 2 != argc)
		die("usage: load open|hold|post PORT [-c N] [-r TEXT] [-d MS] [-n N] [-e] [-w MS] [-p PORT]");
	mode = argv[optind];
	to.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	posts_to = to;
	if (posts_port)
		posts_to.sin_port = htons((uint16_t)atoi(posts_port));
	load_epoll = epoll_create1(EPOLL_CLOEXEC);
	read_plan();
	holds = strcmp(mode, "open");
	printf("{\"streams\":%zu,\"seconds\":%.6f}\n", count, open_all());
	fflush(stdout);
	if (!holds)
		return 0;
	hold();
	if (!strcmp(mode, "post"))
		post_all();
	else
		printf("{\"lost\":%zu}\n", lost);
	return 0;
}
