/* What the processes of a host share: counts that no kill loses, and a number of
 * streams that no kill leaves wrong. Each test has a segment of its own. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/network.h"
#include "conf/conf.h"
#include "shared/metric.h"
#include "shared/quota.h"
#include "shared/shared.h"

static char name[64];			/* as shm_open wants it */
static struct conf shared_conf;

static int new_name(void **state)
{
	static int number;

	(void)state;
	snprintf(name, sizeof name, "/drawbridge-test.%d.%d", (int)getpid(),
		 ++number);
	shared_conf.shm = name + 1;
	return 0;
}

static int remove_segment(void **state)
{
	(void)state;
	shm_unlink(name);
	return 0;
}

/* A process of its own, as our programs are: runs, says so, and waits to be
 * killed. */
struct process {
	pid_t pid;
	int said;
};

static struct process start_process(void (*run)(void))
{
	struct process p;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (!p.pid) {
		alarm(60);
		close(ends[0]);
		shared_init(&shared_conf);
		run();
		if (write(ends[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	p.said = ends[0];
	return p;
}

static void await_process(struct process p)
{
	char byte;

	assert_int_equal(read(p.said, &byte, 1), 1);
	close(p.said);
}

static void kill_it(struct process p)
{
	kill(p.pid, SIGKILL);
	assert_int_equal(waitpid(p.pid, NULL, 0), p.pid);
}

static void run_once(void (*run)(void))
{
	struct process p = start_process(run);

	await_process(p);
	kill_it(p);
}

/* The value of a line of /metrics, or -1. */
static double value(const char *line)
{
	struct buf b = BUF_INIT(64 * 1024);
	size_t len = strlen(line);
	double n = -1;

	metric_append_all(&b);
	assert_true(buf_ok(&b));
	for (const char *at = b.data; *at; at += strcspn(at, "\n") + 1)
		if (!strncmp(at, line, len) && at[len] == ' ')
			n = strtod(at + len, NULL);
	buf_free(&b);
	return n;
}

static void is(const char *line, double want)
{
	double n;

	shared->free_dead_at = 0;	/* a second has passed */
	n = value(line);
	print_message("  %s %g\n", line, n);
	assert_true(n > want - 1e-9 && n < want + 1e-9);
}

enum { COUNTS_EACH = 20000, PROCESSES = 4 };

static void count_many(void)
{
	for (int i = 0; i < COUNTS_EACH; i++) {
		metric_add(METRIC_JOINS, 0, 1);
		metric_add(METRIC_RELAYS, RELAY_KEPT, 2);
	}
}

static void test_counts(void **state)
{
	struct process all[PROCESSES];
	struct stat st;
	int fd;

	(void)state;
	for (int i = 0; i < PROCESSES; i++)
		all[i] = start_process(count_many);
	for (int i = 0; i < PROCESSES; i++) {
		await_process(all[i]);
		kill_it(all[i]);
	}
	shared_init(&shared_conf);
	is("drawbridge_shared", 1);
	is("drawbridge_joins_total", COUNTS_EACH * PROCESSES);
	is("drawbridge_relays_total{outcome=\"kept\"}", 2 * COUNTS_EACH * PROCESSES);
	is("drawbridge_relays_total{outcome=\"delivered\"}", 0);
	fd = shm_open(name, O_RDONLY, 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, sizeof *shared);
}

static void test_histogram(void **state)
{
	(void)state;
	shared_init(&shared_conf);
	metric_observe(METRIC_ROUND_TRIPS, 100000);
	metric_observe(METRIC_ROUND_TRIPS, 100001);
	metric_observe(METRIC_ROUND_TRIPS, 2000000000);
#define TRIP "drawbridge_redis_round_trip_seconds"
	is(TRIP "_bucket{le=\"0.0001\"}", 1);
	is(TRIP "_bucket{le=\"0.00025\"}", 2);
	is(TRIP "_bucket{le=\"1\"}", 2);
	is(TRIP "_bucket{le=\"+Inf\"}", 3);
	is(TRIP "_count", 3);
	is(TRIP "_sum", 2.000200001);
}

enum { MOST = 5 };

static void acquire_two(void)
{
	if (!quota_acquire(MOST) || !quota_acquire(MOST))
		_exit(1);
}

static void acquire_one(void)
{
	if (!quota_acquire(MOST))
		_exit(1);
}

static void acquire_none(void)
{
	if (quota_acquire(MOST))
		_exit(1);
}

static void acquire_many(void)
{
	while (quota_acquire(MOST))
		;
}

static void acquire_and_release(void)
{
	for (int i = 0; i < 3 * SHARED_SLOTS; i++) {
		if (!quota_acquire(MOST))
			_exit(1);
		quota_release();
	}
	quota_release();		/* one too many harms nobody */
	acquire_one();
}

static void test_quota(void **state)
{
	struct process a = start_process(acquire_two), b, c;

	(void)state;
	await_process(a);
	b = start_process(acquire_two);
	await_process(b);
	run_once(acquire_and_release);
	shared_init(&shared_conf);
	is("drawbridge_streams", 4);	/* what the killed one held is gone */
	is("drawbridge_streams_ended_total{reason=\"killed\"}", 1);
	c = start_process(acquire_one);
	await_process(c);
	is("drawbridge_streams", MOST);
	run_once(acquire_none);
	is("drawbridge_streams", MOST);
	kill_it(a);
	/* Who is refused looks into /proc, but not more than once a second. */
	shared->free_dead_at = INT64_MAX;
	run_once(acquire_none);
	shared->free_dead_at = 0;
	a = start_process(acquire_two);
	await_process(a);
	is("drawbridge_streams", MOST);
	is("drawbridge_streams_ended_total{reason=\"killed\"}", 3);
	kill_it(a);
	kill_it(b);
	kill_it(c);
	is("drawbridge_streams", 0);
	is("drawbridge_streams_ended_total{reason=\"killed\"}", 8);
}

/* One that is killed, but that nobody has waited for, holds nothing either. */
static void test_zombie(void **state)
{
	struct process a = start_process(acquire_two);
	siginfo_t info;

	(void)state;
	await_process(a);
	shared_init(&shared_conf);
	is("drawbridge_streams", 2);
	kill(a.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)a.pid, &info, WEXITED | WNOWAIT), 0);
	is("drawbridge_streams", 0);
	kill_it(a);
}

/* Another process may have the id by now. */
static void test_same_id(void **state)
{
	struct process a = start_process(acquire_two);
	uint64_t word;

	(void)state;
	await_process(a);
	shared_init(&shared_conf);
	word = shared->slots[0];
	shared->slots[0] = word ^ (uint64_t)1 << 20;	/* began at another time */
	is("drawbridge_streams", 0);
	kill_it(a);
}

/* They come from other processes each time, as under mod_fcgid. */
static void test_sweeps(void **state)
{
	struct process a = start_process(acquire_two);
	int64_t from, next;

	(void)state;
	await_process(a);
	shared_init(&shared_conf);
	run_once(acquire_and_release);
	assert_int_equal(shared->free_dead_at, 0);	/* nobody was refused */
	from = clock_ms();
	run_once(acquire_many);
	next = shared->free_dead_at;
	assert_true(next > from);
	kill_it(a);
	run_once(acquire_many);
	assert_true(shared->free_dead_at == next || clock_ms() >= next);
}

/* Whoever reads the metrics, however often, looks into /proc no more often either. */
static void test_reads(void **state)
{
	struct process a = start_process(acquire_two);

	(void)state;
	await_process(a);
	shared_init(&shared_conf);
	kill_it(a);
	shared->free_dead_at = INT64_MAX;
	assert_int_equal(quota_used(), 2);
	shared->free_dead_at = 0;
	assert_int_equal(quota_used(), 0);
}

static void write_file(size_t size, char fill)
{
	int fd = shm_open(name, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(write(fd, &fill, 1), 1);
	close(fd);
}

static void test_other_layout(void **state)
{
	static const struct {
		const char *why;
		size_t size;
		char fill;
	} rows[] = {
		{ "empty", 0, 0 },
		{ "new", sizeof *shared, 0 },
		{ "too short: its maker was killed", 8, 0 },
		{ "longer", sizeof *shared + 8, 0 },
		{ "as long, and another's", sizeof *shared, 'x' },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("  %s\n", rows[i].why);
		write_file(rows[i].size, rows[i].fill);
		shared_init(&shared_conf);
		is("drawbridge_shared", 1);
		is("drawbridge_joins_total", 0);
		metric_add(METRIC_JOINS, 0, 1);
		run_once(count_many);
		is("drawbridge_joins_total", COUNTS_EACH + 1);
		remove_segment(NULL);
	}
}

static void count_alone(void)
{
	if (shared_is_mapped())
		_exit(1);
	count_many();
	if (value("drawbridge_joins_total") < COUNTS_EACH ||
	    value("drawbridge_shared") > 0 || !quota_acquire(1) ||
	    quota_acquire(1) || quota_used() != 1)
		_exit(1);
}

/* A file that others may write is not taken; the process goes on alone. */
static void test_no_memory(void **state)
{
	int fd = shm_open(name, O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(fchmod(fd, 0666), 0);
	close(fd);
	log_set_level(LOG_ERROR);
	run_once(count_alone);
	log_set_level(LOG_INFO);
}

static void hold_lock(void)
{
	if (flock(shm_open(name, O_RDWR, 0), LOCK_EX))
		_exit(1);
}

/* Neither another user's lock stops us, which is not waited for, nor one of our
 * own programs that stands still. */
static void test_locked(void **state)
{
	static const struct {
		const char *why;
		mode_t mode;
		uid_t owner;		/* of root, who may give it away */
	} rows[] = {
		{ "it is not private to this user", 0666, 0 },
		{ "it is not private to this user", 0600, 65534 },
		{ "another process has locked it", 0600, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int fd = shm_open(name, O_RDWR | O_CREAT, 0600), ends[2];
		int err = dup(STDERR_FILENO);
		struct process holder, p;
		char line[512] = "";

		if (rows[i].owner && (geteuid() || fchown(fd, rows[i].owner, 0)))
			print_message("  only root can try: %s\n", rows[i].why);
		assert_int_equal(fchmod(fd, rows[i].mode), 0);
		close(fd);
		holder = start_process(hold_lock);
		await_process(holder);
		assert_int_equal(pipe(ends), 0);
		dup2(ends[1], STDERR_FILENO);
		p = start_process(count_alone);
		dup2(err, STDERR_FILENO);
		close(ends[1]);
		close(err);
		await_process(p);
		kill_it(p);
		assert_true(read(ends[0], line, sizeof line - 1) > 0);
		print_message("  %s", line);
		assert_non_null(strstr(line, rows[i].why));
		close(ends[0]);
		kill_it(holder);
		remove_segment(NULL);
	}
}

static void test_name(void **state)
{
	char want[64];

	(void)state;
	shared_conf.shm = NULL;
	shared_conf.prefix = "test{a}:";
	shared_conf.mount = "/draw/";
	snprintf(want, sizeof want, "/drawbridge.%u.test{a}:+draw+",
		 (unsigned)geteuid());
	strcpy(name, want);
	shm_unlink(name);
	shared_init(&shared_conf);
	is("drawbridge_shared", 1);
	assert_int_equal(shm_unlink(want), 0);
}

static void test_networks(void **state)
{
	static const struct {
		const char *network, *address;
		bool want;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "127.0.0.1", "::ffff:127.0.0.1", true },
		{ "127.0.0.1", "::1", false },
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.0.16.0/20", "10.0.31.9", true },
		{ "10.0.16.0/20", "10.0.32.9", false },
		{ "0.0.0.0/0", "192.0.2.1", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "::1", "0:0:0:0:0:0:0:1", true },
		{ "::1", "", false },
		{ "::1", "somebody", false },
		{ "::1", "::1/0", false },
	};
	static const char *const bad[] = {
		"", "localhost", "10.0.0", "10.0.0.0/33", "::/129", "1.2.3.4/",
		"1.2.3.4/x", "/8", "::1/-1", "1.2.3.4.5", "1:2",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
	};

	static const struct {
		const char *address, *host;
	} hosts[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
		{ "2001:db8::1", "2001:db8::" },
		{ "2001:db8::9:1", "2001:db8::" },
		{ "::1", "::" },
		{ "", "" },
		{ "unix:", "unix:" },
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789",
		  "012345678901234567890123456789012345678901234567890123456789012" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		char host[NETWORK_HOST_MAX];

		network_host(hosts[i].address, host);
		assert_string_equal(host, hosts[i].host);
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("  %s, %s\n", rows[i].network, rows[i].address);
		assert_true(network_valid(rows[i].network));
		assert_int_equal(network_has(rows[i].network, rows[i].address),
				 rows[i].want);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(network_valid(bad[i]));
}

#define SEGMENT_TEST(test) cmocka_unit_test_setup_teardown(test, new_name, remove_segment)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEGMENT_TEST(test_counts),
		SEGMENT_TEST(test_histogram),
		SEGMENT_TEST(test_quota),
		SEGMENT_TEST(test_sweeps),
		SEGMENT_TEST(test_reads),
		SEGMENT_TEST(test_zombie),
		SEGMENT_TEST(test_same_id),
		SEGMENT_TEST(test_other_layout),
		SEGMENT_TEST(test_no_memory),
		SEGMENT_TEST(test_locked),
		SEGMENT_TEST(test_name),
		cmocka_unit_test(test_networks),
	};

	alarm(60);			/* a lock that stays would hang it */
	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
