/* A site's feed changes hands: join codes used, mistaken and stolen; certificates renewed; back to
 * the hub. After each the feeds verify and the projections equal a replay. */
#include <check.h>
#include <stdlib.h>

#include "core/join/join_code.h"
#include "crypt/ed25519.h"
#include "lib/box.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "service/identity/identity.h"
#include "service/sync/enrol.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define HOUR_MS ((int64_t)3600 * 1000)
static const char site_id[] = "s042";

static struct network network;
static struct principal operator_1;
/* What wants to be the site's daemon. */
static struct box box;

static void setup(void)
{
    network_init(&network, true, 11);
    network_authority(&network);
    network_import(&network, network_reference_dir());
    operator_1 = network_who(ROLE_OPERATOR, "op-1");
    box_init(&box, &network, site_id);
}

static void teardown(void)
{
    network_check(&network);
    network_release(&network);
}

#define NEW(snake) network_new(&network, &passerelle__v1__##snake##__descriptor)

static void expect_no(const struct call *call, enum code code, const char *words)
{
    ck_assert_int_eq(call->error.code, code);
    ck_assert_msg(strstr(call->error.message, words) != NULL, "%s", call->error.message);
}

static const struct call *check_in_anywhere(const char *site)
{
    Passerelle__V1__CheckInRequest *request = NEW(check_in_request);
    request->request_id = network_request_id(&network);
    request->site_id = (char *)(uintptr_t)site;
    request->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER;
    request->card_number = (char[]){"1"};
    return network_call(&network, network_who(ROLE_DESK, site), "DeskService", "CheckIn",
                        &request->base);
}

static struct registry_epoch epoch_now(void)
{
    struct registry_epoch epoch;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    ck_assert(registry_feed_epoch(network.service.db, &network.arena, view_of(site_id), &epoch));
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    return epoch;
}

START_TEST(a_daemon_takes_the_feed_over)
{
    /* The hub has kept it: a refusal opens the feed. */
    ck_assert_int_eq(check_in_anywhere(site_id)->error.code, CODE_OK);
    struct join_code code = box_enrol(&box, "Hub.Example.org:8443");
    ck_assert_str_eq(code.site, site_id);
    ck_assert_str_eq(code.network, "test");
    ck_assert_str_eq(code.host, "hub.example.org");
    ck_assert_int_eq(code.port, 8443);
    ck_assert_uint_eq(code.expires_utc_s,
                      (uint64_t)((network.clock.now_utc_ms + 2 * HOUR_MS) / 1000));
    Passerelle__V1__JoinSiteRequest *request = box_join_request(&box, &code);
    const struct call *call = box_join(&box, request);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    const Passerelle__V1__JoinSiteResponse *joined = (const void *)call->response;
    struct cert_info info;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(cert_inspect_pem(view_of(joined->certificate_pem), "test", &info, &fault),
                     E_OK);
    ck_assert_str_eq(info.who.role, "site");
    ck_assert_str_eq(info.who.party, site_id);
    uint8_t print[SHA256_LEN];
    ck_assert_int_eq(cert_fingerprint_pem(view_of(joined->ca_pem), print, &fault), E_OK);
    ck_assert(join_code_names_ca(&code, print));
    struct registry_epoch epoch = epoch_now();
    ck_assert_int_eq(epoch.keeper, PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE);
    ck_assert_mem_eq(epoch.public_key, box.key.public_key, ED25519_PUBLIC_LEN);
    ck_assert_str_eq(joined->feed->origin, epoch.origin);
    ck_assert_uint_eq(joined->feed->old_size, epoch.old_size);

    /* The answer got lost: the same request gets it again. */
    const struct call *again = box_join(&box, request);
    ck_assert_int_eq(again->error.code, CODE_OK);
    ck_assert_str_eq(((const Passerelle__V1__JoinSiteResponse *)again->response)->certificate_pem,
                     joined->certificate_pem);
    /* Nobody else gets in with it. */
    expect_no(box_join(&box, box_join_request(&box, &code)), CODE_PERMISSION_DENIED, "was used");
    /* The hub writes in this feed no more, and in all others as before. */
    expect_no(check_in_anywhere(site_id), CODE_FAILED_PRECONDITION, "keeps its own ledger");
    ck_assert_int_eq(check_in_anywhere("s043")->error.code, CODE_OK);

    Passerelle__V1__HostSiteRequest *host = NEW(host_site_request);
    host->request_id = network_request_id(&network);
    host->site_id = (char *)(uintptr_t)site_id;
    network_must(&network, operator_1, "NetworkService", "HostSite", &host->base);
    ck_assert_int_eq(check_in_anywhere(site_id)->error.code, CODE_OK);
    ck_assert_int_eq(epoch_now().keeper, PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_HUB);
    struct principal who;
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    ck_assert_int_eq(
        identity_of_certificate(network.service.db, &info, network.clock.now_utc_ms, &who, &fault),
        E_UNAUTHENTICATED);
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    host->request_id = network_request_id(&network);
    expect_no(network_call(&network, operator_1, "NetworkService", "HostSite", &host->base),
              CODE_FAILED_PRECONDITION, "already");
}
END_TEST

START_TEST(join_codes_that_let_nobody_in)
{
    struct join_code code = box_enrol(&box, "[2001:db8::7]:7443");
    ck_assert_str_eq(code.host, "2001:db8::7");
    struct box neighbour;
    box_init(&neighbour, &network, "s043");
    struct join_code other = box_enrol(&neighbour, "hub:7443");
    struct join_code wrong = code;
    memcpy(wrong.secret, other.secret, sizeof wrong.secret);
    expect_no(box_join(&box, box_join_request(&box, &wrong)), CODE_PERMISSION_DENIED,
              "not known here");
    wrong = code;
    wrong.secret[3] ^= 1;
    expect_no(box_join(&box, box_join_request(&box, &wrong)), CODE_PERMISSION_DENIED,
              "not known here");
    Passerelle__V1__JoinSiteRequest *request = box_join_request(&box, &code);
    request->feed_signature.data[9] ^= 1;
    expect_no(box_join(&box, request), CODE_INVALID_ARGUMENT, "feed's own key");
    request = box_join_request(&box, &code);
    request->csr_pem = (char[]){"-----BEGIN"};
    expect_no(box_join(&box, request), CODE_INVALID_ARGUMENT,
              "feed's own key"); /* it signs the request */
    request = box_join_request(&box, &code);
    request->server_csr_pem = (char[]){"-"};
    expect_no(box_join(&box, request), CODE_INVALID_ARGUMENT, "server_csr_pem");
    struct join_code newer = box_enrol(&box, "hub:7443");
    expect_no(box_join(&box, box_join_request(&box, &code)), CODE_PERMISSION_DENIED,
              "not known here");
    network.clock.now_utc_ms += 2 * HOUR_MS;
    expect_no(box_join(&box, box_join_request(&box, &newer)), CODE_PERMISSION_DENIED,
              "has expired");
    ck_assert_int_eq(check_in_anywhere(site_id)->error.code, CODE_OK); /* the hub keeps it */

    static const char *const addresses[] = {"", "hub", "hub:0", "hub:70000", ":7443", "hub:"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        Passerelle__V1__EnrolSiteRequest *bad = NEW(enrol_site_request);
        bad->request_id = network_request_id(&network);
        bad->site_id = (char *)(uintptr_t)site_id;
        bad->hub_address = (char *)(uintptr_t)addresses[i];
        expect_no(network_call(&network, operator_1, "NetworkService", "EnrolSite", &bad->base),
                  CODE_INVALID_ARGUMENT, "hub.example.org:8443");
    }
}
END_TEST

static const struct call *renew(struct principal who, const struct ed25519_key *key,
                                int64_t signed_utc_ms)
{
    static char localhost[] = "localhost";
    static char *names[] = {localhost};
    Passerelle__V1__RenewSiteRequest *request = NEW(renew_site_request);
    struct buf message = BUF_INIT;
    uint8_t signature[ED25519_SIGNATURE_LEN];
    request->request_id = network_request_id(&network);
    request->site_id = (char *)(uintptr_t)site_id;
    struct cert_pem client = CERT_PEM_INIT;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(cert_make_request(&client, &fault), E_OK);
    request->csr_pem = arena_string(&network.arena, buf_content(&client.certificate));
    request->server_csr_pem = request->csr_pem;
    cert_pem_release(&client);
    request->server_names = names;
    request->n_server_names = 1;
    request->signed_utc_ms = signed_utc_ms;
    enrol_renew_message(view_of("test"), view_of(site_id), signed_utc_ms, view_of(request->csr_pem),
                        &message);
    ed25519_sign(key, buf_content(&message), signature);
    request->feed_signature =
        wire_bytes(arena_copy(&network.arena, view_bytes(signature, sizeof signature)));
    buf_release(&message);
    return network_call(&network, who, "NetworkService", "RenewSite", &request->base);
}

/* What an operator does when a box is lost. */
static void revoke_certificates(void)
{
    Passerelle__V1__ListCredentialsRequest *ask = NEW(list_credentials_request);
    ask->role = (char[]){"site"};
    ask->party = (char *)(uintptr_t)site_id;
    const Passerelle__V1__ListCredentialsResponse *list =
        network_must(&network, operator_1, "NetworkService", "ListCredentials", &ask->base);
    ck_assert_uint_gt(list->n_credentials, 0);
    for (size_t i = 0; i < list->n_credentials; i++) {
        Passerelle__V1__RevokeCredentialRequest *revoke = NEW(revoke_credential_request);
        revoke->request_id = network_request_id(&network);
        revoke->credential_id = list->credentials[i]->credential_id;
        network_must(&network, operator_1, "NetworkService", "RevokeCredential", &revoke->base);
    }
}

START_TEST(certificates_are_renewed)
{
    struct principal anyone = network_who(ROLE_ANYONE, "");
    struct principal site = network_who(ROLE_SITE, site_id);
    struct join_code code = box_enrol(&box, "hub:7443");
    expect_no(renew(anyone, &box.key, network.clock.now_utc_ms), CODE_PERMISSION_DENIED,
              "join again");
    ck_assert_int_eq(box_join(&box, box_join_request(&box, &code))->error.code, CODE_OK);
    network.clock.now_utc_ms += 100 * 24 * HOUR_MS; /* the certificate has ended */
    const struct call *call = renew(anyone, &box.key, network.clock.now_utc_ms);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    struct cert_info info;
    struct principal who;
    struct fault fault = FAULT_NONE;
    const Passerelle__V1__RenewSiteResponse *response = (const void *)call->response;
    ck_assert_int_eq(cert_inspect_pem(view_of(response->certificate_pem), "test", &info, &fault),
                     E_OK);
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    ck_assert_int_eq(
        identity_of_certificate(network.service.db, &info, network.clock.now_utc_ms, &who, &fault),
        E_OK);
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    ck_assert_int_eq(renew(site, &box.key, 0)->error.code, CODE_OK);
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    int64_t ends_utc_ms = info.validity.not_after_utc_ms;
    ck_assert_int_eq(identity_of_certificate(network.service.db, &info, ends_utc_ms, &who, &fault),
                     E_UNAUTHENTICATED);
    ck_assert_ptr_nonnull(strstr(fault.text, "expired"));
    ck_assert_int_eq(db_end(network.service.db, &fault), E_OK);
    fault = FAULT_NONE;

    struct ed25519_key stranger;
    ed25519_key_make(&stranger, &network.env);
    expect_no(renew(anyone, &stranger, network.clock.now_utc_ms), CODE_PERMISSION_DENIED,
              "join code");
    expect_no(renew(network_who(ROLE_SITE, "s043"), &stranger, network.clock.now_utc_ms),
              CODE_PERMISSION_DENIED, "join code");
    expect_no(renew(anyone, &box.key, network.clock.now_utc_ms - 25 * HOUR_MS),
              CODE_INVALID_ARGUMENT, "set it right");

    /* Who was cut off does not get back in by itself, however long it waits. */
    revoke_certificates();
    expect_no(renew(anyone, &box.key, network.clock.now_utc_ms), CODE_PERMISSION_DENIED,
              "was revoked");
    network.clock.now_utc_ms += 100 * 24 * HOUR_MS;
    expect_no(renew(anyone, &box.key, network.clock.now_utc_ms), CODE_PERMISSION_DENIED,
              "was revoked");

    /* Another box took the site over: the old one's key renews nothing. */
    struct ed25519_key old = box.key;
    code = box_enrol(&box, "hub:7443");
    ed25519_key_make(&box.key, &network.env);
    ck_assert_int_eq(box_join(&box, box_join_request(&box, &code))->error.code, CODE_OK);
    expect_no(renew(anyone, &old, network.clock.now_utc_ms), CODE_PERMISSION_DENIED, "join code");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("enrol");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_daemon_takes_the_feed_over);
    tcase_add_test(cases, join_codes_that_let_nobody_in);
    tcase_add_test(cases, certificates_are_renewed);
    Suite *suite = suite_create("enrol");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
