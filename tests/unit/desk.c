/* DeskService over the reference network, in one thread: the business clock starts on Tuesday
 * 2026-11-03 at 08:00 in Paris and moves when a test says so. */
#include <check.h>
#include <stdlib.h>

#include "core/csv/csv.h"
#include "core/pass/proof.h"
#include "core/pass/token.h"
#include "core/policy/policy.h"
#include "crypt/secret.h"
#include "lib/network.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "service/desk/memory.h"
#include "service/engine.h"
#include "store/request/request.h"
#include "wire/pack.h"

#define NEW(stem) network_new(&network, &passerelle__v1__##stem##__descriptor)
#define CODE(name) PASSERELLE__V1__REFUSAL_CODE__REFUSAL_CODE_##name
#define MINUTE ((int64_t)MINUTE_MS)
#define HOUR ((int64_t)HOUR_MS)

enum { DESK = 1, MEETING_ROOM = 2, BOOTH = 3 };

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

static void pass_time(int64_t ms)
{
    network.clock.now_utc_ms += ms;
}

static int64_t instant(const char *instant_text)
{
    int64_t utc_ms;
    ck_assert_int_eq(instant_parse(view_of(instant_text), &utc_ms), E_OK);
    return utc_ms;
}

/* Each test of the clock is one transaction, as the writer makes it. */
static void tick(void)
{
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin(network.service.db, &fault), E_OK);
    while (desk_tick(&network.service, network.clock.now_utc_ms)) {
    }
    ck_assert_int_eq(db_commit(network.service.db, &fault), E_OK);
    journal_committed(network.service.journal);
    desk_committed(network.service.desk);
}

/* ---- visitors ---- */

struct visitor {
    const Passerelle__V1__Pass *pass;
    const char *token; /* "PT1:..." */
    struct ed25519_key device;
};

static struct ed25519_key new_device(void)
{
    uint8_t seed[32];
    struct ed25519_key key;
    env_random(&network.env, seed, sizeof seed);
    ed25519_key_from_seed(&key, seed);
    return key;
}

/* Issues the pass of a holder of the reference network, and activates it if it is a phone's. */
static struct visitor visitor(const char *holder)
{
    struct visitor one = {0};
    Passerelle__V1__IssuePassesRequest *request = NEW(issue_passes_request);
    request->request_id = network_request_id(&network);
    request->holder_ids = ARENA_ARRAY(&network.arena, 1, char *);
    request->holder_ids[0] = text(holder);
    request->n_holder_ids = 1;
    const Passerelle__V1__IssuePassesResponse *response =
        network_must(&network, operator(), "PassService", "IssuePasses", &request->base);
    ck_assert_uint_eq(response->n_passes, 1);
    const Passerelle__V1__IssuedPass *issued = response->passes[0];
    one.pass = issued->pass;
    one.token = issued->token;
    if (issued->activation_code[0] != '\0') {
        one.device = new_device();
        one.token = network_activate(&network, issued->activation_code, &one.device);
    }
    return one;
}

/* What the phone shows at this second; a card shows its token. */
static char *shown_at(const struct visitor *who, int64_t utc_s)
{
    if (who->pass->medium == PASSERELLE__V1__MEDIUM__MEDIUM_CARD) {
        return text(who->token);
    }
    struct token_scan scan = TOKEN_SCAN_INIT;
    ck_assert_int_eq(token_scan_parse(view_of(who->token), &scan), TOKEN_VALID);
    uint8_t hash[SHA256_LEN];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    token_hash(scan.token, hash);
    proof_sign(&who->device, hash, (uint64_t)utc_s, signature);
    struct buf out = BUF_INIT;
    token_proof_text(scan.token, (uint64_t)utc_s, signature, &out);
    char *copy = wire_string(&network.arena, buf_content(&out));
    buf_release(&out);
    token_scan_release(&scan);
    return copy;
}

static int64_t now_s(void)
{
    return network.clock.now_utc_ms / 1000;
}

/* ---- the desk ---- */

static struct principal desk_of(const char *site)
{
    return network_who(ROLE_DESK, site);
}

static Passerelle__V1__CheckInRequest *check_in_request(const char *site, char *scan, int resource)
{
    Passerelle__V1__CheckInRequest *request = NEW(check_in_request);
    request->request_id = network_request_id(&network);
    request->site_id = text(site);
    request->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_SCAN;
    request->scan = scan;
    request->resource = (Passerelle__V1__Resource)resource;
    return request;
}

static const Passerelle__V1__CheckInResponse *scan_in(const char *site, char *scan, int resource)
{
    return network_must(&network, desk_of(site), "DeskService", "CheckIn",
                        &check_in_request(site, scan, resource)->base);
}

static const Passerelle__V1__CheckInResponse *check_in(const char *site, const struct visitor *who,
                                                       int resource)
{
    return scan_in(site, shown_at(who, now_s()), resource);
}

static const Passerelle__V1__Visit *let_in(const char *site, const struct visitor *who,
                                           int resource)
{
    const Passerelle__V1__CheckInResponse *response = check_in(site, who, resource);
    ck_assert_msg(response->accepted, "%s", response->accepted ? "" : response->refusal->sentence_en);
    return response->visit;
}

static void expect(const Passerelle__V1__CheckInResponse *response, int code, const char *rule)
{
    ck_assert_msg(!response->accepted, "let in, not refused with %d", code);
    ck_assert_int_eq((int)response->refusal->code, code);
    ck_assert_str_eq(response->refusal->rule, rule);
    ck_assert_uint_gt(strlen(response->refusal->next_step_fr), 10);
}

static const struct call *check_out_call(const char *site, const char *visit_id)
{
    Passerelle__V1__CheckOutRequest *request = NEW(check_out_request);
    request->request_id = network_request_id(&network);
    request->site_id = text(site);
    request->who_case = PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_VISIT_ID;
    request->visit_id = text(visit_id);
    return network_call(&network, desk_of(site), "DeskService", "CheckOut", &request->base);
}

static const Passerelle__V1__CheckOutResponse *check_out(const char *site, const char *visit_id)
{
    const struct call *call = check_out_call(site, visit_id);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    return (const void *)call->response;
}

static const Passerelle__V1__ListVisitsResponse *list(const char *site, const char *day, bool open)
{
    Passerelle__V1__ListVisitsRequest *request = NEW(list_visits_request);
    request->site_id = text(site);
    request->day = text(day);
    request->open_only = open;
    return network_must(&network, desk_of(site), "DeskService", "ListVisits", &request->base);
}

static uint32_t taken(Passerelle__V1__Occupancy *const *occupancy, size_t count, int resource)
{
    for (size_t i = 0; i < count; i++) {
        if ((int)occupancy[i]->resource == resource) {
            return occupancy[i]->taken;
        }
    }
    return UINT32_MAX;
}

static uint32_t in_now(const char *site, int resource)
{
    const Passerelle__V1__ListVisitsResponse *response = list(site, "", true);
    return taken(response->occupancy, response->n_occupancy, resource);
}

static int64_t count_rows(const char *site, const char *day)
{
    return (int64_t)list(site, day, false)->n_visits;
}

/* ---- a visit ---- */

START_TEST(a_visitor_comes_and_leaves)
{
    found();
    struct visitor anna = visitor("h00001");
    const Passerelle__V1__CheckInResponse *in = check_in("s002", &anna, 0);
    ck_assert(in->accepted);
    ck_assert(!in->check_identity);
    ck_assert_str_eq(in->visit->display_name, "Aurèle A.");
    ck_assert_str_eq(in->visit->pass_number, anna.pass->number);
    ck_assert_int_eq(in->visit->in_utc_ms, network.clock.now_utc_ms);
    ck_assert_uint_eq(taken(in->occupancy, in->n_occupancy, DESK), 1);
    ck_assert(in->knowledge->complete);
    pass_time(2 * HOUR);
    const Passerelle__V1__ListVisitsResponse *visits = list("s002", "", true);
    ck_assert_uint_eq(visits->n_visits, 1);
    ck_assert_str_eq(visits->visits[0]->visit_id, in->visit->visit_id);
    ck_assert_str_eq(visits->visits[0]->display_name, "Aurèle A.");
    Passerelle__V1__CheckOutRequest *request = NEW(check_out_request);
    request->request_id = network_request_id(&network);
    request->site_id = text("s002");
    request->who_case = PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_SCAN;
    request->scan = text(anna.token); /* a photograph of the token opens nothing, and ends nothing */
    ck_assert_int_eq(network_call(&network, desk_of("s002"), "DeskService", "CheckOut",
                                  &request->base)
                         ->error.code,
                     CODE_FAILED_PRECONDITION);
    request->scan = shown_at(&anna, now_s());
    const Passerelle__V1__CheckOutResponse *out =
        network_must(&network, desk_of("s002"), "DeskService", "CheckOut", &request->base);
    ck_assert_int_eq(out->visit->out_utc_ms, network.clock.now_utc_ms);
    ck_assert_uint_eq(taken(out->occupancy, out->n_occupancy, DESK), 0);
    ck_assert_int_eq(check_out_call("s002", out->visit->visit_id)->error.code,
                     CODE_FAILED_PRECONDITION);
    /* The same code does not let in again. */
    expect(scan_in("s002", request->scan, 0), CODE(PROOF_REPLAYED), "");
    ck_assert_int_eq(count_rows("s002", ""), 1);
    /* On the next day the name is gone. */
    pass_time(24 * HOUR);
    visits = list("s002", "2026-11-03", false);
    ck_assert_uint_eq(visits->n_visits, 1);
    ck_assert_str_eq(visits->visits[0]->display_name, "");
    end();
}
END_TEST

START_TEST(a_request_is_answered_once)
{
    found();
    struct visitor anna = visitor("h00001");
    Passerelle__V1__CheckInRequest *request =
        check_in_request("s002", shown_at(&anna, now_s()), 0);
    const struct call *first =
        network_call(&network, desk_of("s002"), "DeskService", "CheckIn", &request->base);
    struct view answer = wire_pack_arena(&network.arena, first->response);
    for (int restarts = 0; restarts < 2; restarts++) {
        const struct call *again =
            network_call(&network, desk_of("s002"), "DeskService", "CheckIn", &request->base);
        ck_assert_int_eq(again->error.code, CODE_OK);
        ck_assert(view_equal(answer, wire_pack_arena(&network.arena, again->response)));
        network_reopen(&network);
    }
    request->resource = (Passerelle__V1__Resource)BOOTH;
    ck_assert_int_eq(network_call(&network, desk_of("s002"), "DeskService", "CheckIn",
                                  &request->base)
                         ->error.code,
                     CODE_ALREADY_EXISTS);
    /* The proof is remembered across the restart, by the entry. */
    expect(scan_in("s009", request->scan, 0), CODE(PROOF_REPLAYED), "");
    ck_assert_int_eq(count_rows("s002", ""), 1);
    /* A refusal is an answer, and repeated as such. */
    Passerelle__V1__CheckInRequest *refused = check_in_request("s002", text("PT1:nonsense"), 0);
    for (int i = 0; i < 2; i++) {
        const Passerelle__V1__CheckInResponse *response =
            network_must(&network, desk_of("s002"), "DeskService", "CheckIn", &refused->base);
        expect(response, CODE(BAD_TOKEN), "");
        network_reopen(&network);
    }
    end();
}
END_TEST

/* Its answer was lost with a disk, or to another keeper of the feed: nobody is let in twice. */
START_TEST(a_forgotten_answer_is_no_second_visit)
{
    found();
    struct visitor anna = visitor("h00001");
    struct fault fault = FAULT_NONE;
    Passerelle__V1__CheckInRequest *request =
        check_in_request("s002", shown_at(&anna, now_s()), BOOTH);
    network_must(&network, desk_of("s002"), "DeskService", "CheckIn", &request->base);
    check_out("s002", request->request_id);
    ck_assert_int_eq(db_begin(network.service.db, &fault), E_OK);
    ck_assert_int_gt(request_forget(network.service.db, INT64_MAX, 1000), 0);
    ck_assert_int_eq(db_commit(network.service.db, &fault), E_OK);
    network.clock.now_utc_ms += 1000;
    request->scan = shown_at(&anna, now_s());
    const struct call *again =
        network_call(&network, desk_of("s002"), "DeskService", "CheckIn", &request->base);
    ck_assert_int_eq(again->error.code, CODE_ALREADY_EXISTS);
    ck_assert_ptr_nonnull(strstr(again->error.message, "let somebody in before"));
    ck_assert_int_eq(count_rows("s002", ""), 1);
    end();
}
END_TEST

/* ---- refusals ---- */

static void move_pass(const char *method, const ProtobufCMessageDescriptor *input,
                      const struct visitor *who)
{
    Passerelle__V1__SuspendPassesRequest *request = network_new(&network, input);
    request->request_id = network_request_id(&network);
    request->pass_ids = ARENA_ARRAY(&network.arena, 1, char *);
    request->pass_ids[0] = who->pass->pass_id;
    request->n_pass_ids = 1;
    request->reason = text("for a test");
    network_must(&network, operator(), "PassService", method, &request->base);
}

START_TEST(passes_are_refused)
{
    found();
    struct visitor anna = visitor("h00001");
    expect(scan_in("s002", text("hello"), 0), CODE(BAD_TOKEN), "");
    char *token = text(anna.token);
    expect(scan_in("s002", token, 0), CODE(PROOF_MISSING), "");
    Passerelle__V1__CheckInRequest *typed = check_in_request("s002", text(""), 0);
    typed->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER;
    typed->card_number = text(anna.pass->number); /* a phone's pass has a number, too */
    expect(network_must(&network, desk_of("s002"), "DeskService", "CheckIn", &typed->base),
           CODE(PROOF_MISSING), "");
    expect(scan_in("s002", shown_at(&anna, now_s() - 61), 0), CODE(PROOF_STALE), "age");
    expect(scan_in("s002", shown_at(&anna, now_s() + 61), 0), CODE(PROOF_STALE), "future");
    struct visitor thief = anna;
    thief.device = new_device();
    expect(check_in("s002", &thief, 0), CODE(PROOF_STALE), "device");
    /* Refused scans do not use a proof up. */
    ck_assert(scan_in("s002", shown_at(&anna, now_s() - 60), 0)->accepted);
    expect(scan_in("s002", shown_at(&anna, now_s() - 60), 0), CODE(PROOF_REPLAYED), "");
    expect(check_in("s002", &anna, 0), CODE(ALREADY_IN), "");

    move_pass("SuspendPasses", &passerelle__v1__suspend_passes_request__descriptor, &anna);
    pass_time(1000);
    expect(check_in("s002", &anna, 0), CODE(SUSPENDED), "");
    move_pass("ResumePasses", &passerelle__v1__resume_passes_request__descriptor, &anna);
    ck_assert(check_in("s009", &anna, 0)->accepted);
    pass_time(1000);
    /* Another phone takes the pass over: the first one is revoked. */
    Passerelle__V1__RenewActivationRequest *renew = NEW(renew_activation_request);
    renew->request_id = network_request_id(&network);
    renew->pass_id = anna.pass->pass_id;
    const Passerelle__V1__RenewActivationResponse *code =
        network_must(&network, operator(), "PassService", "RenewActivation", &renew->base);
    struct visitor moved = anna;
    moved.device = new_device();
    moved.token = network_activate(&network, code->activation_code, &moved.device);
    expect(check_in("s010", &anna, 0), CODE(REVOKED), "");
    ck_assert(check_in("s010", &moved, 0)->accepted);
    pass_time(1000);
    move_pass("RevokePasses", &passerelle__v1__revoke_passes_request__descriptor, &moved);
    expect(check_in("s002", &moved, 0), CODE(REVOKED), "");
    /* Whoever is in may leave all the same. */
    check_out("s010", list("s010", "", true)->visits[0]->visit_id);
    end();
}
END_TEST

START_TEST(keys_and_days_are_refused)
{
    found();
    struct visitor card = visitor("h00003");
    const Passerelle__V1__CheckInResponse *in = check_in("s002", &card, 0);
    ck_assert(in->accepted);
    ck_assert(in->check_identity);
    /* One changed character: base45 still reads, the signature does not hold. */
    size_t len = strlen(card.token);
    int forged = 0;
    for (size_t i = len - 60; i < len - 30; i += 3) {
        char *other = text(card.token);
        other[i] = other[i] == '0' ? '1' : '0';
        const Passerelle__V1__CheckInResponse *response = scan_in("s009", other, 0);
        ck_assert(!response->accepted);
        forged += (int)response->refusal->code == CODE(BAD_SIGNATURE);
    }
    ck_assert_int_gt(forged, 0);
    Passerelle__V1__RotateTokenKeyRequest *rotate = NEW(rotate_token_key_request);
    rotate->request_id = network_request_id(&network);
    const Passerelle__V1__RotateTokenKeyResponse *keys =
        network_must(&network, operator(), "PassService", "RotateTokenKey", &rotate->base);
    ck_assert_uint_eq(keys->n_keys, 2);
    ck_assert(check_in("s009", &card, 0)->accepted); /* two keys are valid during the change */
    rotate = NEW(rotate_token_key_request);
    rotate->request_id = network_request_id(&network);
    rotate->retire_key_id = keys->keys[1]->key_id;
    network_must(&network, operator(), "PassService", "RotateTokenKey", &rotate->base);
    expect(check_in("s010", &card, 0), CODE(UNKNOWN_KEY), "");
    /* The number on the card needs no key. */
    Passerelle__V1__CheckInRequest *typed = check_in_request("s010", text(""), 0);
    typed->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER;
    typed->card_number = text(card.pass->number);
    in = network_must(&network, desk_of("s010"), "DeskService", "CheckIn", &typed->base);
    ck_assert(in->accepted);
    typed = check_in_request("s010", text(""), 0);
    typed->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER;
    typed->card_number = text("1234567890");
    expect(network_must(&network, desk_of("s010"), "DeskService", "CheckIn", &typed->base),
           CODE(BAD_TOKEN), "");
    /* Before the first day; the card's key being retired, a fresh card speaks. */
    struct visitor other = visitor("h00005"); /* active from 2026-01-14 */
    network.clock.now_utc_ms = instant("2026-01-13T22:59:59.999Z");
    expect(check_in("s009", &other, 0), CODE(NOT_YET_VALID), "");
    network.clock.now_utc_ms = instant("2026-11-03T08:00:00.000Z");
    end();
}
END_TEST

static void set_policy(const char *employer, Passerelle__V1__PolicyRule *rules, size_t count)
{
    Passerelle__V1__SetEmployerPolicyRequest *request = NEW(set_employer_policy_request);
    request->request_id = network_request_id(&network);
    request->policy = NEW(employer_policy);
    request->policy->employer_id = text(employer);
    request->policy->rules = ARENA_ARRAY(&network.arena, count + 1, Passerelle__V1__PolicyRule *);
    for (size_t i = 0; i < count; i++) {
        request->policy->rules[request->policy->n_rules++] = &rules[i];
    }
    network_must(&network, operator(), "EmployerService", "SetEmployerPolicy", &request->base);
}

START_TEST(employers_rules_warn_or_block)
{
    found();
    struct visitor anna = visitor("h00001");
    Passerelle__V1__Zone urban = PASSERELLE__V1__ZONE__ZONE_URBAN;
    Passerelle__V1__PolicyRule rule = PASSERELLE__V1__POLICY_RULE__INIT;
    rule.kind = PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_ZONES;
    rule.enforcement = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK;
    rule.zones = &urban;
    rule.n_zones = 1;
    set_policy("e001", &rule, 1);
    expect(check_in("s002", &anna, 0), CODE(NOT_ENTITLED), "zones");
    rule.enforcement = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_WARN;
    set_policy("e001", &rule, 1);
    const Passerelle__V1__CheckInResponse *in = check_in("s002", &anna, 0);
    ck_assert(in->accepted);
    ck_assert_uint_eq(in->n_warnings, 1);
    ck_assert_str_eq(in->warnings[0], "zones");
    /* One day a week: today again, but not tomorrow. */
    Passerelle__V1__PolicyRule days = PASSERELLE__V1__POLICY_RULE__INIT;
    days.kind = PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_DAYS_A_WEEK;
    days.enforcement = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK;
    days.number = 1;
    set_policy("e001", &days, 1);
    pass_time(1000);
    ck_assert(check_in("s009", &anna, 0)->accepted);
    pass_time(24 * HOUR);
    expect(check_in("s002", &anna, 0), CODE(NOT_ENTITLED), "days_a_week");
    pass_time(6 * 24 * HOUR); /* Tuesday next week */
    ck_assert(check_in("s002", &anna, 0)->accepted);
    end();
}
END_TEST

START_TEST(places_are_counted)
{
    found();
    struct visitor one = visitor("h00003"), two = visitor("h00005"); /* cards */
    const Passerelle__V1__Visit *visit = let_in("s002", &one, BOOTH); /* it has one booth */
    expect(check_in("s002", &two, BOOTH), CODE(SITE_FULL), "");
    check_out("s002", visit->visit_id);
    let_in("s002", &two, BOOTH);
    expect(check_in("s010", &two, BOOTH), CODE(SITE_FULL), ""); /* has none */
    network_reopen(&network);
    expect(check_in("s002", &one, BOOTH), CODE(SITE_FULL), "");
    let_in("s002", &one, DESK);
    ck_assert_uint_eq(in_now("s002", DESK), 1);
    ck_assert_uint_eq(in_now("s002", BOOTH), 1);
    /* Whoever takes a desk elsewhere has left this one. */
    let_in("s009", &one, DESK);
    ck_assert_uint_eq(in_now("s002", DESK), 0);
    ck_assert_uint_eq(in_now("s009", DESK), 1);
    const Passerelle__V1__ListVisitsResponse *visits = list("s002", "", false);
    bool cut = false;
    for (size_t i = 0; i < visits->n_visits; i++) {
        cut |= visits->visits[i]->cut_short;
    }
    ck_assert(cut);
    /* And may come back. */
    pass_time(1000);
    let_in("s002", &one, DESK);
    ck_assert_uint_eq(in_now("s002", DESK), 1);
    ck_assert_uint_eq(in_now("s009", DESK), 0);
    network.clock.now_utc_ms = instant("2026-11-03T17:59:59.000Z");
    let_in("s002", &two, DESK);
    network.clock.now_utc_ms = instant("2026-11-03T18:00:00.000Z");
    expect(check_in("s002", &two, BOOTH), CODE(SITE_CLOSED), "");
    network.clock.now_utc_ms = instant("2026-11-11T10:00:00.000Z"); /* Armistice */
    expect(check_in("s002", &two, BOOTH), CODE(SITE_CLOSED), "");
    end();
}
END_TEST

/* ---- money ---- */

static Passerelle__V1__ImportTableResponse *import_stays(const char *csv, bool partial,
                                                         bool dry_run)
{
    Passerelle__V1__ImportStaysRequest *request = NEW(import_stays_request);
    request->request_id = network_request_id(&network);
    request->csv = wire_bytes(view_of(csv));
    request->partial = partial;
    request->dry_run = dry_run;
    const Passerelle__V1__ImportStaysResponse *response =
        network_must(&network, operator(), "DeskService", "ImportStays", &request->base);
    return response->report;
}

#define HEADER "visit_id,site_id,holder_id,resource,check_in,check_out,medium,source\n"

/* A stay on a day of November from 09:00 in Paris on. */
static void stay(const char *site, const char *holder, const char *resource, int day, int hours)
{
    struct buf csv = BUF_INIT;
    buf_printf(&csv, HEADER "%s,%s,%s,%s,2026-11-%02dT08:00:00.000Z,2026-11-%02dT%02d:00:00.000Z,"
                            "phone,online\n",
               network_request_id(&network), site, holder, resource, day, day, 8 + hours);
    buf_byte(&csv, '\0');
    ck_assert_uint_eq(import_stays(csv.data, false, false)->added, 1);
    buf_release(&csv);
}

START_TEST(units_and_caps_run_out)
{
    found();
    network.clock.now_utc_ms = instant("2026-11-12T08:00:00.000Z");
    /* e014-p1: 10 units a month, then refused. */
    struct visitor sub = visitor("h00394");
    for (int day = 2; day <= 5; day++) {
        stay("s002", "h00394", "desk", day, 8); /* 2 units each */
    }
    stay("s002", "h00394", "desk", 6, 4); /* 9 units */
    const Passerelle__V1__Visit *visit = let_in("s002", &sub, DESK); /* one is left: reserved */
    pass_time(4 * MINUTE);
    const Passerelle__V1__Visit *moved = let_in("s009", &sub, DESK); /* the first in grace */
    check_out("s002", visit->visit_id);
    pass_time(10 * MINUTE);
    expect(check_in("s010", &sub, DESK), CODE(NO_CREDIT), "");
    ck_assert(check_in("s010", &sub, MEETING_ROOM)->accepted); /* rooms use no units */
    check_out("s009", moved->visit_id);
    pass_time(1000);
    expect(check_in("s009", &sub, DESK), CODE(NO_CREDIT), ""); /* a half-day more could be used */
    /* e003-p1: 200 EUR a month for each holder; a rural day is 12.45, a room 15.45, a booth 4.95. */
    struct visitor use = visitor("h00040");
    stay("s002", "h00040", "meeting_room", 10, 12); /* 185.40 */
    visit = let_in("s002", &use, DESK);             /* 12.45 are reserved */
    pass_time(1000);
    expect(check_in("s002", &use, BOOTH), CODE(CAP_REACHED), "holder_cap");
    check_out("s002", visit->visit_id); /* in grace: nothing is charged */
    pass_time(1000);
    ck_assert(check_in("s002", &use, BOOTH)->accepted);
    end();
}
END_TEST

START_TEST(caps_of_many_are_shared)
{
    found();
    struct visitor anna = visitor("h00001"), ben = visitor("h00005"); /* CC4, CC2 */
    char centre[] = "CC4";
    Passerelle__V1__PolicyRule cap = PASSERELLE__V1__POLICY_RULE__INIT;
    cap.kind = PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_CONTRACT_CAP;
    cap.enforcement = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK;
    cap.cents = 2100; /* a rural day is 1,245 */
    set_policy("e001", &cap, 1);
    const Passerelle__V1__Visit *visit = let_in("s002", &anna, DESK);
    expect(check_in("s002", &ben, DESK), CODE(CAP_REACHED), "contract_cap");
    pass_time(4 * HOUR);
    check_out("s002", visit->visit_id); /* 775 */
    ck_assert(check_in("s002", &ben, DESK)->accepted);
    cap.kind = PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_COST_CENTRE_CAP;
    cap.cost_centre = centre;
    cap.cents = 1900;
    set_policy("e001", &cap, 1);
    ck_assert(check_in("s002", &ben, BOOTH)->accepted); /* another cost centre */
    expect(check_in("s001", &anna, MEETING_ROOM), CODE(CAP_REACHED), "cost_centre_cap");
    cap.enforcement = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_WARN;
    set_policy("e001", &cap, 1);
    const Passerelle__V1__CheckInResponse *in = check_in("s001", &anna, MEETING_ROOM);
    ck_assert(in->accepted);
    ck_assert_str_eq(in->warnings[0], "cost_centre_cap");
    end();
}
END_TEST

/* The sums that are remembered and mended are those that a fresh scan finds. */
static struct policy_sums sums_of(const char *plan, const char *holder, bool *no_credit)
{
    struct service *service = &network.service;
    struct fault fault = FAULT_NONE;
    struct policy_sums sums = {0};
    const char *centre;
    struct call call = {.arena = &network.arena};
    ck_assert_int_eq(db_begin_read(service->db, &fault), E_OK);
    desk_refresh(service);
    struct desk_plan asked = *desk_plan(service, view_of(plan));
    Passerelle__V1__PolicyRule cap = PASSERELLE__V1__POLICY_RULE__INIT;
    cap.kind = PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_CONTRACT_CAP;
    Passerelle__V1__PolicyRule *rules[] = {&cap};
    Passerelle__V1__EmployerPolicy policy = PASSERELLE__V1__EMPLOYER_POLICY__INIT;
    policy.rules = rules;
    policy.n_rules = 1;
    asked.policy = &policy; /* so that all sums are asked for */
    struct money_question question = {
        .plan = &asked,
        .site = desk_site(service, view_of("s009")),
        .holder_id = view_of(holder),
        .resource = DESK_RESOURCE,
        .now_utc_ms = network.clock.now_utc_ms,
    };
    ck_assert(desk_money(service, &call, &question, &sums, no_credit, &centre));
    ck_assert_int_eq(db_end(service->db, &fault), E_OK);
    return sums;
}

START_TEST(sums_are_mended_not_guessed)
{
    static const struct {
        const char *plan;
        const char *holders[3];
    } rows[] = {
        {"e002-p1", {"h00009", "h00010", "h00011"}}, /* carnets */
        {"e006-p2", {"h00163", "h00164", "h00165"}}, /* usage */
        {"e014-p1", {"h00393", "h00394", "h00395"}}, /* subscription */
    };
    static const char *const sites[] = {"s002", "s009", "s010"};
    found();
    struct visitor who[3];
    for (int h = 0; h < 3; h++) {
        who[h] = visitor(rows[_i].holders[h]);
    }
    network.clock.now_utc_ms = instant("2026-11-03T07:10:00.000Z");
    uint64_t dice = 88172645463325252u + (uint64_t)_i;
    for (int step = 0; step < 120; step++) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        const struct visitor *one = &who[dice % 3];
        const char *site = sites[dice / 3 % 3];
        const Passerelle__V1__ListVisitsResponse *open = list(site, "", true);
        if (dice / 9 % 3 == 0 && open->n_visits > 0) {
            check_out(site, open->visits[0]->visit_id);
        } else if (dice / 9 % 9 == 1) {
            stay("s002", rows[_i].holders[dice / 81 % 3], "desk", 2, 1 + (int)(dice / 243 % 7));
        } else {
            check_in(site, one, 1 + (int)(dice / 27 % 2));
        }
        pass_time((int64_t)(dice / 729 % 60) * MINUTE);
        tick();
        bool vain, fresh_vain;
        const char *holder = rows[_i].holders[dice / 5 % 3];
        struct policy_sums kept = sums_of(rows[_i].plan, holder, &vain);
        desk_money_forget(network.service.desk);
        struct policy_sums fresh = sums_of(rows[_i].plan, holder, &fresh_vain);
        ck_assert_msg(memcmp(&kept, &fresh, sizeof kept) == 0 && vain == fresh_vain,
                      "plan %s, step %d: %lld, %lld", rows[_i].plan, step,
                      (long long)kept.contract_cents, (long long)fresh.contract_cents);
    }
    end();
}
END_TEST

/* ---- the clock ---- */

START_TEST(forgotten_visits_are_closed)
{
    found();
    struct visitor anna = visitor("h00001"), ben = visitor("h00005");
    tick();
    let_in("s002", &anna, DESK); /* closes at 19:00 */
    let_in("s009", &ben, DESK);  /* never: midnight */
    network.clock.now_utc_ms = instant("2026-11-03T17:59:59.999Z");
    tick();
    ck_assert_uint_eq(list("s002", "", true)->n_visits, 1);
    pass_time(1);
    tick();
    const Passerelle__V1__ListVisitsResponse *visits = list("s002", "", false);
    ck_assert_uint_eq(visits->n_visits, 1);
    ck_assert(visits->visits[0]->auto_closed);
    ck_assert_int_eq(visits->visits[0]->out_utc_ms, network.clock.now_utc_ms);
    ck_assert_uint_eq(in_now("s002", DESK), 0);
    ck_assert_uint_eq(in_now("s009", DESK), 1);
    /* The daemon slept over midnight. */
    network_reopen(&network);
    network.clock.now_utc_ms = instant("2026-11-04T09:00:00.000Z");
    ck_assert_uint_eq(in_now("s009", DESK), 0); /* nobody is in past midnight, told or not */
    tick();
    visits = list("s009", "2026-11-03", false);
    ck_assert_int_eq(visits->visits[0]->out_utc_ms, instant("2026-11-03T23:00:00.000Z"));
    ck_assert(visits->visits[0]->auto_closed);
    /* RULES 2: the month counts them, whoever told their end. */
    Passerelle__V1__GetPeriodRequest *request =
        network_new(&network, &passerelle__v1__get_period_request__descriptor);
    request->month = text("2026-11");
    const Passerelle__V1__GetPeriodResponse *month =
        network_must(&network, operator(), "SettlementService", "GetPeriod", &request->base);
    ck_assert_uint_eq(month->document->stays, 2);
    ck_assert_uint_eq(month->document->auto_closed, 2);
    end();
}
END_TEST

START_TEST(a_clock_set_back_opens_nothing)
{
    found();
    struct visitor anna = visitor("h00001");
    char *scan = shown_at(&anna, now_s());
    const Passerelle__V1__CheckInResponse *in = scan_in("s009", scan, 0);
    pass_time(30 * MINUTE);
    struct visitor ben = visitor("h00005");
    let_in("s009", &ben, DESK);
    pass_time(-HOUR);
    expect(scan_in("s009", shown_at(&anna, now_s() + 3600), BOOTH), CODE(PROOF_STALE), "future");
    const Passerelle__V1__CheckOutResponse *out = check_out("s009", in->visit->visit_id);
    ck_assert_int_eq(out->visit->out_utc_ms, in->visit->in_utc_ms); /* not before it began */
    pass_time(30 * MINUTE);
    expect(scan_in("s009", scan, 0), CODE(PROOF_REPLAYED), "");
    end();
}
END_TEST

/* ---- changes ---- */

static enum code undo(const char *site, const char *visit_id)
{
    Passerelle__V1__UndoRequest *request = NEW(undo_request);
    request->request_id = network_request_id(&network);
    request->site_id = text(site);
    request->visit_id = text(visit_id);
    return network_call(&network, desk_of(site), "DeskService", "Undo", &request->base)->error.code;
}

static enum code void_visit(const char *site, const char *visit_id, const char *reason)
{
    Passerelle__V1__VoidVisitRequest *request = NEW(void_visit_request);
    request->request_id = network_request_id(&network);
    request->site_id = text(site);
    request->visit_id = text(visit_id);
    request->reason = text(reason);
    return network_call(&network, desk_of(site), "DeskService", "VoidVisit", &request->base)
        ->error.code;
}

static const struct call *correct(const char *site, const char *visit_id, int64_t in, int64_t out)
{
    Passerelle__V1__CorrectVisitRequest *request = NEW(correct_visit_request);
    request->request_id = network_request_id(&network);
    request->site_id = text(site);
    request->visit_id = text(visit_id);
    request->in_utc_ms = in;
    request->out_utc_ms = out;
    request->reason = text("forgot to scan");
    return network_call(&network, desk_of(site), "DeskService", "CorrectVisit", &request->base);
}

START_TEST(desks_mend_their_visits)
{
    found();
    struct visitor anna = visitor("h00001"), ben = visitor("h00005");
    const Passerelle__V1__Visit *first = let_in("s009", &anna, DESK);
    const Passerelle__V1__Visit *second = let_in("s009", &ben, DESK);
    ck_assert_int_eq(undo("s009", first->visit_id), CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(undo("s010", second->visit_id), CODE_NOT_FOUND);
    pass_time(MINUTE + 1);
    ck_assert_int_eq(undo("s009", second->visit_id), CODE_FAILED_PRECONDITION);
    pass_time(-1);
    ck_assert_int_eq(undo("s009", second->visit_id), CODE_OK);
    ck_assert_uint_eq(in_now("s009", DESK), 1);
    let_in("s009", &ben, DESK); /* another one, which stands */
    ck_assert_int_eq(void_visit("s009", first->visit_id, "  "), CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(void_visit("s010", first->visit_id, "not here"), CODE_NOT_FOUND);
    ck_assert_int_eq(correct("s009", first->visit_id, 0, 0)->error.code, CODE_FAILED_PRECONDITION);
    pass_time(HOUR);
    const Passerelle__V1__CheckOutResponse *out = check_out("s009", first->visit_id);
    int64_t ended = out->visit->out_utc_ms;
    pass_time(72 * HOUR);
    const struct call *call = correct("s009", first->visit_id, 0, ended + HOUR);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    const Passerelle__V1__Visit *after =
        ((const Passerelle__V1__CorrectVisitResponse *)call->response)->visit;
    ck_assert_int_eq(after->out_utc_ms, ended + HOUR);
    ck_assert_int_eq(correct("s009", first->visit_id, 0, ended)->error.code,
                     CODE_FAILED_PRECONDITION);
    const Passerelle__V1__ListVisitsResponse *visits = list("s009", "2026-11-03", false);
    ck_assert_uint_eq(visits->n_visits, 4);
    size_t corrected = 0;
    for (size_t i = 0; i < visits->n_visits; i++) {
        corrected += strcmp(visits->visits[i]->corrected_by, after->visit_id) == 0;
    }
    ck_assert_uint_eq(corrected, 1);
    pass_time(HOUR + 1);
    ck_assert_int_eq(void_visit("s009", after->visit_id, "too late"), CODE_FAILED_PRECONDITION);
    end();
}
END_TEST

START_TEST(paper_is_noted)
{
    found();
    struct visitor anna = visitor("h00001");
    Passerelle__V1__NotePaperStayRequest *request = NEW(note_paper_stay_request);
    request->request_id = network_request_id(&network);
    request->site_id = text("s002");
    request->pass_number = text(anna.pass->number);
    request->in_utc_ms = network.clock.now_utc_ms - 72 * HOUR;
    const struct call *call;
#define NOTE()                                                                                     \
    (call = network_call(&network, desk_of("s002"), "DeskService", "NotePaperStay", &request->base))
    ck_assert_int_eq(NOTE()->error.code, CODE_INVALID_ARGUMENT); /* no reason */
    request->reason = text("the network was away");
    int64_t in_utc_ms = request->in_utc_ms;
    const int64_t nowhere[] = {INT64_MAX, INT64_MIN, -1, INT64_C(253402300800000)};
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) { /* no day can be told of these */
        request->in_utc_ms = nowhere[i];
        ck_assert_int_eq(NOTE()->error.code, CODE_INVALID_ARGUMENT);
    }
    request->in_utc_ms = in_utc_ms - 1;
    ck_assert_int_eq(NOTE()->error.code, CODE_FAILED_PRECONDITION);
    request->in_utc_ms++;
    ck_assert_msg(NOTE()->error.code == CODE_OK, "%s", call->error.message);
    const Passerelle__V1__Visit *visit =
        ((const Passerelle__V1__NotePaperStayResponse *)call->response)->visit;
    ck_assert_int_eq((int)visit->source, PASSERELLE__V1__SOURCE__SOURCE_PAPER);
    ck_assert_int_eq(NOTE()->error.code, CODE_OK); /* the same request: the same answer */
    ck_assert_int_eq(count_rows("s002", "2026-10-31"), 1);
    request->request_id = network_request_id(&network);
    request->pass_number = text("1111111111");
    ck_assert_int_eq(NOTE()->error.code, CODE_INVALID_ARGUMENT);
    end();
}
END_TEST

/* ---- import ---- */

START_TEST(stays_are_imported)
{
    found();
    Passerelle__V1__ImportStaysRequest *request = NEW(import_stays_request);
    struct view file =
        network_read_file(&network, network_reference_dir(), "visits-2026-10.csv");
    size_t header = view_find(file, '\n') + 1;
    for (int round = 0; round < 2; round++) {
        struct view rest = view_slice(file, header, file.len);
        uint32_t line = 2, added = 0, unchanged = 0;
        while (rest.len > 0) {
            struct view chunk = csv_split(rest, 200000);
            struct buf csv = BUF_INIT;
            buf_view(&csv, view_slice(file, 0, header));
            buf_view(&csv, chunk);
            request->request_id = network_request_id(&network);
            request->csv = wire_bytes(buf_content(&csv));
            request->first_line = line;
            const Passerelle__V1__ImportStaysResponse *response =
                network_must(&network, operator(), "DeskService", "ImportStays", &request->base);
            ck_assert_msg(response->report->done, "%s",
                          response->report->n_reports == 0
                              ? ""
                              : response->report->reports[0]->problem);
            added += response->report->added;
            unchanged += response->report->unchanged;
            line += response->report->lines;
            rest = view_slice(rest, chunk.len, rest.len);
            buf_release(&csv);
        }
        ck_assert_uint_eq(added, round == 0 ? 12002 : 0);
        ck_assert_uint_eq(unchanged, round == 0 ? 0 : 12002);
    }
    end();
}
END_TEST

#define ID "01a0f609-b58e-7e4d-8286-6d5370d0be9e"
#define IN "2026-11-02T08:00:00.000Z"
#define OUT "2026-11-02T10:00:00.000Z"

static const struct {
    const char *line;
    const char *problem; /* part of the sentence; NULL: fine */
} lines[] = {
    {ID ",s002,h00001,desk," IN "," OUT ",phone,online", NULL},
    {ID ",s002,h00001,desk," IN ",,card,paper", NULL},
    {"x,s002,h00001,desk," IN "," OUT ",phone,online", "UUID"},
    {ID ",s999,h00001,desk," IN "," OUT ",phone,online", "site"},
    {ID ",s002,h99999,desk," IN "," OUT ",phone,online", "holder"},
    {ID ",s002,h00001,sofa," IN "," OUT ",phone,online", "resource"},
    {ID ",s007,h00001,booth," IN "," OUT ",phone,online", "has no booth"},
    {ID ",s002,h00001,desk,2026-11-02 08:00," OUT ",phone,online", "check_in"},
    {ID ",s002,h00001,desk,," OUT ",phone,online", "check_in"},
    {ID ",s002,h00001,desk," IN ",soon,phone,online", "check_out"},
    {ID ",s002,h00001,desk," OUT "," IN ",phone,online", "before"},
    {ID ",s002,h00001,desk," IN "," OUT ",watch,online", "medium"},
    {ID ",s002,h00001,desk," IN "," OUT ",phone,offset", "source"},
};

START_TEST(lines_are_refused_by_name)
{
    found();
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct buf csv = BUF_INIT;
        buf_printf(&csv, HEADER "%s\n", lines[i].line);
        buf_byte(&csv, '\0');
        const Passerelle__V1__ImportTableResponse *report = import_stays(csv.data, false, true);
        ck_assert_msg((report->refused == 1) == (lines[i].problem != NULL), "%s", lines[i].line);
        if (lines[i].problem != NULL) {
            ck_assert_uint_eq(report->reports[0]->line, 2);
            ck_assert_msg(strstr(report->reports[0]->problem, lines[i].problem) != NULL, "%s: %s",
                          lines[i].line, report->reports[0]->problem);
        }
        buf_release(&csv);
    }
    /* A dry run wrote nothing; one bad line takes all with it, unless partial is asked for. */
    const char *two = HEADER ID ",s002,h00001,desk," IN "," OUT ",phone,online\n"
                             "x,s002,h00001,desk," IN "," OUT ",phone,online\n"
                      ID ",s002,h00001,desk," IN "," OUT ",phone,online\n";
    const Passerelle__V1__ImportTableResponse *report = import_stays(two, false, false);
    ck_assert(!report->done);
    ck_assert_uint_eq(report->added, 0);
    ck_assert_int_eq(count_rows("s002", "2026-11-02"), 0);
    report = import_stays(two, true, false);
    ck_assert_uint_eq(report->added, 1);
    ck_assert_uint_eq(report->unchanged, 1); /* told twice, the same */
    ck_assert_uint_eq(report->refused, 1);
    ck_assert_int_eq(count_rows("s002", "2026-11-02"), 1);
    report = import_stays(HEADER ID ",s009,h00001,desk," IN "," OUT ",phone,online\n", true, false);
    ck_assert_uint_eq(report->refused, 1);
    ck_assert_ptr_nonnull(strstr(report->reports[0]->problem, "other content"));
    end();
}
END_TEST

/* ---- the stream ---- */

static struct {
    int arrivals, departures, statuses;
    uint32_t desks;
    bool full;
} seen;

static bool emit(struct stream *stream, const ProtobufCMessage *message)
{
    (void)stream;
    const Passerelle__V1__WatchResponse *event = (const void *)message;
    switch (event->event_case) {
    case PASSERELLE__V1__WATCH_RESPONSE__EVENT_ARRIVAL:
        ck_assert_str_ne(event->arrival->display_name, "");
        seen.arrivals++;
        break;
    case PASSERELLE__V1__WATCH_RESPONSE__EVENT_DEPARTURE:
        seen.departures++;
        break;
    default:
        seen.statuses++;
        seen.desks = taken(event->status->occupancy, event->status->n_occupancy, DESK);
        break;
    }
    return !seen.full;
}

static void expect_events(struct stream *stream, int arrivals, int departures, uint32_t desks)
{
    memset(&seen, 0, sizeof seen);
    engine_pump(&network.service, stream);
    ck_assert_int_eq(stream->call->error.code, CODE_OK);
    ck_assert_int_eq(seen.arrivals, arrivals);
    ck_assert_int_eq(seen.departures, departures);
    if (seen.statuses > 0) {
        ck_assert_uint_eq(seen.desks, desks);
    }
    ck_assert_int_eq(seen.statuses, arrivals + departures > 0 ? 1 : 0);
}

START_TEST(a_desk_watches)
{
    found();
    struct visitor anna = visitor("h00001"), ben = visitor("h00005");
    let_in("s002", &anna, DESK);
    Passerelle__V1__WatchRequest *request = NEW(watch_request);
    request->site_id = text("s002");
    struct desk *desk = network.service.desk;
    network.service.desk = NULL; /* streams are pumped on other threads */
    struct call *call = network_prepare(&network, desk_of("s002"), "DeskService", "Watch",
                                        &request->base);
    engine_read(&network.service, call);
    ck_assert_int_eq(call->error.code, CODE_OK);
    struct stream stream = {.call = call, .emit = emit};
    expect_events(&stream, 1, 0, 1);
    expect_events(&stream, 0, 0, 0);
    network.service.desk = desk;
    let_in("s002", &ben, DESK);
    expect_events(&stream, 1, 0, 2);
    pass_time(MINUTE);
    let_in("s009", &ben, DESK); /* without checking out */
    expect_events(&stream, 0, 1, 1);
    check_out("s002", list("s002", "", true)->visits[0]->visit_id);
    expect_events(&stream, 0, 1, 0);
    pass_time(MINUTE);
    let_in("s002", &anna, DESK);
    pass_time(24 * HOUR); /* past midnight nobody is in */
    expect_events(&stream, 0, 0, 0); /* came and went unseen */
    tick();
    let_in("s002", &anna, DESK);
    let_in("s002", &ben, DESK);
    memset(&seen, 0, sizeof seen);
    seen.full = true; /* the peer is slow: one at a time, none twice */
    engine_pump(&network.service, &stream);
    ck_assert_int_eq(seen.arrivals, 1);
    ck_assert_int_eq(seen.statuses, 0);
    expect_events(&stream, 1, 0, 2);
    end();
}
END_TEST

START_TEST(others_sites_are_closed)
{
    found();
    struct visitor anna = visitor("h00001");
    Passerelle__V1__CheckInRequest *request = check_in_request("s002", shown_at(&anna, now_s()), 0);
    const struct call *call =
        network_call(&network, desk_of("s009"), "DeskService", "CheckIn", &request->base);
    ck_assert_int_eq(call->error.code, CODE_PERMISSION_DENIED);
    request->site_id = text("s999");
    const struct call *unknown =
        network_call(&network, desk_of("s009"), "DeskService", "CheckIn", &request->base);
    ck_assert_int_eq(unknown->error.code, CODE_PERMISSION_DENIED);
    ck_assert_str_eq(unknown->error.message, call->error.message);
    /* A member imports stays of its own sites only, line by line. */
    Passerelle__V1__ImportStaysRequest *import = NEW(import_stays_request);
    import->request_id = network_request_id(&network);
    import->csv = wire_bytes(view_of(HEADER ID ",s002,h00001,desk," IN "," OUT ",phone,online\n"));
    const Passerelle__V1__ImportStaysResponse *response = network_must(
        &network, network_who(ROLE_MEMBER, "m001"), "DeskService", "ImportStays", &import->base);
    ck_assert_uint_eq(response->report->refused, 1);
    end();
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("desk");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, a_visitor_comes_and_leaves);
    tcase_add_test(cases, a_request_is_answered_once);
    tcase_add_test(cases, a_forgotten_answer_is_no_second_visit);
    tcase_add_test(cases, passes_are_refused);
    tcase_add_test(cases, keys_and_days_are_refused);
    tcase_add_test(cases, employers_rules_warn_or_block);
    tcase_add_test(cases, places_are_counted);
    tcase_add_test(cases, units_and_caps_run_out);
    tcase_add_test(cases, caps_of_many_are_shared);
    tcase_add_loop_test(cases, sums_are_mended_not_guessed, 0, 3);
    tcase_add_test(cases, forgotten_visits_are_closed);
    tcase_add_test(cases, a_clock_set_back_opens_nothing);
    tcase_add_test(cases, desks_mend_their_visits);
    tcase_add_test(cases, paper_is_noted);
    tcase_add_test(cases, stays_are_imported);
    tcase_add_test(cases, lines_are_refused_by_name);
    tcase_add_test(cases, a_desk_watches);
    tcase_add_test(cases, others_sites_are_closed);
    Suite *suite = suite_create("desk");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
