/* Where months stand, and what blocks their close. Reads inside the caller's transaction. */
#ifndef SERVICE_SETTLEMENT_PERIOD_H
#define SERVICE_SETTLEMENT_PERIOD_H

#include "core/day/day.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "service/service.h"

bool period_is_closed(struct db *db, struct month month);
size_t period_closed_count(struct db *db);

/* The month and where it stands, without blockers, in the arena. */
Passerelle__V1__Period *period_message(struct service *service, struct arena *arena,
                                       struct month month);
/* The closed months and those with visits, ascending. */
size_t period_list(struct service *service, struct arena *arena, Passerelle__V1__Period ***periods);

/* Fills in what blocks the close, but for what only computing it shows (a missing price). */
void period_block(struct service *service, struct arena *arena, struct month month,
                  Passerelle__V1__Period *period);
void period_block_add(struct arena *arena, Passerelle__V1__Period *period, const char *reason,
                      const char *subject, const char *fmt, ...) printf_like(5, 6);

/* Identifies the wish to close a month, for approval_ask(); 32 bytes in the arena. */
struct view period_digest(struct arena *arena, struct month month);

#endif
