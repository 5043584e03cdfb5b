#include "service/pass/internal.h"
#include "service/pass/pass.h"

#define MANAGERS (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER) | ROLE_BIT(ROLE_EMPLOYER))
#define READERS (MANAGERS | ROLE_BIT(ROLE_AUDITOR))

#define READS(rpc, stem, who, function)                                                            \
    {                                                                                              \
        .service = "PassService", .name = rpc,                                                     \
        .input = &passerelle__v1__##stem##_request__descriptor,                                    \
        .output = &passerelle__v1__##stem##_response__descriptor, .roles = who,                    \
        .no_side_effects = true, .request_bytes_max = 4096, .duration_ms_max = 10000,              \
        .decide = function                                                                         \
    }
#define WRITES(rpc, stem, who, bytes, decides, applies)                                            \
    {                                                                                              \
        .service = "PassService", .name = rpc,                                                     \
        .input = &passerelle__v1__##stem##_request__descriptor,                                    \
        .output = &passerelle__v1__##stem##_response__descriptor, .roles = who,                    \
        .request_bytes_max = bytes, .duration_ms_max = 30000, .decide = decides, .apply = applies  \
    }

enum {
    SMALL = 4096,
    LIST = PASS_IDS_MAX * 48, /* so many ids of 40 characters, with what surrounds them */
};

const struct method pass_methods[] = {
    WRITES("IssuePasses", issue_passes, MANAGERS, LIST, issue_decide, issue_apply),
    READS("ListPasses", list_passes, READERS, list_passes),
    {.service = "PassService",
     .name = "ListCards",
     .input = &passerelle__v1__list_cards_request__descriptor,
     .output = &passerelle__v1__list_cards_response__descriptor,
     .roles = MANAGERS,
     .request_bytes_max = SMALL,
     .duration_ms_max = 30000,
     .slow = true,
     .decide = list_cards},
    WRITES("SuspendPasses", suspend_passes, MANAGERS, LIST, suspend_decide, moves_apply),
    WRITES("ResumePasses", resume_passes, MANAGERS, LIST, resume_decide, moves_apply),
    WRITES("RevokePasses", revoke_passes, MANAGERS, LIST, revoke_decide, moves_apply),
    WRITES("ReplacePass", replace_pass, MANAGERS, SMALL, replace_decide, replace_apply),
    WRITES("RenewActivation", renew_activation, MANAGERS, SMALL, renew_decide, renew_apply),
    WRITES("Activate", activate, ROLES_ALL, SMALL, activate_decide, activate_apply),
    WRITES("Refresh", refresh, ROLES_ALL, SMALL, refresh_decide, refresh_apply),
    READS("ListTokenKeys", list_token_keys, ROLES_ALL, list_token_keys),
    WRITES("RotateTokenKey", rotate_token_key, ROLE_BIT(ROLE_OPERATOR), SMALL, rotate_decide,
           rotate_apply),
};
const size_t pass_method_count = ARRAY_LEN(pass_methods);
