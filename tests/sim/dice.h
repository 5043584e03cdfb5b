/* Chance by seed: the same draws on every machine. */
#ifndef TESTS_SIM_DICE_H
#define TESTS_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_draw(struct dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 ... n - 1; 0 for n 0. */
static inline int64_t dice_below(struct dice *dice, int64_t n)
{
    return n <= 0 ? 0 : (int64_t)(dice_draw(dice) % (uint64_t)n);
}

static inline int64_t dice_between(struct dice *dice, int64_t low, int64_t high)
{
    return low + dice_below(dice, high - low + 1);
}

static inline bool dice_permille(struct dice *dice, int64_t permille)
{
    return dice_below(dice, 1000) < permille;
}

#endif
