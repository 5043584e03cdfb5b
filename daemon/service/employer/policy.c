/* An employer's policy: every rule says what it looks at, and holds nothing else. */
#include "base/text.h"
#include "service/employer/internal.h"
#include "service/journal.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum { RULES_MAX = 64, CENTS_MAX = 1000000000, CENTRE_MAX = 200 };

#define KIND(name) PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_##name

/* Which fields a kind uses. */
enum uses { LISTS_RESOURCES, LISTS_ZONES, LISTS_WEEKDAYS, NUMBERS, CENTS, CENTS_OF_CENTRE };
static const struct {
    Passerelle__V1__PolicyRuleKind kind;
    enum uses uses;
    uint32_t max; /* of its number, or of the numbers in its list */
    const char *needs;
} kinds[] = {
    {KIND(RESOURCES), LISTS_RESOURCES, 3, "name the resources that are allowed, each once"},
    {KIND(ZONES), LISTS_ZONES, 3, "name the zones that are allowed, each once"},
    {KIND(WEEKDAYS), LISTS_WEEKDAYS, 7, "name the weekdays that are allowed, each once"},
    {KIND(SECURITY_LEVEL), NUMBERS, 3, "number is a level from 1 to 3"},
    {KIND(DAYS_A_WEEK), NUMBERS, 7, "number is from 1 to 7 days"},
    {KIND(HOLDER_CAP), CENTS, 0, "cents is the cap of a month"},
    {KIND(CONTRACT_CAP), CENTS, 0, "cents is the cap of a month"},
    {KIND(COST_CENTRE_CAP), CENTS_OF_CENTRE, 0,
     "say which cost centre, and its cap of a month in cents"},
};

/* One to `max` different numbers, each 1 to `max`; protobuf enums may hold any. */
static bool list_holds(const int *numbers, size_t count, uint32_t max)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] < 1 || numbers[i] > (int)max || (seen & 1u << numbers[i]) != 0) {
            return false;
        }
        seen |= 1u << numbers[i];
    }
    return count > 0;
}

static bool rule_holds(const Passerelle__V1__PolicyRule *rule, enum uses uses, uint32_t max)
{
    size_t centre = strlen(rule->cost_centre);
    /* What the kind does not use stays empty: nobody is to believe that it counts. */
    if ((uses != LISTS_RESOURCES && rule->n_resources > 0) ||
        (uses != LISTS_ZONES && rule->n_zones > 0) ||
        (uses != LISTS_WEEKDAYS && rule->n_weekdays > 0) ||
        (uses != NUMBERS && rule->number != 0) ||
        (uses != CENTS && uses != CENTS_OF_CENTRE && rule->cents != 0) ||
        (uses != CENTS_OF_CENTRE && centre > 0)) {
        return false;
    }
    switch (uses) {
    case LISTS_RESOURCES:
        return list_holds((const int *)rule->resources, rule->n_resources, max);
    case LISTS_ZONES:
        return list_holds((const int *)rule->zones, rule->n_zones, max);
    case LISTS_WEEKDAYS:
        return list_holds((const int *)rule->weekdays, rule->n_weekdays, max);
    case NUMBERS:
        return rule->number >= 1 && rule->number <= max;
    case CENTS:
    case CENTS_OF_CENTRE:
        break;
    }
    if (uses == CENTS_OF_CENTRE && (centre == 0 || centre > CENTRE_MAX ||
                                    !text_is_printable(view_of(rule->cost_centre)))) {
        return false;
    }
    return rule->cents > 0 && rule->cents <= CENTS_MAX;
}

/* A sentence when the rule cannot be used, else NULL. */
static const char *problem_of(const Passerelle__V1__PolicyRule *rule)
{
    if (rule->enforcement != PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_WARN &&
        rule->enforcement != PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK) {
        return "say whether it warns or blocks";
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].kind == rule->kind) {
            return rule_holds(rule, kinds[i].uses, kinds[i].max) ? NULL : kinds[i].needs;
        }
    }
    return "say what the rule looks at";
}

/* Blocking rules on resources leave something: a pass that opens nothing cannot be made. */
static bool leaves_a_resource(const Passerelle__V1__EmployerPolicy *policy)
{
    uint32_t left = ~0u;
    for (size_t i = 0; i < policy->n_rules; i++) {
        const Passerelle__V1__PolicyRule *rule = policy->rules[i];
        uint32_t allowed = 0;
        for (size_t k = 0; k < rule->n_resources; k++) {
            allowed |= 1u << rule->resources[k];
        }
        if (rule->kind == KIND(RESOURCES) &&
            rule->enforcement == PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK) {
            left &= allowed;
        }
    }
    return left != 0;
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
        const char *problem = problem_of(rule);
        if (problem != NULL) {
            char field[40];
            snprintf(field, sizeof field, "policy.rules[%zu]", i);
            return call_violation(call, field, "%s; leave the other fields empty", problem);
        }
    }
    if (!leaves_a_resource(request->policy)) {
        return call_violation(call, "policy.rules",
                              "together the rules leave no resource: allow at least one");
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
