/* The network of one computation, in memory: who takes part, what they sell and at what price. Fill
 * it in the order members, sites, employers, plans, carnets and holders (tariff rows at any time):
 * each reference must be known when it is made, so that an import can name the line. Then
 * roster_freeze() once; from there on it is only read, from any thread.
 *
 * After the freeze the number of a thing is its place in byte order of the ids, which makes every
 * comparison of ids in RULES a comparison of numbers. */
#ifndef CORE_RATING_ROSTER_H
#define CORE_RATING_ROSTER_H

#include "core/rating/tariff.h"

struct opening_hours; /* core/day/opening_hours.h */

struct member {
    struct vat_rate vat; /* RULES 14: of its regime */
    bool is_operator;
    bool is_issuer;
};

struct site {
    uint32_t member;
    uint32_t category;
    enum zone zone;
    bool offers[RESOURCE_COUNT];
    const struct opening_hours *hours; /* borrowed */
};

struct employer {
    uint32_t issuer; /* a member */
};

enum plan_type { PLAN_USAGE, PLAN_CARNET, PLAN_SUBSCRIPTION };
enum overage { OVERAGE_CHARGE, OVERAGE_REFUSE };

struct plan {
    uint32_t employer;
    enum plan_type type;
    struct cents monthly_fee; /* subscription: per holder */
    uint32_t included_units;  /* subscription: per holder and month */
    enum overage overage;     /* this and the caps decide at check-in only (RULES 10) */
    int64_t holder_cap_cents; /* per month; -1: none */
    int64_t contract_cap_cents;
    uint32_t carnet_first; /* set by the freeze: its carnets in roster.carnet_order */
    uint32_t carnet_count;
};

struct carnet {
    uint32_t plan;
    uint32_t units; /* at least 1 */
    struct cents price;
    struct day bought_on;
    struct day last_day; /* RULES 9: the last day on which it can be used */
};

struct holder {
    uint32_t plan;
    struct day active_from; /* both inclusive; DAY_FIRST and DAY_LAST when open */
    struct day active_to;
};
#define DAY_FIRST ((struct day){INT32_MIN})
#define DAY_LAST ((struct day){INT32_MAX})

struct roster {
    struct names member_ids, site_ids, employer_ids, plan_ids, carnet_ids, holder_ids;
    struct member *members; /* each array is indexed by the number of its id */
    struct site *sites;
    struct employer *employers;
    struct plan *plans;
    struct carnet *carnets;
    struct holder *holders;
    uint32_t *carnet_order; /* by plan, then in the order in which RULES 9 uses them up */
    struct tariff tariff;
    uint32_t operator_member;
    bool frozen;
};

void roster_init(struct roster *roster, uint64_t seed);
void roster_release(struct roster *roster);

/* Each adder refuses an id that is empty or there already (E_EXISTS) and a reference that is not
 * known (E_NOT_FOUND), by name. The numbers in the struct (member, issuer, ...) are filled from the
 * ids; whatever else the caller sets is taken as it is. */
must_check int roster_add_member(struct roster *roster, struct view id, struct member member,
                                 struct fault *fault);
must_check int roster_add_site(struct roster *roster, struct view id, struct view member,
                               struct view category, struct site site, struct fault *fault);
must_check int roster_add_employer(struct roster *roster, struct view id, struct view issuer,
                                   struct fault *fault);
must_check int roster_add_plan(struct roster *roster, struct view id, struct view employer,
                               struct plan plan, struct fault *fault);
/* `valid_months` at least 1; last_day is computed. E_INVALID: no units, or the plan sells none. */
must_check int roster_add_carnet(struct roster *roster, struct view id, struct view plan,
                                 struct carnet carnet, int valid_months, struct fault *fault);
must_check int roster_add_holder(struct roster *roster, struct view id, struct view plan,
                                 struct holder holder, struct fault *fault);
/* E_INVALID unless exactly one member is the operator. */
must_check int roster_freeze(struct roster *roster, struct fault *fault);

/* RULES 7: every site has a row for what it offers in every version in force between two days, both
 * included; else E_NOT_FOUND with the name of the first missing one. */
must_check int roster_check_tariff(const struct roster *roster, struct day from, struct day to,
                                   struct fault *fault);

/* RULES 9: the last day of a carnet bought on `bought_on` for `months` months. */
struct day carnet_last_day(struct day bought_on, int months);
bool holder_is_valid_on(const struct holder *holder, struct day day);

#endif
