/* The audit reads what a network really wrote, and then the same with each kind of harm done to it.
 */
#include <check.h>
#include <stdlib.h>

#include "core/ident/uuid.h"
#include "lib/audited.h"
#include "audit_closes.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "service/journal.h"
#include "store/feed/feed.h"
#include "wire/pack.h"

/* Audits net and then the feed; returns what was found about the feed. */
static int check_pair(struct told *net, struct told *told, struct audit_wrong *wrong)
{
    struct audit_options options = {.seed = 7, .proofs = true};
    struct audit *audit = audit_new(&options);
    int err = told_check(audit, net, wrong);
    if (err == E_OK) {
        err = told_check(audit, told, wrong);
    }
    audit_free(audit);
    return err;
}

static char *stay_uuid(struct network *network)
{
    return network_request_id(network);
}

/* One site with a checked-in card, a correction, a void, a paper note. */
static void live(struct network *network)
{
    struct principal operator_who = network_who(ROLE_OPERATOR, "olive");
    struct principal desk = network_who(ROLE_DESK, "s004"); /* 24/7 */
    network_import(network, network_reference_dir());
    Passerelle__V1__IssuePassesRequest *issue =
        network_new(network, &passerelle__v1__issue_passes_request__descriptor);
    issue->request_id = network_request_id(network);
    issue->employer_id = wire_string(&network->arena, VIEW_LIT("e001"));
    const Passerelle__V1__IssuePassesResponse *issued =
        network_must(network, operator_who, "PassService", "IssuePasses", &issue->base);
    size_t entered = 0;
    for (size_t i = 0; i < issued->n_passes && entered < 4; i++) {
        const Passerelle__V1__IssuedPass *pass = issued->passes[i];
        if (pass->pass->medium != PASSERELLE__V1__MEDIUM__MEDIUM_CARD ||
            pass->pass->state != PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE) {
            continue;
        }
        Passerelle__V1__CheckInRequest *in =
            network_new(network, &passerelle__v1__check_in_request__descriptor);
        in->request_id = stay_uuid(network);
        in->site_id = wire_string(&network->arena, VIEW_LIT("s004"));
        in->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER;
        in->card_number = pass->pass->number;
        const Passerelle__V1__CheckInResponse *admitted =
            network_must(network, desk, "DeskService", "CheckIn", &in->base);
        ck_assert(admitted->accepted);
        network->clock.now_utc_ms += 3600000;
        if (entered < 3) {
            Passerelle__V1__CheckOutRequest *out =
                network_new(network, &passerelle__v1__check_out_request__descriptor);
            out->request_id = network_request_id(network);
            out->site_id = in->site_id;
            out->who_case = PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_VISIT_ID;
            out->visit_id = in->request_id;
            network_must(network, desk, "DeskService", "CheckOut", &out->base);
        }
        if (entered == 0) {
            Passerelle__V1__CorrectVisitRequest *correct =
                network_new(network, &passerelle__v1__correct_visit_request__descriptor);
            correct->request_id = network_request_id(network);
            correct->site_id = in->site_id;
            correct->visit_id = in->request_id;
            correct->out_utc_ms = network->clock.now_utc_ms - 600000;
            correct->reason = wire_string(&network->arena, VIEW_LIT("left earlier"));
            network_must(network, desk, "DeskService", "CorrectVisit", &correct->base);
        } else if (entered == 1) {
            Passerelle__V1__VoidVisitRequest *cancel =
                network_new(network, &passerelle__v1__void_visit_request__descriptor);
            cancel->request_id = network_request_id(network);
            cancel->site_id = in->site_id;
            cancel->visit_id = in->request_id;
            cancel->reason = wire_string(&network->arena, VIEW_LIT("wrong person"));
            network_must(network, desk, "DeskService", "VoidVisit", &cancel->base);
        }
        entered++;
    }
    ck_assert_uint_ge(entered, 3);
}

START_TEST(what_was_written_verifies)
{
    struct network network;
    network_init(&network, true, 1);
    live(&network);
    static const char *const feeds[] = {"net", "books", "s001", "s004"};
    struct audit_options options = {.seed = 7, .proofs = true};
    struct audit *audit = audit_new(&options);
    struct audit_wrong wrong;
    for (size_t i = 0; i < ARRAY_LEN(feeds); i++) {
        struct told *told = told_feed(&network, feeds[i]);
        ck_assert_msg(told_check(audit, told, &wrong) == E_OK, "%s, entry %llu: %s", wrong.feed_id,
                      (unsigned long long)wrong.seq, wrong.what);
    }
    ck_assert_uint_eq(audit_totals(audit).feeds, ARRAY_LEN(feeds));
    ck_assert_uint_ge(audit_totals(audit).visits, 3);
    audit_free(audit);
    network_release(&network);
}
END_TEST

START_TEST(each_harm_is_found)
{
    struct network network;
    network_init(&network, true, 2);
    live(&network);
    struct told *net = told_feed(&network, "net");
    struct told *site = told_feed(&network, "s004");
    struct audit_wrong wrong;
    ck_assert_int_eq(check_pair(net, site, &wrong), E_OK);
    ck_assert_uint_ge(site->count, 6);

    /* A changed byte, in each entry: with the leaves that were signed, the entry itself is named.
     */
    site->with_leaves = true;
    for (size_t i = 0; i < site->count; i++) {
        struct view good = site->entries[i];
        char *bad = arena_string(&network.arena, good);
        bad[good.len - 1] ^= 1;
        site->entries[i] = view_bytes(bad, good.len);
        ck_assert_int_eq(check_pair(net, site, &wrong), E_CORRUPT);
        ck_assert_uint_eq(wrong.seq, i + 1);
        ck_assert_str_eq(wrong.feed_id, "s004");
        site->entries[i] = good;
    }
    site->with_leaves = false;

    /* Two entries in each other's place. */
    struct view kept = site->entries[1];
    site->entries[1] = site->entries[2];
    site->entries[2] = kept;
    ck_assert_int_eq(check_pair(net, site, &wrong), E_CORRUPT);
    site->entries[2] = site->entries[1];
    site->entries[1] = kept;

    /* One too few; one twice. */
    site->count--;
    ck_assert_int_eq(check_pair(net, site, &wrong), E_CORRUPT);
    site->count++;
    site->entries[site->count] = site->entries[site->count - 1];
    site->count++;
    ck_assert_int_eq(check_pair(net, site, &wrong), E_CORRUPT);
    site->count--;

    /* The signature of another feed, and one of nobody. */
    struct view own = site->checkpoint;
    site->checkpoint = net->checkpoint;
    ck_assert_int_eq(check_pair(net, site, &wrong), E_CORRUPT);
    site->checkpoint = own;
    char *note = arena_string(&network.arena, own);
    note[own.len - 10] ^= 1;
    site->checkpoint = view_bytes(note, own.len);
    ck_assert_int_eq(check_pair(net, site, &wrong), E_CORRUPT);
    site->checkpoint = own;

    /* A feed that net does not know. */
    snprintf(site->feed_id, sizeof site->feed_id, "s999");
    ck_assert_int_eq(check_pair(net, site, &wrong), E_CORRUPT);
    snprintf(site->feed_id, sizeof site->feed_id, "s004");
    ck_assert_int_eq(check_pair(net, site, &wrong), E_OK);
    network_release(&network);
}
END_TEST

/* Appends an entry that no service would write, with a right signature: what it says is wrong. */
static void append_raw(struct network *network, const char *feed_id, Passerelle__V1__EntryType type,
                       const ProtobufCMessage *payload)
{
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin(network->service.db, &fault), E_OK);
    ck_assert_int_ne(
        journal_append(&network->service, VIEW_LIT("hub"), view_of(feed_id), type, payload), 0);
    ck_assert_int_eq(db_commit(network->service.db, &fault), E_OK);
    journal_committed(network->service.journal);
}

START_TEST(entries_that_make_no_sense_are_found)
{
    for (int which = 0; which < 4; which++) {
        struct network network;
        network_init(&network, true, 3);
        live(&network);
        uint8_t unknown[16] = {1, 2, 3};
        Passerelle__V1__VisitClosed closed = PASSERELLE__V1__VISIT_CLOSED__INIT;
        Passerelle__V1__VisitVoided voided = PASSERELLE__V1__VISIT_VOIDED__INIT;
        Passerelle__V1__VisitCorrected corrected = PASSERELLE__V1__VISIT_CORRECTED__INIT;
        Passerelle__V1__StayRecorded stay = PASSERELLE__V1__STAY_RECORDED__INIT;
        ProtobufCBinaryData id = {sizeof unknown, unknown};
        char holder[] = "h00001";
        closed.visit_id = voided.visit_id = corrected.replaces_visit_id = stay.visit_id = id;
        corrected.visit_id = id;
        closed.out_utc_ms = network.clock.now_utc_ms;
        stay.holder_id = holder;
        stay.resource = corrected.resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
        stay.in_utc_ms = stay.out_utc_ms = network.clock.now_utc_ms;
        const struct {
            Passerelle__V1__EntryType type;
            const ProtobufCMessage *payload;
        } rows[] = {
            {PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CLOSED, &closed.base},
            {PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_VOIDED, &voided.base},
            {PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CORRECTED, &corrected.base},
            {PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_STAY_RECORDED, &stay.base},
        };
        append_raw(&network, "s004", rows[which].type, rows[which].payload);
        if (which == 3) {
            append_raw(&network, "s004", rows[which].type, rows[which].payload); /* twice */
        }
        struct told *net = told_feed(&network, "net");
        struct told *site = told_feed(&network, "s004");
        struct audit_wrong wrong;
        ck_assert_msg(check_pair(net, site, &wrong) == E_CORRUPT, "row %d", which);
        ck_assert_uint_eq(wrong.seq, site->count);
        network_release(&network);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("audit");
    TCase *cases = tcase_create("audit");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, what_was_written_verifies);
    tcase_add_test(cases, each_harm_is_found);
    tcase_add_test(cases, entries_that_make_no_sense_are_found);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, audit_closes_cases());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
