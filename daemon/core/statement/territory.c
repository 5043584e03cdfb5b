#include "core/statement/territory.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"
#include "core/statement/anonymity.h"

_Static_assert(TERRITORY_EPCI + 1 == ANONYMITY_FAMILIES, "one family each");

struct view departement_of(struct view insee)
{
    bool overseas = view_starts(insee, "97") || view_starts(insee, "98");
    return view_slice(insee, 0, overseas ? 3 : 2);
}

struct counting {
    const struct roster *roster;
    const struct territory_place *places;
    struct arena *arena;
    struct territory *all;
    size_t count;
    uint32_t *atom_of; /* by site */
    uint32_t *in_atom; /* [atom][family]: a territory */
    size_t atom_count;
    bool *seen_site;
};

static struct view code_of(const struct territory_place *place, enum territory_family family)
{
    switch (family) {
    case TERRITORY_ZONE:
        return view_of(zone_name(place->zone));
    case TERRITORY_DEPARTEMENT:
        return place->departement;
    case TERRITORY_EPCI:
        return place->epci;
    default:
        return VIEW_LIT("network");
    }
}

static int territory_compare(const void *left, const void *right)
{
    const struct territory *a = left;
    const struct territory *b = right;
    int family = (a->family > b->family) - (a->family < b->family);
    return family != 0 ? family : view_compare(a->code, b->code);
}

static void territories_name(struct counting *c)
{
    size_t sites = c->roster->site_ids.count;
    c->all = ARENA_ARRAY(c->arena, sites * ANONYMITY_FAMILIES, struct territory);
    for (size_t i = 0; i < sites; i++) {
        for (int f = 0; f < ANONYMITY_FAMILIES; f++) {
            c->all[c->count++] =
                (struct territory){.family = (enum territory_family)f,
                                   .code = code_of(&c->places[i], (enum territory_family)f)};
        }
    }
    if (c->count > 0) {
        qsort(c->all, c->count, sizeof *c->all, territory_compare);
    }
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (kept == 0 || territory_compare(&c->all[kept - 1], &c->all[i]) != 0) {
            c->all[kept++] = c->all[i];
        }
    }
    c->count = kept;
}

static uint32_t territory_find(const struct counting *c, const struct territory_place *place,
                               enum territory_family family)
{
    struct territory key = {.family = family, .code = code_of(place, family)};
    const struct territory *found =
        bsearch(&key, c->all, c->count, sizeof *c->all, territory_compare);
    assert(found != NULL);
    return (uint32_t)(found - c->all);
}

/* Sites that stand in the same territories are one atom. */
static void atoms_name(struct counting *c)
{
    size_t sites = c->roster->site_ids.count;
    c->atom_of = ARENA_ARRAY(c->arena, sites, uint32_t);
    c->in_atom = ARENA_ARRAY(c->arena, sites * ANONYMITY_FAMILIES, uint32_t);
    struct map seen;
    map_init(&seen, 0);
    for (size_t i = 0; i < sites; i++) {
        uint32_t in[ANONYMITY_FAMILIES];
        for (int f = 0; f < ANONYMITY_FAMILIES; f++) {
            in[f] = territory_find(c, &c->places[i], (enum territory_family)f);
        }
        struct view key = view_bytes(in, sizeof in);
        uint32_t *atom = map_get(&seen, key);
        if (atom == NULL) {
            atom = &c->in_atom[c->atom_count++ * ANONYMITY_FAMILIES];
            memcpy(atom, in, sizeof in);
            map_put(&seen, key, atom);
        }
        c->atom_of[i] = (uint32_t)((atom - c->in_atom) / ANONYMITY_FAMILIES);
    }
    map_release(&seen);
}

static int item_count(struct counting *c, const struct item *item)
{
    const struct roster *roster = c->roster;
    const struct prices *prices = tariff_prices(&roster->tariff, item->row);
    uint32_t issuer =
        roster->employers[roster->plans[roster->holders[item->holder].plan].employer].issuer;
    struct cents subsidy = CENTS(0);
    struct cents host = CENTS(0);
    int error = issuer == roster->operator_member
                    ? E_OK
                    : cents_times(prices->subsidy, item->quantity, &subsidy);
    if (error == E_OK && issuer != roster->sites[item->site].member) {
        error = cents_times(prices->host_share, item->quantity, &host);
    }
    for (int f = 0; f < ANONYMITY_FAMILIES && error == E_OK; f++) {
        struct territory *one =
            &c->all[c->in_atom[c->atom_of[item->site] * ANONYMITY_FAMILIES + (uint32_t)f]];
        one->sites += !c->seen_site[item->site];
        one->visit_days += item->units > 0;
        one->room_hours += item->units > 0 ? 0 : item->quantity;
        error = cents_accumulate(&one->subsidy, subsidy);
        error = error == E_OK ? cents_accumulate(&one->host, host) : error;
    }
    c->seen_site[item->site] = true;
    return error;
}

static int pair_compare(const void *left, const void *right)
{
    const struct anonymity_pair *a = left;
    const struct anonymity_pair *b = right;
    int person = (a->person > b->person) - (a->person < b->person);
    return person != 0 ? person : (a->atom > b->atom) - (a->atom < b->atom);
}

static void territories_withhold(struct counting *c, struct anonymity_pair *pairs, size_t count)
{
    struct anonymity_group *groups = ARENA_ARRAY(c->arena, c->count, struct anonymity_group);
    size_t kept = 0;
    if (count > 0) {
        qsort(pairs, count, sizeof *pairs, pair_compare);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || pair_compare(&pairs[kept - 1], &pairs[i]) != 0) {
            pairs[kept++] = pairs[i];
        }
    }
    for (size_t i = 0; i < c->count; i++) {
        bool *atoms = ARENA_ARRAY(c->arena, c->atom_count, bool);
        for (size_t k = 0; k < c->atom_count; k++) {
            atoms[k] = c->in_atom[k * ANONYMITY_FAMILIES + c->all[i].family] == i;
        }
        groups[i] = (struct anonymity_group){.family = c->all[i].family, .atoms = atoms};
    }
    struct anonymity anonymity = {.atom_count = c->atom_count,
                                  .pairs = pairs,
                                  .pair_count = kept,
                                  .groups = groups,
                                  .group_count = c->count};
    anonymity_decide(&anonymity);
    for (size_t i = 0; i < c->count; i++) {
        c->all[i].withheld = groups[i].withheld;
        c->all[i].holders = groups[i].people;
    }
}

int territories_count(const struct roster *roster, const struct rating *rating,
                      const struct territory_place *places, struct arena *arena,
                      struct territories *out)
{
    struct counting c = {.roster = roster, .places = places, .arena = arena};
    struct anonymity_pair *pairs = xcalloc((size_t)rating->item_count + 1, sizeof *pairs);
    size_t pair_count = 0;
    int error = E_OK;
    territories_name(&c);
    atoms_name(&c);
    c.seen_site = ARENA_ARRAY(arena, roster->site_ids.count, bool);
    for (uint32_t i = 0; i < rating->item_count && error == E_OK; i++) {
        const struct item *item = &rating->items[i];
        if (item->quantity > 0) {
            error = item_count(&c, item);
            pairs[pair_count++] = (struct anonymity_pair){item->holder, c.atom_of[item->site]};
        }
    }
    if (error == E_OK) {
        territories_withhold(&c, pairs, pair_count);
        *out = (struct territories){c.all, c.count};
    }
    free(pairs);
    return error;
}
