/* What the files of this room share. Inside the writer's transaction, unless a function says
 * otherwise; what they read lies in the call's arena. */
#ifndef SERVICE_PASS_INTERNAL_H
#define SERVICE_PASS_INTERNAL_H

#include "core/ident/uuid.h"
#include "core/pass/token.h"
#include "crypt/secret.h"
#include "passerelle/v1/pass.pb-c.h"
#include "service/service.h"
#include "store/view/registry.h"

enum {
    PASS_IDS_MAX = 5000,       /* named in one call */
    PASS_LIMIT_DEFAULT = 1000, /* issued or listed in one call */
    PASS_REASON_MAX = 1000,    /* bytes */
    PASS_TOKEN_DAYS = 366,     /* a phone without a last day refreshes its token within these */
    PASS_KEYS_IN_USE_MAX = 2,
};
#define PASS_ACTIVATION_MS (INT64_C(30) * DAY_MS)

/* ---- tokens (token.c) ---- */

/* The newest token key in use, and the network that it speaks for. */
struct pass_signer {
    char network[TOKEN_NETWORK_MAX + 1];
    const struct ed25519_key *key; /* the keyring's */
};
/* Fails the call when this node does not hold the key. */
must_check int pass_signer_find(struct service *service, struct call *call,
                                struct pass_signer *signer);

/* A holder's right as it is now, from which passes are issued and tokens made. */
struct pass_right {
    const Passerelle__V1__HolderPut *holder;
    const Passerelle__V1__Plan *plan;
    const char *issuer_member_id;
    uint32_t entitlements; /* TOKEN_DESK ... */
    bool has_policy;
    uint8_t policy_digest[TOKEN_POLICY_LEN];
};
/* False when the holder, its plan or its employer is not there. */
bool pass_right_read(struct service *service, struct arena *arena, struct view holder_id,
                     struct pass_right *right);
/* The right's last day is before today. */
bool pass_right_ended(const struct pass_right *right, struct day today);

/* "PT1:...": the right as it is now, within the days of the pass. A phone without a last day gets
 * PASS_TOKEN_DAYS; a card, which cannot be refreshed, stays open. E_INVALID when no day is left. */
must_check int pass_token_make(struct service *service, struct call *call,
                               const struct pass_signer *signer, const struct pass_right *right,
                               const Passerelle__V1__PassIssued *issued, struct view device_key,
                               char **text);

/* ---- finding and scope (find.c) ---- */

/* The pass that a request names, when the caller may manage it: else the call fails, with the same
 * sentence for an unknown pass and for another's. */
must_check int pass_find(struct service *service, struct call *call, const char *field,
                         const char *pass_id, struct registry_pass *out);
/* Refuses a reason that is too long. */
must_check int pass_check_reason(struct call *call, const char *reason);
/* The state that counts today: EXPIRED when an active pass is past its last day. */
Passerelle__V1__PassState pass_state_on(const struct registry_pass *pass, struct day today);
const char *pass_state_word(Passerelle__V1__PassState state);
struct view pass_bytes(ProtobufCBinaryData bytes);

/* ---- one-time codes (codes.c) ---- */

/* A fresh code for the pass; the one before ends. Returns when it expires, UTC ms. */
int64_t code_renew(struct service *service, struct view pass_id, struct one_time_code *code);
/* The pass that the code opens, in the arena; false when no pass has it. */
bool code_find(struct db *db, struct arena *arena, const struct one_time_code *code,
               struct view *pass_id, int64_t *expires_utc_ms);
void code_forget(struct db *db, struct view pass_id);
/* The second of the last proof that got a token for this pass; -1: none. */
int64_t refresh_last(struct db *db, struct view pass_id);
void refresh_note(struct db *db, struct view pass_id, int64_t proof_utc_s);

/* ---- methods ---- */

int issue_decide(struct service *service, struct call *call);
int issue_apply(struct service *service, struct call *call);
int replace_decide(struct service *service, struct call *call);
int replace_apply(struct service *service, struct call *call);
int list_passes(struct service *service, struct call *call);
int list_cards(struct service *service, struct call *call);
int suspend_decide(struct service *service, struct call *call);
int resume_decide(struct service *service, struct call *call);
int revoke_decide(struct service *service, struct call *call);
int moves_apply(struct service *service, struct call *call);
int renew_decide(struct service *service, struct call *call);
int renew_apply(struct service *service, struct call *call);
int activate_decide(struct service *service, struct call *call);
int activate_apply(struct service *service, struct call *call);
int refresh_decide(struct service *service, struct call *call);
int refresh_apply(struct service *service, struct call *call);
int list_token_keys(struct service *service, struct call *call);
int rotate_decide(struct service *service, struct call *call);
int rotate_apply(struct service *service, struct call *call);

#endif
