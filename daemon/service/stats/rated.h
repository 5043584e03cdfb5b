/* A month of the whole network rated for statistics: as the last close saw it, or as it stands. */
#ifndef SERVICE_STATS_RATED_H
#define SERVICE_STATS_RATED_H

#include "service/service.h"
#include "service/settlement/load.h"

struct rated {
    struct loaded loaded;
    struct stays stays; /* in the order of rating.outcomes */
    struct rating rating;
    bool closed;
};

/* Inside a transaction. Fails the call with a sentence. Release in every case. */
must_check int rated_open(struct rated *rated, struct service *service, struct call *call,
                          struct month month);
void rated_release(struct rated *rated);

/* Who issued the pass of an item. */
uint32_t rated_issuer(const struct rated *rated, const struct item *item);
/* What its issuer owes the host (0 at its own site) and the operator, and gets of the Region. */
struct rated_amounts {
    struct cents host, fee, subsidy;
};
must_check int rated_amounts(const struct rated *rated, const struct item *item,
                             struct rated_amounts *out);

#endif
