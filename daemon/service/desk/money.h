/* What money.c and money_site.c share. */
#ifndef SERVICE_DESK_MONEY_H
#define SERVICE_DESK_MONEY_H

#include "service/desk/memory.h"

/* What a check-in under a plan asks for. */
struct money_asks {
    bool units;  /* no credit, when none is left */
    bool plan;   /* sums of the whole plan */
    bool holder; /* the holder's cents */
    bool contract;
};

/* As desk_money() at the hub, for a site, with the stay that is asked for. False: not known. */
bool money_at_site(struct service *service, struct call *call,
                   const struct money_question *question, const struct spending_stay *asked,
                   const struct money_asks *asks, struct policy_sums *sums, bool *vain,
                   const char **cost_centre);

#endif
