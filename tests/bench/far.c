/*
 * far.c - a network to a server on this machine that is some milliseconds long.
 *
 *	far NAME PORT MS
 *
 * Makes the interface NAME (tun) and reads the packets that are sent into it, which
 * leave MS after they came with their two addresses exchanged: who connects to the
 * far end of the interface reaches who listens at the near one, on PORT. All that
 * the kernel's TCP says goes that way, handshakes and acknowledgements too, so that
 * nothing is imitated; packets keep their order, none waits for another's answer,
 * and none is lost but where PACKETS_MAX are on their way (told as "dropped").
 * Exchanged addresses leave the checksums right.
 *
 * A line on standard input is answered by one in JSON; at its end all ends.
 *
 *	delay MS	from now on, each way
 *	reset		counts from here on
 *	count		what was counted since
 *
 * "trips" are the round trips that the programs had to wait for one after another, all
 * their connections taken together. It is a logical clock (Lamport): what a program
 * sends is one step later than all that has reached it, what the server answers one later
 * than what it was asked on that connection; what it says unasked (a subscription),
 * than all that has reached it. So things side by side count once, and a handshake
 * counts as what it is, a round trip. It is right where each waits for its answer;
 * what two programs do at the same time may be taken for one's cause.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_MAX = 1500, PACKETS_MAX = 16384, LINE_MAX_BYTES = 64 };
enum way { TO_SERVER, TO_PROGRAM };

struct packet {
	int64_t due;			/* in ns */
	enum way way;
	uint16_t conn;			/* the port of the program's end */
	unsigned stamp;			/* 0: it says nothing new */
	size_t len;
	unsigned char bytes[PACKET_MAX];
};

struct far_conn {
	uint32_t next[2];		/* sequence number of what would be new, each way */
	unsigned stamp;			/* of what has reached the server */
	bool asked;			/* and was not answered yet */
};

static struct packet packets[PACKETS_MAX];	/* a ring */
static size_t first, queued;
static int64_t delay, last_due;

static struct far_conn conns[65536];
static unsigned at_programs, at_server;	/* the clocks */
static unsigned long connection_count, asks, dropped;
static int64_t busy_at;			/* when anything new was last on its way */

static uint16_t port;
static int tun;

static void far_die(const char *what)
{
	fprintf(stderr, "far: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t far_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void open_tun(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &r))
		far_die("/dev/net/tun");
}

/* Counting */

static void raise_clock(unsigned *clock, unsigned stamp)
{
	if (stamp > *clock)
		*clock = stamp;
}

static unsigned stamp_of(struct far_conn *c, enum way way)
{
	bool asked = c->asked;

	if (way == TO_SERVER)
		return at_programs + 1;
	c->asked = false;
	return (asked ? c->stamp : at_server) + 1;
}

/* What is new in it: not what is sent again, nor acknowledgements and ends. */
static void look_at(struct packet *p)
{
	const struct ip *ip = (const struct ip *)p->bytes;
	const struct tcphdr *tcp = (const struct tcphdr *)(p->bytes + ip->ip_hl * 4);
	size_t head = (size_t)ip->ip_hl * 4 + sizeof *tcp, len = ntohs(ip->ip_len);
	uint32_t end;
	struct far_conn *c;

	p->stamp = 0;
	if (p->len < head || ip->ip_v != 4 || ip->ip_p != IPPROTO_TCP || len > p->len)
		return;
	p->way = ntohs(tcp->th_dport) == port ? TO_SERVER : TO_PROGRAM;
	p->conn = ntohs(p->way == TO_SERVER ? tcp->th_sport : tcp->th_dport);
	c = &conns[p->conn];
	len -= (size_t)ip->ip_hl * 4 + (size_t)tcp->th_off * 4;
	end = ntohl(tcp->th_seq) + (uint32_t)len + !!(tcp->th_flags & TH_SYN);
	if (tcp->th_flags & TH_SYN) {
		if (c->next[p->way] == end)
			return;
		if (p->way == TO_SERVER) {
			*c = (struct far_conn){ .asked = false };
			connection_count++;
		}
	} else if (!len || (int32_t)(end - c->next[p->way]) <= 0) {
		return;
	}
	c->next[p->way] = end;
	p->stamp = stamp_of(c, p->way);
}

static void arrive_packet(const struct packet *p)
{
	struct far_conn *c = &conns[p->conn];

	if (!p->stamp)
		return;
	if (p->way == TO_PROGRAM) {
		raise_clock(&at_programs, p->stamp);
		return;
	}
	raise_clock(&at_server, p->stamp);
	raise_clock(&c->stamp, p->stamp);
	asks += !c->asked;
	c->asked = true;
}

static void reset(void)
{
	at_programs = at_server = 0;
	connection_count = asks = dropped = 0;
	for (size_t i = 0; i < sizeof conns / sizeof *conns; i++)
		conns[i].stamp = 0;
	for (size_t i = 0; i < queued; i++)
		packets[(first + i) % PACKETS_MAX].stamp = 0;
}

/* Packets */

static void exchange_addresses(struct packet *p)
{
	struct ip *ip = (struct ip *)p->bytes;
	struct in_addr source = ip->ip_src;

	ip->ip_src = ip->ip_dst;
	ip->ip_dst = source;
}

/* False: nothing is there. */
static bool receive(void)
{
	static unsigned char lost[PACKET_MAX];
	struct packet *p = &packets[(first + queued) % PACKETS_MAX];
	bool full = queued == PACKETS_MAX;
	ssize_t n = read(tun, full ? lost : p->bytes, PACKET_MAX);
	int64_t now = far_now_ns();

	if (n <= 0)
		return false;
	if (full || p->bytes[0] >> 4 != 4) {
		dropped += full;	/* and what IPv6 looks for is not here */
		return true;
	}
	p->len = (size_t)n;
	/* Where the delay has become shorter it does not overtake. */
	p->due = now + delay > last_due ? now + delay : last_due;
	last_due = p->due;
	look_at(p);
	if (p->stamp)
		busy_at = p->due;
	exchange_addresses(p);
	queued++;
	return true;
}

static void send_due(void)
{
	while (queued && packets[first].due <= far_now_ns()) {
		struct packet *p = &packets[first];

		/* First, as what it causes may be there at once. */
		arrive_packet(p);
		if (write(tun, p->bytes, p->len) < 0)
			dropped++;
		first = (first + 1) % PACKETS_MAX;
		queued--;
	}
}

/* Commands */

static void answer_command(char *line)
{
	int64_t now = far_now_ns();

	if (!strncmp(line, "delay ", 6))
		delay = (int64_t)(atof(line + 6) * 1e6);
	else if (!strcmp(line, "reset"))
		reset();
	printf("{\"trips\":%u,\"connections\":%lu,\"asks\":%lu,\"dropped\":%lu,"
	       "\"quiet_ms\":%lld}\n", (at_programs + 1) / 2, connection_count, asks,
	       dropped, (long long)(now > busy_at ? (now - busy_at) / 1000000 : 0));
	fflush(stdout);
}

static void read_commands(void)
{
	static char line[LINE_MAX_BYTES];
	static size_t len;
	char c;

	if (read(STDIN_FILENO, &c, 1) <= 0)
		exit(0);
	if (c != '\n' && len < sizeof line - 1) {
		line[len++] = c;
		return;
	}
	line[len] = '\0';
	len = 0;
	answer_command(line);
}

static void wait_for_packet(struct pollfd fds[2])
{
	int64_t left = queued ? packets[first].due - far_now_ns() : 0;
	struct timespec t = { 0, 0 };

	if (left > 0)
		t = (struct timespec){ left / 1000000000, left % 1000000000 };
	if (ppoll(fds, 2, queued ? &t : NULL, NULL) < 0 && errno != EINTR)
		far_die("ppoll");
}

int main(int argc, char **argv)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { STDIN_FILENO, POLLIN, 0 } };

	if (argc != 4) {
		fputs("usage: far NAME PORT MS\n", stderr);
		return 2;
	}
	port = (uint16_t)atoi(argv[2]);
	delay = (int64_t)(atof(argv[3]) * 1e6);
	prctl(PR_SET_TIMERSLACK, 1);
	open_tun(argv[1]);
	fds[0].fd = tun;
	answer_command("");
	for (;;) {
		wait_for_packet(fds);
		while (receive())
			send_due();
		send_due();
		if (fds[1].revents)
			read_commands();
	}
}
