/* Every round withholds at least one more group, the one with the fewest people that takes part in
 * what gives somebody away, so it ends. */
#include "core/statement/anonymity.h"

/* A prime: sums of counts are solved in its field, where no fraction is lost. */
#define FIELD UINT64_C(2147483647)

static uint32_t people_of(const struct anonymity *a, const bool *atoms)
{
    uint32_t people = 0;
    for (size_t i = 0; i < a->pair_count;) {
        uint32_t person = a->pairs[i].person;
        bool there = false;
        for (; i < a->pair_count && a->pairs[i].person == person; i++) {
            there = there || atoms[a->pairs[i].atom];
        }
        people += there;
    }
    return people;
}

static bool gives_away(uint32_t people)
{
    return people > 0 && people < ANONYMITY_MIN;
}

static bool is_told(const struct anonymity_group *group)
{
    return !group->withheld && group->people > 0;
}

/* The told group with the fewest people among those marked; SIZE_MAX: none. */
static size_t fewest(const struct anonymity *a, const bool *marked)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < a->group_count; i++) {
        if (marked[i] && is_told(&a->groups[i]) &&
            (found == SIZE_MAX || a->groups[i].people < a->groups[found].people)) {
            found = i;
        }
    }
    return found;
}

static bool withhold(struct anonymity *a, const bool *marked)
{
    size_t found = fewest(a, marked);
    if (found != SIZE_MAX) {
        a->groups[found].withheld = true;
    }
    return found != SIZE_MAX;
}

/* ---- remainders ---- */

static bool is_within(const struct anonymity *a, const bool *atoms, const bool *whole)
{
    for (size_t i = 0; i < a->atom_count; i++) {
        if (atoms[i] && !whole[i]) {
            return false;
        }
    }
    return true;
}

/* Takes the told groups of a family within the rest away; `used` marks them. */
static void take_away(const struct anonymity *a, unsigned family, size_t from, bool *rest,
                      bool *used)
{
    for (size_t i = 0; i < a->group_count; i++) {
        const struct anonymity_group *group = &a->groups[i];
        if (i == from || group->family != family || !is_told(group) ||
            !is_within(a, group->atoms, rest)) {
            continue;
        }
        used[i] = true;
        for (size_t k = 0; k < a->atom_count; k++) {
            rest[k] = rest[k] && !group->atoms[k];
        }
    }
}

/* One told group, its parts taken away in this order of families; true when it withheld one. */
static bool remainder_check(struct anonymity *a, size_t from, const unsigned *order,
                            size_t order_count, bool *rest, bool *used)
{
    memcpy(rest, a->groups[from].atoms, a->atom_count * sizeof *rest);
    memset(used, 0, a->group_count * sizeof *used);
    for (size_t i = 0; i < order_count; i++) {
        take_away(a, order[i], from, rest, used);
        if (gives_away(people_of(a, rest))) {
            used[from] = true;
            return withhold(a, used);
        }
    }
    return false;
}

static bool remainders(struct anonymity *a, bool *rest, bool *used)
{
    static const unsigned orders[][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3},
                                         {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};
    _Static_assert(ANONYMITY_FAMILIES == 4, "the orders are of all families but the first");
    bool any = false;
    for (size_t i = 0; i < a->group_count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(orders) && is_told(&a->groups[i]); k++) {
            any = remainder_check(a, i, orders[k], ARRAY_LEN(orders[k]), rest, used) || any;
        }
    }
    return any;
}

/* ---- sums and differences ---- */

static uint64_t power(uint64_t base, uint64_t exponent)
{
    uint64_t result = 1;
    for (; exponent > 0; exponent >>= 1) {
        result = (exponent & 1) != 0 ? result * base % FIELD : result;
        base = base * base % FIELD;
    }
    return result;
}

/* Rows are atoms; columns are told groups, then small atoms. */
struct equations {
    uint32_t *at;
    size_t rows, told, columns;
    size_t *group; /* of each told column */
    size_t *pivot; /* row of each told column, SIZE_MAX: none */
};

static void row_clear(struct equations *e, size_t row, size_t by, size_t from)
{
    uint64_t factor = e->at[row * e->columns + from];
    for (size_t c = from; factor != 0 && c < e->columns; c++) {
        uint64_t value = e->at[row * e->columns + c];
        uint64_t less = factor * e->at[by * e->columns + c] % FIELD;
        e->at[row * e->columns + c] = (uint32_t)((value + FIELD - less) % FIELD);
    }
}

/* Gauss and Jordan. Returns how many rows have a pivot: they come first. */
static size_t reduce(struct equations *e)
{
    size_t rank = 0;
    for (size_t c = 0; c < e->told; c++) {
        size_t row = rank;
        e->pivot[c] = SIZE_MAX;
        while (row < e->rows && e->at[row * e->columns + c] == 0) {
            row++;
        }
        if (row == e->rows) {
            continue;
        }
        uint64_t inverse = power(e->at[row * e->columns + c], FIELD - 2);
        for (size_t k = 0; k < e->columns; k++) {
            uint32_t other = e->at[rank * e->columns + k];
            e->at[rank * e->columns + k] =
                (uint32_t)(e->at[row * e->columns + k] * inverse % FIELD);
            if (row != rank) {
                e->at[row * e->columns + k] = other;
            }
        }
        for (size_t r = 0; r < e->rows; r++) {
            if (r != rank) {
                row_clear(e, r, rank, c);
            }
        }
        e->pivot[c] = rank++;
    }
    return rank;
}

/* Whether what these columns add up to is a sum of told counts; marks those that take part. */
static bool is_sum(const struct equations *e, const size_t *columns, size_t count, size_t rank,
                   bool *used)
{
    for (size_t r = rank; r < e->rows; r++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += e->at[r * e->columns + columns[i]];
        }
        if (sum % FIELD != 0) {
            return false;
        }
    }
    for (size_t c = 0; c < e->told; c++) {
        uint64_t factor = 0;
        for (size_t i = 0; i < count && e->pivot[c] != SIZE_MAX; i++) {
            factor += e->at[e->pivot[c] * e->columns + columns[i]];
        }
        used[e->group[c]] = factor % FIELD != 0;
    }
    return true;
}

/* An atom with one to four people: alone or with others it may be what comes out. */
struct small {
    size_t atom;
    uint32_t people[ANONYMITY_MIN - 1];
    size_t count;
};

/* Looks for a few small atoms that are a sum together and have fewer than five people. */
struct search {
    struct anonymity *a;
    const struct equations *e;
    const struct small *small;
    size_t small_count;
    size_t rank;
    bool *used;
    size_t columns[ANONYMITY_MIN - 1];
    size_t depth;
    size_t tries; /* left */
};
/* Networks with thousands of places that one person alone visits would take for ever. */
enum { TRIES_MAX = 4000000 };

static size_t people_join(const struct small *more, const uint32_t *people, size_t count,
                          uint32_t *out)
{
    if (count > 0) {
        memcpy(out, people, count * sizeof *out);
    }
    for (size_t i = 0; i < more->count && count < ANONYMITY_MIN; i++) {
        bool known = false;
        for (size_t k = 0; k < count; k++) {
            known = known || out[k] == more->people[i];
        }
        if (!known) {
            out[count++] = more->people[i];
        }
    }
    return count;
}

static bool search_from(struct search *s, size_t from, const uint32_t *people, size_t count)
{
    for (size_t i = from; i < s->small_count && s->tries > 0; i++) {
        uint32_t joined[ANONYMITY_MIN];
        s->tries--;
        size_t all = people_join(&s->small[i], people, count, joined);
        if (all >= ANONYMITY_MIN) {
            continue;
        }
        s->columns[s->depth++] = s->e->told + i;
        if (is_sum(s->e, s->columns, s->depth, s->rank, s->used) && withhold(s->a, s->used)) {
            return true;
        }
        if (s->depth < ARRAY_LEN(s->columns) && search_from(s, i + 1, joined, all)) {
            return true;
        }
        s->depth--;
    }
    return false;
}

static size_t small_find(const struct anonymity *a, struct small *out)
{
    size_t found = 0;
    for (size_t atom = 0; atom < a->atom_count; atom++) {
        struct small *one = &out[found];
        *one = (struct small){.atom = atom};
        size_t people = 0;
        for (size_t i = 0; i < a->pair_count; i++) {
            if (a->pairs[i].atom == atom && people++ < ARRAY_LEN(one->people)) {
                one->people[one->count++] = a->pairs[i].person;
            }
        }
        found += people > 0 && people < ANONYMITY_MIN;
    }
    return found;
}

static bool sums(struct anonymity *a, const struct small *small, size_t small_count, bool *used)
{
    struct equations e = {.rows = a->atom_count,
                          .group = xcalloc(a->group_count + 1, sizeof *e.group),
                          .pivot = xcalloc(a->group_count + 1, sizeof *e.pivot)};
    for (size_t i = 0; i < a->group_count; i++) {
        if (is_told(&a->groups[i])) {
            e.group[e.told++] = i;
        }
    }
    e.columns = e.told + small_count;
    e.at = xcalloc(e.rows * e.columns + 1, sizeof *e.at);
    for (size_t c = 0; c < e.told; c++) {
        for (size_t r = 0; r < e.rows; r++) {
            e.at[r * e.columns + c] = a->groups[e.group[c]].atoms[r];
        }
    }
    for (size_t i = 0; i < small_count; i++) {
        e.at[small[i].atom * e.columns + e.told + i] = 1;
    }
    struct search search = {.a = a,
                            .e = &e,
                            .small = small,
                            .small_count = small_count,
                            .rank = reduce(&e),
                            .used = used,
                            .tries = TRIES_MAX};
    bool any = search_from(&search, 0, NULL, 0);
    free(e.at);
    free(e.group);
    free(e.pivot);
    return any;
}

/* Of atoms with somebody in them: what nobody adds to tells two groups not apart. */
static void decide(struct anonymity *a, struct arena *arena)
{
    bool *rest = ARENA_ARRAY(arena, a->atom_count, bool);
    bool *used = ARENA_ARRAY(arena, a->group_count, bool);
    struct small *small = ARENA_ARRAY(arena, a->atom_count + 1, struct small);
    size_t small_count = small_find(a, small);
    for (size_t i = 0; i < a->group_count; i++) {
        a->groups[i].people = people_of(a, a->groups[i].atoms);
        a->groups[i].withheld = gives_away(a->groups[i].people);
    }
    while (remainders(a, rest, used) || sums(a, small, small_count, used)) {
    }
}

void anonymity_decide(struct anonymity *anonymity)
{
    struct arena arena = ARENA_INIT;
    struct anonymity a = *anonymity;
    uint32_t *place = ARENA_ARRAY(&arena, a.atom_count, uint32_t);
    bool *there = ARENA_ARRAY(&arena, a.atom_count, bool);
    struct anonymity_pair *pairs = ARENA_ARRAY(&arena, a.pair_count, struct anonymity_pair);
    a.atom_count = 0;
    a.pairs = pairs;
    for (size_t i = 0; i < a.pair_count; i++) {
        there[anonymity->pairs[i].atom] = true;
    }
    for (size_t i = 0; i < anonymity->atom_count; i++) {
        place[i] = (uint32_t)a.atom_count;
        a.atom_count += there[i];
    }
    for (size_t i = 0; i < a.pair_count; i++) {
        pairs[i] =
            (struct anonymity_pair){anonymity->pairs[i].person, place[anonymity->pairs[i].atom]};
    }
    a.groups = ARENA_ARRAY(&arena, a.group_count, struct anonymity_group);
    for (size_t i = 0; i < a.group_count; i++) {
        bool *atoms = ARENA_ARRAY(&arena, a.atom_count, bool);
        for (size_t k = 0; k < anonymity->atom_count; k++) {
            if (there[k]) {
                atoms[place[k]] = anonymity->groups[i].atoms[k];
            }
        }
        a.groups[i] =
            (struct anonymity_group){.family = anonymity->groups[i].family, .atoms = atoms};
    }
    decide(&a, &arena);
    for (size_t i = 0; i < a.group_count; i++) {
        anonymity->groups[i].people = a.groups[i].people;
        anonymity->groups[i].withheld = a.groups[i].withheld;
    }
    arena_release(&arena);
}
