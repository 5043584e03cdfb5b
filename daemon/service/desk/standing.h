/* What a hub tells sites of its visitors beyond feeds: what plans, holders and contracts have used,
 * and which visits were ended by a check-in elsewhere. Computed from the desk's memory, by the
 * writer, for what changed. */
#ifndef SERVICE_DESK_STANDING_H
#define SERVICE_DESK_STANDING_H

#include "core/day/day.h"
#include "passerelle/v1/entries.pb-c.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/service.h"

/* NULL: no check-in asks for it, or there is no such plan or contract. In the arena; without the
 * seq up to which it counts. */
Passerelle__V1__PlanStanding *standing_of_plan(struct service *service, struct arena *arena,
                                               struct view plan_id);
Passerelle__V1__HolderStanding *standing_of_holder(struct service *service, struct arena *arena,
                                                   const Passerelle__V1__HolderPut *right);
Passerelle__V1__ContractStanding *standing_of_contract(struct service *service, struct arena *arena,
                                                       struct view employer_id);

/* Whether check-ins under the plan are refused since its issuer owes all that it may. */
bool standing_is_cut_off(struct service *service, struct view plan_id);

/* Calls `each` with every desk visit of the holder that began on that day, its feed, and when a
 * check-in in another feed ended it; 0: none did. */
void standing_cuts(struct service *service, struct view holder_id, struct day day,
                   void (*each)(void *context, int64_t feed_no, struct view visit_id,
                                int64_t cut_utc_ms),
                   void *context);

/* "Aurèle A.", or "" when the person is not known. */
char *desk_display_name(struct service *service, struct arena *arena, struct view holder_id);

#endif
