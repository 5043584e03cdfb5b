/* An employer's policy and the monthly caps, looked at for one check-in. Each rule is looked at; a
 * broken one warns or blocks. Pure; any thread. */
#ifndef CORE_POLICY_POLICY_H
#define CORE_POLICY_POLICY_H

#include "core/day/day.h"
#include "passerelle/v1/employer.pb-c.h"

enum { POLICY_WARNINGS_MAX = 16 };

/* Names of rules are those that the desk reads: "zones", "holder_cap". */
struct policy_verdict {
    const char *blocked;                       /* the first rule that blocks; NULL: none */
    const char *warnings[POLICY_WARNINGS_MAX]; /* each name once */
    size_t warning_count;
};

/* What is asked for. */
struct policy_question {
    Passerelle__V1__Resource resource;
    Passerelle__V1__Zone zone;
    uint32_t security_level;
    enum weekday weekday;
    uint32_t days_this_week; /* days from Monday on with a visit, today included */
};

/* Whether the rules need days_this_week; sums of money. */
bool policy_counts_days(const Passerelle__V1__EmployerPolicy *policy);
bool policy_has_cap(const Passerelle__V1__EmployerPolicy *policy);

/* The rules that are no caps. `policy` may be NULL: all is allowed. Adds to *verdict. */
void policy_look(const Passerelle__V1__EmployerPolicy *policy,
                 const struct policy_question *question, struct policy_verdict *verdict);

/* Charged in this Paris month and reserved, with what this visit would reserve, in cents. */
struct policy_sums {
    int64_t holder_cents;
    int64_t plan_cents;        /* all holders of the plan */
    int64_t contract_cents;    /* all plans of the employer */
    int64_t cost_centre_cents; /* all holders of the employer in the holder's cost centre */
};
/* The caps, in the order holder, contract, cost centre; the plan's own always block. `cost_centre`
 * is the holder's, "" when not known. Adds to *verdict. */
void policy_look_at_caps(const Passerelle__V1__Plan *plan,
                         const Passerelle__V1__EmployerPolicy *policy, const char *cost_centre,
                         const struct policy_sums *sums, struct policy_verdict *verdict);

#endif
