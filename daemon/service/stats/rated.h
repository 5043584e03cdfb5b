/* A month rated for statistics, as the last close saw it or as it stands: of the whole network, or
 * of the people that a member or a site has to do with. */
#ifndef SERVICE_STATS_RATED_H
#define SERVICE_STATS_RATED_H

#include "service/service.h"
#include "service/settlement/load.h"

struct rated {
    struct loaded loaded;
    struct stays stays; /* in the order of rating.outcomes */
    struct rating rating;
    bool *holders; /* whose stays were rated, by number; NULL: everyone's */
    bool closed;
};

/* Inside a transaction. Fails the call with a sentence. Release in every case. */
must_check int rated_open(struct rated *rated, struct service *service, struct call *call,
                          struct month month);
/* Of a large network only the whole month of those who were at the site, or at one of the member's,
 * or have a pass of the member: a stay elsewhere cuts one here, and nobody else's matters. */
must_check int rated_open_site(struct rated *rated, struct service *service, struct call *call,
                               struct view site_id, struct month month);
must_check int rated_open_member(struct rated *rated, struct service *service, struct call *call,
                                 struct view member_id, struct month month);
void rated_release(struct rated *rated);

/* Who issued the pass of a holder, and of an item. */
uint32_t rated_holder_issuer(const struct rated *rated, uint32_t holder);
uint32_t rated_issuer(const struct rated *rated, const struct item *item);
/* What its issuer owes the host (0 at its own site) and the operator, and gets of the Region. */
struct rated_amounts {
    struct cents host, fee, subsidy;
};
must_check int rated_amounts(const struct rated *rated, const struct item *item,
                             struct rated_amounts *out);

#endif
