/* A set of ids with dense numbers: 0, 1, 2 ... in the order of adding, or, after names_sort(), in
 * byte order (RULES 9: ids compare as byte strings), so that comparing two numbers compares two
 * ids. Owns copies of the ids. */
#ifndef CORE_RATING_NAMES_H
#define CORE_RATING_NAMES_H

#include "base/map.h"

struct names {
    struct view *ids; /* by number */
    uint32_t count;
    uint32_t alloc;
    struct map numbers;
    struct arena arena;
};

/* `seed` keeps whoever chooses the ids from making the lookup slow. */
void names_init(struct names *names, uint64_t seed);
void names_release(struct names *names);
/* E_EXISTS when the id is there already (*out is then its number), E_LIMIT past 2^24 - 1 ids. */
must_check int names_add(struct names *names, struct view id, uint32_t *out);
bool names_find(const struct names *names, struct view id, uint32_t *out);
/* Numbers the ids anew in byte order. Returns the new number of each old one; the caller frees. */
uint32_t *names_sort(struct names *names);

#endif
