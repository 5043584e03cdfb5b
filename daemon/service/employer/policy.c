/* An employer's policy: every rule says what it looks at, and holds nothing else. */
#include "service/employer/internal.h"
#include "service/journal.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum { RULES_MAX = 64, CENTS_MAX = 1000000000 };

#define KIND(name) PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_##name

/* What each kind needs, as a sentence when it is missing. */
static const char *problem_of(const Passerelle__V1__PolicyRule *rule)
{
    switch (rule->kind) {
    case KIND(RESOURCES):
        return rule->n_resources > 0 ? NULL : "name the resources that are allowed";
    case KIND(ZONES):
        return rule->n_zones > 0 ? NULL : "name the zones that are allowed";
    case KIND(WEEKDAYS):
        return rule->n_weekdays > 0 ? NULL : "name the weekdays that are allowed";
    case KIND(SECURITY_LEVEL):
        return rule->number >= 1 && rule->number <= 3 ? NULL : "number is a level from 1 to 3";
    case KIND(DAYS_A_WEEK):
        return rule->number >= 1 && rule->number <= 6 ? NULL : "number is from 1 to 6 days";
    case KIND(COST_CENTRE_CAP):
        if (rule->cost_centre[0] == '\0') {
            return "say which cost centre";
        }
        return rule->cents > 0 && rule->cents <= CENTS_MAX ? NULL : "cents is the cap of a month";
    case KIND(HOLDER_CAP):
    case KIND(CONTRACT_CAP):
        return rule->cents > 0 && rule->cents <= CENTS_MAX ? NULL : "cents is the cap of a month";
    default:
        return "say what the rule looks at";
    }
}

int set_employer_policy_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__SetEmployerPolicyRequest *request = (const void *)call->request;
    if (request->policy == NULL) {
        return call_violation(call, "policy", "give the whole policy");
    }
    if (scope_employer(service, call, view_of(request->policy->employer_id)) != 0) {
        return -1;
    }
    if (registry_employer(service->db, call->arena, view_of(request->policy->employer_id)) ==
        NULL) {
        return call_violation(call, "policy.employer_id", "there is no such employer");
    }
    if (request->policy->n_rules > RULES_MAX) {
        return call_violation(call, "policy.rules", "at most %d rules", RULES_MAX);
    }
    for (size_t i = 0; i < request->policy->n_rules; i++) {
        const Passerelle__V1__PolicyRule *rule = request->policy->rules[i];
        const char *problem =
            rule->enforcement == PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_UNSPECIFIED
                ? "say whether it warns or blocks"
                : problem_of(rule);
        if (problem != NULL) {
            char field[40];
            snprintf(field, sizeof field, "policy.rules[%zu]", i);
            return call_violation(call, field, "%s", problem);
        }
    }
    return 0;
}

int set_employer_policy_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__SetEmployerPolicyRequest *request = (const void *)call->request;
    call_respond(call);
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_EMPLOYER_POLICY_SET,
                   &request->policy->base);
    return 0;
}

int get_employer_policy(struct service *service, struct call *call)
{
    const Passerelle__V1__GetEmployerPolicyRequest *request = (const void *)call->request;
    if (scope_employer(service, call, view_of(request->employer_id)) != 0) {
        return -1;
    }
    Passerelle__V1__GetEmployerPolicyResponse *response = call_respond(call);
    const Passerelle__V1__EmployerPolicy *policy =
        registry_employer_policy(service->db, call->arena, view_of(request->employer_id));
    if (policy == NULL) {
        Passerelle__V1__EmployerPolicy *none =
            wire_new(call->arena, &passerelle__v1__employer_policy__descriptor);
        none->employer_id = request->employer_id;
        policy = none;
    }
    response->policy = (void *)(uintptr_t)policy;
    return 0;
}
