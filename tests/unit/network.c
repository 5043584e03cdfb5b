#include <check.h>
#include <stdlib.h>

#include "lib/network.h"
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
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
