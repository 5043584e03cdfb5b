#include "core/policy/policy.h"

#include <assert.h>

#define KIND(name) PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_##name

static void broken(struct policy_verdict *verdict, const char *name,
                   Passerelle__V1__Enforcement enforcement)
{
    if (enforcement == PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK) {
        verdict->blocked = verdict->blocked == NULL ? name : verdict->blocked;
        return;
    }
    for (size_t i = 0; i < verdict->warning_count; i++) {
        if (strcmp(verdict->warnings[i], name) == 0) {
            return;
        }
    }
    assert(verdict->warning_count < POLICY_WARNINGS_MAX);
    verdict->warnings[verdict->warning_count++] = name;
}

static bool has_rule(const Passerelle__V1__EmployerPolicy *policy,
                     Passerelle__V1__PolicyRuleKind first, Passerelle__V1__PolicyRuleKind last)
{
    for (size_t i = 0; policy != NULL && i < policy->n_rules; i++) {
        if (policy->rules[i]->kind >= first && policy->rules[i]->kind <= last) {
            return true;
        }
    }
    return false;
}

bool policy_counts_days(const Passerelle__V1__EmployerPolicy *policy)
{
    return has_rule(policy, KIND(DAYS_A_WEEK), KIND(DAYS_A_WEEK));
}

bool policy_has_cap(const Passerelle__V1__EmployerPolicy *policy)
{
    return has_rule(policy, KIND(HOLDER_CAP), KIND(CONTRACT_CAP));
}

static bool resource_allowed(const Passerelle__V1__PolicyRule *rule, Passerelle__V1__Resource one)
{
    for (size_t i = 0; i < rule->n_resources; i++) {
        if (rule->resources[i] == one) {
            return true;
        }
    }
    return false;
}

static bool zone_allowed(const Passerelle__V1__PolicyRule *rule, Passerelle__V1__Zone one)
{
    for (size_t i = 0; i < rule->n_zones; i++) {
        if (rule->zones[i] == one) {
            return true;
        }
    }
    return false;
}

static bool weekday_allowed(const Passerelle__V1__PolicyRule *rule, enum weekday one)
{
    for (size_t i = 0; i < rule->n_weekdays; i++) {
        if ((int)rule->weekdays[i] == (int)one + 1) { /* WEEKDAY_MONDAY is 1 */
            return true;
        }
    }
    return false;
}

void policy_look(const Passerelle__V1__EmployerPolicy *policy,
                 const struct policy_question *question, struct policy_verdict *verdict)
{
    for (size_t i = 0; policy != NULL && i < policy->n_rules; i++) {
        const Passerelle__V1__PolicyRule *rule = policy->rules[i];
        const char *name = NULL;
        switch (rule->kind) {
        case KIND(RESOURCES):
            name = resource_allowed(rule, question->resource) ? NULL : "resources";
            break;
        case KIND(ZONES):
            name = zone_allowed(rule, question->zone) ? NULL : "zones";
            break;
        case KIND(WEEKDAYS):
            name = weekday_allowed(rule, question->weekday) ? NULL : "weekdays";
            break;
        case KIND(SECURITY_LEVEL):
            name = question->security_level >= rule->number ? NULL : "security_level";
            break;
        case KIND(DAYS_A_WEEK):
            name = question->days_this_week <= rule->number ? NULL : "days_a_week";
            break;
        default:
            break;
        }
        if (name != NULL) {
            broken(verdict, name, rule->enforcement);
        }
    }
}

static void look_at_rules(const Passerelle__V1__EmployerPolicy *policy,
                          Passerelle__V1__PolicyRuleKind kind, const char *name,
                          const char *cost_centre, int64_t sum_cents,
                          struct policy_verdict *verdict)
{
    for (size_t i = 0; policy != NULL && i < policy->n_rules; i++) {
        const Passerelle__V1__PolicyRule *rule = policy->rules[i];
        if (rule->kind == kind && sum_cents > rule->cents &&
            (cost_centre == NULL || strcmp(cost_centre, rule->cost_centre) == 0)) {
            broken(verdict, name, rule->enforcement);
        }
    }
}

void policy_look_at_caps(const Passerelle__V1__Plan *plan,
                         const Passerelle__V1__EmployerPolicy *policy, const char *cost_centre,
                         const struct policy_sums *sums, struct policy_verdict *verdict)
{
    const Passerelle__V1__Enforcement block = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK;
    if (plan->holder_cap_cents > 0 && sums->holder_cents > plan->holder_cap_cents) {
        broken(verdict, "holder_cap", block);
    }
    look_at_rules(policy, KIND(HOLDER_CAP), "holder_cap", NULL, sums->holder_cents, verdict);
    if (plan->contract_cap_cents > 0 && sums->plan_cents > plan->contract_cap_cents) {
        broken(verdict, "contract_cap", block);
    }
    look_at_rules(policy, KIND(CONTRACT_CAP), "contract_cap", NULL, sums->contract_cents, verdict);
    look_at_rules(policy, KIND(COST_CENTRE_CAP), "cost_centre_cap", cost_centre,
                  sums->cost_centre_cents, verdict);
}
