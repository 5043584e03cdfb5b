/* A month by territory, for the Region. */
#ifndef SERVICE_STATS_REGION_H
#define SERVICE_STATS_REGION_H

#include "core/statement/region.h"
#include "service/service.h"

/* Fails the call: the month is not over, a price is missing. Lists are in the call's arena. */
must_check int region_count(struct service *service, struct call *call, struct month month,
                            struct territories *out);
/* Fills in what the Region's statement is made from. */
must_check int region_load(struct service *service, struct call *call, struct month month,
                           struct region_input *out);

#endif
