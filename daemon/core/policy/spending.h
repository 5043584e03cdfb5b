/* What holders used and may still use in a month, as check-in needs it: RULES 1-12 for the stays
 * that ended, and for those that still run a reservation (DESIGN 4):
 *
 *   an open desk stay reserves 2 units (1 if only 1 is left) or P of `day`, less what its visit-day
 *   already holds; an open room stay reserves P of one hour, no units.
 *
 * The rating of a close (core/rating) is another computation: this one knows open stays, and must
 * agree on the others. Pure; any thread. */
#ifndef CORE_POLICY_SPENDING_H
#define CORE_POLICY_SPENDING_H

#include "core/day/day.h"

/* P of a site, cents, on a day. */
struct spending_prices {
    int64_t half_day_cents;
    int64_t day_cents;
    int64_t meeting_room_cents; /* an hour */
    int64_t booth_cents;
};

enum spending_resource { SPENDING_DESK, SPENDING_MEETING_ROOM, SPENDING_BOOTH };

/* A stay of one holder; void and corrected ones are left out. */
struct spending_stay {
    struct day day;
    int64_t site;        /* any number that tells sites apart */
    const char *site_id; /* for the order of RULES 4 and 9 */
    uint8_t visit_id[16];
    enum spending_resource resource;
    int64_t in_utc_ms;
    int64_t out_utc_ms; /* after RULES 2 and 3 */
    bool open;          /* still in: out_utc_ms does not count */
    bool asked;         /* not let in yet: its reservation comes after all others */
    struct spending_prices prices;
};

/* A visit-day, and what became of it. */
struct spending_day {
    struct day day;
    int64_t site;
    const char *site_id;
    uint32_t holder; /* the caller's number, in byte order of ids */
    int64_t first_in_utc_ms;
    int64_t duration_ms; /* of the stays that ended */
    int64_t half_day_cents;
    int64_t day_cents;
    uint8_t units;         /* 0 (grace), 1, 2: of the stays that ended */
    bool open;             /* the holder is in */
    bool asked;            /* by a stay that is only asked for */
    bool outside_validity; /* RULES 11: set by the caller */
    /* Filled by the functions below. */
    uint8_t units_covered;
    uint8_t units_reserved;
    int64_t charged_cents;
    int64_t reserved_cents;
};

/* Money of a holder, or of many: sums. */
struct spending {
    int64_t charged_cents;
    int64_t reserved_cents;
};

/* Sorts the stays of one holder in place and folds them into visit-days, by first in; `days` has
 * room for `count`. Rooms go into *rooms. Returns the number of visit-days. */
size_t spending_fold(struct spending_stay *stays, size_t count, struct spending_day *days,
                     struct spending *rooms);

/* Plan `usage`, visit-days in any order. */
void spending_of_usage(struct spending_day *days, size_t count);
/* Plan `subscription`: the visit-days of one holder and month, by first in. Returns the units left
 * after all of them and their reservations. */
uint32_t spending_of_subscription(struct spending_day *days, size_t count, uint32_t included_units);

struct spending_carnet {
    struct day bought_on;
    struct day last_day; /* RULES 9 */
    uint32_t left;
};
/* RULES 9: the soonest to expire first, then the earliest bought; the caller breaks ties by id. */
int spending_carnet_compare(const struct spending_carnet *a, const struct spending_carnet *b);
/* (first in, site id, holder): RULES 9. */
int spending_day_compare(const struct spending_day *a, const struct spending_day *b);
/* Plan `carnet`: visit-days of the whole plan in the order of spending_day_compare(), carnets in
 * that of spending_carnet_compare(). Ended stays draw first, all of them, then open ones reserve.
 * Lowers `left` of the carnets. Returns the units left on `today` after reservations. */
uint32_t spending_of_carnets(struct spending_day *days, size_t count,
                             struct spending_carnet *carnets, size_t carnet_count,
                             struct day today);

#endif
