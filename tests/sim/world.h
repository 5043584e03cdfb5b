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

struct world_site {
    char id[16];
    int member;
    int zone; /* 0 urban, 1 periurban, 2 rural */
    uint32_t places[WORLD_RESOURCES];
    int hours; /* row of world_hours */
    bool own_daemon;
};

struct world_employer {
    char id[16];
    int issuer;
};

struct world_plan {
    char id[32];
    int employer;
    int type;
    int64_t fee_cents;
    int64_t units; /* of a subscription, a month */
    bool refuses;  /* overage */
    int64_t holder_cap_cents;
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

void world_make(struct world *world, struct sim *sim);
void world_release(struct world *world);

#endif
