/* Rules that warn or block, caps, reservations; and the month of ended stays against core/rating. */
#include <check.h>
#include <stdlib.h>

#include "core/policy/offline.h"
#include "core/policy/policy.h"
#include "core/policy/spending.h"
#include "tests/lib/small.h"

#define KIND(name) PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_##name
enum { WARN = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_WARN,
       BLOCK = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK };

/* ---- rules ---- */

static const struct {
    int kind;
    int enforcement;
    int allowed;      /* the one allowed resource, zone or weekday; or the number */
    const char *name; /* NULL: kept */
} rules[] = {
    {KIND(RESOURCES), BLOCK, 1, NULL},      {KIND(RESOURCES), BLOCK, 2, "resources"},
    {KIND(ZONES), BLOCK, 3, NULL},          {KIND(ZONES), WARN, 1, "zones"},
    {KIND(WEEKDAYS), BLOCK, 2, NULL},       {KIND(WEEKDAYS), BLOCK, 3, "weekdays"},
    {KIND(SECURITY_LEVEL), BLOCK, 1, NULL}, {KIND(SECURITY_LEVEL), WARN, 2, "security_level"},
    {KIND(DAYS_A_WEEK), BLOCK, 3, NULL},    {KIND(DAYS_A_WEEK), BLOCK, 2, "days_a_week"},
    {KIND(HOLDER_CAP), BLOCK, 0, NULL}, /* caps are looked at elsewhere */
};

START_TEST(rules_warn_or_block)
{
    struct policy_question question = {
        .resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK,
        .zone = PASSERELLE__V1__ZONE__ZONE_RURAL,
        .security_level = 1,
        .weekday = TUESDAY,
        .days_this_week = 3,
    };
    Passerelle__V1__Resource resource = (Passerelle__V1__Resource)rules[_i].allowed;
    Passerelle__V1__Zone zone = (Passerelle__V1__Zone)rules[_i].allowed;
    Passerelle__V1__Weekday weekday = (Passerelle__V1__Weekday)rules[_i].allowed;
    Passerelle__V1__PolicyRule rule = PASSERELLE__V1__POLICY_RULE__INIT;
    rule.kind = (Passerelle__V1__PolicyRuleKind)rules[_i].kind;
    rule.enforcement = (Passerelle__V1__Enforcement)rules[_i].enforcement;
    rule.resources = &resource;
    rule.zones = &zone;
    rule.weekdays = &weekday;
    rule.n_resources = rule.n_zones = rule.n_weekdays = 1;
    rule.number = (uint32_t)rules[_i].allowed;
    Passerelle__V1__PolicyRule *twice[] = {&rule, &rule};
    Passerelle__V1__EmployerPolicy policy = PASSERELLE__V1__EMPLOYER_POLICY__INIT;
    policy.rules = twice;
    policy.n_rules = 2;
    struct policy_verdict verdict = {0};
    policy_look(&policy, &question, &verdict);
    policy_look(NULL, &question, &verdict);
    bool warns = rules[_i].name != NULL && rules[_i].enforcement == WARN;
    ck_assert_uint_eq(verdict.warning_count, warns ? 1 : 0);
    if (rules[_i].name == NULL || warns) {
        ck_assert_ptr_null(verdict.blocked);
    } else {
        ck_assert_str_eq(verdict.blocked, rules[_i].name);
    }
    if (warns) {
        ck_assert_str_eq(verdict.warnings[0], rules[_i].name);
    }
    ck_assert_int_eq(policy_counts_days(&policy), rule.kind == KIND(DAYS_A_WEEK));
    ck_assert_int_eq(policy_has_cap(&policy), rule.kind == KIND(HOLDER_CAP));
}
END_TEST

static const struct {
    int64_t plan_holder, plan_contract; /* caps of the plan */
    int kind, enforcement;              /* of a rule with 1,000 cents for cost centre CC1 */
    struct policy_sums sums;
    const char *cost_centre;
    const char *blocked, *warned;
} caps[] = {
    {1000, 0, 0, 0, {1000, 0, 0, 0}, "", NULL, NULL},
    {1000, 0, 0, 0, {1001, 0, 0, 0}, "", "holder_cap", NULL},
    {0, 1000, 0, 0, {9999, 1000, 9999, 9999}, "", NULL, NULL},
    {0, 1000, 0, 0, {0, 1001, 0, 0}, "", "contract_cap", NULL},
    {1000, 1000, 0, 0, {1001, 1001, 0, 0}, "", "holder_cap", NULL},
    {0, 0, KIND(HOLDER_CAP), BLOCK, {1001, 0, 0, 0}, "", "holder_cap", NULL},
    {0, 0, KIND(CONTRACT_CAP), BLOCK, {0, 9999, 1000, 0}, "", NULL, NULL},
    {0, 0, KIND(CONTRACT_CAP), WARN, {0, 0, 1001, 0}, "", NULL, "contract_cap"},
    {0, 0, KIND(COST_CENTRE_CAP), BLOCK, {0, 0, 0, 1001}, "CC1", "cost_centre_cap", NULL},
    {0, 0, KIND(COST_CENTRE_CAP), BLOCK, {0, 0, 0, 1001}, "CC2", NULL, NULL},
    {0, 1000, KIND(COST_CENTRE_CAP), WARN, {0, 1001, 0, 1001}, "CC1", "contract_cap",
     "cost_centre_cap"},
};

START_TEST(caps_are_named)
{
    char centre[] = "CC1";
    Passerelle__V1__Plan plan = PASSERELLE__V1__PLAN__INIT;
    plan.holder_cap_cents = caps[_i].plan_holder;
    plan.contract_cap_cents = caps[_i].plan_contract;
    Passerelle__V1__PolicyRule rule = PASSERELLE__V1__POLICY_RULE__INIT;
    rule.kind = (Passerelle__V1__PolicyRuleKind)caps[_i].kind;
    rule.enforcement = (Passerelle__V1__Enforcement)caps[_i].enforcement;
    rule.cents = 1000;
    rule.cost_centre = centre;
    Passerelle__V1__PolicyRule *one[] = {&rule};
    Passerelle__V1__EmployerPolicy policy = PASSERELLE__V1__EMPLOYER_POLICY__INIT;
    policy.rules = one;
    policy.n_rules = 1;
    struct policy_verdict verdict = {0};
    policy_look_at_caps(&plan, &policy, caps[_i].cost_centre, &caps[_i].sums, &verdict);
    ck_assert_str_eq(verdict.blocked == NULL ? "" : verdict.blocked,
                     caps[_i].blocked == NULL ? "" : caps[_i].blocked);
    ck_assert_str_eq(verdict.warning_count == 0 ? "" : verdict.warnings[0],
                     caps[_i].warned == NULL ? "" : caps[_i].warned);
}
END_TEST

/* ---- reservations ---- */

/* One visit-day with ended time worth `units` and the holder in; half-day 1,000, day 1,800. */
static struct spending_day open_day(uint8_t units)
{
    return (struct spending_day){.day = {20000}, .site_id = "s", .units = units, .open = true,
                                 .half_day_cents = 1000, .day_cents = 1800};
}

static const struct {
    uint8_t units;
    uint32_t included; /* UINT32_MAX: plan usage */
    uint8_t covered, reserved;
    int64_t charged_cents, reserved_cents;
    uint32_t left;
} reservations[] = {
    {0, 4, 0, 2, 0, 0, 2},
    {0, 1, 0, 1, 0, 0, 0},    /* one is left: one is reserved, and no money */
    {0, 0, 0, 0, 0, 1800, 0}, /* none: P of a day */
    {1, 4, 1, 1, 0, 0, 2},    /* less what the visit-day holds */
    {1, 1, 1, 0, 0, 800, 0},
    {1, 0, 0, 0, 1000, 800, 0},
    {2, 4, 2, 0, 0, 0, 2},
    {2, 0, 0, 0, 1800, 0, 0},
    {2, 1, 1, 0, 1000, 0, 0},
    {0, UINT32_MAX, 0, 0, 0, 1800, 0},
    {1, UINT32_MAX, 0, 0, 1000, 800, 0},
    {2, UINT32_MAX, 0, 0, 1800, 0, 0},
};

START_TEST(who_is_in_reserves)
{
    struct spending_day day = open_day(reservations[_i].units);
    uint32_t left = 0;
    if (reservations[_i].included == UINT32_MAX) {
        spending_of_usage(&day, 1);
    } else {
        left = spending_of_subscription(&day, 1, reservations[_i].included);
    }
    ck_assert_uint_eq(day.units_covered, reservations[_i].covered);
    ck_assert_uint_eq(day.units_reserved, reservations[_i].reserved);
    ck_assert_int_eq(day.charged_cents, reservations[_i].charged_cents);
    ck_assert_int_eq(day.reserved_cents, reservations[_i].reserved_cents);
    ck_assert_uint_eq(left, reservations[_i].left);
}
END_TEST

START_TEST(who_asks_comes_last)
{
    struct spending_day days[] = {open_day(0), open_day(0)};
    days[0].asked = true; /* first in order, and yet */
    ck_assert_uint_eq(spending_of_subscription(days, 2, 2), 0);
    ck_assert_uint_eq(days[0].units_reserved, 0);
    ck_assert_int_eq(days[0].reserved_cents, 1800);
    ck_assert_uint_eq(days[1].units_reserved, 2);
    struct spending_carnet carnets[] = {{{19990}, {19999}, 5}, {{20000}, {20010}, 3}};
    days[1].outside_validity = true;
    ck_assert_uint_eq(spending_of_carnets(days, 2, carnets, 2, days[0].day), 1);
    ck_assert_uint_eq(days[0].units_reserved, 2);
    ck_assert_uint_eq(days[1].units_reserved, 0); /* RULES 11 */
}
END_TEST

START_TEST(open_stays_fold)
{
    struct spending_prices prices = {1000, 1800, 1500, 500};
    struct spending_stay stays[] = {
        {.day = {20000}, .site = 1, .site_id = "a", .in_utc_ms = 0, .open = true, .prices = prices},
        {.day = {20000}, .site = 2, .site_id = "b", .in_utc_ms = HOUR_MS, .open = true,
         .prices = prices},
        {.day = {20000}, .site = 2, .site_id = "b", .resource = SPENDING_MEETING_ROOM,
         .in_utc_ms = HOUR_MS, .open = true, .prices = prices},
        {.day = {20000}, .site = 2, .site_id = "b", .resource = SPENDING_BOOTH, .in_utc_ms = 0,
         .out_utc_ms = HOUR_MS + 1, .prices = prices},
        {.day = {20000}, .site = 2, .site_id = "b", .resource = SPENDING_BOOTH, .in_utc_ms = 0,
         .out_utc_ms = 5 * MINUTE_MS - 1, .prices = prices},
    };
    struct spending_day days[5];
    struct spending rooms = {0};
    ck_assert_uint_eq(spending_fold(stays, 5, days, &rooms), 2);
    ck_assert(!days[0].open); /* cut by the next desk */
    ck_assert_uint_eq(days[0].units, 1);
    ck_assert(days[1].open);
    ck_assert_uint_eq(days[1].units, 0);
    ck_assert_int_eq(rooms.reserved_cents, 1500);
    ck_assert_int_eq(rooms.charged_cents, 1000);
}
END_TEST

/* ---- ended stays, against the rating of a close ---- */

static uint64_t dice;

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)(dice >> 33) % sides;
}

static const char *const holders[] = {"h1", "h2", "h3"};
static const char *const sites[] = {"s-hst", "s-iss", "s-op", "s-rur"};

static void random_month(struct small *small, const char *plan)
{
    for (size_t i = 0; i < ARRAY_LEN(holders); i++) {
        small_holder(small, holders[i], plan, i == 2 ? "2026-10-08" : NULL,
                     i == 1 ? "2026-10-25" : NULL);
    }
    small_freeze(small);
    for (int i = 0; i < 60; i++) {
        int64_t in = day_start_utc_ms(day_of(2026, 10, 1 + (int)roll(31))) +
                     (int64_t)roll(22 * 12) * 5 * MINUTE_MS + roll(2);
        int64_t out = in + (int64_t)roll(8 * 20) * 3 * MINUTE_MS + roll(2);
        char in_text[25], out_text[25];
        instant_format(in, in_text);
        instant_format(out, out_text);
        small_stay(small, sites[roll(4)], holders[roll(3)], (enum resource)(roll(5) / 3), in_text,
                   out_text);
    }
}

static struct spending_stay spending_stay_of(const struct small *small, const struct stay *stay)
{
    const struct tariff *tariff = &small->roster.tariff;
    const struct site *site = &small->roster.sites[stay->site];
    struct day day = day_of_instant(stay->in_utc_ms);
    int64_t midnight = day_start_utc_ms(day_plus(day, 1));
    int64_t cents[SLOT_COUNT];
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        uint32_t version = (uint32_t)tariff_version_on(tariff, day);
        uint32_t row =
            tariff_row_number(tariff, version, site->category, site->zone, (enum slot)slot);
        cents[slot] = tariff_prices(tariff, row)->public_price.cents;
    }
    struct spending_stay out = {
        .day = day,
        .site = stay->site,
        .site_id = small->roster.site_ids.ids[stay->site].data,
        .resource = (enum spending_resource)stay->resource,
        .in_utc_ms = stay->in_utc_ms,
        .out_utc_ms = stay->out_utc_ms < midnight ? stay->out_utc_ms : midnight,
        .prices = {cents[SLOT_HALF_DAY], cents[SLOT_DAY], cents[SLOT_MEETING_ROOM],
                   cents[SLOT_BOOTH]},
    };
    memcpy(out.visit_id, stay->visit_id, sizeof out.visit_id);
    return out;
}

/* What the employer is charged for a holder, by the rating. */
static int64_t rated_cents(const struct small *small, const struct rating *rating, uint32_t holder)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < rating->item_count; i++) {
        const struct item *item = &rating->items[i];
        if (item->holder != holder || item->quantity == 0) {
            continue;
        }
        const struct prices *prices = tariff_prices(&small->roster.tariff, item->row);
        const struct prices *half = item->slot == SLOT_DAY ? prices - 1 : prices;
        if (item->units == 0) {
            sum += prices->public_price.cents * item->quantity;
        } else if (item->units - item->units_covered == item->units) {
            sum += prices->public_price.cents;
        } else if (item->units - item->units_covered == 1) {
            sum += half->public_price.cents;
        }
    }
    return sum;
}

static int compare_days(const void *a, const void *b)
{
    return spending_day_compare(a, b);
}

START_TEST(ended_stays_are_rated_alike)
{
    static const char *const plans[] = {"e1-use", "e1-sub", "e1-car"};
    const char *plan = plans[_i % 3];
    dice = 0x9e3779b97f4a7c15u * (uint64_t)(_i + 1);
    struct small small;
    small_init(&small);
    small_carnet(&small, "c1", "e1-car", 10, "2026-09-20", 1);
    small_carnet(&small, "c2", "e1-car", 7, "2026-10-05", 6);
    random_month(&small, plan);
    struct rating rating;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(rating_run(&rating, &small.roster, small_month("2026-10"), small.stays,
                                small.count, NULL, &fault),
                     E_OK);
    struct spending_day days[SMALL_STAYS_MAX];
    struct spending rooms[3] = {0};
    size_t from[4] = {0};
    for (size_t h = 0; h < 3; h++) {
        struct spending_stay stays[SMALL_STAYS_MAX];
        size_t count = 0;
        uint32_t holder = small_number(&small.roster.holder_ids, holders[h]);
        for (size_t i = 0; i < small.count; i++) {
            if (small.stays[i].holder == holder) {
                stays[count++] = spending_stay_of(&small, &small.stays[i]);
            }
        }
        from[h + 1] = from[h] + spending_fold(stays, count, &days[from[h]], &rooms[h]);
        for (size_t i = from[h]; i < from[h + 1]; i++) {
            days[i].holder = holder;
            days[i].outside_validity =
                !holder_is_valid_on(&small.roster.holders[holder], days[i].day);
        }
        if (strcmp(plan, "e1-sub") == 0) {
            spending_of_subscription(&days[from[h]], from[h + 1] - from[h], 4);
        }
    }
    if (strcmp(plan, "e1-use") == 0) {
        spending_of_usage(days, from[3]);
    } else if (strcmp(plan, "e1-car") == 0) {
        struct spending_carnet carnets[] = {
            {small_day("2026-09-20"), carnet_last_day(small_day("2026-09-20"), 1), 10},
            {small_day("2026-10-05"), carnet_last_day(small_day("2026-10-05"), 6), 7}};
        qsort(days, from[3], sizeof *days, compare_days);
        spending_of_carnets(days, from[3], carnets, 2, small_day("2026-10-31"));
    }
    for (size_t h = 0; h < 3; h++) {
        uint32_t holder = small_number(&small.roster.holder_ids, holders[h]);
        int64_t sum = rooms[h].charged_cents;
        for (size_t i = 0; i < from[3]; i++) {
            sum += days[i].holder == holder ? days[i].charged_cents : 0;
            ck_assert_int_eq(days[i].reserved_cents, 0);
        }
        ck_assert_msg(sum == rated_cents(&small, &rating, holder),
                      "seed %d, plan %s, holder %s: %lld, rated %lld", _i, plan, holders[h],
                      (long long)sum, (long long)rated_cents(&small, &rating, holder));
    }
    rating_release(&rating);
    small_release(&small);
}
END_TEST

/* ---- away from the network ---- */

#define RULE(name) PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_##name

static const struct {
    struct offline_facts facts;
    const char *objection;
} offline[] = {
    {{.rule = RULE(ALLOWANCE), .units = 2, .allowance = 4, .pass_spent = 2, .site_limit = 2}, NULL},
    {{.rule = RULE(ALLOWANCE), .units = 2, .allowance = 4, .pass_spent = 3, .site_limit = 9},
     "pass_allowance"},
    {{.rule = RULE(ALLOWANCE), .units = 1, .allowance = 4, .pass_spent = 3, .site_limit = 9}, NULL},
    {{.rule = RULE(UNSPECIFIED), .units = 2, .allowance = 1, .site_limit = 9}, "pass_allowance"},
    {{.rule = RULE(ALWAYS), .units = 2, .pass_spent = 9, .site_limit = 9}, NULL},
    {{.rule = RULE(ALWAYS), .units = 2, .site_spent = 8, .site_limit = 9}, "site_allowance"},
    {{.rule = RULE(ALLOWANCE), .units = 2, .allowance = 4, .site_spent = 8, .site_limit = 9},
     "site_allowance"},
    {{.rule = RULE(ALWAYS), .units = 2, .refuses_overage = true, .site_limit = 9}, "no_units"},
    {{.rule = RULE(ALLOWANCE),
      .units = 2,
      .allowance = 4,
      .pass_spent = 1,
      .refuses_overage = true,
      .units_left = 1,
      .site_limit = 9},
     "no_units"},
    {{.rule = RULE(ALLOWANCE),
      .units = 2,
      .allowance = 4,
      .pass_spent = 1,
      .refuses_overage = true,
      .units_left = 2,
      .site_limit = 9},
     NULL},
    {{.rule = RULE(ALLOWANCE), .units = 2, .allowance = 4, .units_left = -1, .site_limit = 9},
     NULL},
    {{.rule = RULE(NEVER), .units = 0, .allowance = 4, .site_limit = 9}, "never"},
    {{.rule = RULE(ALLOWANCE), .units = 0}, NULL}, /* rooms use no units */
};

START_TEST(away_the_first_objection_counts)
{
    const char *objection = offline_objection(&offline[_i].facts);
    if (offline[_i].objection == NULL) {
        ck_assert_msg(objection == NULL, "%s", objection);
    } else {
        ck_assert_ptr_nonnull(objection);
        ck_assert_str_eq(objection, offline[_i].objection);
    }
}
END_TEST

/* Every way in which six visitors can come and stay: what was let in stays within the worst case
 * that the node told before. Bit 0 of a step chooses the pass, bit 1 how long it stays. */
START_TEST(away_the_bound_holds)
{
    enum { STEPS = 6 };
    uint32_t allowance = (uint32_t)_i % 5;
    uint64_t limit = offline_site_limit((uint32_t)_i / 5, 1);
    for (uint32_t way = 0; way < 1u << (2 * STEPS); way++) {
        uint32_t spent[2] = {0};
        uint64_t site = 0;
        for (unsigned step = 0; step < STEPS; step++) {
            uint32_t choice = way >> (2 * step) & 3;
            struct offline_facts facts = {.units = OFFLINE_UNITS_A_DAY,
                                          .allowance = allowance,
                                          .pass_spent = spent[choice & 1],
                                          .site_spent = site,
                                          .site_limit = limit};
            if (offline_objection(&facts) == NULL) {
                spent[choice & 1] += 1 + (choice >> 1);
                site += 1 + (choice >> 1);
            }
        }
        ck_assert_uint_le(site, offline_worst_case((uint64_t)allowance * 2, limit));
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("policy");
    tcase_add_loop_test(cases, rules_warn_or_block, 0, (int)ARRAY_LEN(rules));
    tcase_add_loop_test(cases, caps_are_named, 0, (int)ARRAY_LEN(caps));
    tcase_add_loop_test(cases, who_is_in_reserves, 0, (int)ARRAY_LEN(reservations));
    tcase_add_test(cases, who_asks_comes_last);
    tcase_add_test(cases, open_stays_fold);
    tcase_add_loop_test(cases, ended_stays_are_rated_alike, 0, 90);
    tcase_add_loop_test(cases, away_the_first_objection_counts, 0, (int)ARRAY_LEN(offline));
    tcase_add_loop_test(cases, away_the_bound_holds, 0, 20);
    Suite *suite = suite_create("policy");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
