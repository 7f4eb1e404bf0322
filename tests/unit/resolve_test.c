/*
 * Names whose answers this file gives, in getaddrinfo's place: at once, never, or once
 * the gate is open.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/resolve.h"

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static bool open_gate;
static int look_ups;			/* but for those of addresses */

static const struct {
	const char *name, *answer;	/* addresses, or none */
	bool gated;
} host_answers[] = {
	{ "one.test", "192.0.2.1", false },
	{ "both.test", "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2", false },
	{ "many.test", "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 "
		"192.0.2.6 192.0.2.7 192.0.2.8 192.0.2.9", false },
	{ "slow.test", "192.0.2.7", true },
	{ "gated.test", "192.0.2.8", true },
};

static void *allocate(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

/* A list of the addresses in a text of them. NULL: it holds anything else. */
static struct addrinfo *list_of(const char *text)
{
	char copy[256], *rest = copy;
	struct addrinfo *first = NULL, **end = &first;

	snprintf(copy, sizeof copy, "%s", text);
	for (char *word; (word = strtok_r(rest, " ", &rest));) {
		struct sockaddr_in v4 = { .sin_family = AF_INET };
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
		bool is_v4 = inet_pton(AF_INET, word, &v4.sin_addr) == 1;

		if (!is_v4 && inet_pton(AF_INET6, word, &v6.sin6_addr) != 1)
			break;
		*end = allocate(sizeof **end);
		(*end)->ai_family = is_v4 ? AF_INET : AF_INET6;
		(*end)->ai_addrlen = is_v4 ? sizeof v4 : sizeof v6;
		(*end)->ai_addr = allocate(sizeof v6);
		if (is_v4)
			memcpy((*end)->ai_addr, &v4, sizeof v4);
		else
			memcpy((*end)->ai_addr, &v6, sizeof v6);
		end = &(*end)->ai_next;
	}
	return first;
}

static void pass_gate(bool gated)
{
	pthread_mutex_lock(&gate_lock);
	look_ups++;
	while (gated && !open_gate)
		pthread_cond_wait(&gate_opened, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
}

static void set_gate(bool open)
{
	pthread_mutex_lock(&gate_lock);
	open_gate = open;
	pthread_cond_broadcast(&gate_opened);
	pthread_mutex_unlock(&gate_lock);
}

static int count_look_ups(void)
{
	int n;

	pthread_mutex_lock(&gate_lock);
	n = look_ups;
	pthread_mutex_unlock(&gate_lock);
	return n;
}

int getaddrinfo(const char *name, const char *service,
		const struct addrinfo *hints, struct addrinfo **list)
{
	(void)service;
	if (hints->ai_flags & AI_NUMERICHOST)
		return (*list = list_of(name)) ? 0 : EAI_NONAME;
	for (size_t i = 0; i < sizeof host_answers / sizeof *host_answers; i++)
		if (!strcmp(host_answers[i].name, name)) {
			pass_gate(host_answers[i].gated);
			*list = list_of(host_answers[i].answer);
			return 0;
		}
	pass_gate(false);
	return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list->ai_addr);
		free(list);
		list = next;
	}
}

static const char *addresses_of(const char *name, int64_t deadline)
{
	static char text[ADDRESSES_MAX * (ADDRESS_MAX + 2)];
	struct addresses a;
	const char *why = resolve(name, deadline, &a);

	*text = '\0';
	for (size_t i = 0; !why && i < a.count; i++) {
		strcat(text, i ? " " : "");
		strcat(text, a.text[i]);
	}
	return why ? why : text;
}

static void test_names(void **state)
{
	static const struct {
		const char *why, *name, *want;
		int look_ups;
	} rows[] = {
		{ "an address", "192.0.2.3", "192.0.2.3", 0 },
		{ "of IPv6", "2001:db8::3", "2001:db8::3", 0 },
		{ "a name", "one.test", "192.0.2.1", 1 },
		{ "again: its answer is there", "one.test", "192.0.2.1", 0 },
		{ "IPv4 first", "both.test",
		  "192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2", 1 },
		{ "more than are tried", "many.test",
		  "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 "
		  "192.0.2.6 192.0.2.7 192.0.2.8", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int before = count_look_ups();

		printf("  %s\n", rows[i].why);
		assert_string_equal(addresses_of(rows[i].name, clock_ms() + 10000),
				    rows[i].want);
		assert_int_equal(count_look_ups() - before, rows[i].look_ups);
	}
}

static void test_no_such_name(void **state)
{
	int before = count_look_ups();

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_string_equal(addresses_of("none.test", clock_ms() + 10000),
				    gai_strerror(EAI_NONAME));
	assert_int_equal(count_look_ups() - before, 1);
}

/* One waits, as long as it may; the others who come find that it is late. */
static void test_slow(void **state)
{
	enum { OTHERS = 10 };
	int64_t began = clock_ms();
	int before = count_look_ups();

	(void)state;
	set_gate(false);
	assert_string_equal(addresses_of("slow.test", began + 50),
			    "no name server has answered in time");
	assert_true(clock_ms() >= began + 50);
	for (int i = 0; i < OTHERS; i++)
		assert_string_equal(addresses_of("slow.test", clock_ms() + 10000),
				    "no name server has answered in time");
	assert_true(clock_ms() >= began + RESOLVE_MS);
	assert_true(clock_ms() < began + OTHERS / 2 * RESOLVE_MS);
	assert_int_equal(count_look_ups() - before, 1);

	/* Its answer is for who comes next. */
	set_gate(true);
	while (strcmp(addresses_of("slow.test", clock_ms() + 10000), "192.0.2.7"))
		usleep(1000);
	assert_int_equal(count_look_ups() - before, 1);

	/* And where there is no newer one, for who comes later. */
	set_gate(false);
	usleep(RESOLVE_FRESH_MS * 1000);
	assert_string_equal(addresses_of("slow.test", clock_ms() + 10000), "192.0.2.7");
	assert_int_equal(count_look_ups() - before, 2);
	set_gate(true);
}

static void test_many_names(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "%d.test", i);
		assert_string_equal(addresses_of(name, clock_ms() + 10000),
				    gai_strerror(EAI_NONAME));
	}
	assert_string_equal(addresses_of("one.test", clock_ms() + 10000), "192.0.2.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_no_such_name),
		cmocka_unit_test(test_slow), cmocka_unit_test(test_many_names),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
