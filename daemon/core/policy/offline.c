#include "core/policy/offline.h"

uint32_t offline_allowance(const Passerelle__V1__NetworkPolicy *policy,
                           Passerelle__V1__Medium medium)
{
    return medium == PASSERELLE__V1__MEDIUM__MEDIUM_PHONE ? policy->offline_units_phone
                                                          : policy->offline_units_card;
}

uint64_t offline_site_limit(uint32_t desks, uint32_t open_days)
{
    return (uint64_t)desks * OFFLINE_UNITS_A_DAY * open_days;
}

/* The whole stay must fit, even where it may turn out to be a half-day: what was let in is never
 * taken back, so that the bound holds whatever the visitors do. */
const char *offline_objection(const struct offline_facts *facts)
{
    if (facts->rule == PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_NEVER) {
        return "never";
    }
    if (facts->units == 0) {
        return NULL;
    }
    if (facts->refuses_overage && facts->units_left <= (int64_t)facts->pass_spent) {
        return "no_units";
    }
    if (facts->rule != PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_ALWAYS &&
        (uint64_t)facts->pass_spent + facts->units > facts->allowance) {
        return "pass_allowance";
    }
    return facts->site_spent + facts->units > facts->site_limit ? "site_allowance" : NULL;
}

uint64_t offline_worst_case(uint64_t pass_units, uint64_t site_limit)
{
    return pass_units < site_limit ? pass_units : site_limit;
}
