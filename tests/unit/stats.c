/* What may be told of many: territories, never of fewer than five people; how sites record their
 * visits; the Region's statement in parts. That statements add up to a close, and who may ask for
 * whose, is shown with the reference month in settlement_statements.c. */
#include <check.h>
#include <stdlib.h>

#include "lib/recorded.h"
#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "passerelle/v1/stats.pb-c.h"
#include "wire/pack.h"

enum { STAYS = 1500, SITES_MAX = 200 };

static struct network network;
static struct principal olive, region;
static const struct recorded_stay *stays;

static void setup(void)
{
    size_t count;
    network_init(&network, true, 21);
    recorded_network(&network, REFERENCE_DIR);
    olive = network_who(ROLE_OPERATOR, "olive");
    region = network_who(ROLE_REGION, "region");
    stays = recorded_stays(&network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    ck_assert_uint_gt(count, STAYS);
}

static void teardown(void)
{
    network_release(&network);
}

/* The first stays of the file; those of at most so many people. */
static void record(size_t people)
{
    struct view known[8];
    size_t known_count = 0;
    recorded_begin(&network);
    for (size_t i = 0; i < STAYS; i++) {
        bool mine = people == 0;
        for (size_t k = 0; k < known_count && !mine; k++) {
            mine = view_equal(known[k], stays[i].holder_id);
        }
        if (!mine && known_count < people) {
            known[known_count++] = stays[i].holder_id;
            mine = true;
        }
        if (mine) {
            recorded_append(&network, &stays[i], VIEW_NONE);
        }
    }
    recorded_commit(&network);
}

static const struct call *ask_territories(const char *month, int by)
{
    Passerelle__V1__GetTerritoriesRequest *request =
        network_new(&network, &passerelle__v1__get_territories_request__descriptor);
    request->month = arena_string(&network.arena, view_of(month));
    request->territory = (Passerelle__V1__Territory)by;
    return network_call(&network, region, "StatsService", "GetTerritories", &request->base);
}

static const Passerelle__V1__GetTerritoriesResponse *territories(int by)
{
    const struct call *call = ask_territories("2026-10", by);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    return (const void *)call->response;
}

START_TEST(of_few_people_nothing_is_told)
{
    record(4);
    for (int by = 1; by <= 4; by++) {
        const Passerelle__V1__GetTerritoriesResponse *response = territories(by);
        ck_assert_uint_gt(response->n_counts, 0);
        for (size_t i = 0; i < response->n_counts; i++) {
            const Passerelle__V1__TerritoryCount *one = response->counts[i];
            ck_assert(one->withheld);
            ck_assert_uint_eq(one->sites + one->holders + one->visit_days + one->room_hours, 0);
            ck_assert_int_eq(one->subsidy_cents, 0);
        }
    }
}
END_TEST

START_TEST(territories_are_those_of_the_month)
{
    record(0);
    Passerelle__V1__GetPeriodRequest *request =
        network_new(&network, &passerelle__v1__get_period_request__descriptor);
    request->month = arena_string(&network.arena, VIEW_LIT("2026-10"));
    const Passerelle__V1__GetPeriodResponse *period =
        network_must(&network, olive, "SettlementService", "GetPeriod", &request->base);
    const Passerelle__V1__GetTerritoriesResponse *whole = territories(3);
    ck_assert_uint_eq(whole->n_counts, 1);
    ck_assert_str_eq(whole->counts[0]->territory, "network");
    ck_assert_uint_eq(whole->counts[0]->visit_days, period->document->visit_days);
    ck_assert_uint_eq(whole->counts[0]->room_hours, period->document->room_hours);
    ck_assert_uint_eq(whole->counts[0]->sites, period->document->n_sites);
    ck_assert_int_gt(whole->counts[0]->subsidy_cents, 0);
    size_t told = 0;
    for (int by = 1; by <= 4; by++) {
        const Passerelle__V1__GetTerritoriesResponse *response = territories(by);
        size_t withheld = 0;
        uint32_t visit_days = 0;
        for (size_t i = 0; i < response->n_counts; i++) {
            ck_assert(response->counts[i]->withheld ? response->counts[i]->holders == 0
                                                    : response->counts[i]->holders >= 5);
            withheld += response->counts[i]->withheld != 0;
            visit_days += response->counts[i]->visit_days;
        }
        ck_assert_uint_ne(withheld, 1); /* the rest would tell it */
        ck_assert(withheld > 0 ? visit_days < period->document->visit_days
                               : visit_days == period->document->visit_days);
        told += response->n_counts - withheld;
    }
    ck_assert_uint_gt(told, 10);
    /* Not said: by département. */
    ck_assert(wire_equal(&territories(0)->base, &territories(1)->base));
}
END_TEST

START_TEST(what_cannot_be_asked)
{
    static const struct {
        const char *month;
        enum code code;
        const char *words;
    } rows[] = {
        {"2026-11", CODE_FAILED_PRECONDITION, "2026-11 is not over"},
        {"2026-13", CODE_INVALID_ARGUMENT, "write a month as"},
        {"1999-01", CODE_INVALID_ARGUMENT, "of the years 2000 to 2099"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct call *call = ask_territories(rows[i].month, 1);
        ck_assert_int_eq(call->error.code, rows[i].code);
        ck_assert_msg(strstr(call->error.message, rows[i].words) != NULL, "%s",
                      call->error.message);
    }
}
END_TEST

/* ---- how sites record their visits ---- */

struct tally {
    struct view site;
    uint32_t stays, paper, card;
};

static struct tally *tally_of(struct tally *tallies, size_t *count, struct view site)
{
    for (size_t i = 0; i < *count; i++) {
        if (view_equal(tallies[i].site, site)) {
            return &tallies[i];
        }
    }
    ck_assert_uint_lt(*count, SITES_MAX);
    tallies[*count] = (struct tally){.site = site};
    return &tallies[(*count)++];
}

static const Passerelle__V1__GetSiteQualityResponse *quality(struct principal who,
                                                             const char *month)
{
    Passerelle__V1__GetSiteQualityRequest *request =
        network_new(&network, &passerelle__v1__get_site_quality_request__descriptor);
    request->month = arena_string(&network.arena, view_of(month));
    return network_must(&network, who, "StatsService", "GetSiteQuality", &request->base);
}

START_TEST(sites_are_told_how_they_record)
{
    static struct tally tallies[SITES_MAX];
    size_t count = 0;
    record(0);
    recorded_begin(&network);
    recorded_void(&network, stays[0].site_id, stays[0].visit_id);
    recorded_commit(&network);
    for (size_t i = 1; i < STAYS; i++) { /* a voided stay is none */
        struct tally *tally = tally_of(tallies, &count, stays[i].site_id);
        tally->stays++;
        tally->paper += view_is(stays[i].source, "paper");
        tally->card += view_is(stays[i].medium, "card");
    }
    const Passerelle__V1__GetSiteQualityResponse *all = quality(olive, "2026-10");
    ck_assert_uint_eq(all->n_sites, count);
    for (size_t i = 0; i < all->n_sites; i++) {
        const Passerelle__V1__SiteQuality *one = all->sites[i];
        const struct tally *tally = tally_of(tallies, &count, view_of(one->site_id));
        ck_assert_uint_eq(one->stays, tally->stays);
        ck_assert_uint_eq(one->paper, tally->paper);
        ck_assert_uint_eq(one->card, tally->card);
    }
    ck_assert_uint_eq(quality(olive, "2026-09")->n_sites, 0);

    /* A member hears of its own sites, and of all of them. */
    size_t seen = 0;
    const Passerelle__V1__ListSitesResponse *sites = network_must(
        &network, olive, "DirectoryService", "ListSites",
        network_new(&network, &passerelle__v1__list_sites_request__descriptor));
    for (size_t i = 0; i < sites->n_sites; i++) {
        const char *member = sites->sites[i]->member_id;
        const Passerelle__V1__GetSiteQualityResponse *own =
            quality(network_who(ROLE_MEMBER, member), "2026-10");
        for (size_t k = 0; k < own->n_sites; k++) {
            seen += strcmp(own->sites[k]->site_id, sites->sites[i]->site_id) == 0;
            size_t at = 0;
            while (at < sites->n_sites &&
                   strcmp(sites->sites[at]->site_id, own->sites[k]->site_id) != 0) {
                at++;
            }
            ck_assert_str_eq(sites->sites[at]->member_id, member);
        }
    }
    ck_assert_uint_eq(seen, count);
}
END_TEST

/* ---- the Region's statement ---- */

static const struct call *ask_statement(int format, uint64_t offset)
{
    Passerelle__V1__GetStatementRequest *request =
        network_new(&network, &passerelle__v1__get_statement_request__descriptor);
    request->month = arena_string(&network.arena, VIEW_LIT("2026-10"));
    request->format = (Passerelle__V1__StatementFormat)format;
    request->offset = offset;
    return network_call(&network, region, "StatsService", "GetStatement", &request->base);
}

START_TEST(a_statement_comes_in_parts)
{
    static const char *const names[] = {"releve-region-2026-10.html", "releve-region-2026-10.html",
                                        "releve-region-2026-10.csv", "releve-region-2026-10.json"};
    record(0);
    for (int format = 0; format < 4; format++) {
        const Passerelle__V1__GetStatementResponse *whole =
            (const void *)ask_statement(format, 0)->response;
        ck_assert_ptr_nonnull(whole);
        ck_assert_str_eq(whole->name, names[format]);
        ck_assert(whole->provisional); /* nothing is closed yet */
        ck_assert_uint_eq(whole->content.len, whole->size);
        const Passerelle__V1__GetStatementResponse *rest =
            (const void *)ask_statement(format, whole->size - 100)->response;
        ck_assert_uint_eq(rest->content.len, 100);
        ck_assert_mem_eq(rest->content.data, whole->content.data + whole->size - 100, 100);
        ck_assert_mem_eq(rest->sha256.data, whole->sha256.data, whole->sha256.len);
        ck_assert_int_eq(ask_statement(format, whole->size + 1)->error.code,
                         CODE_INVALID_ARGUMENT);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stats");
    TCase *cases = tcase_create("stats");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, of_few_people_nothing_is_told);
    tcase_add_test(cases, territories_are_those_of_the_month);
    tcase_add_test(cases, what_cannot_be_asked);
    tcase_add_test(cases, sites_are_told_how_they_record);
    tcase_add_test(cases, a_statement_comes_in_parts);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
