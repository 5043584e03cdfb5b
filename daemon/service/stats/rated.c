#include "service/stats/rated.h"

#include "service/settlement/period.h"

int rated_open(struct rated *rated, struct service *service, struct call *call, struct month month)
{
    struct fault fault = FAULT_NONE;
    uint64_t seed;
    *rated = (struct rated){.closed = period_is_closed(service->db, month)};
    env_random(service->node->env, &seed, sizeof seed);
    int error = loaded_open(&rated->loaded, service->db, seed, VIEW_NONE, &fault);
    if (error == 0) {
        error = rated->closed ? loaded_at_cut(&rated->loaded, month, &rated->stays, &fault)
                              : loaded_again(&rated->loaded, month, &rated->stays, &fault);
    }
    if (error == 0) {
        error = rating_run(&rated->rating, &rated->loaded.roster, month, rated->stays.all,
                           rated->stays.count, NULL, &fault);
    }
    return error == 0 ? 0 : call_fail_with(call, &fault);
}

void rated_release(struct rated *rated)
{
    rating_release(&rated->rating);
    stays_release(&rated->stays);
    loaded_release(&rated->loaded);
}

uint32_t rated_issuer(const struct rated *rated, const struct item *item)
{
    const struct roster *roster = &rated->loaded.roster;
    return roster->employers[roster->plans[roster->holders[item->holder].plan].employer].issuer;
}

int rated_amounts(const struct rated *rated, const struct item *item, struct rated_amounts *out)
{
    const struct roster *roster = &rated->loaded.roster;
    uint32_t issuer = rated_issuer(rated, item);
    *out = (struct rated_amounts){0};
    if (item->quantity == 0) {
        return 0;
    }
    const struct prices *prices = tariff_prices(&roster->tariff, item->row);
    int error = issuer == roster->sites[item->site].member
                    ? 0
                    : cents_times(prices->host_share, item->quantity, &out->host);
    if (error == 0 && issuer != roster->operator_member) {
        error = cents_times(prices->network_fee, item->quantity, &out->fee);
        error = error == 0 ? cents_times(prices->subsidy, item->quantity, &out->subsidy) : error;
    }
    return error;
}
