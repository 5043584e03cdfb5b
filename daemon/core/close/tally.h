/* Private to close/: sums by 64-bit key, for the one pass over a month's items. Open addressing, a
 * few thousand sums, so it stays in the second-level cache. Keys come from dense numbers, never
 * from outside. */
#ifndef CORE_CLOSE_TALLY_H
#define CORE_CLOSE_TALLY_H

#include "base/view.h"

struct tally_slot {
    uint64_t key; /* key + 1; 0: free */
    int64_t sum;
};

struct tally {
    struct tally_slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

void tally_init(struct tally *tally);
void tally_release(struct tally *tally);
/* `key` below 2^64 - 1. Sums of a month's quantities do not overflow: 2^31 stays of 25 hours. */
void tally_add(struct tally *tally, uint64_t key, int64_t quantity);
/* The next sum in no particular order, from *at = 0 on; false at the end. */
bool tally_next(const struct tally *tally, size_t *at, uint64_t *key, int64_t *sum);

#endif
