/* What a member's accounts are made from, read from the views: core/fec makes them. Inside a
 * transaction, any thread; what is read lives in the arena. */
#ifndef SERVICE_SETTLEMENT_ACCOUNTS_H
#define SERVICE_SETTLEMENT_ACCOUNTS_H

#include "core/fec/opening.h"
#include "service/service.h"

/* The member that a request names, or the caller; NULL after the call failed: not the caller's. */
const char *accounts_member(struct service *service, struct call *call, const char *member_id);

/* A member's own chart over the default; `own` and `own_count` its opening balances. */
void accounts_chart(struct db *db, struct arena *arena, struct view member_id,
                    struct fec_chart *chart, struct fec_opening **own, size_t *own_count);

/* Carnets of the employers that the member sells to, by id. */
size_t accounts_carnets(struct db *db, struct arena *arena, struct view member_id,
                        struct fec_carnet **out);

/* The first month with a close; false: there is none. */
bool accounts_first_month(struct db *db, struct month *out);

#endif
