/* The network that a seed draws: who is in it, as plain arrays that the model reads and as the CSV
 * tables that the hub imports. Members, employers and tariffs are those of the reference network.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "base/buf.h"
#include "core/day/day.h"
#include "sim/sim.h"

enum { WORLD_RESOURCES = 4, WORLD_DESK = 1, WORLD_ROOM = 2, WORLD_BOOTH = 3 };
enum { WORLD_HALF_DAY, WORLD_DAY, WORLD_ROOM_HOUR, WORLD_BOOTH_HOUR, WORLD_SLOTS };
enum { WORLD_USAGE, WORLD_CARNET, WORLD_SUBSCRIPTION };

struct world_member {
    char id[16];
    int vat_percent;
    bool is_operator;
};

struct world_places {
    uint32_t of[WORLD_RESOURCES];
};

/* How a site pads its stays. */
enum world_cheat {
    WORLD_HONEST,
    WORLD_NOTES,    /* from paper */
    WORLD_AT_NIGHT, /* from paper, out of hours */
    WORLD_BY_CARD,
    WORLD_FORGETS, /* checks nobody out */
    WORLD_STAYS_LONG
};

struct world_site {
    char id[16];
    int member;
    int zone; /* 0 urban, 1 periurban, 2 rural */
    struct world_places places;
    int hours; /* row of world_hours */
    bool own_daemon;
    enum world_cheat cheat;
};

/* An employer's rules; 0: there is none of that kind. */
struct world_policy {
    unsigned weekdays;  /* allowed: 1 Monday, 2 Tuesday, ... */
    unsigned resources; /* allowed: 1 << WORLD_DESK ... */
    unsigned zones;     /* allowed: 1 urban, 2 periurban, 4 rural */
    int days_a_week;
    bool warns; /* and refuses nobody */
    int64_t holder_cap_cents;
    int64_t contract_cap_cents;
};

struct world_employer {
    char id[16];
    int issuer;
    struct world_policy policy;
};

enum { WORLD_OFFLINE_ALWAYS = 1, WORLD_OFFLINE_ALLOWANCE, WORLD_OFFLINE_NEVER };

struct world_plan {
    char id[32];
    int employer;
    int type;
    int64_t fee_cents;
    int64_t units; /* of a subscription, a month */
    bool refuses;  /* overage */
    int64_t holder_cap_cents;
    int64_t contract_cap_cents;
    int offline_rule; /* of passes that are issued from now on */
};

struct world_carnet {
    char id[40];
    int plan;
    int64_t units;
    int64_t price_cents;
    struct day bought_on;
    int months;
};

struct world_holder {
    char id[16];
    int plan;
    bool phone;
    struct day from; /* number 0: open */
    struct day to;
};

struct world_price {
    int64_t p, h, f, s;
};

struct world_tariff {
    struct day from;
    struct world_price prices[3][WORLD_SLOTS]; /* by zone; category standard */
};

/* The network's policy. */
struct world_rules {
    int64_t proof_window_s, undo_s;
    int64_t correction_hours, paper_hours;
    int64_t phone_units, card_units; /* at a site that is away */
    int64_t padded_stays_min, padded_deviations, padded_per_thousand, padded_minutes;
};

/* What operators change. All that ever stood in its place is kept: a site may not have heard. */
enum world_kind { WORLD_PLAN, WORLD_HOLDER, WORLD_POLICY, WORLD_RULES, WORLD_PLACES };
struct world_version {
    enum world_kind kind;
    int index;       /* of the plan, the holder, the employer, the site */
    uint64_t seq;    /* of its entry: in `net` for RULES and PLACES, else in `books` */
    bool lost;       /* with the hub's disk */
    int ticks;       /* of the hub's clock since */
    int64_t told_ms; /* since when its sites could know; 0: not yet */
    union {
        struct world_plan plan;
        struct world_holder holder;
        struct world_policy policy;
        struct world_rules rules;
        struct world_places places;
    };
};

struct world {
    struct world_member members[100];
    struct world_site sites[SIM_SITES_MAX];
    struct world_employer employers[16];
    struct world_plan plans[32];
    struct world_carnet carnets[64];
    struct world_holder holders[128];
    struct world_tariff tariffs[16];
    int member_count, site_count, employer_count, plan_count, carnet_count, holder_count,
        tariff_count;
    struct world_rules rules;
    struct world_version *versions; /* in the order in which the hub took them */
    size_t version_count, version_max;
    struct buf csv[8]; /* members, tariffs, sites, stops, employers, plans, carnets, holders */
};

/* Opening hours as text and as what they mean: spans of minutes on each weekday from Monday, {-1}
 * for none. */
struct world_hours {
    const char *text;
    bool always;
    bool closed_on_holidays;
    int spans[7][2][2];
};
extern const struct world_hours world_hours[];

/* `holders.csv`: its header, and the line of one. */
extern const char world_holder_header[];
void world_holder_line(const struct world *world, int holder, const struct world_holder *as,
                       struct buf *out);

void world_make(struct world *world, struct sim *sim);
/* From now on it is so. */
void world_change(struct world *world, const struct world_version *version);
/* What stands behind these entries of `net` and `books` never was. */
void world_forget(struct world *world, uint64_t net_size, uint64_t books_size);
/* As of the first entries of `net`; UINT64_MAX: now. */
const struct world_rules *world_rules_at(const struct world *world, uint64_t net_size);
const struct world_places *world_places_at(const struct world *world, int site, uint64_t net_size);
void world_release(struct world *world);

#endif
