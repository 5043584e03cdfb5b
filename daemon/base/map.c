/* Open addressing, linear probing, at most 3/4 full, FNV-1a with a seed and a final mix. There is
 * no removal: maps here are built, read and released. */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

void map_init(struct map *map, uint64_t seed)
{
    *map = (struct map){.seed = seed};
}

void map_release(struct map *map)
{
    free(map->slots);
    arena_release(&map->keys);
    *map = (struct map){0};
}

static uint64_t hash_of(const struct map *map, struct view key)
{
    uint64_t hash = 0xcbf29ce484222325u ^ map->seed;
    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ (uint8_t)key.data[i]) * 0x100000001b3u;
    }
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static struct map_slot *find(const struct map *map, struct view key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &map->slots[i];
        if (slot->key.data == NULL || (slot->hash == hash && view_equal(slot->key, key))) {
            return slot;
        }
    }
}

void *map_get(const struct map *map, struct view key)
{
    return map->capacity == 0 ? NULL : find(map, key, hash_of(map, key))->value;
}

static void grow(struct map *map)
{
    struct map_slot *old = map->slots;
    size_t old_capacity = map->capacity;
    map->capacity = old_capacity == 0 ? 16 : old_capacity * 2;
    map->slots = xcalloc(map->capacity, sizeof *map->slots);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].key.data != NULL) {
            *find(map, old[i].key, old[i].hash) = old[i];
        }
    }
    free(old);
}

void *map_put(struct map *map, struct view key, void *value)
{
    assert(value != NULL);
    if (map->count + 1 > map->capacity / 4 * 3) {
        grow(map);
    }
    uint64_t hash = hash_of(map, key);
    struct map_slot *slot = find(map, key, hash);
    void *before = slot->value;
    if (slot->key.data == NULL) {
        *slot = (struct map_slot){.key = arena_copy(&map->keys, key), .hash = hash};
        map->count++;
    }
    slot->value = value;
    return before;
}

const struct map_slot *map_next(const struct map *map, size_t *at)
{
    while (*at < map->capacity) {
        const struct map_slot *slot = &map->slots[(*at)++];
        if (slot->key.data != NULL) {
            return slot;
        }
    }
    return NULL;
}
