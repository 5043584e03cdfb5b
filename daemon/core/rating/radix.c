#include "core/rating/radix.h"

/* 11 bits: 2,048 counters stay in the first-level cache. */
enum { DIGIT_BITS = 11, DIGIT_COUNT = 1 << DIGIT_BITS };

struct ties {
    int (*compare)(const void *context, uint32_t a, uint32_t b);
    const void *context;
};

/* Sorts one run of equal keys by merging halves, so that a flood of them costs n log n. */
static void ties_sort(struct radix_key *keys, struct radix_key *scratch, size_t count,
                      const struct ties *ties)
{
    if (count < 2) {
        return;
    }
    size_t half = count / 2;
    ties_sort(keys, scratch, half, ties);
    ties_sort(keys + half, scratch, count - half, ties);
    memcpy(scratch, keys, half * sizeof(*keys));
    size_t left = 0;
    size_t right = half;
    for (size_t to = 0; left < half; to++) {
        bool take_right = right < count &&
                          ties->compare(ties->context, keys[right].value, scratch[left].value) < 0;
        keys[to] = take_right ? keys[right++] : scratch[left++];
    }
}

static void digits_sort(struct radix_key *keys, struct radix_key *scratch, size_t count)
{
    uint64_t differ = 0; /* bits in which any two keys differ: the other digits need no pass */
    for (size_t i = 1; i < count; i++) {
        differ |= keys[i].key ^ keys[0].key;
    }
    struct radix_key *from = keys;
    struct radix_key *to = scratch;
    for (int shift = 0; shift < 64; shift += DIGIT_BITS) {
        if (((differ >> shift) & (DIGIT_COUNT - 1)) == 0) {
            continue;
        }
        size_t starts[DIGIT_COUNT] = {0};
        for (size_t i = 0; i < count; i++) {
            starts[(from[i].key >> shift) & (DIGIT_COUNT - 1)]++;
        }
        size_t total = 0;
        for (size_t digit = 0; digit < DIGIT_COUNT; digit++) {
            size_t here = starts[digit];
            starts[digit] = total;
            total += here;
        }
        for (size_t i = 0; i < count; i++) {
            to[starts[(from[i].key >> shift) & (DIGIT_COUNT - 1)]++] = from[i];
        }
        struct radix_key *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys) {
        memcpy(keys, from, count * sizeof(*keys));
    }
}

void radix_sort(struct radix_key *keys, struct radix_key *scratch, size_t count,
                int (*compare)(const void *context, uint32_t a, uint32_t b), const void *context)
{
    digits_sort(keys, scratch, count);
    struct ties ties = {compare, context};
    size_t from = 0;
    for (size_t i = 1; i <= count; i++) {
        if (i == count || keys[i].key != keys[from].key) {
            ties_sort(keys + from, scratch, i - from, &ties);
            from = i;
        }
    }
}
