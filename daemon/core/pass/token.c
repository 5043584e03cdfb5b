#include "core/pass/token.h"

#include <assert.h>

#include "core/pass/base45.h"
#include "passerelle/v1/token.pb-c.h"

static_assert(TOKEN_CARNET == (int)PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET, "as in the proto");
static_assert(TOKEN_USAGE == (int)PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE, "as in the proto");
static_assert(TOKEN_OFFLINE_ALWAYS == (int)PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_ALWAYS, "");
static_assert(TOKEN_OFFLINE_NEVER == (int)PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_NEVER, "");

enum {
    PREFIX_LEN = 4,
    PAYLOAD_MAX = TOKEN_BYTES_MAX - TOKEN_ENVELOPE_LEN,
    DAY_MAX = 47482, /* 2099-12-31 + 1: what core/day knows */
    /* tag, length and content of each field at its longest */
    PAYLOAD_LONGEST = (2 + 16) + (1 + 4) + (2 + 32) + (2 + TOKEN_ISSUER_MAX) + 2 + (1 + 3) +
                      (1 + 3) + (1 + 5) + 2 + (2 + TOKEN_POLICY_LEN) + (1 + 5),
};
static_assert(PAYLOAD_LONGEST <= PAYLOAD_MAX, "each token fits a QR code of version 10 at ECC M");

static const char signing_prefix[] = "passerelle-token/v1"; /* signed with its NUL */

void token_key_id(const uint8_t public_key[static ED25519_PUBLIC_LEN],
                  uint8_t out[static TOKEN_KEY_ID_LEN])
{
    uint8_t digest[SHA256_LEN];
    sha256(view_bytes(public_key, ED25519_PUBLIC_LEN), digest);
    memcpy(out, digest, TOKEN_KEY_ID_LEN);
}

int token_keyset_init(struct token_keyset *set, struct view network)
{
    if (network.len == 0 || network.len > TOKEN_NETWORK_MAX ||
        view_find(network, '\0') != network.len) {
        return E_INVALID;
    }
    *set = (struct token_keyset){.count = 0};
    memcpy(set->network, network.data, network.len);
    return E_OK;
}

int token_keyset_add(struct token_keyset *set, const uint8_t public_key[static ED25519_PUBLIC_LEN])
{
    for (size_t i = 0; i < set->count; i++) {
        if (memcmp(set->keys[i].public_key, public_key, ED25519_PUBLIC_LEN) == 0) {
            return E_EXISTS;
        }
    }
    if (set->count == TOKEN_KEYS_MAX) {
        return E_LIMIT;
    }
    struct token_key *key = &set->keys[set->count++];
    memcpy(key->public_key, public_key, ED25519_PUBLIC_LEN);
    token_key_id(public_key, key->id);
    return E_OK;
}

static uint32_t network_check(struct view network)
{
    uint8_t digest[SHA256_LEN];
    sha256(network, digest);
    return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
           digest[3];
}

/* domain, network and payload; the NULs keep them apart. */
static size_t signing_input(struct view network, struct view payload, char *out)
{
    char *at = out;
    memcpy(at, signing_prefix, sizeof signing_prefix);
    at += sizeof signing_prefix;
    memcpy(at, network.data, network.len);
    at += network.len;
    *at++ = '\0';
    memcpy(at, payload.data, payload.len);
    return (size_t)(at - out) + payload.len;
}
enum { SIGNING_MAX = sizeof signing_prefix + TOKEN_NETWORK_MAX + 1 + PAYLOAD_MAX };

static bool issuer_is_good(struct view issuer)
{
    for (size_t i = 0; i < issuer.len; i++) {
        char c = issuer.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return issuer.len > 0 && issuer.len <= TOKEN_ISSUER_MAX;
}

static bool fields_are_good(const struct token *token)
{
    return issuer_is_good(view_of(token->issuer)) && token->plan >= TOKEN_CARNET &&
           token->plan <= TOKEN_USAGE && token->offline >= TOKEN_OFFLINE_ALWAYS &&
           token->offline <= TOKEN_OFFLINE_NEVER && token->entitlements != 0 &&
           token->valid_from_day >= 0 && token->valid_until_day >= 0 &&
           token->valid_from_day <= DAY_MAX && token->valid_until_day <= DAY_MAX &&
           (token->valid_until_day == 0 || token->valid_until_day >= token->valid_from_day);
}

/* Canonical payload bytes; `out` has room for PAYLOAD_MAX. */
static size_t pack(const struct token *token, uint32_t network, uint8_t *out)
{
    struct token copy = *token; /* protobuf-c's fields are not const */
    Passerelle__V1__PassToken message = PASSERELLE__V1__PASS_TOKEN__INIT;
    message.pass_id = (ProtobufCBinaryData){sizeof copy.pass_id, copy.pass_id};
    message.network_check = network;
    message.device_key =
        (ProtobufCBinaryData){copy.has_device ? sizeof copy.device_key : 0, copy.device_key};
    message.issuer = copy.issuer;
    message.plan_type = (Passerelle__V1__PlanType)copy.plan;
    message.valid_from_day = (uint32_t)copy.valid_from_day;
    message.valid_until_day = (uint32_t)copy.valid_until_day;
    message.entitlements = copy.entitlements;
    message.offline_rule = (Passerelle__V1__OfflineRule)copy.offline;
    message.policy_digest =
        (ProtobufCBinaryData){copy.has_policy ? sizeof copy.policy_digest : 0, copy.policy_digest};
    message.issued_utc_s = copy.issued_utc_s;
    assert(passerelle__v1__pass_token__get_packed_size(&message) <= PAYLOAD_MAX);
    return passerelle__v1__pass_token__pack(&message, out);
}

int token_sign(const struct token *token, struct view network, const struct ed25519_key *key,
               struct buf *out)
{
    if (!fields_are_good(token) || network.len == 0 || network.len > TOKEN_NETWORK_MAX) {
        return E_INVALID;
    }
    uint8_t payload[PAYLOAD_MAX];
    size_t len = pack(token, network_check(network), payload);
    char input[SIGNING_MAX];
    size_t input_len = signing_input(network, view_bytes(payload, len), input);
    uint8_t id[TOKEN_KEY_ID_LEN];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    token_key_id(key->public_key, id);
    ed25519_sign(key, view_bytes(input, input_len), signature);
    buf_add(out, payload, len);
    buf_add(out, id, sizeof id);
    buf_add(out, signature, sizeof signature);
    return buf_error(out);
}

const char *token_verdict_refusal(enum token_verdict verdict)
{
    switch (verdict) {
    case TOKEN_VALID:
        return "";
    case TOKEN_KEY_UNKNOWN:
        return "UNKNOWN_KEY";
    case TOKEN_FORGED:
        return "BAD_SIGNATURE";
    case TOKEN_NO_PASS:
    case TOKEN_NEWER:
    case TOKEN_BAD_TEXT:
    case TOKEN_BAD_LENGTH:
    case TOKEN_BAD_PAYLOAD:
    case TOKEN_OTHER_NETWORK:
        return "BAD_TOKEN";
    }
    die("no such verdict: %d", (int)verdict);
}

enum token_verdict token_scan_parse(struct view text, struct token_scan *scan)
{
    bool proof = view_starts(text, "PP1:");
    if (!proof && !view_starts(text, "PT1:")) {
        bool newer = text.len >= PREFIX_LEN && text.data[0] == 'P' &&
                     (text.data[1] == 'T' || text.data[1] == 'P') && text.data[2] >= '2' &&
                     text.data[2] <= '9' && text.data[3] == ':';
        return newer ? TOKEN_NEWER : TOKEN_NO_PASS;
    }
    /* Before decoding: an over-long text costs nothing. */
    size_t longest = TOKEN_BYTES_MAX + (proof ? TOKEN_PROOF_LEN : 0);
    size_t shortest = TOKEN_ENVELOPE_LEN + 1 + (proof ? TOKEN_PROOF_LEN : 0);
    struct view body = view_slice(text, PREFIX_LEN, text.len);
    if (body.len > longest / 2 * 3 + longest % 2 * 2) {
        return TOKEN_BAD_LENGTH;
    }
    buf_clear(&scan->bytes);
    if (base45_decode(body, &scan->bytes) != E_OK) {
        return TOKEN_BAD_TEXT;
    }
    struct view bytes = buf_content(&scan->bytes);
    if (bytes.len < shortest) {
        return TOKEN_BAD_LENGTH;
    }
    size_t token_len = bytes.len - (proof ? TOKEN_PROOF_LEN : 0);
    scan->token = view_slice(bytes, 0, token_len);
    scan->has_proof = proof;
    if (proof) {
        const uint8_t *tail = (const uint8_t *)bytes.data + token_len;
        scan->proof_utc_s =
            (uint32_t)tail[0] << 24 | (uint32_t)tail[1] << 16 | (uint32_t)tail[2] << 8 | tail[3];
        memcpy(scan->proof_signature, tail + 4, ED25519_SIGNATURE_LEN);
    }
    return TOKEN_VALID;
}

void token_scan_release(struct token_scan *scan)
{
    buf_release(&scan->bytes);
}

void token_hash(struct view token, uint8_t out[static SHA256_LEN])
{
    sha256(token, out);
}

static bool copy_exactly(ProtobufCBinaryData from, void *to, size_t len)
{
    if (from.len != len) {
        return false;
    }
    memcpy(to, from.data, len);
    return true;
}

/* Fields of fixed or no length; ranges are looked at afterwards. */
static bool unpack(const Passerelle__V1__PassToken *message, struct token *out)
{
    out->has_device = message->device_key.len > 0;
    out->has_policy = message->policy_digest.len > 0;
    size_t issuer_len = strlen(message->issuer);
    if (issuer_len > TOKEN_ISSUER_MAX || message->valid_from_day > DAY_MAX ||
        message->valid_until_day > DAY_MAX ||
        !copy_exactly(message->pass_id, out->pass_id, sizeof out->pass_id) ||
        (out->has_device &&
         !copy_exactly(message->device_key, out->device_key, sizeof out->device_key)) ||
        (out->has_policy &&
         !copy_exactly(message->policy_digest, out->policy_digest, sizeof out->policy_digest))) {
        return false;
    }
    memcpy(out->issuer, message->issuer, issuer_len);
    out->plan = (enum token_plan)message->plan_type;
    out->offline = (enum token_offline)message->offline_rule;
    out->entitlements = message->entitlements;
    out->valid_from_day = (int32_t)message->valid_from_day;
    out->valid_until_day = (int32_t)message->valid_until_day;
    out->issued_utc_s = message->issued_utc_s;
    return fields_are_good(out);
}

static struct view payload_of(struct view token)
{
    return view_slice(token, 0, token.len - TOKEN_ENVELOPE_LEN);
}

enum token_verdict token_decode(struct view token, struct view network, struct token *out)
{
    if (token.len <= TOKEN_ENVELOPE_LEN || token.len > TOKEN_BYTES_MAX) {
        return TOKEN_BAD_LENGTH;
    }
    struct view payload = payload_of(token);
    Passerelle__V1__PassToken *message =
        passerelle__v1__pass_token__unpack(NULL, payload.len, (const uint8_t *)payload.data);
    struct token read = {.has_device = false};
    bool good = message != NULL && unpack(message, &read);
    uint32_t check = message == NULL ? 0 : message->network_check;
    if (message != NULL) {
        passerelle__v1__pass_token__free_unpacked(message, NULL);
    }
    /* Unknown fields, other orders, defaults written out, repeated fields: all of them show here.
     */
    uint8_t again[PAYLOAD_MAX];
    if (!good || !view_equal(view_bytes(again, pack(&read, check, again)), payload)) {
        return TOKEN_BAD_PAYLOAD;
    }
    if (check != network_check(network)) {
        return TOKEN_OTHER_NETWORK;
    }
    *out = read;
    return TOKEN_VALID;
}

enum token_verdict token_verify(struct view token, const struct token_keyset *set,
                                struct token *out)
{
    struct token read;
    struct view network = view_of(set->network);
    enum token_verdict verdict = token_decode(token, network, &read);
    if (verdict != TOKEN_VALID) {
        return verdict;
    }
    struct view payload = payload_of(token);
    const uint8_t *id = (const uint8_t *)payload.data + payload.len;
    char input[SIGNING_MAX];
    size_t len = signing_input(network, payload, input);
    verdict = TOKEN_KEY_UNKNOWN;
    for (size_t i = 0; i < set->count; i++) {
        if (memcmp(set->keys[i].id, id, TOKEN_KEY_ID_LEN) != 0) {
            continue;
        }
        if (ed25519_verify(set->keys[i].public_key, view_bytes(input, len),
                           id + TOKEN_KEY_ID_LEN)) {
            *out = read;
            return TOKEN_VALID;
        }
        verdict = TOKEN_FORGED;
    }
    return verdict;
}

void token_text(struct view token, struct buf *out)
{
    buf_text(out, "PT1:");
    base45_encode(token, out);
}

void token_proof_text(struct view token, uint64_t utc_s,
                      const uint8_t signature[static ED25519_SIGNATURE_LEN], struct buf *out)
{
    assert(utc_s <= UINT32_MAX);
    struct buf bytes = BUF_INIT;
    buf_view(&bytes, token);
    buf_u32be(&bytes, (uint32_t)utc_s);
    buf_add(&bytes, signature, ED25519_SIGNATURE_LEN);
    buf_text(out, "PP1:");
    base45_encode(buf_content(&bytes), out);
    buf_release(&bytes);
}
