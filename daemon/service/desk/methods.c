#include "service/desk/memory.h"

#define WRITES_ROLES                                                                               \
    (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER) | ROLE_BIT(ROLE_SITE) | ROLE_BIT(ROLE_DESK))
#define READS_ROLES (WRITES_ROLES | ROLE_BIT(ROLE_AUDITOR))

#define MESSAGES(rpc, message)                                                                     \
    .service = "DeskService", .name = rpc, .at_sites = true,                                       \
    .input = &passerelle__v1__##message##_request__descriptor,                                     \
    .output = &passerelle__v1__##message##_response__descriptor

#define WRITES(rpc, message, function)                                                             \
    MESSAGES(rpc, message), .roles = WRITES_ROLES, .request_bytes_max = 4096,                      \
                            .duration_ms_max = 10000, .decide = function##_decide,                 \
                            .apply = function##_apply

const struct method desk_methods[] = {
    {MESSAGES("CheckIn", check_in), .roles = WRITES_ROLES, .request_bytes_max = 4096,
     .duration_ms_max = 10000, .fails_unwritten = true, .prepare = desk_prepare,
     .decide = check_in_decide_call, .apply = check_in_apply, .complete = check_in_complete},
    {WRITES("CheckOut", check_out, check_out), .fails_unwritten = true, .prepare = desk_prepare,
     .complete = check_out_complete},
    {WRITES("Undo", undo, undo)},
    {WRITES("VoidVisit", void_visit, void_visit)},
    {WRITES("CorrectVisit", correct_visit, correct)},
    {WRITES("NotePaperStay", note_paper_stay, paper)},
    {MESSAGES("ImportStays", import_stays),
     .roles = ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER) | ROLE_BIT(ROLE_SITE),
     .request_bytes_max = 1 << 20, .duration_ms_max = 60000, .decide = import_decide,
     .apply = import_apply},
    {MESSAGES("ListVisits", list_visits), .roles = READS_ROLES, .no_side_effects = true,
     .request_bytes_max = 4096, .duration_ms_max = 10000, .decide = list_visits},
    {MESSAGES("Watch", watch), .roles = READS_ROLES, .streams = true, .request_bytes_max = 4096,
     .duration_ms_max = 0, .decide = watch_open, .pump = watch_pump},
};
const size_t desk_method_count = ARRAY_LEN(desk_methods);
