#include "service/network/internal.h"
#include "service/network/network.h"

#define OPERATOR ROLE_BIT(ROLE_OPERATOR)
#define OPERATOR_MEMBER (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER))
#define READERS (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR) | ROLE_BIT(ROLE_MEMBER))

#define OPERATOR_AUDITOR (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR))
#define EVERYONE_KNOWN (ROLES_ALL & ~ROLE_BIT(ROLE_ANYONE))

enum { KIB = 1024, MIB = 1024 * 1024 };

#define WRITES(rpc, word, who, bytes, ms)                                                          \
    {                                                                                              \
        .service = "NetworkService", .name = rpc,                                                  \
        .input = &passerelle__v1__##word##_request__descriptor,                                    \
        .output = &passerelle__v1__##word##_response__descriptor, .roles = who,                    \
        .request_bytes_max = bytes, .duration_ms_max = ms, .decide = word##_decide,                \
        .apply = word##_apply                                                                      \
    }
#define READS(rpc, word, who, ms)                                                                  \
    {                                                                                              \
        .service = "NetworkService", .name = rpc,                                                  \
        .input = &passerelle__v1__##word##_request__descriptor,                                    \
        .output = &passerelle__v1__##word##_response__descriptor, .roles = who,                    \
        .no_side_effects = true, .request_bytes_max = 4 * KIB, .duration_ms_max = ms,              \
        .slow = (ms) > 30000, .decide = word                                                       \
    }

/* A file of 16 MiB and the message around it. */
#define FILE_BYTES_MAX (16 * MIB + 4 * KIB)

const struct method network_methods[] = {
    WRITES("ImportTable", import_table, OPERATOR, FILE_BYTES_MAX, 120000),
    READS("ExportTable", export_table, OPERATOR_AUDITOR, 120000),
    WRITES("PutMember", put_member, OPERATOR, 64 * KIB, 10000),
    READS("ListMembers", list_members, READERS, 10000),
    WRITES("PutSite", put_site, OPERATOR, 64 * KIB, 10000),
    WRITES("SetSiteState", set_site_state, OPERATOR, 4 * KIB, 10000),
    WRITES("PublishTariff", publish_tariff, OPERATOR, 256 * KIB, 10000),
    WRITES("PublishCharter", publish_charter, OPERATOR, 64 * KIB, 10000),
    WRITES("AcceptCharter", accept_charter, OPERATOR_MEMBER, 4 * KIB, 10000),
    {.service = "NetworkService", .name = "GetPolicy",
     .input = &passerelle__v1__get_policy_request__descriptor,
     .output = &passerelle__v1__get_policy_response__descriptor, .roles = EVERYONE_KNOWN,
     .no_side_effects = true, .request_bytes_max = 4 * KIB, .duration_ms_max = 10000,
     .at_sites = true, .decide = get_policy},
    WRITES("SetPolicy", set_policy, OPERATOR, 4 * KIB, 10000),
    READS("ListApprovals", list_approvals, OPERATOR, 10000),
};
const size_t network_method_count = ARRAY_LEN(network_methods);
