/*
 * null.c - a FastCGI program that reads a request and answers it, with as many
 * threads as signal.fcgi has: what a web server and FastCGI cost at the least.
 */
#include <pthread.h>
#include <stddef.h>

#include <fcgiapp.h>

enum { NULL_THREADS = 4 };

static void *serve_null(void *unused)
{
	FCGX_Request r;
	char bytes[4096];

	FCGX_InitRequest(&r, 0, 0);
	while (FCGX_Accept_r(&r) >= 0) {
		while (FCGX_GetStr(bytes, sizeof bytes, r.in) > 0)
			;
		FCGX_PutS("Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK", r.out);
		FCGX_Finish_r(&r);
	}
	return unused;
}

int main(void)
{
	pthread_t thread;

	FCGX_Init();
	for (int i = 1; i < NULL_THREADS; i++)
		pthread_create(&thread, NULL, serve_null, NULL);
	serve_null(NULL);
	return 0;
}
