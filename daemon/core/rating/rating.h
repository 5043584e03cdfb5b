/* RULES 1-13: the stays of one month become billable items, with the units that carnets and
 * subscriptions give them. Pure, one pass of sorting, linear in the number of stays.
 *
 * Plans do not touch each other, so that the stays of one plan, all of them, can be rated alone. */
#ifndef CORE_RATING_RATING_H
#define CORE_RATING_RATING_H

#include "core/rating/roster.h"

/* One visit as the entries tell it. */
struct stay {
    uint32_t site; /* numbers of the roster */
    uint32_t holder;
    int64_t in_utc_ms;
    int64_t out_utc_ms;   /* STAY_NO_OUT: forgotten */
    uint8_t visit_id[16]; /* byte order is that of its lower-case text */
    uint8_t resource;     /* enum resource */
    bool auto_closed;     /* `out` was told by the clock, by RULES 2 as it stood then */
};
#define STAY_NO_OUT ((int64_t)-1)

enum stay_flag {
    FLAG_AUTO_CLOSED = 1, /* of stays */
    FLAG_CUT_SHORT = 2,
    FLAG_GRACE = 4, /* of items */
    FLAG_OUTSIDE_VALIDITY = 8,
    FLAG_OVERDRAFT = 16,
};

/* A visit-day, or one stay in a meeting room or booth. */
struct item {
    int64_t first_in_utc_ms;
    uint32_t site;
    uint32_t holder;
    uint32_t duration_ms;
    uint32_t row;          /* its row of the tariff; meaningless when in grace */
    uint16_t quantity;     /* 1, or hours; 0 when in grace */
    uint8_t slot;          /* enum slot */
    uint8_t day;           /* of the month, from 0 */
    uint8_t units;         /* units that its time is worth: 0 (room, grace), 1, 2 */
    uint8_t units_covered; /* by a carnet or a subscription */
    uint8_t flags;
};

/* What became of one stay. */
struct outcome {
    int64_t out_utc_ms; /* effective: RULES 2-4 */
    uint32_t item;
    uint8_t flags; /* FLAG_AUTO_CLOSED, FLAG_CUT_SHORT */
};

struct rating {
    struct month month;
    struct item *items; /* desks by (holder, first in, site), then rooms */
    uint32_t item_count;
    struct outcome *outcomes; /* by stay, in the caller's order */
    size_t stay_count;
    uint32_t *carnet_units; /* used in this month, by carnet */
    int64_t units_used;
    int64_t auto_closed, cut_short; /* stays */
};
#define RATING_INIT ((struct rating){0})

/* Rates all `stays` of `month`, in any order. `carnet_spent` is what each carnet gave to other
 * months already (NULL: nothing). E_INVALID: a stay begins outside the month or ends before it
 * begins; E_NOT_FOUND: a row of the tariff is missing, by name; E_LIMIT: more than 2^31 stays.
 * Release in every case. */
must_check int rating_run(struct rating *rating, const struct roster *roster, struct month month,
                          const struct stay *stays, size_t count, const uint32_t *carnet_spent,
                          struct fault *fault);
void rating_release(struct rating *rating);

#endif
