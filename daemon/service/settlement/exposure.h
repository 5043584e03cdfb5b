/* What issuers owe others: their transfers that are closed and unpaid, and their net position in
 * the months that are open. It takes as long as rating these months, so it is computed on a
 * snapshot and only the level is recorded, when it changes: a check-in reads that. Inside the
 * caller's transaction. */
#ifndef SERVICE_SETTLEMENT_EXPOSURE_H
#define SERVICE_SETTLEMENT_EXPOSURE_H

#include "passerelle/v1/settlement.pb-c.h"
#include "service/service.h"

#define EXPOSURE_LEVEL(name) PASSERELLE__V1__EXPOSURE_LEVEL__EXPOSURE_LEVEL_##name

/* Issuers that have a limit, by id, as recorded; in the arena. */
size_t exposure_recorded(struct db *db, struct arena *arena, Passerelle__V1__Exposure ***out);
/* Fills in what each of them owes. A month with a missing price counts as nothing: period show
 * names it. Returns 0, or -1 after it failed the call. */
must_check int exposure_compute(struct service *service, struct call *call,
                                Passerelle__V1__Exposure **issuers, size_t count);
/* The level that the policy gives to what is owed. */
Passerelle__V1__ExposureLevel exposure_level(const Passerelle__V1__NetworkPolicy *policy,
                                             int64_t owed_cents, int64_t limit_cents);

#endif
