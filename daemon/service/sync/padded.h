/* Sites whose stays of a month look padded beside those of their peers (core/visit/padding): looked
 * for by the worker before a close, each day for the last month, and when an operator asks; never
 * in the path of a visit. Noted as a problem, of which the treasurer is warned before the close; it
 * blocks nothing, and the host is paid. */
#ifndef SERVICE_SYNC_PADDED_H
#define SERVICE_SYNC_PADDED_H

#include "core/day/day.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/service.h"

struct padded {
    struct month month;
    Passerelle__V1__LedgerProblem **problems; /* by feed */
    size_t count;
};
/* Inside a transaction, on any thread; the result is the arena's. A second for a million stays. */
void padded_find(struct service *service, struct arena *arena, struct month month,
                 struct padded *out);
/* Writer: notes them. What was noted of the month before, with other figures, is replaced. */
void padded_note(struct service *service, struct arena *arena, const struct padded *padded);
/* As warnings of the month's close. */
void padded_warn(struct arena *arena, const struct padded *padded,
                 Passerelle__V1__Period *period);

/* Method of LedgerService. */
void find_padded_look(struct service *service, struct call *call);
int find_padded_decide(struct service *service, struct call *call);
int find_padded_apply(struct service *service, struct call *call);
/* The month that is to be looked at on that day. */
struct month padded_month(struct day today);

#endif
