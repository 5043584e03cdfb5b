#include "service/network/internal.h"
#include "service/network/network.h"

#define OPERATOR ROLE_BIT(ROLE_OPERATOR)
#define OPERATOR_MEMBER (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER))
#define READERS (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR) | ROLE_BIT(ROLE_MEMBER))

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
        .decide = word                                                                             \
    }

/* A file of 16 MiB and the message around it. */
#define FILE_BYTES_MAX (16 * MIB + 4 * KIB)

const struct method network_methods[] = {
    WRITES("ImportTable", import_table, OPERATOR, FILE_BYTES_MAX, 120000),
    WRITES("PutSite", put_site, OPERATOR, 64 * KIB, 10000),
    WRITES("SetSiteState", set_site_state, OPERATOR, 4 * KIB, 10000),
};
const size_t network_method_count = ARRAY_LEN(network_methods);
