#include "core/rating/names.h"

#include <assert.h>

/* Numbers are packed beside others into 64-bit sort keys. */
static const uint32_t names_max = (1u << 24) - 1;

void names_init(struct names *names, uint64_t seed)
{
    *names = (struct names){0};
    map_init(&names->numbers, seed);
    arena_init(&names->arena);
}

void names_release(struct names *names)
{
    free(names->ids);
    map_release(&names->numbers);
    arena_release(&names->arena);
    *names = (struct names){0};
}

/* The map holds pointers; number + 1, so that none is NULL. */
static void *number_pack(uint32_t number)
{
    return (void *)((uintptr_t)number + 1);
}

int names_add(struct names *names, struct view id, uint32_t *out)
{
    if (names_find(names, id, out)) {
        return E_EXISTS;
    }
    if (names->count == names_max) {
        return E_LIMIT;
    }
    if (names->count == names->alloc) {
        names->alloc = names->alloc == 0 ? 64 : names->alloc * 2;
        names->ids = xrealloc(names->ids, names->alloc, sizeof(*names->ids));
    }
    *out = names->count++;
    names->ids[*out] = arena_copy(&names->arena, id);
    map_put(&names->numbers, id, number_pack(*out));
    return 0;
}

bool names_find(const struct names *names, struct view id, uint32_t *out)
{
    void *value = map_get(&names->numbers, id);
    if (value == NULL) {
        return false;
    }
    *out = (uint32_t)((uintptr_t)value - 1);
    return true;
}

static int ids_compare(const void *a, const void *b)
{
    return view_compare(*(const struct view *)a, *(const struct view *)b);
}

uint32_t *names_sort(struct names *names)
{
    uint32_t *moved = xmalloc((names->count + 1) * sizeof(*moved));
    struct view *sorted = xmalloc((names->count + 1) * sizeof(*sorted));
    for (uint32_t i = 0; i < names->count; i++) {
        sorted[i] = names->ids[i];
    }
    qsort(sorted, names->count, sizeof(*sorted), ids_compare);
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t old;
        bool found = names_find(names, sorted[i], &old);
        assert(found);
        moved[old] = i;
        map_put(&names->numbers, sorted[i], number_pack(i));
    }
    free(names->ids);
    names->ids = sorted;
    names->alloc = names->count + 1;
    return moved;
}
