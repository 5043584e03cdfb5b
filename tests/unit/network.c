#include <check.h>
#include <stdlib.h>

#include "lib/network.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "wire/pack.h"

START_TEST(the_reference_is_imported)
{
    struct network network;
    network_init(&network, true, 1);
    network_import(&network, network_reference_dir());
    const Passerelle__V1__ListSitesResponse *sites =
        network_must(&network, network_who(ROLE_ANYONE, ""), "DirectoryService", "ListSites",
                     network_new(&network, &passerelle__v1__list_sites_request__descriptor));
    ck_assert_uint_eq(sites->n_sites, 120);
    for (size_t i = 0; i < sites->n_sites; i++) {
        ck_assert_int_eq(sites->sites[i]->state, PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE);
    }
    ck_assert_uint_eq(sites->sites[4]->n_stops, 5);
    network_check(&network);
    network_release(&network);
}
END_TEST

static struct view exported(struct network *network, Passerelle__V1__Table table)
{
    Passerelle__V1__ExportTableRequest *request =
        network_new(network, &passerelle__v1__export_table_request__descriptor);
    request->table = table;
    const Passerelle__V1__ExportTableResponse *response =
        network_must(network, network_who(ROLE_OPERATOR, "olive"), "NetworkService", "ExportTable",
                     &request->base);
    return wire_view(response->csv);
}

START_TEST(what_was_imported_is_exported_byte_for_byte)
{
    static const char *const files[] = {"",      "members", "sites",   "stops",  "employers",
                                        "plans", "carnets", "holders", "tariffs"};
    struct network network;
    network_init(&network, true, 2);
    network_import(&network, network_reference_dir());
    for (size_t i = 1; i < ARRAY_LEN(files); i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.csv", files[i]);
        struct view told = network_read_file(&network, network_reference_dir(), name);
        ck_assert_msg(view_equal(told, exported(&network, (Passerelle__V1__Table)i)), "%s", name);
    }
    network_release(&network);
}
END_TEST

static const Passerelle__V1__PutMemberResponse *put_iban(struct network *network, const char *who,
                                                         const char *iban)
{
    Passerelle__V1__ListMembersRequest *ask =
        network_new(network, &passerelle__v1__list_members_request__descriptor);
    ask->member_id = wire_string(&network->arena, VIEW_LIT("m001"));
    const Passerelle__V1__ListMembersResponse *now = network_must(
        network, network_who(ROLE_OPERATOR, who), "NetworkService", "ListMembers", &ask->base);
    ck_assert_uint_eq(now->n_members, 1);
    Passerelle__V1__PutMemberRequest *request =
        network_new(network, &passerelle__v1__put_member_request__descriptor);
    request->request_id = network_request_id(network);
    request->member = now->members[0];
    request->account = now->accounts[0];
    request->account->iban = wire_string(&network->arena, view_of(iban));
    return network_must(network, network_who(ROLE_OPERATOR, who), "NetworkService", "PutMember",
                        &request->base);
}

START_TEST(another_iban_needs_two_operators)
{
    static const char other[] = "FR7699999639442914177763140";
    struct network network;
    network_init(&network, false, 3);
    network_import(&network, network_reference_dir());
    ck_assert_str_ne(put_iban(&network, "olive", other)->approval_id, "");
    /* The same operator again is not a second one. */
    ck_assert_str_ne(put_iban(&network, "olive", other)->approval_id, "");
    const Passerelle__V1__ListApprovalsResponse *waiting = network_must(
        &network, network_who(ROLE_OPERATOR, "olive"), "NetworkService", "ListApprovals",
        network_new(&network, &passerelle__v1__list_approvals_request__descriptor));
    ck_assert_uint_eq(waiting->n_approvals, 1);
    ck_assert_str_eq(waiting->approvals[0]->method, "NetworkService/PutMember");
    const Passerelle__V1__PutMemberResponse *done = put_iban(&network, "oscar", other);
    ck_assert_str_eq(done->approval_id, "");
    ck_assert_int_eq(done->verdict, PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_CHANGED);
    /* Now it stands there: nothing is left to do, and nobody is asked. */
    ck_assert_int_eq(put_iban(&network, "olive", other)->verdict,
                     PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED);
    network_check(&network);
    network_release(&network);
}
END_TEST

static enum code put_policy(struct network *network, const char *who, uint32_t window_s)
{
    const Passerelle__V1__GetPolicyResponse *now =
        network_must(network, network_who(ROLE_OPERATOR, who), "NetworkService", "GetPolicy",
                     network_new(network, &passerelle__v1__get_policy_request__descriptor));
    Passerelle__V1__SetPolicyRequest *request =
        network_new(network, &passerelle__v1__set_policy_request__descriptor);
    request->request_id = network_request_id(network);
    request->policy = now->policy;
    request->policy->proof_window_s = window_s;
    return network_call(network, network_who(ROLE_OPERATOR, who), "NetworkService", "SetPolicy",
                        &request->base)
        ->error.code;
}

START_TEST(the_policy_has_ranges_and_two_operators)
{
    struct network network;
    network_init(&network, false, 4);
    ck_assert_int_eq(put_policy(&network, "olive", 1), CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(put_policy(&network, "olive", 90), CODE_OK);
    ck_assert_int_eq(put_policy(&network, "oscar", 90), CODE_OK);
    const Passerelle__V1__GetPolicyResponse *now =
        network_must(&network, network_who(ROLE_OPERATOR, "olive"), "NetworkService", "GetPolicy",
                     network_new(&network, &passerelle__v1__get_policy_request__descriptor));
    ck_assert_uint_eq(now->policy->proof_window_s, 90);
    network_check(&network);
    network_release(&network);
}
END_TEST

START_TEST(a_member_accepts_the_charter_for_itself)
{
    struct network network;
    network_init(&network, true, 5);
    network_import(&network, network_reference_dir());
    Passerelle__V1__PublishCharterRequest *publish =
        network_new(&network, &passerelle__v1__publish_charter_request__descriptor);
    publish->request_id = network_request_id(&network);
    publish->charter = network_new(&network, &passerelle__v1__charter__descriptor);
    publish->charter->version = 1;
    publish->charter->valid_from = wire_string(&network.arena, VIEW_LIT("2026-11-03"));
    publish->charter->text = wire_string(&network.arena, VIEW_LIT("Be kind."));
    network_must(&network, network_who(ROLE_OPERATOR, "olive"), "NetworkService", "PublishCharter",
                 &publish->base);
    Passerelle__V1__AcceptCharterRequest *accept =
        network_new(&network, &passerelle__v1__accept_charter_request__descriptor);
    accept->request_id = network_request_id(&network);
    accept->member_id = wire_string(&network.arena, VIEW_LIT("m001"));
    accept->version = 1;
    accept->accepted_on = wire_string(&network.arena, VIEW_LIT("2026-11-03"));
    ck_assert_int_eq(network_call(&network, network_who(ROLE_MEMBER, "m002"), "NetworkService",
                                  "AcceptCharter", &accept->base)
                         ->error.code,
                     CODE_PERMISSION_DENIED);
    network_must(&network, network_who(ROLE_MEMBER, "m001"), "NetworkService", "AcceptCharter",
                 &accept->base);
    network_check(&network);
    network_release(&network);
}
END_TEST

/* ---- imports ---- */

#define TABLE(name) PASSERELLE__V1__TABLE__TABLE_##name

static const Passerelle__V1__ImportTableResponse *import(struct network *network, const char *who,
                                                         Passerelle__V1__Table table,
                                                         struct view csv, bool dry_run)
{
    Passerelle__V1__ImportTableRequest *request =
        network_new(network, &passerelle__v1__import_table_request__descriptor);
    request->request_id = network_request_id(network);
    request->table = table;
    request->csv = wire_bytes(csv);
    request->dry_run = dry_run;
    return network_must(network, network_who(ROLE_OPERATOR, who), "NetworkService", "ImportTable",
                        &request->base);
}

static struct view file(struct network *network, const char *name)
{
    return network_read_file(network, network_reference_dir(), name);
}

/* The text with the first `from` behind `after` replaced. */
static struct view edited(struct network *network, struct view text, const char *after,
                          const char *from, const char *to)
{
    const char *begin = strstr(text.data, after);
    ck_assert_ptr_nonnull(begin);
    const char *at = strstr(begin, from);
    ck_assert_ptr_nonnull(at);
    char *out = arena_printf(&network->arena, "%.*s%s%s", (int)(at - text.data), text.data, to,
                             at + strlen(from));
    return view_of(out);
}

/* The first refused line is that one, and its sentence begins so. */
static void must_refuse(const Passerelle__V1__ImportTableResponse *response, uint32_t line,
                        const char *sentence)
{
    ck_assert(!response->done);
    ck_assert_uint_gt(response->n_reports, 0);
    ck_assert_msg(response->reports[0]->line == line &&
                      view_starts(view_of(response->reports[0]->problem), sentence),
                  "line %u: %s", response->reports[0]->line, response->reports[0]->problem);
}

static size_t member_count(struct network *network)
{
    const Passerelle__V1__GetNetworkResponse *about =
        network_must(network, network_who(ROLE_ANYONE, ""), "DirectoryService", "GetNetwork",
                     network_new(network, &passerelle__v1__get_network_request__descriptor));
    return about->members;
}

START_TEST(an_import_is_all_or_nothing)
{
    struct network network;
    network_init(&network, true, 6);
    struct view good = file(&network, "members.csv");
    struct view bad = edited(&network, good, "m003,", ",FR,", ",fr,");
    must_refuse(import(&network, "olive", TABLE(MEMBERS), bad, false), 5, "country: ");
    ck_assert_uint_eq(member_count(&network), 0);
    const Passerelle__V1__ImportTableResponse *told =
        import(&network, "olive", TABLE(MEMBERS), good, true);
    ck_assert(told->done && told->added == 84 && told->lines == 84);
    ck_assert_uint_eq(member_count(&network), 0);
    told = import(&network, "olive", TABLE(MEMBERS), good, false);
    ck_assert(told->done && told->added == 84);
    told = import(&network, "olive", TABLE(MEMBERS), good, false);
    ck_assert(told->done && told->added == 0 && told->unchanged == 84);
    told = import(&network, "olive", TABLE(MEMBERS),
                  edited(&network, good, "m003,", "Lectoure", "Condom"), false);
    ck_assert(told->done && told->changed == 1 && told->unchanged == 83);
    ck_assert_uint_eq(member_count(&network), 84);
    network_check(&network);
    network_release(&network);
}
END_TEST

START_TEST(an_import_that_changes_ibans_waits)
{
    struct network network;
    network_init(&network, false, 7);
    struct view told = file(&network, "members.csv");
    ck_assert(import(&network, "olive", TABLE(MEMBERS), told, false)->done);
    struct view other = edited(&network, told, "m001,", "FR7699999899784391500080697",
                               "FR7699999639442914177763140");
    ck_assert_str_eq(import(&network, "olive", TABLE(MEMBERS), other, true)->approval_id, "");
    const Passerelle__V1__ImportTableResponse *first =
        import(&network, "olive", TABLE(MEMBERS), other, false);
    ck_assert(!first->done && first->refused == 0);
    ck_assert_str_ne(first->approval_id, "");
    ck_assert(view_equal(exported(&network, TABLE(MEMBERS)), told));
    const Passerelle__V1__ImportTableResponse *second =
        import(&network, "oscar", TABLE(MEMBERS), other, false);
    ck_assert(second->done && second->changed == 1);
    ck_assert(view_equal(exported(&network, TABLE(MEMBERS)), other));
    network_check(&network);
    network_release(&network);
}
END_TEST

static enum code move(struct network *network, const char *site, Passerelle__V1__SiteState state)
{
    Passerelle__V1__SetSiteStateRequest *request =
        network_new(network, &passerelle__v1__set_site_state_request__descriptor);
    request->request_id = network_request_id(network);
    request->site_id = wire_string(&network->arena, view_of(site));
    request->state = state;
    return network_call(network, network_who(ROLE_OPERATOR, "olive"), "NetworkService",
                        "SetSiteState", &request->base)
        ->error.code;
}

START_TEST(sites_move_as_the_table_says)
{
    enum { CANDIDATE = 1, ACTIVE, SUSPENDED, CLOSED };
    /* What may follow each state: one bit for each. */
    static const unsigned allowed[] = {
        0, 1u << ACTIVE, 1u << SUSPENDED, 1u << ACTIVE | 1u << CLOSED, 0,
    };
    struct network network;
    network_init(&network, true, 8);
    ck_assert(import(&network, "olive", TABLE(MEMBERS), file(&network, "members.csv"), false)->done);
    const Passerelle__V1__ImportTableResponse *sites =
        import(&network, "olive", TABLE(SITES), file(&network, "sites.csv"), false);
    ck_assert(sites->done && sites->n_reports == 120);
    ck_assert(view_starts(view_of(sites->reports[0]->problem), "it stays a candidate: no tariff"));
    ck_assert_int_eq(move(&network, "s001", (Passerelle__V1__SiteState)ACTIVE),
                     CODE_FAILED_PRECONDITION);
    ck_assert(import(&network, "olive", TABLE(TARIFFS), file(&network, "tariffs.csv"), false)->done);
    static const int path[] = {ACTIVE, SUSPENDED, ACTIVE, SUSPENDED, CLOSED};
    int state = CANDIDATE;
    for (size_t i = 0; i <= ARRAY_LEN(path); i++) {
        for (int to = 0; to <= CLOSED; to++) {
            if ((allowed[state] >> to & 1u) == 0) {
                ck_assert_int_eq(move(&network, "s001", (Passerelle__V1__SiteState)to),
                                 CODE_FAILED_PRECONDITION);
            }
        }
        if (i < ARRAY_LEN(path)) {
            state = path[i];
            ck_assert_int_eq(move(&network, "s001", (Passerelle__V1__SiteState)state), CODE_OK);
        }
    }
    ck_assert_int_eq(move(&network, "s999", (Passerelle__V1__SiteState)ACTIVE), CODE_NOT_FOUND);
    /* Closed for ever: no import brings it back. */
    must_refuse(import(&network, "olive", TABLE(SITES),
                       edited(&network, file(&network, "sites.csv"), "s001,", "Bus", "Car"), false),
                2, "site_id: site s001 is closed for ever");
    network_check(&network);
    network_release(&network);
}
END_TEST

/* ---- what history does not allow any more ---- */

static const char *const october = "visits-2026-10.csv";

static void import_october(struct network *network)
{
    Passerelle__V1__ImportStaysRequest *request =
        network_new(network, &passerelle__v1__import_stays_request__descriptor);
    request->request_id = network_request_id(network);
    request->csv = wire_bytes(file(network, october));
    const Passerelle__V1__ImportStaysResponse *response =
        network_must(network, network_who(ROLE_OPERATOR, "olive"), "DeskService", "ImportStays",
                     &request->base);
    ck_assert_msg(response->report->done, "%s",
                  response->report->n_reports > 0 ? response->report->reports[0]->problem : "");
}

#define TARIFF_HEADER                                                                              \
    "version,valid_from,category,zone,resource,unit,p_cents,h_cents,f_cents,s_cents\n"

static const struct {
    Passerelle__V1__Table table;
    const char *name, *after, *from, *to;
    uint32_t line;
    const char *sentence;
} falsifications[] = {
    {TABLE(MEMBERS), "members.csv", "\nm006,", ",1\n", ",0\n", 8, "is_issuer: employers have"},
    {TABLE(MEMBERS), "members.csv", "\nop,", ",1,1\n", ",0,1\n", 2, "is_operator: the network"},
    {TABLE(MEMBERS), "members.csv", "\nm001,", ",0,1\n", ",1,1\n", 3, "is_operator: op is the"},
    {TABLE(SITES), "sites.csv", "\ns001,", ",rural,", ",urban,", 2, "member_id: site s001 has"},
    {TABLE(SITES), "sites.csv", "\ns001,", "m001", "m002", 2, "member_id: site s001 has visits"},
    {TABLE(EMPLOYERS), "employers.csv", "\ne001,", "m006", "m060", 2, "issuer_member_id: e001 has"},
    {TABLE(PLANS), "plans.csv", "\ne001-p1,", "usage", "carnet", 2, "type: plan e001-p1 is in use"},
    {TABLE(CARNETS), "carnets.csv", "e002-p1-c1,", "164000", "164001", 2, "carnet_id: carnet e002"},
    {TABLE(HOLDERS), "holders.csv", "\nh00001,", "e001,e001-p1", "e002,e002-p1", 2,
     "plan_id: holder h00001 has visits"},
    {TABLE(TARIFFS), "tariffs.csv", "standard,urban", "1150", "1151", 2, "version: version 1 is"},
};

START_TEST(what_happened_cannot_be_falsified)
{
    struct network network;
    network_init(&network, true, 9);
    network_import(&network, network_reference_dir());
    import_october(&network);
    for (size_t i = 0; i < ARRAY_LEN(falsifications); i++) {
        struct view changed =
            edited(&network, file(&network, falsifications[i].name), falsifications[i].after,
                   falsifications[i].from, falsifications[i].to);
        must_refuse(import(&network, "olive", falsifications[i].table, changed, false),
                    falsifications[i].line, falsifications[i].sentence);
    }
    /* A tariff needs its notice, a day of its own, and a row for all that active sites offer. */
    struct view v2 = file(&network, "tariffs.csv");
    v2 = view_slice(v2, (size_t)(strstr(v2.data, "\n2,") - v2.data) + 1, v2.len);
    static const struct {
        const char *day;
        const char *sentence;
    } days[] = {
        {"2026-11-09", "valid_from: a tariff is published 7 days before it holds: choose 2026-11-10"},
        {"2026-10-15", "valid_from: version 2 begins on 2026-10-15 already"},
        {"2026-11-10", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        struct buf csv = BUF_INIT;
        struct view rest = v2, line;
        buf_text(&csv, TARIFF_HEADER);
        while (view_cut(&rest, '\n', &line) && line.len > 0) {
            buf_printf(&csv, "3,%s%.*s\n", days[i].day, (int)(line.len - 12), line.data + 12);
        }
        struct view whole = buf_content(&csv);
        struct view part = view_slice(whole, 0, whole.len - strlen("3,2026-11-10,premium,rural,booth,"
                                                                   "hour,652,541,42,0\n"));
        if (days[i].sentence != NULL) {
            must_refuse(import(&network, "olive", TABLE(TARIFFS), whole, false), 2,
                        days[i].sentence);
        } else {
            /* No site is premium, rural and has a booth: the version may lack that row. */
            ck_assert(import(&network, "olive", TABLE(TARIFFS), part, true)->done);
            must_refuse(import(&network, "olive", TABLE(TARIFFS),
                               view_slice(whole, 0, whole.len / 3), false),
                        2, "tariff version 3 has no row standard/rural/desk/half_day, which site");
        }
        buf_release(&csv);
    }
    network_check(&network);
    network_release(&network);
}
END_TEST

START_TEST(stays_come_out_as_they_came_in)
{
    struct network network;
    network_init(&network, true, 10);
    network_import(&network, network_reference_dir());
    import_october(&network);
    Passerelle__V1__ExportTableRequest *request =
        network_new(&network, &passerelle__v1__export_table_request__descriptor);
    request->table = TABLE(VISITS);
    request->month = wire_string(&network.arena, VIEW_LIT("2026-10"));
    const Passerelle__V1__ExportTableResponse *response =
        network_must(&network, network_who(ROLE_OPERATOR, "olive"), "NetworkService", "ExportTable",
                     &request->base);
    ck_assert(view_equal(wire_view(response->csv), file(&network, october)));
    network_release(&network);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("network");
    TCase *cases = tcase_create("network");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, the_reference_is_imported);
    tcase_add_test(cases, what_was_imported_is_exported_byte_for_byte);
    tcase_add_test(cases, another_iban_needs_two_operators);
    tcase_add_test(cases, the_policy_has_ranges_and_two_operators);
    tcase_add_test(cases, a_member_accepts_the_charter_for_itself);
    tcase_add_test(cases, an_import_is_all_or_nothing);
    tcase_add_test(cases, an_import_that_changes_ibans_waits);
    tcase_add_test(cases, sites_move_as_the_table_says);
    tcase_add_test(cases, what_happened_cannot_be_falsified);
    tcase_add_test(cases, stays_come_out_as_they_came_in);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
