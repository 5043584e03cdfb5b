/* Sites whose stays look padded: an honest month has none, each way of padding is found beside it,
 * with figures and entries, and told before the close without stopping it. */
#include <check.h>
#include <stdlib.h>

#include "lib/recorded.h"
#include "passerelle/v1/entries.pb-c.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "store/view/visits.h"
#include "wire/pack.h"

#define BY(name) PASSERELLE__V1__PADDED_BY__PADDED_BY_##name

enum { LOOKED_AT = 50 }; /* stays of the site that pads */
static const char site_id[] = "s010";

static struct network network;

static void setup(void)
{
    network_init(&network, true, 5);
    recorded_network(&network, REFERENCE_DIR);
}

static void teardown(void)
{
    network_check(&network);
    network_release(&network);
}

/* What a site does to each of its stays; NULL: nothing. */
static void pad_clock(struct recorded_stay *stay, size_t i)
{
    stay->check_out = i % 2 == 0 ? VIEW_NONE : stay->check_out;
}

static void pad_card(struct recorded_stay *stay, size_t i)
{
    (void)i;
    stay->medium = VIEW_LIT("card");
}

static void pad_paper(struct recorded_stay *stay, size_t i)
{
    stay->source = i % 3 == 0 ? VIEW_LIT("paper") : stay->source;
}

/* An hour in the night. The reference's honest stays heed no opening hours, so all of them lie so. */
static void pad_night(struct recorded_stay *stay, size_t i)
{
    char *in = arena_string(&network.arena, stay->check_in);
    char *out = arena_string(&network.arena, stay->check_in);
    (void)i;
    memcpy(strchr(in, 'T') + 1, "01", 2);
    memcpy(strchr(out, 'T') + 1, "02", 2);
    stay->check_in = view_of(in);
    stay->check_out = view_of(out);
}

/* To eleven at night in Paris. */
static void pad_length(struct recorded_stay *stay, size_t i)
{
    char *text = arena_string(&network.arena, stay->check_in);
    if (i % 5 == 0) {
        memcpy(strchr(text, 'T') + 1, "20:55", 5);
        stay->check_out = view_of(text);
    }
}

static const struct {
    void (*pad)(struct recorded_stay *stay, size_t i);
    Passerelle__V1__PaddedBy by;
} ways[] = {
    {NULL, 0},
    {pad_clock, BY(AUTO_CLOSED)},
    {pad_card, BY(CARD)},
    {pad_paper, BY(PAPER)},
    {pad_night, BY(OUT_OF_HOURS)},
    {pad_length, BY(LONG_STAYS)},
};

static void play_october(void (*pad)(struct recorded_stay *stay, size_t i))
{
    size_t count, of_site = 0;
    struct recorded_stay *stays =
        recorded_stays(&network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    recorded_begin(&network);
    for (size_t i = 0; i < count; i++) {
        if (pad != NULL && view_is(stays[i].site_id, site_id)) {
            pad(&stays[i], of_site++);
        }
        recorded_append(&network, &stays[i], VIEW_NONE);
    }
    recorded_commit(&network);
    ck_assert(pad == NULL || of_site >= LOOKED_AT);
}

static const Passerelle__V1__FindPaddedResponse *find(const char *month)
{
    Passerelle__V1__FindPaddedRequest *request =
        network_new(&network, &passerelle__v1__find_padded_request__descriptor);
    request->month = arena_string(&network.arena, view_of(month));
    return network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "LedgerService",
                        "FindPadded", &request->base);
}

static const Passerelle__V1__ListProblemsResponse *noted(void)
{
    return network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "LedgerService",
                        "ListProblems",
                        network_new(&network, &passerelle__v1__list_problems_request__descriptor));
}

static const Passerelle__V1__Period *preview(void)
{
    Passerelle__V1__GetPeriodRequest *request =
        network_new(&network, &passerelle__v1__get_period_request__descriptor);
    request->month = arena_string(&network.arena, VIEW_LIT("2026-10"));
    const Passerelle__V1__GetPeriodResponse *response =
        network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "SettlementService",
                     "GetPeriod", &request->base);
    return response->period;
}

static const Passerelle__V1__ClosePeriodResponse *close_october(void)
{
    Passerelle__V1__ClosePeriodRequest *request =
        network_new(&network, &passerelle__v1__close_period_request__descriptor);
    request->request_id = network_request_id(&network);
    request->month = arena_string(&network.arena, VIEW_LIT("2026-10"));
    return network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "SettlementService",
                        "ClosePeriod", &request->base);
}

static void check_figures(const Passerelle__V1__LedgerProblem *problem,
                          Passerelle__V1__PaddedBy by)
{
    bool stands_out = false;
    ck_assert_str_eq(problem->feed_id, site_id);
    ck_assert_str_eq(problem->month, "2026-10");
    ck_assert_uint_ge(problem->stays, LOOKED_AT);
    ck_assert_uint_ge(problem->peers, 7);
    for (size_t i = 0; i < problem->n_figures; i++) {
        const Passerelle__V1__PaddedFigure *figure = problem->figures[i];
        stands_out |= figure->stands_out && figure->by == by;
        ck_assert(!figure->stands_out || figure->value > figure->median);
    }
    ck_assert(stands_out);
    ck_assert_uint_eq(problem->n_evidence, 8);
    for (size_t i = 0; i < problem->n_evidence; i++) {
        struct entry entry;
        struct fault fault = FAULT_NONE;
        ck_assert_int_eq(entry_decode(view_of(site_id), wire_view(problem->evidence[i]),
                                      &network.arena, &entry, &fault),
                         E_OK);
    }
}

START_TEST(each_way_of_padding_is_found)
{
    play_october(ways[_i].pad);
    const Passerelle__V1__FindPaddedResponse *found = find("2026-10");
    if (ways[_i].pad == NULL) {
        ck_assert_msg(found->n_problems == 0, "%s", found->problems[0]->sentence);
        ck_assert_uint_eq(preview()->n_warnings, 0);
        ck_assert_uint_eq(close_october()->period->n_warnings, 0);
        ck_assert_uint_eq(noted()->n_problems, 0);
        return;
    }
    ck_assert_uint_eq(found->n_problems, 1);
    check_figures(found->problems[0], ways[_i].by);
    find("2026-10"); /* the same is noted once */
    ck_assert_uint_eq(noted()->n_problems, 1);
    check_figures(noted()->problems[0], ways[_i].by);
    ck_assert_uint_eq(find("2026-09")->n_problems, 0);
}
END_TEST

START_TEST(the_treasurer_is_told_and_may_close)
{
    play_october(pad_paper);
    const Passerelle__V1__Period *period = preview();
    ck_assert_uint_eq(period->n_blockers, 0);
    ck_assert_uint_eq(period->n_warnings, 1);
    ck_assert_str_eq(period->warnings[0]->reason, "stays_look_padded");
    ck_assert_str_eq(period->warnings[0]->subject, site_id);
    ck_assert_ptr_nonnull(strstr(period->warnings[0]->description, "from paper"));
    ck_assert_uint_eq(noted()->n_problems, 0); /* to look writes nothing */
    const Passerelle__V1__ClosePeriodResponse *closed = close_october();
    ck_assert_int_eq(closed->period->state, PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSED);
    ck_assert_uint_eq(closed->period->n_warnings, 1);
    ck_assert_uint_eq(noted()->n_problems, 1); /* the close notes it */
}
END_TEST

/* Late stays change the figures: the note has the newest. */
START_TEST(a_note_follows_its_month)
{
    play_october(pad_paper);
    uint32_t stays = find("2026-10")->problems[0]->stays;
    struct recorded_stay late = {
        .visit_id = VIEW_LIT("01a0f609-b58e-7e4d-8286-6d5370d0be9e"),
        .site_id = view_of(site_id),
        .holder_id = VIEW_LIT("h00001"),
        .resource = VIEW_LIT("desk"),
        .check_in = VIEW_LIT("2026-10-20T08:00:00.000Z"),
        .check_out = VIEW_LIT("2026-10-20T09:00:00.000Z"),
        .medium = VIEW_LIT("phone"),
        .source = VIEW_LIT("paper"),
    };
    recorded_begin(&network);
    recorded_append(&network, &late, VIEW_NONE);
    recorded_commit(&network);
    network.clock.now_utc_ms += 86400000;
    find("2026-10");
    ck_assert_uint_eq(noted()->n_problems, 1);
    ck_assert_uint_eq(noted()->problems[0]->stays, stays + 1);
    ck_assert_int_eq(noted()->problems[0]->found_utc_ms, network.clock.now_utc_ms);
}
END_TEST

/* The thresholds are the policy's. */
START_TEST(the_policy_says_when)
{
    play_october(pad_paper);
    Passerelle__V1__SetPolicyRequest *request =
        network_new(&network, &passerelle__v1__set_policy_request__descriptor);
    const Passerelle__V1__GetPolicyResponse *now = network_must(
        &network, network_who(ROLE_OPERATOR, "op-1"), "NetworkService", "GetPolicy",
        network_new(&network, &passerelle__v1__get_policy_request__descriptor));
    ck_assert_uint_eq(now->policy->padded_deviations, 4);
    ck_assert_uint_eq(now->policy->padded_per_thousand, 200);
    request->policy = now->policy;
    request->policy->padded_per_thousand = 1000;
    request->request_id = network_request_id(&network);
    network_must(&network, network_who(ROLE_OPERATOR, "op-1"), "NetworkService", "SetPolicy",
                 &request->base);
    ck_assert_uint_eq(find("2026-10")->n_problems, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("padded");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, each_way_of_padding_is_found, 0, (int)ARRAY_LEN(ways));
    tcase_add_test(cases, the_treasurer_is_told_and_may_close);
    tcase_add_test(cases, a_note_follows_its_month);
    tcase_add_test(cases, the_policy_says_when);
    Suite *suite = suite_create("padded");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
