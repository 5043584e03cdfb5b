#include "service/stats/rated.h"

#include "service/settlement/period.h"

static int load(struct rated *rated, struct service *service, struct month month,
                struct fault *fault)
{
    uint64_t seed;
    *rated = (struct rated){.closed = period_is_closed(service->db, month)};
    env_random(service->node->env, &seed, sizeof seed);
    return loaded_open(&rated->loaded, service->db, seed, VIEW_NONE, fault);
}

static int rate(struct rated *rated, struct call *call, struct month month, int error,
                struct fault *fault)
{
    if (error == 0) {
        error = rating_run(&rated->rating, &rated->loaded.roster, month, rated->stays.all,
                           rated->stays.count, NULL, fault);
    }
    return error == 0 ? 0 : call_fail_with(call, fault);
}

int rated_open(struct rated *rated, struct service *service, struct call *call, struct month month)
{
    struct fault fault = FAULT_NONE;
    int error = load(rated, service, month, &fault);
    if (error == 0) {
        error = rated->closed ? loaded_at_cut(&rated->loaded, month, &rated->stays, &fault)
                              : loaded_again(&rated->loaded, month, &rated->stays, &fault);
    }
    return rate(rated, call, month, error, &fault);
}

/* The visitors of the sites that `here` says; `issues`: and all holders of the member's passes. */
static int open_some(struct rated *rated, struct service *service, struct call *call,
                     struct month month, struct view id,
                     bool (*here)(const struct rated *rated, uint32_t site, struct view id),
                     bool issues)
{
    struct fault fault = FAULT_NONE;
    int error = load(rated, service, month, &fault);
    const struct roster *roster = &rated->loaded.roster;
    uint32_t member;
    issues = error == 0 && issues && names_find(&roster->member_ids, id, &member);
    rated->holders = xcalloc(roster->holder_ids.count + 1u, sizeof *rated->holders);
    for (uint32_t i = 0; error == 0 && i < roster->site_ids.count; i++) {
        if (here(rated, i, id)) {
            loaded_visitors(&rated->loaded, i, month, rated->holders);
        }
    }
    for (uint32_t i = 0; error == 0 && i < roster->holder_ids.count; i++) {
        rated->holders[i] =
            rated->holders[i] || (issues && rated_holder_issuer(rated, i) == member);
        if (rated->holders[i]) {
            error = loaded_holder(&rated->loaded, roster->holder_ids.ids[i], month, rated->closed,
                                  &rated->stays, &fault);
        }
    }
    return rate(rated, call, month, error, &fault);
}

static bool is_the_site(const struct rated *rated, uint32_t site, struct view id)
{
    return view_equal(rated->loaded.roster.site_ids.ids[site], id);
}

static bool is_of_member(const struct rated *rated, uint32_t site, struct view id)
{
    const struct roster *roster = &rated->loaded.roster;
    return view_equal(roster->member_ids.ids[roster->sites[site].member], id);
}

int rated_open_site(struct rated *rated, struct service *service, struct call *call,
                    struct view site_id, struct month month)
{
    return open_some(rated, service, call, month, site_id, is_the_site, false);
}

int rated_open_member(struct rated *rated, struct service *service, struct call *call,
                      struct view member_id, struct month month)
{
    return open_some(rated, service, call, month, member_id, is_of_member, true);
}

void rated_release(struct rated *rated)
{
    free(rated->holders);
    rating_release(&rated->rating);
    stays_release(&rated->stays);
    loaded_release(&rated->loaded);
}

uint32_t rated_holder_issuer(const struct rated *rated, uint32_t holder)
{
    const struct roster *roster = &rated->loaded.roster;
    return roster->employers[roster->plans[roster->holders[holder].plan].employer].issuer;
}

uint32_t rated_issuer(const struct rated *rated, const struct item *item)
{
    return rated_holder_issuer(rated, item->holder);
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
