/*
 * fuzz.h - what a target is: one function, called with any bytes. It crashes, or
 * aborts where something that always holds does not. By libFuzzer (make fuzz),
 * which finds new bytes, or by replay.c, which takes those of the corpus.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition) do { if (!(condition)) abort(); } while (0)

/* The bytes as a string, to be freed. It ends at the first NUL. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Settings, made once: the presets, and this secret. */
#define FUZZ_SECRET "0123456789abcdef0123456789abcdef"
const struct conf *fuzz_conf(void);

/* A connection on which Redis has sent these bytes, and then closed it. What is
 * sent to it is thrown away. dial(), as the store does it, gives it too. */
void fuzz_redis(const uint8_t *data, size_t size);

#endif
