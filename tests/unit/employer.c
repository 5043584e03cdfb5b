#include <check.h>
#include <stdlib.h>

#include "lib/network.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "wire/pack.h"

#define NEW(network, stem) network_new(network, &passerelle__v1__##stem##__descriptor)
#define HEADER                                                                                     \
    "holder_id,employer_id,plan_id,given_name,family_name,email,cost_centre,medium,active_from,"   \
    "active_to\n"

static struct network network;

static void found(void)
{
    network_init(&network, true, 11);
    network_import(&network, network_reference_dir());
}

static void end(void)
{
    network_check(&network);
    network_release(&network);
}

static struct principal operator(void)
{
    return network_who(ROLE_OPERATOR, "olive");
}

static char *text(const char *string)
{
    return wire_string(&network.arena, view_of(string));
}

static const struct call *call(struct principal who, const char *method,
                               const ProtobufCMessage *request)
{
    return network_call(&network, who, "EmployerService", method, request);
}

static const void *must(struct principal who, const char *method, const ProtobufCMessage *request)
{
    return network_must(&network, who, "EmployerService", method, request);
}

/* e001 is a customer of m006 with plan e001-p1 (usage), e002 of m060 with e002-p1 (carnet). */
static const struct {
    enum role role;
    const char *party;
    bool sells, manages; /* to and for e001 */
} parties[] = {
    {ROLE_OPERATOR, "olive", true, true}, {ROLE_MEMBER, "m006", true, true},
    {ROLE_MEMBER, "m060", false, false},  {ROLE_MEMBER, "m001", false, false},
    {ROLE_EMPLOYER, "e001", false, true}, {ROLE_EMPLOYER, "e002", false, false},
};

static enum code expected(bool allowed)
{
    return allowed ? CODE_OK : CODE_PERMISSION_DENIED;
}

static Passerelle__V1__Employer *employer_now(const char *id)
{
    Passerelle__V1__ListEmployersRequest *request = NEW(&network, list_employers_request);
    request->employer_id = text(id);
    const Passerelle__V1__ListEmployersResponse *response =
        must(operator(), "ListEmployers", &request->base);
    ck_assert_uint_eq(response->n_employers, 1);
    return response->employers[0];
}

static const struct call *put_plan(struct principal who, const char *id, const char *employer,
                                   Passerelle__V1__PlanType type)
{
    Passerelle__V1__PutPlanRequest *request = NEW(&network, put_plan_request);
    request->request_id = network_request_id(&network);
    request->plan = NEW(&network, plan);
    request->plan->plan_id = text(id);
    request->plan->employer_id = text(employer);
    request->plan->type = type;
    return call(who, "PutPlan", &request->base);
}

START_TEST(contracts_are_written_by_who_sells)
{
    found();
    for (size_t i = 0; i < ARRAY_LEN(parties); i++) {
        if (parties[i].role == ROLE_EMPLOYER) {
            continue; /* no row of the method table lets them */
        }
        struct principal who = network_who(parties[i].role, parties[i].party);
        enum code wanted = expected(parties[i].sells);
        Passerelle__V1__PutEmployerRequest *put = NEW(&network, put_employer_request);
        put->request_id = network_request_id(&network);
        put->employer = employer_now("e001");
        put->employer->buyer_reference = arena_printf(&network.arena, "REF-%zu", i);
        ck_assert_int_eq(call(who, "PutEmployer", &put->base)->error.code, wanted);
        if (!parties[i].sells) {
            /* Nor by saying that it is one's own. */
            put->request_id = network_request_id(&network);
            put->employer->issuer_member_id = text(parties[i].party);
            ck_assert_int_eq(call(who, "PutEmployer", &put->base)->error.code, wanted);
        }
        char *plan = arena_printf(&network.arena, "e001-new%zu", i);
        ck_assert_int_eq(
            put_plan(who, plan, "e001", PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE)->error.code,
            wanted);
        ck_assert_int_eq(
            put_plan(who, plan, "e999", PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE)->error.code,
            parties[i].role == ROLE_OPERATOR ? CODE_NOT_FOUND : CODE_PERMISSION_DENIED);
    }
    ck_assert_str_eq(employer_now("e001")->buyer_reference, "REF-1");
    /* A plan in use keeps its type. */
    ck_assert_int_eq(put_plan(operator(), "e001-p1", "e001",
                              PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET)->error.code,
                     CODE_FAILED_PRECONDITION);
    end();
}
END_TEST

static const char *fee_note(int64_t cents)
{
    Passerelle__V1__PutPlanRequest *request = NEW(&network, put_plan_request);
    request->request_id = network_request_id(&network);
    request->plan = NEW(&network, plan);
    request->plan->plan_id = text("e003-p2");
    request->plan->employer_id = text("e003");
    request->plan->type = PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION;
    request->plan->monthly_fee_cents = cents;
    request->plan->included_units = 10;
    request->plan->overage = PASSERELLE__V1__OVERAGE__OVERAGE_CHARGE;
    const Passerelle__V1__PutPlanResponse *response = must(operator(), "PutPlan", &request->base);
    return response->note;
}

/* A fee holds for a closed month too, once that is rated again: who changes it is told. */
START_TEST(another_fee_says_what_it_does_to_closed_months)
{
    found();
    ck_assert_str_eq(fee_note(9000), "");
    Passerelle__V1__ClosePeriodRequest *close = NEW(&network, close_period_request);
    close->request_id = network_request_id(&network);
    close->month = text("2026-10");
    network_must(&network, operator(), "SettlementService", "ClosePeriod", &close->base);
    ck_assert_str_eq(fee_note(9000), "");
    ck_assert_ptr_nonnull(strstr(fee_note(9100), "up to 2026-10"));
    end();
}
END_TEST

static const struct call *sell(struct principal who, const char *id, const char *plan)
{
    Passerelle__V1__SellCarnetRequest *request = NEW(&network, sell_carnet_request);
    request->request_id = network_request_id(&network);
    request->carnet = NEW(&network, carnet);
    request->carnet->carnet_id = text(id);
    request->carnet->plan_id = text(plan);
    request->carnet->units = 20;
    request->carnet->price_cents = 16400;
    request->carnet->bought_on = text("2026-11-03");
    request->carnet->valid_months = 6;
    request->carnet->vat_basis_points = 77;
    return call(who, "SellCarnet", &request->base);
}

START_TEST(carnets_are_sold_once)
{
    found();
    struct principal seller = network_who(ROLE_MEMBER, "m060");
    const struct call *sold = sell(seller, "fresh", "e002-p1");
    ck_assert_int_eq(sold->error.code, CODE_OK);
    const Passerelle__V1__Carnet *carnet =
        ((const Passerelle__V1__SellCarnetResponse *)sold->response)->carnet;
    ck_assert(carnet->vat_basis_points == 0 || carnet->vat_basis_points == 2000);
    ck_assert_int_eq(sell(seller, "e002-p1-c1", "e002-p1")->error.code, CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(sell(seller, "other", "e001-p1")->error.code, CODE_PERMISSION_DENIED);
    ck_assert_int_eq(sell(seller, "other", "no-plan")->error.code, CODE_PERMISSION_DENIED);
    /* An id that another issuer used says no more than one that is not there. */
    ck_assert_int_eq(sell(seller, "e006-p1-c1", "e002-p1")->error.code, CODE_PERMISSION_DENIED);
    end();
}
END_TEST

/* ---- policy ---- */

static const struct call *set_policy(struct principal who, Passerelle__V1__PolicyRule **rules,
                                     size_t count)
{
    Passerelle__V1__SetEmployerPolicyRequest *request =
        NEW(&network, set_employer_policy_request);
    request->request_id = network_request_id(&network);
    request->policy = NEW(&network, employer_policy);
    request->policy->employer_id = text("e001");
    request->policy->rules = rules;
    request->policy->n_rules = count;
    return call(who, "SetEmployerPolicy", &request->base);
}

START_TEST(rules_say_what_they_look_at)
{
    enum { MAX = 3 };
    static const struct {
        int kind, enforcement;
        int list[MAX]; /* resources, zones or weekdays, as the kind has them */
        uint32_t number;
        int64_t cents;
        const char *centre;
        bool holds;
    } rows[] = {
        {1, 2, {1, 2}, 0, 0, "", true}, {1, 2, {0}, 0, 0, "", false},
        {1, 2, {1, 1}, 0, 0, "", false}, {1, 2, {1}, 1, 0, "", false}, {1, 2, {1}, 0, 5, "", false},
        {1, 0, {1}, 0, 0, "", false}, {2, 1, {3}, 0, 0, "", true}, {3, 1, {1, 7}, 0, 0, "", true},
        {4, 2, {0}, 3, 0, "", true}, {4, 2, {0}, 4, 0, "", false}, {4, 2, {0}, 0, 0, "", false},
        {5, 2, {0}, 3, 0, "", true}, {5, 2, {0}, 8, 0, "", false}, {6, 2, {0}, 0, 1, "", true},
        {6, 2, {0}, 0, 0, "", false}, {6, 2, {0}, 0, -1, "", false},
        {6, 2, {0}, 0, 1, "CC1", false}, {8, 1, {0}, 0, 50000, "", true},
        {7, 1, {0}, 0, 500, "CC1", true}, {7, 1, {0}, 0, 500, "", false},
        {7, 1, {0}, 0, 500, "\t", false}, {0, 1, {0}, 0, 0, "", false},
        {7, 1, {0}, 0, INT64_MAX, "CC1", false},
    };
    found();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Passerelle__V1__PolicyRule *rule = NEW(&network, policy_rule);
        rule->kind = (Passerelle__V1__PolicyRuleKind)rows[i].kind;
        rule->enforcement = (Passerelle__V1__Enforcement)rows[i].enforcement;
        size_t count = 0;
        while (count < MAX && rows[i].list[count] != 0) {
            count++;
        }
        if (rows[i].kind == 1) {
            rule->resources = (void *)(uintptr_t)rows[i].list;
            rule->n_resources = count;
        } else if (rows[i].kind == 2) {
            rule->zones = (void *)(uintptr_t)rows[i].list;
            rule->n_zones = count;
        } else if (rows[i].kind == 3) {
            rule->weekdays = (void *)(uintptr_t)rows[i].list;
            rule->n_weekdays = count;
        }
        rule->number = rows[i].number;
        rule->cents = rows[i].cents;
        rule->cost_centre = text(rows[i].centre);
        const struct call *done = set_policy(operator(), &rule, 1);
        ck_assert_msg(done->error.code == (rows[i].holds ? CODE_OK : CODE_INVALID_ARGUMENT),
                      "row %zu: %s", i, code_name(done->error.code));
    }
    /* Two rules that leave nothing together. */
    static int desk[] = {1}, booth[] = {3};
    Passerelle__V1__PolicyRule *both[2] = {NEW(&network, policy_rule), NEW(&network, policy_rule)};
    for (size_t i = 0; i < 2; i++) {
        both[i]->kind = PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_RESOURCES;
        both[i]->enforcement = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK;
        both[i]->resources = (void *)(i == 0 ? desk : booth);
        both[i]->n_resources = 1;
    }
    ck_assert_int_eq(set_policy(operator(), both, 2)->error.code, CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(set_policy(operator(), both, 1)->error.code, CODE_OK);
    for (size_t i = 0; i < ARRAY_LEN(parties); i++) {
        struct principal who = network_who(parties[i].role, parties[i].party);
        Passerelle__V1__GetEmployerPolicyRequest *get = NEW(&network, get_employer_policy_request);
        get->employer_id = text("e001");
        const struct call *got = call(who, "GetEmployerPolicy", &get->base);
        ck_assert_int_eq(got->error.code, expected(parties[i].manages));
        ck_assert_int_eq(set_policy(who, both, 1)->error.code, expected(parties[i].manages));
        if (parties[i].manages) {
            ck_assert_uint_eq(
                ((const Passerelle__V1__GetEmployerPolicyResponse *)got->response)->policy->n_rules,
                1);
        }
    }
    end();
}
END_TEST

/* ---- people ---- */

static const struct call *import(struct principal who, const char *csv, bool dry_run)
{
    Passerelle__V1__ImportHoldersRequest *request = NEW(&network, import_holders_request);
    request->request_id = network_request_id(&network);
    request->employer_id = text("e001");
    request->csv = wire_bytes(view_of(csv));
    request->dry_run = dry_run;
    return call(who, "ImportHolders", &request->base);
}

static const Passerelle__V1__Holder *holder_now(struct principal who, const char *id)
{
    Passerelle__V1__ListHoldersRequest *request = NEW(&network, list_holders_request);
    const Passerelle__V1__ListHoldersResponse *response;
    do {
        response = must(who, "ListHolders", &request->base);
        for (size_t i = 0; i < response->n_holders; i++) {
            request->after_holder_id = response->holders[i]->holder_id;
            if (strcmp(response->holders[i]->holder_id, id) == 0) {
                return response->holders[i];
            }
        }
    } while (response->n_holders > 0);
    return NULL;
}

START_TEST(staff_is_imported_line_by_line_all_or_nothing)
{
    found();
    struct principal hr = network_who(ROLE_EMPLOYER, "e001");
    const char *of_another = "h00001,e001,e001-p1,Zoé,Pin,z@example.org,CC1,phone,2026-01-17,\n";
    const struct {
        const char *lines;
        bool dry_run, done;
        uint32_t added, changed, unchanged, refused;
    } rows[] = {
        {"new-1,e001,e001-p1,Léa,Pin,l@example.org,CC1,card,,\n", true, true, 1, 0, 0, 0},
        {"new-1,e001,e001-p1,Léa,Pin,l@example.org,CC1,card,,\n", false, true, 1, 0, 0, 0},
        {"new-1,e001,e001-p1,Léa,Pin,l@example.org,CC1,card,,\n", false, true, 0, 0, 1, 0},
        {of_another, false, true, 0, 1, 0, 0},
        {"new-2,e001,e001-p1,A,B,,,phone,,\nnew-3,e002,e002-p1,A,B,,,phone,,\n", false, false, 1, 0,
         0, 1},
        {"new-2,e001,e001-p9,A,B,,,phone,,\n", false, false, 0, 0, 0, 1},
        {"new-2,e001,e001-p1,A,B,,,phone,2026-02-30,\n", false, false, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *csv = arena_printf(&network.arena, "%s%s", HEADER, rows[i].lines);
        const struct call *done = import(hr, csv, rows[i].dry_run);
        ck_assert_msg(done->error.code == CODE_OK, "row %zu: %s", i, done->error.message);
        const Passerelle__V1__ImportTableResponse *report =
            ((const Passerelle__V1__ImportHoldersResponse *)done->response)->report;
        ck_assert_msg(report->done == rows[i].done && report->added == rows[i].added &&
                          report->changed == rows[i].changed &&
                          report->unchanged == rows[i].unchanged &&
                          report->refused == rows[i].refused &&
                          report->n_reports == rows[i].refused,
                      "row %zu", i);
    }
    ck_assert_str_eq(holder_now(hr, "h00001")->given_name, "Zoé");
    ck_assert_ptr_null(holder_now(operator(), "new-2"));
    end();
}
END_TEST

/* The staff of another cannot be taken, nor told to exist by the same line. */
START_TEST(nobody_is_taken_from_another_employer)
{
    found();
    struct principal hr = network_who(ROLE_EMPLOYER, "e001");
    const Passerelle__V1__ListHoldersResponse *theirs =
        must(network_who(ROLE_EMPLOYER, "e002"), "ListHolders",
             NEW(&network, list_holders_request));
    ck_assert_uint_gt(theirs->n_holders, 0);
    const Passerelle__V1__Holder *victim = theirs->holders[0];
    char *lines[] = {
        arena_printf(&network.arena, "%s,e001,e001-p1,X,Y,,,phone,,\n", victim->holder_id),
        arena_printf(&network.arena, "%s,e002,%s,%s,%s,%s,%s,%s,%s,%s\n", victim->holder_id,
                     victim->plan_id, victim->given_name, victim->family_name, victim->email,
                     victim->cost_centre,
                     victim->medium == PASSERELLE__V1__MEDIUM__MEDIUM_CARD ? "card" : "phone",
                     victim->active_from, victim->active_to),
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        char *csv = arena_printf(&network.arena, "%s%s", HEADER, lines[i]);
        const struct call *done = import(hr, csv, false);
        ck_assert_int_eq(done->error.code, CODE_OK);
        const Passerelle__V1__ImportTableResponse *report =
            ((const Passerelle__V1__ImportHoldersResponse *)done->response)->report;
        ck_assert(!report->done);
        ck_assert_uint_eq(report->refused, 1);
        ck_assert_uint_eq(report->unchanged, 0);
    }
    ck_assert_str_eq(holder_now(operator(), victim->holder_id)->employer_id, "e002");
    for (size_t i = 0; i < ARRAY_LEN(parties); i++) {
        struct principal who = network_who(parties[i].role, parties[i].party);
        ck_assert_int_eq(import(who, HEADER, true)->error.code, expected(parties[i].manages));
    }
    end();
}
END_TEST

START_TEST(a_person_is_erased_and_the_right_stays)
{
    found();
    Passerelle__V1__EraseHolderRequest *request = NEW(&network, erase_holder_request);
    request->holder_id = text("h00001");
    for (size_t i = ARRAY_LEN(parties); i-- > 0;) {
        struct principal who = network_who(parties[i].role, parties[i].party);
        request->request_id = network_request_id(&network);
        ck_assert_int_eq(call(who, "EraseHolder", &request->base)->error.code,
                         expected(parties[i].manages));
    }
    const Passerelle__V1__Holder *holder = holder_now(operator(), "h00001");
    ck_assert_str_eq(holder->given_name, "");
    ck_assert_str_eq(holder->email, "");
    ck_assert_str_eq(holder->cost_centre, "");
    ck_assert_str_eq(holder->plan_id, "e001-p1");
    request->request_id = network_request_id(&network);
    request->holder_id = text("nobody");
    ck_assert_int_eq(call(operator(), "EraseHolder", &request->base)->error.code,
                     CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(
        call(network_who(ROLE_EMPLOYER, "e001"), "EraseHolder", &request->base)->error.code,
        CODE_PERMISSION_DENIED);
    end();
}
END_TEST

/* ---- lists ---- */

START_TEST(each_sees_its_own)
{
    found();
    for (size_t i = 0; i < ARRAY_LEN(parties); i++) {
        struct principal who = network_who(parties[i].role, parties[i].party);
        Passerelle__V1__ListEmployersRequest *all = NEW(&network, list_employers_request);
        const Passerelle__V1__ListEmployersResponse *employers =
            must(who, "ListEmployers", &all->base);
        for (size_t k = 0; k < employers->n_employers; k++) {
            const Passerelle__V1__Employer *e = employers->employers[k];
            ck_assert(who.role == ROLE_OPERATOR ||
                      strcmp(who.role == ROLE_MEMBER ? e->issuer_member_id : e->employer_id,
                             who.party) == 0);
        }
        if (who.role == ROLE_OPERATOR) {
            ck_assert_uint_eq(employers->n_employers, 64);
        }
        all->employer_id = text("e001");
        ck_assert_int_eq(call(who, "ListEmployers", &all->base)->error.code,
                         expected(parties[i].manages));
        Passerelle__V1__ListPlansRequest *plans = NEW(&network, list_plans_request);
        plans->employer_id = text("e001");
        ck_assert_int_eq(call(who, "ListPlans", &plans->base)->error.code,
                         expected(parties[i].manages));
        Passerelle__V1__ListCarnetsRequest *carnets = NEW(&network, list_carnets_request);
        carnets->employer_id = text("e001");
        ck_assert_int_eq(call(who, "ListCarnets", &carnets->base)->error.code,
                         expected(parties[i].manages));
        Passerelle__V1__ListHoldersRequest *holders = NEW(&network, list_holders_request);
        holders->employer_id = text("e001");
        ck_assert_int_eq(call(who, "ListHolders", &holders->base)->error.code,
                         expected(parties[i].manages));
        Passerelle__V1__GetUsageRequest *usage = NEW(&network, get_usage_request);
        usage->employer_id = text("e001");
        usage->month = text("2026-10");
        ck_assert_int_eq(call(who, "GetUsage", &usage->base)->error.code,
                         expected(parties[i].manages));
    }
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("employer");
    TCase *tc = tcase_create("employer");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, contracts_are_written_by_who_sells);
    tcase_add_test(tc, another_fee_says_what_it_does_to_closed_months);
    tcase_add_test(tc, carnets_are_sold_once);
    tcase_add_test(tc, rules_say_what_they_look_at);
    tcase_add_test(tc, staff_is_imported_line_by_line_all_or_nothing);
    tcase_add_test(tc, nobody_is_taken_from_another_employer);
    tcase_add_test(tc, a_person_is_erased_and_the_right_stays);
    tcase_add_test(tc, each_sees_its_own);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
