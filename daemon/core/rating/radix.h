/* Sorting of 64-bit keys with a 32-bit companion: least significant digit first, stable, linear.
 * A month of a million stays is sorted in a few milliseconds a pass. */
#ifndef CORE_RATING_RADIX_H
#define CORE_RATING_RADIX_H

#include "base/arena.h"

struct radix_key {
    uint64_t key;
    uint32_t value;
};

/* Sorts by `key`, equal keys by `compare(context, value, value)`, which is told below, equal or
 * above zero as usual. `scratch` has room for `count` as well. */
void radix_sort(struct radix_key *keys, struct radix_key *scratch, size_t count,
                int (*compare)(const void *context, uint32_t a, uint32_t b), const void *context);

#endif
