/* A fuzz harness is one function that takes any bytes and must return. meson.build lists
 * them; replay.c runs them over their seeds in every build, libFuzzer in one with -Dfuzz=true. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Always returns 0. Wrong behaviour is an assert, a sanitizer's report or a crash. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
