/* SettlementService: the close of a month and its results; disputes. */
#ifndef SERVICE_SETTLEMENT_SETTLEMENT_H
#define SERVICE_SETTLEMENT_SETTLEMENT_H

#include "service/method.h"

extern const struct method settlement_methods[];
extern const size_t settlement_method_count;

/* Private to settlement/: the functions of the rows in other files. */
int documents_list(struct service *service, struct call *call);
int trial_balance_get(struct service *service, struct call *call);
int dispute_open_decide(struct service *service, struct call *call);
int dispute_open_apply(struct service *service, struct call *call);
int dispute_resolve_decide(struct service *service, struct call *call);
int dispute_resolve_apply(struct service *service, struct call *call);

#endif
