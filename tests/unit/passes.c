#include <check.h>
#include <stdlib.h>

#include "core/pass/card.h"
#include "core/pass/proof.h"
#include "core/pass/token.h"
#include "crypt/secret.h"
#include "lib/network.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "wire/pack.h"

#define STATE(name) PASSERELLE__V1__PASS_STATE__PASS_STATE_##name
#define NEW(network, stem) network_new(network, &passerelle__v1__##stem##__descriptor)
#define DAY (INT64_C(86400000))

static struct network network;

static void found(void)
{
    network_init(&network, true, 7);
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
    return network_call(&network, who, "PassService", method, request);
}

static const void *must(struct principal who, const char *method, const ProtobufCMessage *request)
{
    return network_must(&network, who, "PassService", method, request);
}

static enum code code_of(const struct call *done)
{
    return done->error.code;
}

/* ---- requests ---- */

static Passerelle__V1__IssuePassesRequest *issue_request(const char *employer, const char *holder)
{
    Passerelle__V1__IssuePassesRequest *request = NEW(&network, issue_passes_request);
    request->request_id = network_request_id(&network);
    request->employer_id = text(employer);
    if (holder != NULL) {
        request->holder_ids = ARENA_ARRAY(&network.arena, 1, char *);
        request->holder_ids[0] = text(holder);
        request->n_holder_ids = 1;
    }
    return request;
}

static const Passerelle__V1__IssuedPass *issue(const char *holder)
{
    const Passerelle__V1__IssuePassesResponse *response =
        must(operator(), "IssuePasses", &issue_request("", holder)->base);
    ck_assert_uint_eq(response->n_passes, 1);
    return response->passes[0];
}

/* The three messages have one shape. */
static const struct call *move(struct principal who, const char *method, char **ids, size_t count)
{
    const struct {
        const char *method;
        const ProtobufCMessageDescriptor *input;
    } inputs[] = {
        {"SuspendPasses", &passerelle__v1__suspend_passes_request__descriptor},
        {"ResumePasses", &passerelle__v1__resume_passes_request__descriptor},
        {"RevokePasses", &passerelle__v1__revoke_passes_request__descriptor},
    };
    for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
        if (strcmp(inputs[i].method, method) == 0) {
            Passerelle__V1__SuspendPassesRequest *request = network_new(&network, inputs[i].input);
            request->request_id = network_request_id(&network);
            request->pass_ids = ids;
            request->n_pass_ids = count;
            request->reason = text("lost in the train");
            return call(who, method, &request->base);
        }
    }
    ck_abort_msg("no move %s", method);
}

static uint32_t changed(const struct call *done)
{
    ck_assert_msg(done->error.code == CODE_OK, "%s", done->error.message);
    return ((const Passerelle__V1__SuspendPassesResponse *)done->response)->changed;
}

static const Passerelle__V1__Pass *pass_now(const char *holder, size_t index)
{
    Passerelle__V1__ListPassesRequest *request = NEW(&network, list_passes_request);
    request->holder_id = text(holder);
    const Passerelle__V1__ListPassesResponse *response =
        must(operator(), "ListPasses", &request->base);
    ck_assert_uint_gt(response->n_passes, index);
    return response->passes[index];
}

static Passerelle__V1__ActivateRequest *activate_request(const char *code_text,
                                                         const struct ed25519_key *device)
{
    struct one_time_code code;
    ck_assert_int_eq(one_time_code_parse(view_of(code_text), &code), E_OK);
    char message[23 + CODE_BYTES] = "passerelle-activate/v1";
    memcpy(message + 23, code.bytes, CODE_BYTES);
    uint8_t *signature = arena_alloc(&network.arena, ED25519_SIGNATURE_LEN);
    ed25519_sign(device, view_bytes(message, sizeof message), signature);
    Passerelle__V1__ActivateRequest *request = NEW(&network, activate_request);
    request->request_id = network_request_id(&network);
    request->activation_code = text(code_text);
    request->device_public_key = wire_bytes(view_bytes(device->public_key, ED25519_PUBLIC_LEN));
    request->signature = wire_bytes(view_bytes(signature, ED25519_SIGNATURE_LEN));
    return request;
}

static struct principal phone(void)
{
    return network_who(ROLE_ANYONE, "");
}

static const char *activate(const char *code_text, const struct ed25519_key *device)
{
    const Passerelle__V1__ActivateResponse *response =
        must(phone(), "Activate", &activate_request(code_text, device)->base);
    ck_assert(response->pass->activated);
    return response->token;
}

static const char *renewed_code(const char *pass_id)
{
    Passerelle__V1__RenewActivationRequest *request = NEW(&network, renew_activation_request);
    request->request_id = network_request_id(&network);
    request->pass_id = text(pass_id);
    const Passerelle__V1__RenewActivationResponse *response =
        must(operator(), "RenewActivation", &request->base);
    return response->activation_code;
}

/* "PP1:..." at this second. */
static char *shown(const char *token_shown, const struct ed25519_key *device, int64_t utc_s)
{
    struct token_scan scan = TOKEN_SCAN_INIT;
    ck_assert_int_eq(token_scan_parse(view_of(token_shown), &scan), TOKEN_VALID);
    uint8_t hash[SHA256_LEN];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    token_hash(scan.token, hash);
    proof_sign(device, hash, (uint64_t)utc_s, signature);
    struct buf out = BUF_INIT;
    token_proof_text(scan.token, (uint64_t)utc_s, signature, &out);
    char *copy = wire_string(&network.arena, buf_content(&out));
    buf_release(&out);
    token_scan_release(&scan);
    return copy;
}

static const struct call *refresh(char *scan)
{
    Passerelle__V1__RefreshRequest *request = NEW(&network, refresh_request);
    request->request_id = network_request_id(&network);
    request->scan = scan;
    return call(phone(), "Refresh", &request->base);
}

static int64_t now_s(void)
{
    return network.clock.now_utc_ms / 1000;
}

/* As a stranger's verifier: the published keys in use, nothing else. */
static enum token_verdict verified(const char *token_shown, struct token *token)
{
    const Passerelle__V1__ListTokenKeysResponse *keys =
        must(phone(), "ListTokenKeys", NEW(&network, list_token_keys_request));
    struct token_keyset set;
    ck_assert_int_eq(token_keyset_init(&set, view_of(keys->network_id)), E_OK);
    for (size_t i = 0; i < keys->n_keys; i++) {
        if (keys->keys[i]->retired_utc_ms == 0) {
            ck_assert_int_eq(token_keyset_add(&set, keys->keys[i]->public_key.data), E_OK);
        }
    }
    struct token_scan scan = TOKEN_SCAN_INIT;
    ck_assert_int_eq(token_scan_parse(view_of(token_shown), &scan), TOKEN_VALID);
    enum token_verdict verdict = token_verify(scan.token, &set, token);
    token_scan_release(&scan);
    return verdict;
}

/* ---- issuing ---- */

static int by_number(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

START_TEST(every_holder_gets_one_pass)
{
    found();
    Passerelle__V1__IssuePassesRequest *dry = issue_request("", NULL);
    dry->dry_run = true;
    const Passerelle__V1__IssuePassesResponse *response =
        must(operator(), "IssuePasses", &dry->base);
    ck_assert_uint_eq(response->n_passes, 1000);
    ck_assert_uint_eq(response->remaining, 739);
    ck_assert_str_eq(response->passes[0]->pass->pass_id, "");
    ck_assert_str_eq(response->passes[0]->activation_code, "");

    static char *numbers[1739];
    uint32_t count = 0;
    uint32_t remaining = 1;
    while (remaining > 0) {
        Passerelle__V1__IssuePassesRequest *request = issue_request("", NULL);
        request->limit = 600;
        response = must(operator(), "IssuePasses", &request->base);
        ck_assert_uint_eq(response->unchanged, count);
        for (size_t i = 0; i < response->n_passes; i++) {
            const Passerelle__V1__IssuedPass *pass = response->passes[i];
            bool card = pass->pass->medium == PASSERELLE__V1__MEDIUM__MEDIUM_CARD;
            struct token token;
            struct one_time_code code;
            if (card) {
                ck_assert_int_eq(verified(pass->token, &token), TOKEN_VALID);
                ck_assert(!token.has_device);
                ck_assert_str_eq(token.issuer, pass->pass->issuer_member_id);
            } else {
                ck_assert_str_eq(pass->token, "");
                ck_assert_int_eq(one_time_code_parse(view_of(pass->activation_code), &code), E_OK);
                ck_assert_int_eq(pass->activation_expires_utc_ms,
                                 network.clock.now_utc_ms + 30 * DAY);
            }
            char number[CARD_DIGITS + 1];
            ck_assert_int_eq(card_number_parse(view_of(pass->pass->number), number), E_OK);
            numbers[count++] = pass->pass->number;
        }
        remaining = response->remaining;
        /* The same request again: the same passes, without a secret. */
        const Passerelle__V1__IssuePassesResponse *again =
            must(operator(), "IssuePasses", &request->base);
        ck_assert_uint_eq(again->n_passes, response->n_passes);
        for (size_t i = 0; i < again->n_passes; i++) {
            ck_assert_str_eq(again->passes[i]->pass->pass_id, response->passes[i]->pass->pass_id);
            ck_assert_str_eq(again->passes[i]->activation_code, "");
            ck_assert_str_eq(again->passes[i]->token, "");
        }
    }
    ck_assert_uint_eq(count, 1739);
    qsort(numbers, count, sizeof *numbers, by_number);
    for (size_t i = 1; i < count; i++) {
        ck_assert_str_ne(numbers[i - 1], numbers[i]);
    }
    response = must(operator(), "IssuePasses", &issue_request("", NULL)->base);
    ck_assert_uint_eq(response->n_passes + response->remaining, 0);
    ck_assert_uint_eq(response->unchanged, 1739);
    end();
}
END_TEST

START_TEST(holders_are_named_or_refused)
{
    found();
    ck_assert_int_eq(code_of(call(operator(), "IssuePasses", &issue_request("", "h99999")->base)),
                     CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(
        code_of(call(operator(), "IssuePasses", &issue_request("e002", "h00001")->base)),
        CODE_INVALID_ARGUMENT);
    Passerelle__V1__IssuePassesRequest *twice = issue_request("e001", "h00001");
    twice->holder_ids = (char *[]){text("h00003"), text("h00001"), text("h00003")};
    twice->n_holder_ids = 3;
    const Passerelle__V1__IssuePassesResponse *response =
        must(operator(), "IssuePasses", &twice->base);
    ck_assert_uint_eq(response->n_passes, 2);
    ck_assert_str_eq(response->passes[0]->pass->holder_id, "h00001");
    end();
}
END_TEST

/* ---- states ---- */

START_TEST(moves_that_are_allowed)
{
    static const struct {
        const char *before; /* moves that lead to the state: s(uspend), r(esume), x (revoke) */
        const char *method;
        int changed; /* -1: refused */
    } rows[] = {
        {"", "SuspendPasses", 1},    {"", "ResumePasses", 0},    {"", "RevokePasses", 1},
        {"s", "SuspendPasses", 0},   {"s", "ResumePasses", 1},   {"s", "RevokePasses", 1},
        {"sr", "SuspendPasses", 1},  {"sr", "ResumePasses", 0},  {"sr", "RevokePasses", 1},
        {"x", "SuspendPasses", -1},  {"x", "ResumePasses", -1},  {"x", "RevokePasses", 0},
        {"sx", "SuspendPasses", -1}, {"sx", "ResumePasses", -1}, {"sx", "RevokePasses", 0},
    };
    found();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *id = issue("h00001")->pass->pass_id;
        for (const char *step = rows[i].before; *step != '\0'; step++) {
            const char *method = *step == 's'   ? "SuspendPasses"
                                 : *step == 'r' ? "ResumePasses"
                                                : "RevokePasses";
            ck_assert_uint_eq(changed(move(operator(), method, &id, 1)), 1);
        }
        const struct call *done = move(operator(), rows[i].method, &id, 1);
        if (rows[i].changed < 0) {
            ck_assert_int_eq(code_of(done), CODE_FAILED_PRECONDITION);
        } else {
            ck_assert_int_eq((int)changed(done), rows[i].changed);
        }
        move(operator(), "RevokePasses", &id, 1); /* so that the next row gets a new pass */
    }
    end();
}
END_TEST

START_TEST(all_move_or_none)
{
    found();
    char *ids[3] = {issue("h00001")->pass->pass_id, issue("h00002")->pass->pass_id,
                    issue("h00003")->pass->pass_id};
    ck_assert_uint_eq(changed(move(operator(), "RevokePasses", &ids[2], 1)), 1);
    ck_assert_int_eq(code_of(move(operator(), "SuspendPasses", ids, 3)), CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(pass_now("h00001", 0)->state, STATE(ACTIVE));
    ids[2] = ids[0];
    ck_assert_uint_eq(changed(move(operator(), "SuspendPasses", ids, 3)), 2);
    ck_assert_int_eq(pass_now("h00001", 0)->state, STATE(SUSPENDED));
    ids[2] = text("0190a0a0-0000-7000-8000-000000000000");
    ck_assert_int_eq(code_of(move(operator(), "SuspendPasses", ids, 3)), CODE_INVALID_ARGUMENT);
    end();
}
END_TEST

/* ---- activation and refresh ---- */

START_TEST(a_phone_is_activated_once_per_code)
{
    found();
    struct ed25519_key first, second;
    ed25519_key_make(&first, &network.env);
    ed25519_key_make(&second, &network.env);
    const Passerelle__V1__IssuedPass *pass = issue("h00001");

    Passerelle__V1__ActivateRequest *wrong = activate_request(pass->activation_code, &first);
    wrong->device_public_key = wire_bytes(view_bytes(second.public_key, ED25519_PUBLIC_LEN));
    ck_assert_int_eq(code_of(call(phone(), "Activate", &wrong->base)), CODE_INVALID_ARGUMENT);

    Passerelle__V1__ActivateRequest *right = activate_request(pass->activation_code, &first);
    const Passerelle__V1__ActivateResponse *response = must(phone(), "Activate", &right->base);
    char *token_text = text(response->token);
    struct token token;
    ck_assert_int_eq(verified(token_text, &token), TOKEN_VALID);
    ck_assert_mem_eq(token.device_key, first.public_key, ED25519_PUBLIC_LEN);
    ck_assert_int_eq(token.plan, TOKEN_USAGE);
    ck_assert_uint_eq(token.entitlements, TOKEN_DESK | TOKEN_MEETING_ROOM | TOKEN_BOOTH);
    ck_assert_int_eq(token.valid_until_day, (int)(network.clock.now_utc_ms / DAY) + 366);

    response = must(phone(), "Activate", &right->base);
    ck_assert_str_eq(response->token, token_text);
    ck_assert_int_eq(
        code_of(call(phone(), "Activate", &activate_request(pass->activation_code, &second)->base)),
        CODE_NOT_FOUND);

    /* A new code lets another phone in, and the first one out. */
    network.clock.now_utc_ms += 1000;
    activate(renewed_code(pass->pass->pass_id), &second);
    ck_assert_int_eq(code_of(refresh(shown(token_text, &first, now_s()))), CODE_UNAUTHENTICATED);
    end();
}
END_TEST

START_TEST(codes_end)
{
    found();
    struct ed25519_key device;
    ed25519_key_make(&device, &network.env);
    const Passerelle__V1__IssuedPass *pass = issue("h00001");
    const char *old = text(pass->activation_code);
    const char *code = renewed_code(pass->pass->pass_id);
    ck_assert_int_eq(code_of(call(phone(), "Activate", &activate_request(old, &device)->base)),
                     CODE_NOT_FOUND);
    network.clock.now_utc_ms += 30 * DAY;
    ck_assert_int_eq(code_of(call(phone(), "Activate", &activate_request(code, &device)->base)),
                     CODE_FAILED_PRECONDITION);
    network.clock.now_utc_ms -= 1;
    activate(code, &device);
    code = renewed_code(pass->pass->pass_id);
    ck_assert_uint_eq(changed(move(operator(), "RevokePasses", &pass->pass->pass_id, 1)), 1);
    ck_assert_int_eq(code_of(call(phone(), "Activate", &activate_request(code, &device)->base)),
                     CODE_NOT_FOUND);
    end();
}
END_TEST

START_TEST(codes_cannot_be_guessed)
{
    found();
    struct ed25519_key device;
    ed25519_key_make(&device, &network.env);
    issue("h00001");
    for (int i = 0; i < 200; i++) {
        struct one_time_code code;
        one_time_code_make(&code, &network.env);
        ck_assert_int_eq(
            code_of(call(phone(), "Activate", &activate_request(code.text, &device)->base)),
            CODE_NOT_FOUND);
    }
    Passerelle__V1__ActivateRequest *request = NEW(&network, activate_request);
    request->request_id = network_request_id(&network);
    request->activation_code = text("AAAA");
    ck_assert_int_eq(code_of(call(phone(), "Activate", &request->base)), CODE_INVALID_ARGUMENT);
    end();
}
END_TEST

START_TEST(a_fresh_proof_gets_a_token)
{
    found();
    struct ed25519_key device, other;
    ed25519_key_make(&device, &network.env);
    ed25519_key_make(&other, &network.env);
    const Passerelle__V1__IssuedPass *pass = issue("h00001");
    char *token = text(activate(pass->activation_code, &device));
    network.clock.now_utc_ms += 400 * DAY; /* an expired token refreshes too */
    int64_t now = now_s();
    const struct {
        char *scan;
        enum code code;
    } rows[] = {
        {text("hello"), CODE_INVALID_ARGUMENT},
        {token, CODE_UNAUTHENTICATED},
        {shown(token, &device, now - 61), CODE_UNAUTHENTICATED},
        {shown(token, &device, now + 61), CODE_UNAUTHENTICATED},
        {shown(token, &other, now), CODE_UNAUTHENTICATED},
        {shown(token, &device, now), CODE_OK},
        {shown(token, &device, now), CODE_UNAUTHENTICATED},      /* seen before */
        {shown(token, &device, now - 10), CODE_UNAUTHENTICATED}, /* older than one seen */
        {shown(token, &device, now + 15), CODE_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct call *done = refresh(rows[i].scan);
        ck_assert_msg(code_of(done) == rows[i].code, "row %zu: %s", i, code_name(code_of(done)));
        if (rows[i].code == CODE_OK) {
            const Passerelle__V1__RefreshResponse *response = (const void *)done->response;
            struct token fresh;
            ck_assert_int_eq(verified(response->token, &fresh), TOKEN_VALID);
            ck_assert_uint_eq(fresh.issued_utc_s, (uint32_t)now);
        }
    }
    ck_assert_uint_eq(changed(move(operator(), "SuspendPasses", &pass->pass->pass_id, 1)), 1);
    ck_assert_int_eq(code_of(refresh(shown(token, &device, now + 20))), CODE_FAILED_PRECONDITION);
    end();
}
END_TEST

/* ---- replacing ---- */

START_TEST(a_lost_phone_becomes_a_card)
{
    found();
    struct ed25519_key device;
    ed25519_key_make(&device, &network.env);
    const Passerelle__V1__IssuedPass *old = issue("h00001");
    char *token = text(activate(old->activation_code, &device));
    network.clock.now_utc_ms += 1000;
    Passerelle__V1__ReplacePassRequest *request = NEW(&network, replace_pass_request);
    request->request_id = network_request_id(&network);
    request->pass_id = old->pass->pass_id;
    request->medium = PASSERELLE__V1__MEDIUM__MEDIUM_CARD;
    request->reason = text("fell into the Garonne");
    const Passerelle__V1__ReplacePassResponse *response =
        must(operator(), "ReplacePass", &request->base);
    const Passerelle__V1__Pass *new = response->pass->pass;
    ck_assert_int_eq(new->medium, PASSERELLE__V1__MEDIUM__MEDIUM_CARD);
    ck_assert_str_eq(new->plan_id, old->pass->plan_id);
    ck_assert_str_eq(new->valid_from, old->pass->valid_from);
    ck_assert_str_ne(new->number, old->pass->number);
    struct token card;
    ck_assert_int_eq(verified(response->pass->token, &card), TOKEN_VALID);
    ck_assert_int_eq(pass_now("h00001", 0)->state, STATE(REVOKED));
    ck_assert_str_eq(pass_now("h00001", 0)->replaced_by, new->pass_id);
    ck_assert_int_eq(pass_now("h00001", 1)->state, STATE(ACTIVE));
    ck_assert_int_eq(code_of(refresh(shown(token, &device, now_s()))), CODE_FAILED_PRECONDITION);
    response = must(operator(), "ReplacePass", &request->base);
    ck_assert_str_eq(response->pass->token, "");
    ck_assert_str_eq(response->pass->pass->pass_id, new->pass_id);
    request->request_id = network_request_id(&network);
    ck_assert_int_eq(code_of(call(operator(), "ReplacePass", &request->base)),
                     CODE_FAILED_PRECONDITION);
    end();
}
END_TEST

/* ---- cards to print ---- */

static Passerelle__V1__ListCardsRequest *cards_request(const char *employer, const char *after)
{
    Passerelle__V1__ListCardsRequest *request = NEW(&network, list_cards_request);
    request->employer_id = text(employer);
    request->after_pass_id = text(after);
    return request;
}

/* Every card of an employer in force, page by page: its token says what the one that was issued
 * said. Phones, and what was suspended, replaced or revoked, are not printed. */
START_TEST(cards_are_printed_again)
{
    found();
    const Passerelle__V1__IssuePassesResponse *issued =
        must(operator(), "IssuePasses", &issue_request("e002", NULL)->base);
    const Passerelle__V1__IssuedPass *cards[64];
    size_t count = 0;
    for (size_t i = 0; i < issued->n_passes; i++) {
        bool in_force = issued->passes[i]->pass->state == STATE(ACTIVE);
        if (in_force && issued->passes[i]->token[0] != '\0') {
            ck_assert_uint_lt(count, ARRAY_LEN(cards));
            cards[count++] = issued->passes[i];
        }
    }
    ck_assert_uint_gt(count, 3);
    ck_assert_uint_lt(count, issued->n_passes);
    Passerelle__V1__ListCardsRequest *request = cards_request("e002", "");
    request->limit = 2;
    size_t seen = 0;
    const Passerelle__V1__ListCardsResponse *page;
    do {
        page = must(network_who(ROLE_EMPLOYER, "e002"), "ListCards", &request->base);
        for (size_t i = 0; i < page->n_cards; i++) {
            const Passerelle__V1__Card *card = page->cards[i];
            struct token token;
            bool known = false;
            for (size_t k = 0; k < count; k++) {
                known = known || (strcmp(cards[k]->pass->pass_id, card->pass->pass_id) == 0 &&
                                  strcmp(cards[k]->token, card->token) == 0);
            }
            ck_assert_msg(known, "%s has another token", card->pass->pass_id);
            ck_assert_int_eq(verified(card->token, &token), TOKEN_VALID);
            ck_assert_str_ne(card->family_name, "");
            seen++;
        }
        request->after_pass_id = page->next_pass_id;
    } while (page->next_pass_id[0] != '\0');
    ck_assert_uint_eq(seen, count);
    char *gone[] = {cards[0]->pass->pass_id};
    ck_assert_uint_eq(changed(move(operator(), "SuspendPasses", gone, 1)), 1);
    gone[0] = cards[1]->pass->pass_id;
    ck_assert_uint_eq(changed(move(operator(), "RevokePasses", gone, 1)), 1);
    page = must(operator(), "ListCards", &cards_request("e002", "")->base);
    ck_assert_uint_eq(page->n_cards, count - 2);
    ck_assert_int_eq(code_of(call(network_who(ROLE_EMPLOYER, "e001"), "ListCards",
                                  &cards_request("e002", "")->base)),
                     CODE_PERMISSION_DENIED);
    ck_assert_int_eq(code_of(call(operator(), "ListCards", &cards_request("e999", "")->base)),
                     CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(code_of(call(operator(), "ListCards", &cards_request("e002", "x")->base)),
                     CODE_INVALID_ARGUMENT);
    end();
}
END_TEST

/* ---- keys ---- */

static const struct call *rotate(struct view retire)
{
    Passerelle__V1__RotateTokenKeyRequest *request = NEW(&network, rotate_token_key_request);
    request->request_id = network_request_id(&network);
    request->retire_key_id = wire_bytes(retire);
    network.clock.now_utc_ms += 1000;
    return call(operator(), "RotateTokenKey", &request->base);
}

START_TEST(two_keys_are_valid_during_a_change)
{
    found();
    struct ed25519_key device;
    struct token token;
    ed25519_key_make(&device, &network.env);
    char *old = text(activate(issue("h00001")->activation_code, &device));
    const Passerelle__V1__ListTokenKeysResponse *keys =
        must(phone(), "ListTokenKeys", NEW(&network, list_token_keys_request));
    struct view first = wire_view(keys->keys[0]->key_id);
    ck_assert_int_eq(code_of(rotate(first)), CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(code_of(rotate(VIEW_LIT("none"))), CODE_INVALID_ARGUMENT);
    ck_assert_int_eq(code_of(rotate(VIEW_NONE)), CODE_OK);
    ck_assert_int_eq(code_of(rotate(VIEW_NONE)), CODE_FAILED_PRECONDITION);
    ck_assert_int_eq(verified(old, &token), TOKEN_VALID);

    const struct call *done = refresh(shown(old, &device, now_s()));
    char *fresh = text(((const Passerelle__V1__RefreshResponse *)done->response)->token);
    ck_assert_int_eq(verified(fresh, &token), TOKEN_VALID);
    ck_assert_int_eq(code_of(rotate(first)), CODE_OK);
    ck_assert_int_eq(verified(old, &token), TOKEN_KEY_UNKNOWN);
    ck_assert_str_eq(token_verdict_refusal(TOKEN_KEY_UNKNOWN), "UNKNOWN_KEY");
    ck_assert_int_eq(verified(fresh, &token), TOKEN_VALID);
    ck_assert_int_eq(code_of(rotate(first)), CODE_INVALID_ARGUMENT);
    /* A phone that slept through the change still gets in with its own key. */
    ck_assert_int_eq(code_of(refresh(shown(old, &device, now_s()))), CODE_OK);
    network_reopen(&network);
    ck_assert_int_eq(code_of(refresh(shown(old, &device, now_s() + 1))), CODE_OK);
    end();
}
END_TEST

/* ---- who may ---- */

START_TEST(others_passes_cannot_be_touched_or_told_from_unknown_ones)
{
    found();
    const Passerelle__V1__IssuedPass *mine = issue("h00001"); /* of e001, whose issuer is m006 */
    char *unknown = text("0190a0a0-0000-7000-8000-000000000000");
    const struct {
        struct principal who;
        bool may;
    } rows[] = {
        {network_who(ROLE_EMPLOYER, "e001"), true}, {network_who(ROLE_EMPLOYER, "e002"), false},
        {network_who(ROLE_MEMBER, "m006"), true},   {network_who(ROLE_MEMBER, "m060"), false},
        {network_who(ROLE_MEMBER, "m001"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum code expected = rows[i].may ? CODE_OK : CODE_PERMISSION_DENIED;
        struct principal who = rows[i].who;
        char *id = mine->pass->pass_id;
        ck_assert_int_eq(code_of(move(who, "SuspendPasses", &id, 1)), expected);
        ck_assert_int_eq(code_of(move(who, "ResumePasses", &id, 1)), expected);
        ck_assert_int_eq(code_of(move(who, "SuspendPasses", &unknown, 1)), CODE_PERMISSION_DENIED);
        ck_assert_int_eq(code_of(call(who, "IssuePasses", &issue_request("", "h00002")->base)),
                         expected);
        ck_assert_int_eq(code_of(call(who, "IssuePasses", &issue_request("", "h99999")->base)),
                         CODE_PERMISSION_DENIED);
        ck_assert_int_eq(code_of(call(who, "IssuePasses", &issue_request("e001", NULL)->base)),
                         expected);
        Passerelle__V1__RenewActivationRequest *renew = NEW(&network, renew_activation_request);
        renew->request_id = network_request_id(&network);
        renew->pass_id = id;
        ck_assert_int_eq(code_of(call(who, "RenewActivation", &renew->base)), expected);
        Passerelle__V1__ListPassesRequest *list = NEW(&network, list_passes_request);
        const Passerelle__V1__ListPassesResponse *all = must(who, "ListPasses", &list->base);
        ck_assert_uint_eq(all->n_passes > 0, rows[i].may);
        list->holder_id = text("h00001");
        ck_assert_int_eq(code_of(call(who, "ListPasses", &list->base)), expected);
        list->holder_id = text("");
        list->employer_id = text("e001");
        ck_assert_int_eq(code_of(call(who, "ListPasses", &list->base)), expected);
    }
    /* Without a name: the own holders, and nobody else's. */
    const Passerelle__V1__IssuePassesResponse *own =
        must(network_who(ROLE_EMPLOYER, "e002"), "IssuePasses", &issue_request("", NULL)->base);
    ck_assert_uint_gt(own->n_passes, 0);
    for (size_t i = 0; i < own->n_passes; i++) {
        ck_assert(view_starts(view_of(own->passes[i]->pass->plan_id), "e002-"));
    }
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("passes");
    TCase *tc = tcase_create("passes");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_holder_gets_one_pass);
    tcase_add_test(tc, holders_are_named_or_refused);
    tcase_add_test(tc, moves_that_are_allowed);
    tcase_add_test(tc, all_move_or_none);
    tcase_add_test(tc, a_phone_is_activated_once_per_code);
    tcase_add_test(tc, codes_end);
    tcase_add_test(tc, codes_cannot_be_guessed);
    tcase_add_test(tc, a_fresh_proof_gets_a_token);
    tcase_add_test(tc, a_lost_phone_becomes_a_card);
    tcase_add_test(tc, cards_are_printed_again);
    tcase_add_test(tc, two_keys_are_valid_during_a_change);
    tcase_add_test(tc, others_passes_cannot_be_touched_or_told_from_unknown_ones);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
