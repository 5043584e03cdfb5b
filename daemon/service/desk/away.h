/* A site's daemon at its desk: what its hub told (standings), what its own visits add since, and
 * what it may still decide while it does not hear. The files of this folder only. */
#ifndef SERVICE_DESK_AWAY_H
#define SERVICE_DESK_AWAY_H

#include "core/policy/offline.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/desk/memory.h"

/* The newest standing of that key; NULL: nothing was told. In the arena. */
const Passerelle__V1__PlanStanding *told_of_plan(struct service *service, struct arena *arena,
                                                 struct view plan_id);
const Passerelle__V1__HolderStanding *told_of_holder(struct service *service, struct arena *arena,
                                                     struct view holder_id);
const Passerelle__V1__ContractStanding *
told_of_contract(struct service *service, struct arena *arena, struct view employer_id);

/* Units that this site has let be used and the hub has not yet acknowledged: by a pass, by all. An
 * open desk stay counts as what it may become. They are counted once; then each visit that changes
 * has its pass counted again. Writer thread. */
uint32_t away_spent_by(struct service *service, struct view pass_id);
uint64_t away_spent(struct service *service);
/* Counts some of those that are to be counted, so that nobody waits for all of them, and tells
 * other threads when all are. True: some are left. Writer thread. */
bool away_tick(struct service *service);
/* A visit of the pass changed (empty: nobody decided it); all may have. */
void away_changed(struct desk *desk, struct view holder_id, struct view pass_id, struct day day);
void away_forget(struct desk *desk);
/* Units that one more desk stay of the pass may use here today, beyond what its visit-day holds. */
uint32_t away_units_asked(struct service *service, struct view holder_id, struct view pass_id);

/* The most that the site may let be used before it hears again. */
uint64_t away_site_limit(struct service *service, const struct desk_site *site);
/* And the most that it can overspend, by the passes that it knows; never less than what was used,
 * by rules that let use more then. Any thread. */
uint64_t away_worst_case(struct service *service, struct arena *arena);

#endif
