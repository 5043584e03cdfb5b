/* What a site may decide while it cannot hear the network (DESIGN 4, "Offline bound"). Two sums are
 * kept since the site's last sync: the units that each pass spent here, and the units that the site
 * spent in all. Neither may pass its limit; the lower of what both allow is the worst that this
 * node can cause, and every node can say it. An open desk stay counts as what it may become: two
 * units, less what its visit-day already holds. Pure; any thread. */
#ifndef CORE_POLICY_OFFLINE_H
#define CORE_POLICY_OFFLINE_H

#include <stdbool.h>

#include "passerelle/v1/network.pb-c.h"

enum { OFFLINE_UNITS_A_DAY = 2 }; /* the most that a visit-day uses (RULES 5) */

/* The policy's allowance of a pass, in units. */
uint32_t offline_allowance(const Passerelle__V1__NetworkPolicy *policy,
                           Passerelle__V1__Medium medium);

/* The most units that the site may spend before it hears again: its desks, a full day each, on each
 * day that it was open since its last sync, the day of the sync included. */
uint64_t offline_site_limit(uint32_t desks, uint32_t open_days);

struct offline_facts {
    Passerelle__V1__OfflineRule rule; /* the issuer's choice; unspecified: ALLOWANCE */
    uint32_t units;      /* that this stay may use here beyond what its visit-day holds; rooms: 0 */
    uint32_t allowance;  /* offline_allowance() */
    uint32_t pass_spent; /* by this pass, here, since the last sync */
    bool refuses_overage; /* the plan has nothing beyond its units */
    int64_t units_left;   /* as last known, when the plan refuses overage */
    uint64_t site_spent;
    uint64_t site_limit;
};
/* Why the stay is refused: "never", "no_units", "pass_allowance" or "site_allowance"; NULL: let in.
 * ALWAYS leaves out the pass's own allowance: the issuer answers for it. */
const char *offline_objection(const struct offline_facts *facts);

/* The worst that the node can cause until it hears again: units spent since the last sync, and
 * those that may still be. `pass_units` is the sum of the allowances of all passes that may come.
 */
uint64_t offline_worst_case(uint64_t pass_units, uint64_t site_limit);

#endif
