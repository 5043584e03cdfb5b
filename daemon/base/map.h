/* A hash map from byte strings to pointers. Keys are copied into the map; values are borrowed.
 * Seeded per map, so that a peer who picks keys cannot make it slow. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/arena.h"

struct map_slot {
    struct view key; /* data NULL: free */
    uint64_t hash;
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t seed;
    struct arena keys;
};

void map_init(struct map *map, uint64_t seed);
void map_release(struct map *map);
/* NULL when absent. */
void *map_get(const struct map *map, struct view key);
/* Returns the value that was there (NULL: none) and puts `value`, which must not be NULL. */
void *map_put(struct map *map, struct view key, void *value);
/* The next slot in no particular order, from *at = 0 on; NULL at the end. */
const struct map_slot *map_next(const struct map *map, size_t *at);

#endif
