#include "core/close/tally.h"

#include "base/arena.h"

void tally_init(struct tally *tally)
{
    tally->capacity = 1024;
    tally->count = 0;
    tally->slots = xcalloc(tally->capacity, sizeof(*tally->slots));
}

void tally_release(struct tally *tally)
{
    free(tally->slots);
    *tally = (struct tally){0};
}

static struct tally_slot *slot_find(const struct tally *tally, uint64_t key)
{
    uint64_t hash = (key + 1) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio spreads */
    size_t at = (size_t)(hash >> 32) & (tally->capacity - 1);
    while (tally->slots[at].key != 0 && tally->slots[at].key != key + 1) {
        at = (at + 1) & (tally->capacity - 1);
    }
    return &tally->slots[at];
}

static void tally_grow(struct tally *tally)
{
    struct tally old = *tally;
    tally->capacity *= 2;
    tally->slots = xcalloc(tally->capacity, sizeof(*tally->slots));
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].key != 0) {
            *slot_find(tally, old.slots[i].key - 1) = old.slots[i];
        }
    }
    free(old.slots);
}

void tally_add(struct tally *tally, uint64_t key, int64_t quantity)
{
    struct tally_slot *slot = slot_find(tally, key);
    slot->sum += quantity;
    if (slot->key == 0) {
        slot->key = key + 1;
        tally->count++;
        if (tally->count * 2 > tally->capacity) {
            tally_grow(tally);
        }
    }
}

bool tally_next(const struct tally *tally, size_t *at, uint64_t *key, int64_t *sum)
{
    while (*at < tally->capacity) {
        const struct tally_slot *slot = &tally->slots[(*at)++];
        if (slot->key != 0) {
            *key = slot->key - 1;
            *sum = slot->sum;
            return true;
        }
    }
    return false;
}
