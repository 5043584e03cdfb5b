#include "service/stats/statement.h"

#include "passerelle/v1/stats.pb-c.h"
#include "service/settlement/period.h"
#include "service/stats/region.h"
#include "wire/pack.h"

#define FORMAT(name) PASSERELLE__V1__STATEMENT_FORMAT__STATEMENT_FORMAT_##name

static int region_make(struct service *service, struct call *call, struct month month,
                       struct statement *out)
{
    struct region_input input;
    if (!scope_is_operator(call) && call->who.role != ROLE_REGION) {
        return call_fail(call, CODE_PERMISSION_DENIED,
                         "this is the Region's: name the member, employer or site that you are");
    }
    if (region_load(service, call, month, &input) != 0) {
        return -1;
    }
    statement_of_region(&input, call->arena, out);
    return 0;
}

static int party_make(struct service *service, struct call *call, struct month month,
                      struct statement *out)
{
    const Passerelle__V1__GetStatementRequest *request = (const void *)call->request;
    if (request->member_id[0] != '\0') {
        struct member_input input;
        if (member_load(service, call, request->member_id, month, &input) != 0) {
            return -1;
        }
        statement_of_member(&input, call->arena, out);
    } else if (request->employer_id[0] != '\0') {
        struct employer_input input;
        if (employer_load(service, call, request->employer_id, month, &input) != 0) {
            return -1;
        }
        statement_of_employer(&input, call->arena, out);
    } else if (request->site_id[0] != '\0') {
        struct site_input input;
        if (site_load(service, call, request->site_id, month, &input) != 0) {
            return -1;
        }
        statement_of_site(&input, call->arena, out);
    } else {
        return region_make(service, call, month, out);
    }
    return 0;
}

int statement_get(struct service *service, struct call *call)
{
    static const char *const suffixes[] = {"html", "html", "csv", "json"};
    const Passerelle__V1__GetStatementRequest *request = (const void *)call->request;
    const char *ids[] = {request->member_id, request->employer_id, request->site_id};
    const char *of = "region";
    struct month month;
    struct statement statement;
    struct file_part part;
    int named = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        named += ids[i][0] != '\0';
        of = ids[i][0] != '\0' ? ids[i] : of;
    }
    if (call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    if ((size_t)request->format >= ARRAY_LEN(suffixes)) {
        return call_violation(call, "format", "ask for HTML, CSV or JSON");
    }
    if (party_make(service, call, month, &statement) != 0) {
        return -1;
    }
    if (named > 1) {
        return call_violation(call, "site_id", "name one member, one employer or one site");
    }
    struct buf file = BUF_INIT;
    if (request->format == FORMAT(CSV)) {
        statement_csv(&statement, &file);
    } else if (request->format == FORMAT(JSON)) {
        statement_json(&statement, &file);
    } else {
        statement_html(&statement, &file);
    }
    int failed = call_part(call, buf_content(&file), request->offset, &part);
    if (failed == 0) {
        Passerelle__V1__GetStatementResponse *response = call_respond(call);
        response->name = arena_printf(call->arena, "releve-%s-%s.%s", of, request->month,
                                      suffixes[request->format]);
        response->content = wire_bytes(part.content);
        response->size = file.len;
        response->sha256 = wire_bytes(part.sha256);
        response->provisional = statement.provisional;
    }
    buf_release(&file);
    return failed;
}
