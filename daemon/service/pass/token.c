/* What a token says: a holder's right as it is now, signed by the newest key in use. */
#include "crypt/sha256.h"
#include "service/keyring.h"
#include "service/pass/internal.h"
#include "wire/pack.h"

int pass_signer_find(struct service *service, struct call *call, struct pass_signer *signer)
{
    struct registry_key keys[TOKEN_KEYS_MAX];
    size_t count = registry_signing_keys(service->db, call->arena,
                                         PASSERELLE__V1__KEY_PURPOSE__KEY_PURPOSE_TOKEN, keys,
                                         ARRAY_LEN(keys));
    struct registry_network network = registry_network(service->db, call->arena);
    snprintf(signer->network, sizeof signer->network, "%s", network.network_id);
    struct fault fault = FAULT_NONE;
    for (size_t i = 0; i < count; i++) {
        uint8_t key_id[TOKEN_KEY_ID_LEN];
        if (keys[i].retired_utc_ms != 0 || keys[i].key_id.len != sizeof key_id) {
            continue;
        }
        memcpy(key_id, keys[i].key_id.data, sizeof key_id);
        if (keyring_token(service->node->keys, key_id, &signer->key, &fault) == E_OK) {
            return 0;
        }
    }
    return call_fail(call, CODE_FAILED_PRECONDITION,
                     "no pass can be signed: the operator puts back the file of a token key in "
                     "use, or starts a new key (%s)",
                     fault.code == E_OK ? "all keys are retired" : fault.text);
}

/* What a blocking rule on resources leaves. A rule that warns takes nothing away. */
static uint32_t entitlements_under(const Passerelle__V1__EmployerPolicy *policy)
{
    uint32_t all = TOKEN_DESK | TOKEN_MEETING_ROOM | TOKEN_BOOTH;
    for (size_t i = 0; policy != NULL && i < policy->n_rules; i++) {
        const Passerelle__V1__PolicyRule *rule = policy->rules[i];
        if (rule->kind != PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_RESOURCES ||
            rule->enforcement != PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK) {
            continue;
        }
        uint32_t allowed = 0;
        for (size_t k = 0; k < rule->n_resources; k++) {
            uint32_t place = (uint32_t)rule->resources[k] - 1;
            allowed |= place < 3 ? 1u << place : 0;
        }
        all &= allowed;
    }
    return all;
}

bool pass_right_read(struct service *service, struct arena *arena, struct view holder_id,
                     struct pass_right *right)
{
    struct db *db = service->db;
    *right = (struct pass_right){.holder = registry_holder(db, arena, holder_id)};
    if (right->holder == NULL) {
        return false;
    }
    right->plan = registry_plan(db, arena, view_of(right->holder->plan_id));
    const Passerelle__V1__Employer *employer =
        registry_employer(db, arena, view_of(right->holder->employer_id));
    if (right->plan == NULL || employer == NULL) {
        return false;
    }
    right->issuer_member_id = employer->issuer_member_id;
    const Passerelle__V1__EmployerPolicy *policy =
        registry_employer_policy(db, arena, view_of(employer->employer_id));
    right->entitlements = entitlements_under(policy);
    right->has_policy = policy != NULL && policy->n_rules > 0;
    if (right->has_policy) {
        uint8_t digest[SHA256_LEN];
        sha256(wire_pack_arena(arena, &policy->base), digest);
        memcpy(right->policy_digest, digest, sizeof right->policy_digest);
    }
    return true;
}

/* 0: open. */
static int32_t day_number(const char *text)
{
    struct day day;
    return day_parse(view_of(text), &day) == E_OK ? day.number : 0;
}

bool pass_right_ended(const struct pass_right *right, struct day today)
{
    int32_t last = day_number(right->holder->active_to);
    return last != 0 && last < today.number;
}

/* The earlier of two last days, 0 being open. */
static int32_t earlier(int32_t a, int32_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static enum token_offline offline_of(Passerelle__V1__OfflineRule rule)
{
    return rule == PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_UNSPECIFIED
               ? TOKEN_OFFLINE_ALLOWANCE
               : (enum token_offline)rule;
}

int pass_token_make(struct service *service, struct call *call, const struct pass_signer *signer,
                    const struct pass_right *right, const Passerelle__V1__PassIssued *issued,
                    struct view device_key, char **text)
{
    int64_t now_utc_ms = service_now(service);
    struct token token = {
        .has_device = device_key.len == ED25519_PUBLIC_LEN,
        .has_policy = right->has_policy,
        .plan = (enum token_plan)right->plan->type,
        .offline = offline_of(right->plan->offline_rule),
        .entitlements = right->entitlements,
        .issued_utc_s = (uint32_t)(now_utc_ms / 1000),
    };
    memcpy(token.pass_id, issued->pass_id.data, sizeof token.pass_id);
    memcpy(token.policy_digest, right->policy_digest, sizeof token.policy_digest);
    snprintf(token.issuer, sizeof token.issuer, "%s", issued->issuer_member_id);
    int32_t pass_from = day_number(issued->valid_from);
    int32_t right_from = day_number(right->holder->active_from);
    token.valid_from_day = pass_from > right_from ? pass_from : right_from;
    token.valid_until_day =
        earlier(day_number(issued->valid_until), day_number(right->holder->active_to));
    if (token.has_device) {
        memcpy(token.device_key, device_key.data, sizeof token.device_key);
        if (token.valid_until_day == 0) {
            int32_t today = day_of_instant(now_utc_ms).number;
            int32_t first = token.valid_from_day > today ? token.valid_from_day : today;
            token.valid_until_day = first + PASS_TOKEN_DAYS;
        }
    }
    struct buf bytes = BUF_INIT;
    struct buf shown = BUF_INIT;
    int err = token_sign(&token, view_of(signer->network), signer->key, &bytes);
    if (err == E_OK) {
        token_text(buf_content(&bytes), &shown);
        *text = wire_string(call->arena, buf_content(&shown));
    }
    buf_release(&shown);
    buf_release(&bytes);
    return err;
}
