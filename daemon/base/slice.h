/* How long this thread would work in one go. Who asks for shorter slices than another goes first
 * when it wakes, and gets no more of the processor by it: Linux 6.12 and later. Older kernels
 * ignore it, and where it is not allowed nothing is lost but time. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdint.h>

/* This thread goes before those of its session or service that never ask, by 28 to 1: for one that
 * all wait for. Where it is not allowed (RLIMIT_NICE, CAP_SYS_NICE) nothing is lost but time. */
void slice_first(void);
/* 100 us to 100 ms, in nanoseconds; a thread that never asks has some milliseconds. */
void slice_ask(uint64_t ns);

#endif
