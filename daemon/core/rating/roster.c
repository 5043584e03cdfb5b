#include "core/rating/roster.h"

#include <assert.h>

void roster_init(struct roster *roster, uint64_t seed)
{
    *roster = (struct roster){0};
    names_init(&roster->member_ids, seed);
    names_init(&roster->site_ids, seed);
    names_init(&roster->employer_ids, seed);
    names_init(&roster->plan_ids, seed);
    names_init(&roster->carnet_ids, seed);
    names_init(&roster->holder_ids, seed);
    tariff_init(&roster->tariff, seed);
}

void roster_release(struct roster *roster)
{
    names_release(&roster->member_ids);
    names_release(&roster->site_ids);
    names_release(&roster->employer_ids);
    names_release(&roster->plan_ids);
    names_release(&roster->carnet_ids);
    names_release(&roster->holder_ids);
    tariff_release(&roster->tariff);
    free(roster->members);
    free(roster->sites);
    free(roster->employers);
    free(roster->plans);
    free(roster->carnets);
    free(roster->holders);
    free(roster->carnet_order);
    *roster = (struct roster){0};
}

static int reference_find(const struct names *names, struct view id, const char *noun,
                          uint32_t *out, struct fault *fault)
{
    if (!names_find(names, id, out)) {
        return fault_set(fault, E_NOT_FOUND, "unknown %s %.*s: add it first", noun, VIEW_FMT(id));
    }
    return 0;
}

static int id_add(struct names *names, struct view id, const char *noun, uint32_t *out,
                  struct fault *fault)
{
    if (id.len == 0) {
        return fault_set(fault, E_INVALID, "a %s has no id", noun);
    }
    int error = names_add(names, id, out);
    if (error == E_EXISTS) {
        return fault_set(fault, error, "%s %.*s is there twice", noun, VIEW_FMT(id));
    }
    if (error != 0) {
        return fault_set(fault, error, "too many rows: %s %.*s is one too many", noun,
                         VIEW_FMT(id));
    }
    return 0;
}

/* Room for row `at`, the one after the last: the array doubles when it is full. */
static void *row_room(void *rows, uint32_t at, size_t size)
{
    const uint32_t least = 64;
    if (at == 0) {
        return xrealloc(rows, least, size);
    }
    return at >= least && (at & (at - 1)) == 0 ? xrealloc(rows, at * (size_t)2, size) : rows;
}
#define ROW_ADD(rows, at, row)                                                                     \
    ((rows) = row_room((rows), (at), sizeof(*(rows))), (rows)[(at)] = (row))

int roster_add_member(struct roster *roster, struct view id, struct member member,
                      struct fault *fault)
{
    assert(!roster->frozen);
    uint32_t at;
    int error = id_add(&roster->member_ids, id, "member", &at, fault);
    if (error == 0) {
        ROW_ADD(roster->members, at, member);
    }
    return error;
}

int roster_add_site(struct roster *roster, struct view id, struct view member, struct view category,
                    struct site site, struct fault *fault)
{
    assert(!roster->frozen);
    uint32_t at;
    int error = reference_find(&roster->member_ids, member, "member", &site.member, fault);
    if (error == 0) {
        error = tariff_category(&roster->tariff, category, &site.category);
    }
    if (error == 0) {
        error = id_add(&roster->site_ids, id, "site", &at, fault);
    }
    if (error == 0) {
        ROW_ADD(roster->sites, at, site);
    }
    return error;
}

int roster_add_employer(struct roster *roster, struct view id, struct view issuer,
                        struct fault *fault)
{
    assert(!roster->frozen);
    struct employer employer;
    uint32_t at;
    int error = reference_find(&roster->member_ids, issuer, "member", &employer.issuer, fault);
    if (error != 0) {
        return error;
    }
    if (!roster->members[employer.issuer].is_issuer) {
        return fault_set(fault, E_INVALID,
                         "employer %.*s: member %.*s is not an issuer: make it one or name another",
                         VIEW_FMT(id), VIEW_FMT(issuer));
    }
    error = id_add(&roster->employer_ids, id, "employer", &at, fault);
    if (error == 0) {
        ROW_ADD(roster->employers, at, employer);
    }
    return error;
}

int roster_add_plan(struct roster *roster, struct view id, struct view employer, struct plan plan,
                    struct fault *fault)
{
    assert(!roster->frozen);
    uint32_t at;
    int error = reference_find(&roster->employer_ids, employer, "employer", &plan.employer, fault);
    if (error == 0) {
        error = id_add(&roster->plan_ids, id, "plan", &at, fault);
    }
    if (error == 0) {
        ROW_ADD(roster->plans, at, plan);
    }
    return error;
}

struct day carnet_last_day(struct day bought_on, int months)
{
    int year, month, number, end_number;
    day_split(bought_on, &year, &month, &number);
    struct day end = day_plus_months(bought_on, months);
    day_split(end, &year, &month, &end_number);
    return end_number == number ? day_plus(end, -1) : end;
}

int roster_add_carnet(struct roster *roster, struct view id, struct view plan, struct carnet carnet,
                      int valid_months, struct fault *fault)
{
    assert(!roster->frozen);
    uint32_t at;
    int error = reference_find(&roster->plan_ids, plan, "plan", &carnet.plan, fault);
    if (error != 0) {
        return error;
    }
    if (roster->plans[carnet.plan].type != PLAN_CARNET) {
        return fault_set(fault, E_INVALID, "carnet %.*s: plan %.*s is not a carnet plan",
                         VIEW_FMT(id), VIEW_FMT(plan));
    }
    if (carnet.units == 0 || valid_months < 1) {
        return fault_set(fault, E_INVALID, "carnet %.*s: give it at least one unit and one month",
                         VIEW_FMT(id));
    }
    carnet.last_day = carnet_last_day(carnet.bought_on, valid_months);
    error = id_add(&roster->carnet_ids, id, "carnet", &at, fault);
    if (error == 0) {
        ROW_ADD(roster->carnets, at, carnet);
    }
    return error;
}

int roster_add_holder(struct roster *roster, struct view id, struct view plan, struct holder holder,
                      struct fault *fault)
{
    assert(!roster->frozen);
    uint32_t at;
    int error = reference_find(&roster->plan_ids, plan, "plan", &holder.plan, fault);
    if (error == 0) {
        error = id_add(&roster->holder_ids, id, "holder", &at, fault);
    }
    if (error == 0) {
        ROW_ADD(roster->holders, at, holder);
    }
    return error;
}

/* Moves the rows to where their ids went. */
static void *rows_move(void *rows, const uint32_t *moved, uint32_t count, size_t size)
{
    char *out = xmalloc((count + 1u) * size);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(out + moved[i] * size, (const char *)rows + i * size, size);
    }
    free(rows);
    return out;
}

static void order_sort(struct roster *roster)
{
    uint32_t *members = names_sort(&roster->member_ids);
    uint32_t *sites = names_sort(&roster->site_ids);
    uint32_t *employers = names_sort(&roster->employer_ids);
    uint32_t *plans = names_sort(&roster->plan_ids);
    uint32_t *carnets = names_sort(&roster->carnet_ids);
    uint32_t *holders = names_sort(&roster->holder_ids);
#define ROWS_MOVE(rows, moved, names)                                                              \
    ((rows) = rows_move((rows), (moved), (names).count, sizeof(*(rows))))
    ROWS_MOVE(roster->members, members, roster->member_ids);
    ROWS_MOVE(roster->sites, sites, roster->site_ids);
    ROWS_MOVE(roster->employers, employers, roster->employer_ids);
    ROWS_MOVE(roster->plans, plans, roster->plan_ids);
    ROWS_MOVE(roster->carnets, carnets, roster->carnet_ids);
    ROWS_MOVE(roster->holders, holders, roster->holder_ids);
#undef ROWS_MOVE
    for (uint32_t i = 0; i < roster->site_ids.count; i++) {
        roster->sites[i].member = members[roster->sites[i].member];
    }
    for (uint32_t i = 0; i < roster->employer_ids.count; i++) {
        roster->employers[i].issuer = members[roster->employers[i].issuer];
    }
    for (uint32_t i = 0; i < roster->plan_ids.count; i++) {
        roster->plans[i].employer = employers[roster->plans[i].employer];
    }
    for (uint32_t i = 0; i < roster->carnet_ids.count; i++) {
        roster->carnets[i].plan = plans[roster->carnets[i].plan];
    }
    for (uint32_t i = 0; i < roster->holder_ids.count; i++) {
        roster->holders[i].plan = plans[roster->holders[i].plan];
    }
    free(members);
    free(sites);
    free(employers);
    free(plans);
    free(carnets);
    free(holders);
}

struct carnet_place {
    uint32_t number;
    struct carnet carnet;
};

/* RULES 9: the soonest to expire first, then the earliest bought, then the lowest id. */
static int places_compare(const void *left, const void *right)
{
    const struct carnet_place *a = left;
    const struct carnet_place *b = right;
    if (a->carnet.plan != b->carnet.plan) {
        return a->carnet.plan < b->carnet.plan ? -1 : 1;
    }
    int order = day_compare(a->carnet.last_day, b->carnet.last_day);
    if (order == 0) {
        order = day_compare(a->carnet.bought_on, b->carnet.bought_on);
    }
    return order != 0 ? order : (a->number < b->number ? -1 : 1);
}

static void carnets_order(struct roster *roster)
{
    uint32_t count = roster->carnet_ids.count;
    struct carnet_place *places = xmalloc((count + 1u) * sizeof(*places));
    for (uint32_t i = 0; i < count; i++) {
        places[i] = (struct carnet_place){i, roster->carnets[i]};
    }
    qsort(places, count, sizeof(*places), places_compare);
    roster->carnet_order = xmalloc((count + 1u) * sizeof(*roster->carnet_order));
    for (uint32_t i = 0; i < count; i++) {
        struct plan *plan = &roster->plans[places[i].carnet.plan];
        if (plan->carnet_count == 0) {
            plan->carnet_first = i;
        }
        plan->carnet_count++;
        roster->carnet_order[i] = places[i].number;
    }
    free(places);
}

int roster_freeze(struct roster *roster, struct fault *fault)
{
    assert(!roster->frozen);
    uint32_t operators = 0;
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        operators += roster->members[i].is_operator;
    }
    if (operators != 1) {
        return fault_set(fault, E_INVALID,
                         "the network has %u operators: exactly one member must be the operator",
                         operators);
    }
    int error = tariff_freeze(&roster->tariff, fault);
    if (error != 0) {
        return error;
    }
    for (uint32_t i = 0; i < roster->plan_ids.count; i++) {
        roster->plans[i].carnet_first = 0;
        roster->plans[i].carnet_count = 0;
    }
    order_sort(roster);
    carnets_order(roster);
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        if (roster->members[i].is_operator) {
            roster->operator_member = i;
        }
    }
    roster->frozen = true;
    return 0;
}

static int site_check_tariff(const struct roster *roster, const struct site *site, int version,
                             struct day day, struct fault *fault)
{
    for (int i = 0; i < SLOT_COUNT; i++) {
        enum slot slot = (enum slot)i;
        if (!site->offers[slot_resource(slot)]) {
            continue;
        }
        if (version < 0 ||
            tariff_prices(&roster->tariff, tariff_row_number(&roster->tariff, (uint32_t)version,
                                                             site->category, site->zone, slot)) ==
                NULL) {
            return tariff_missing(&roster->tariff, version, site->category, site->zone, slot, day,
                                  fault);
        }
    }
    return 0;
}

int roster_check_tariff(const struct roster *roster, struct day from, struct day to,
                        struct fault *fault)
{
    assert(roster->frozen);
    int before = -2;
    for (struct day day = from; day_compare(day, to) <= 0; day = day_plus(day, 1)) {
        int version = tariff_version_on(&roster->tariff, day);
        bool look = version >= 0 && version != before; /* no version lacks no row */
        for (uint32_t i = 0; look && i < roster->site_ids.count; i++) {
            int error = site_check_tariff(roster, &roster->sites[i], version, day, fault);
            if (error != 0) {
                return error;
            }
        }
        before = version;
    }
    return 0;
}

bool holder_is_valid_on(const struct holder *holder, struct day day)
{
    return day_compare(holder->active_from, day) <= 0 && day_compare(day, holder->active_to) <= 0;
}
