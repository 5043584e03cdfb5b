#include "service/employer/employer.h"

#include "service/employer/internal.h"

#define SELLERS (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER))
#define MANAGERS (SELLERS | ROLE_BIT(ROLE_EMPLOYER))
#define READERS (MANAGERS | ROLE_BIT(ROLE_AUDITOR))

enum { KIB = 1024, MIB = 1024 * 1024 };

#define WRITES(rpc, word, who, bytes)                                                              \
    {                                                                                              \
        .service = "EmployerService", .name = rpc,                                                 \
        .input = &passerelle__v1__##word##_request__descriptor,                                    \
        .output = &passerelle__v1__##word##_response__descriptor, .roles = who,                    \
        .request_bytes_max = bytes, .duration_ms_max = 30000, .decide = word##_decide,             \
        .apply = word##_apply                                                                      \
    }
#define READS(rpc, word, who, is_slow)                                                             \
    {                                                                                              \
        .service = "EmployerService", .name = rpc,                                                 \
        .input = &passerelle__v1__##word##_request__descriptor,                                    \
        .output = &passerelle__v1__##word##_response__descriptor, .roles = who,                    \
        .no_side_effects = true, .slow = is_slow, .request_bytes_max = 4 * KIB,                    \
        .duration_ms_max = 30000, .decide = word                                                   \
    }

const struct method employer_methods[] = {
    WRITES("PutEmployer", put_employer, SELLERS, 16 * KIB),
    READS("ListEmployers", list_employers, READERS, false),
    WRITES("PutPlan", put_plan, SELLERS, 8 * KIB),
    READS("ListPlans", list_plans, READERS, false),
    WRITES("SetEmployerPolicy", set_employer_policy, MANAGERS, 32 * KIB),
    READS("GetEmployerPolicy", get_employer_policy, READERS, false),
    WRITES("SellCarnet", sell_carnet, SELLERS, 8 * KIB),
    READS("ListCarnets", list_carnets, READERS, false),
    WRITES("ImportHolders", import_holders, MANAGERS, 16 * MIB),
    READS("ListHolders", list_holders, MANAGERS, false), /* names: no auditor needs them */
    WRITES("EraseHolder", erase_holder, MANAGERS, 4 * KIB),
    READS("GetUsage", get_usage, READERS, true),
};
const size_t employer_method_count = ARRAY_LEN(employer_methods);
