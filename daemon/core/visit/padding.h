/* Whether the stays of a site look padded beside those of its peers, over a month. A host is paid
 * by the stay, so five figures of each site are compared: of 1,000 stays, how many the clock
 * closed, came by card, were noted from paper, or lay outside the hours; and the minutes that the
 * longest tenth of its desk stays reach.
 *
 * The peers of a site are the sites of its zone with enough stays, itself among them, or those of
 * all zones where a zone has fewer than PADDING_PEERS_MIN. A figure stands out when it is above
 * their median by more than so many median absolute deviations and by more than a least difference:
 * neither moves much for a few sites that cheat, nor for a figure that all have alike. It is a hint
 * and no proof. Integers only; pure; any thread. */
#ifndef CORE_VISIT_PADDING_H
#define CORE_VISIT_PADDING_H

#include "core/visit/stay.h"

enum padding_sign {
    PADDING_AUTO_CLOSED,
    PADDING_CARD,
    PADDING_PAPER,
    PADDING_OUT_OF_HOURS,
    PADDING_LONG_STAYS,
    PADDING_SIGNS
};

enum {
    PADDING_PEERS_MIN = 8,
    PADDING_STEP_MINUTES = 5,
    PADDING_STEPS = 24 * 60 / PADDING_STEP_MINUTES + 1,
    PADDING_EARLY_LATE_MINUTES = 30, /* before opening and after closing that say nothing */
};

/* A stay that counts and is not open. */
struct padding_stay {
    int64_t in_utc_ms;
    int64_t out_utc_ms; /* 0: nobody told, RULES 2 */
    bool desk;
    bool auto_closed;
    bool card;
    bool paper;
};
/* The signs that the stay has by itself, as bits: all but LONG_STAYS. Its end and `auto_closed` are
 * filled in by RULES 2 where nobody told them. The site's state now does not matter. */
unsigned padding_signs(struct padding_stay *stay, const Passerelle__V1__Site *site,
                       const struct opening_hours *hours);
/* Its length, as LONG_STAYS counts it. */
int64_t padding_minutes(const struct padding_stay *stay);

/* What is counted of a site. Zero to begin with. */
struct padding_site {
    uint32_t stays;
    uint32_t desk_stays;
    uint32_t with[PADDING_LONG_STAYS];
    uint32_t lengths[PADDING_STEPS]; /* desk stays by their length */
};
void padding_add(struct padding_site *site, const struct padding_stay *stay, unsigned signs);

struct padding_figure {
    bool stands_out;
    int64_t value; /* of 1,000 stays, or minutes */
    int64_t median;
    int64_t deviation; /* the median of the distances from it */
};
struct padding_finding {
    uint32_t peers; /* beside itself; 0: too few, or too few stays of its own */
    bool stands_out; /* in some figure */
    struct padding_figure figures[PADDING_SIGNS];
};
/* `zones[i]` is the zone of sites[i]; fills out[i]. The limits are the policy's. */
void padding_look(const struct padding_site *sites, const Passerelle__V1__Zone *zones, size_t count,
                  const Passerelle__V1__NetworkPolicy *policy, struct padding_finding *out);

#endif
