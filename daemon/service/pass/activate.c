/* RenewActivation, Activate, Refresh: how a phone gets its token. The last two may be called by
 * anyone: a one-time code, then a proof, is the credential. */
#include "core/pass/proof.h"
#include "passerelle/v1/entries.pb-c.h"
#include "service/journal.h"
#include "service/pass/internal.h"
#include "wire/pack.h"

#define STATE(name) PASSERELLE__V1__PASS_STATE__PASS_STATE_##name

/* ---- RenewActivation ---- */

int renew_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__RenewActivationRequest *request = (const void *)call->request;
    struct registry_pass *pass = ARENA_NEW(call->arena, struct registry_pass);
    if (pass_find(service, call, "pass_id", request->pass_id, pass) != 0) {
        return -1;
    }
    if (pass->issued->medium != PASSERELLE__V1__MEDIUM__MEDIUM_PHONE) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "pass %s is a card and needs no activation: replace it by a phone pass if "
                         "that is what you want",
                         request->pass_id);
    }
    Passerelle__V1__PassState state = pass_state_on(pass, day_of_instant(service_now(service)));
    if (state == STATE(REVOKED) || state == STATE(EXPIRED)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "pass %s is %s: issue the holder a new one", request->pass_id,
                         pass_state_word(state));
    }
    call->decision = pass;
    return 0;
}

int renew_apply(struct service *service, struct call *call)
{
    const struct registry_pass *pass = call->decision;
    struct one_time_code code;
    Passerelle__V1__RenewActivationResponse *response = call_respond(call);
    Passerelle__V1__RenewActivationResponse *kept = wire_new(call->arena, call->method->output);
    response->activation_expires_utc_ms =
        code_renew(service, pass_bytes(pass->issued->pass_id), &code);
    response->activation_code = wire_string(call->arena, view_of(code.text));
    secret_wipe(&code, sizeof code);
    kept->activation_expires_utc_ms = response->activation_expires_utc_ms;
    call->kept_response = &kept->base;
    return 0;
}

/* ---- what both of the phone's methods end with ---- */

struct phone {
    struct registry_pass pass;
    struct pass_right right;
    struct pass_signer signer;
    struct view device_key;
    uint64_t proof_utc_s; /* Refresh */
};

/* The pass is in force, and a token can be made for it. */
static int phone_ready(struct service *service, struct call *call, struct phone *phone)
{
    struct day today = day_of_instant(service_now(service));
    Passerelle__V1__PassState state = pass_state_on(&phone->pass, today);
    if (state != STATE(ACTIVE)) {
        return call_fail(call, CODE_FAILED_PRECONDITION, "this pass is %s: ask your employer",
                         pass_state_word(state));
    }
    struct view holder_id = view_of(phone->pass.issued->holder_id);
    if (!pass_right_read(service, call->arena, holder_id, &phone->right) ||
        pass_right_ended(&phone->right, today)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the right behind this pass has ended: ask your employer");
    }
    call->decision = phone;
    return pass_signer_find(service, call, &phone->signer);
}

/* The token, and the pass as it is after the call. */
static int phone_answer(struct service *service, struct call *call, const struct phone *phone,
                        char **token, Passerelle__V1__Pass **message)
{
    if (pass_token_make(service, call, &phone->signer, &phone->right, phone->pass.issued,
                        phone->device_key, token) != E_OK) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "no token can be made for this pass: its days or your employer's policy "
                         "leave nothing to be used");
    }
    struct registry_pass pass = phone->pass;
    pass.device_public_key = phone->device_key;
    *message = registry_pass_message(&pass, day_of_instant(service_now(service)), call->arena);
    return 0;
}

/* ---- Activate ---- */

static bool activation_signed(const Passerelle__V1__ActivateRequest *request,
                              const struct one_time_code *code)
{
    static const char prefix[] = "passerelle-activate/v1"; /* signed with its NUL */
    uint8_t message[sizeof prefix + CODE_BYTES];
    memcpy(message, prefix, sizeof prefix);
    memcpy(message + sizeof prefix, code->bytes, CODE_BYTES);
    return ed25519_verify(request->device_public_key.data, view_bytes(message, sizeof message),
                          request->signature.data);
}

int activate_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__ActivateRequest *request = (const void *)call->request;
    struct one_time_code code;
    if (one_time_code_parse(view_of(request->activation_code), &code) != E_OK) {
        return call_violation(call, "activation_code",
                              "this is not a code, or one character is wrong: type the 27 "
                              "characters of your link again");
    }
    if (request->device_public_key.len != ED25519_PUBLIC_LEN) {
        return call_violation(call, "device_public_key", "send an Ed25519 public key, 32 bytes");
    }
    if (request->signature.len != ED25519_SIGNATURE_LEN || !activation_signed(request, &code)) {
        return call_violation(call, "signature",
                              "sign \"passerelle-activate/v1\", a zero byte and the code's 16 "
                              "bytes with the device key");
    }
    struct phone *phone = ARENA_NEW(call->arena, struct phone);
    struct view pass_id;
    int64_t expires_utc_ms;
    bool known = code_find(service->db, call->arena, &code, &pass_id, &expires_utc_ms);
    secret_wipe(&code, sizeof code);
    if (!known || !registry_pass(service->db, call->arena, pass_id, &phone->pass)) {
        return call_fail(call, CODE_NOT_FOUND,
                         "this code is unknown or was used: ask your employer for a new one");
    }
    if (expires_utc_ms <= service_now(service)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "this code has expired: ask your employer for a new one");
    }
    phone->device_key = pass_bytes(request->device_public_key);
    return phone_ready(service, call, phone);
}

int activate_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__ActivateRequest *request = (const void *)call->request;
    const struct phone *phone = call->decision;
    struct view pass_id = pass_bytes(phone->pass.issued->pass_id);
    Passerelle__V1__PassDeviceSet set = PASSERELLE__V1__PASS_DEVICE_SET__INIT;
    set.pass_id = phone->pass.issued->pass_id;
    set.device_public_key = request->device_public_key;
    /* Whoever holds the code speaks for the pass: the entry names it as its author. */
    char author[64];
    struct uuid uuid;
    memcpy(uuid.bytes, pass_id.data, sizeof uuid.bytes);
    char text[UUID_TEXT_LEN + 1];
    uuid_format(uuid, text);
    snprintf(author, sizeof author, "pass-%s", text);
    journal_append(service, view_of(author), VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_DEVICE_SET, &set.base);
    code_forget(service->db, pass_id);
    Passerelle__V1__ActivateResponse *response = call_respond(call);
    return phone_answer(service, call, phone, &response->token, &response->pass);
}

/* ---- Refresh ---- */

/* Any key that the network ever published: a phone that slept through a change of keys can still
 * refresh. What lets it in is its own key, which the pass names; the token only says which pass. */
static int read_keyset(struct service *service, struct call *call, struct token_keyset *set)
{
    struct registry_key keys[TOKEN_KEYS_MAX];
    size_t count = registry_signing_keys(service->db, call->arena,
                                         PASSERELLE__V1__KEY_PURPOSE__KEY_PURPOSE_TOKEN, keys,
                                         ARRAY_LEN(keys));
    int err =
        token_keyset_init(set, view_of(registry_network(service->db, call->arena).network_id));
    for (size_t i = 0; i < count && err == E_OK; i++) {
        uint8_t public_key[ED25519_PUBLIC_LEN];
        memcpy(public_key, keys[i].public_key.data, sizeof public_key);
        err = token_keyset_add(set, public_key);
    }
    return err == E_OK ? 0 : call_fail(call, CODE_INTERNAL, "the token keys cannot be read");
}

static int refused_proof(struct call *call, const char *why)
{
    return call_fail(call, CODE_UNAUTHENTICATED, "%s", why);
}

/* Whose token it is, and that the phone which the pass names shows it now, for the first time. */
static int check_scan(struct service *service, struct call *call, const struct token_scan *scan,
                      struct phone *phone)
{
    struct token_keyset set;
    struct token token;
    if (read_keyset(service, call, &set) != 0) {
        return -1;
    }
    enum token_verdict verdict = token_verify(scan->token, &set, &token);
    if (verdict != TOKEN_VALID) {
        return refused_proof(call, arena_printf(call->arena,
                                                "this token is not accepted (%s): activate again",
                                                token_verdict_refusal(verdict)));
    }
    if (!scan->has_proof) {
        return refused_proof(call, "there is no proof: send what the phone shows (\"PP1:...\")");
    }
    struct view pass_id = view_bytes(token.pass_id, sizeof token.pass_id);
    if (!registry_pass(service->db, call->arena, pass_id, &phone->pass) ||
        phone->pass.device_public_key.len != sizeof token.device_key ||
        memcmp(phone->pass.device_public_key.data, token.device_key, sizeof token.device_key) !=
            0) {
        return refused_proof(call, "this phone's key is no longer the pass's: activate again");
    }
    uint8_t hash[SHA256_LEN];
    token_hash(scan->token, hash);
    if (!proof_check(hash, scan->proof_utc_s, scan->proof_signature, token.device_key)) {
        return refused_proof(call, "the proof is not signed by this phone's key");
    }
    int64_t window_s = registry_policy(service->db, call->arena)->proof_window_s;
    if (proof_age(scan->proof_utc_s, service_now(service), window_s, 0) != PROOF_FRESH) {
        return refused_proof(call, "the proof is not of now: set the phone's clock, then show a "
                                   "fresh one");
    }
    if ((int64_t)scan->proof_utc_s <= refresh_last(service->db, pass_id)) {
        return refused_proof(call, "this proof was used: show a fresh one");
    }
    phone->proof_utc_s = scan->proof_utc_s;
    phone->device_key = phone->pass.device_public_key;
    return phone_ready(service, call, phone);
}

int refresh_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__RefreshRequest *request = (const void *)call->request;
    struct token_scan scan = TOKEN_SCAN_INIT;
    int refused;
    if (token_scan_parse(view_of(request->scan), &scan) != TOKEN_VALID) {
        refused = call_violation(call, "scan", "send what the phone shows: \"PP1:...\"");
    } else {
        refused = check_scan(service, call, &scan, ARENA_NEW(call->arena, struct phone));
    }
    token_scan_release(&scan);
    return refused;
}

int refresh_apply(struct service *service, struct call *call)
{
    const struct phone *phone = call->decision;
    refresh_note(service->db, pass_bytes(phone->pass.issued->pass_id), (int64_t)phone->proof_utc_s);
    Passerelle__V1__RefreshResponse *response = call_respond(call);
    return phone_answer(service, call, phone, &response->token, &response->pass);
}
