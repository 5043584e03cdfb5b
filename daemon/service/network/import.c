/* ImportTable: decide reads and judges every line, apply records what came out, or nothing. */
#include "core/records/table.h"
#include "service/contracts.h"
#include "service/journal.h"
#include "service/network/import.h"
#include "service/network/internal.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define TABLE(name) PASSERELLE__V1__TABLE__TABLE_##name
#define VERDICT(name) PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_##name

enum { IMPORT_LINES_MAX = 100000, IMPORT_REPORTS_MAX = 1000 };

static void report_add(struct call *call, Passerelle__V1__ImportTableResponse *response,
                       const struct table_line *line, const char *problem)
{
    if (response->reports == NULL) {
        response->reports =
            ARENA_ARRAY(call->arena, IMPORT_REPORTS_MAX, Passerelle__V1__LineReport *);
    }
    if (response->n_reports == IMPORT_REPORTS_MAX) {
        return;
    }
    Passerelle__V1__LineReport *report =
        wire_new(call->arena, &passerelle__v1__line_report__descriptor);
    report->line = (uint32_t)line->line;
    report->verdict = line->verdict;
    report->subject = wire_string(call->arena, view_of(line->subject));
    report->problem = wire_string(call->arena, view_of(problem));
    response->reports[response->n_reports++] = report;
}

/* New sites that have their prices open at once; the report names the others. */
static void judge_sites(struct service *service, struct call *call, struct import *import,
                        Passerelle__V1__ImportTableResponse *response)
{
    struct table_reading *reading = &import->reading;
    import->becomes_active = ARENA_ARRAY(call->arena, reading->put_count, bool);
    for (size_t i = 0; i < reading->put_count; i++) {
        const Passerelle__V1__Site *site = (const void *)reading->puts[i].after;
        struct fault fault = FAULT_NONE;
        if (reading->puts[i].before != NULL) {
            continue;
        }
        import->becomes_active[i] = contract_tariff_covers(service, call->arena, site, &fault) == 0;
        if (!import->becomes_active[i]) {
            struct table_line line = {
                .line = reading->puts[i].line, .verdict = VERDICT(ADDED), .subject = site->site_id};
            report_add(call, response, &line,
                       arena_printf(call->arena, "it stays a candidate: %s", fault.text));
        }
    }
}

static void refuse_line(struct table_reading *reading, struct table_line *line, const char *problem)
{
    size_t *counted = line->verdict == VERDICT(ADDED)     ? &reading->added
                      : line->verdict == VERDICT(CHANGED) ? &reading->changed
                                                          : &reading->unchanged;
    (*counted)--;
    reading->refused++;
    line->verdict = VERDICT(REFUSED);
    line->problem = problem;
}

/* Nobody is taken from another employer, and nothing is told of another's staff: not even that a
 * line is the same as what stands there. Holders have one put a line, in order. */
static void refuse_foreign_staff(struct service *service, struct call *call,
                                 struct table_reading *reading, struct view employer_id)
{
    size_t next = 0;
    for (size_t i = 0; i < reading->count; i++) {
        struct table_line *line = &reading->lines[i];
        while (next < reading->put_count && reading->puts[next].line < line->line) {
            next++;
        }
        if (line->verdict == VERDICT(REFUSED)) {
            continue;
        }
        const Passerelle__V1__Holder *after =
            next < reading->put_count && reading->puts[next].line == line->line
                ? (const void *)reading->puts[next].after
                : NULL;
        const Passerelle__V1__HolderPut *before =
            registry_holder(service->db, call->arena, view_of(line->subject));
        if (after != NULL && !view_is(employer_id, after->employer_id)) {
            refuse_line(reading, line, "employer_id: every line names the employer of this import");
        } else if (before != NULL && !view_is(employer_id, before->employer_id)) {
            refuse_line(reading, line, "holder_id: this id is taken: choose another");
        }
    }
}

struct import *import_read(struct service *service, struct call *call, Passerelle__V1__Table table,
                           struct view csv, struct view employer_id,
                           Passerelle__V1__ImportTableResponse *response)
{
    struct import *import = ARENA_NEW(call->arena, struct import);
    struct known known = contracts_known(service, call->arena);
    struct fault fault = FAULT_NONE;
    if (table_read(table, csv, &known, IMPORT_LINES_MAX, call->arena, &import->reading, &fault) !=
        E_OK) {
        call_violation(call, "csv", "%s", fault.text);
        return NULL;
    }
    struct table_reading *reading = &import->reading;
    if (employer_id.len > 0) {
        refuse_foreign_staff(service, call, reading, employer_id);
    }
    response->done = reading->refused == 0;
    response->lines = (uint32_t)reading->count;
    response->added = (uint32_t)reading->added;
    response->changed = (uint32_t)reading->changed;
    response->unchanged = (uint32_t)reading->unchanged;
    response->refused = (uint32_t)reading->refused;
    for (size_t i = 0; i < reading->count; i++) {
        if (reading->lines[i].verdict == VERDICT(REFUSED)) {
            report_add(call, response, &reading->lines[i], reading->lines[i].problem);
        }
    }
    if (table == TABLE(SITES)) {
        judge_sites(service, call, import, response);
    }
    return import;
}

int import_table_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__ImportTableRequest *request = (const void *)call->request;
    const struct record_table *table = record_table(request->table);
    if (table == NULL) {
        return call_violation(call, "table", "say which table the file is");
    }
    if (table->table == TABLE(VISITS)) {
        return call_violation(call, "table", "stays are imported by DeskService.ImportStays");
    }
    call->decision =
        import_read(service, call, request->table, wire_view(request->csv), VIEW_NONE,
                    call_respond(call));
    return call->decision == NULL ? -1 : 0;
}

static void record_one(struct service *service, struct call *call, const struct import *import,
                       size_t i)
{
    const struct table_put *put = &import->reading.puts[i];
    struct view author = view_of(call->who.author);
    switch (import->reading.table) {
    case TABLE(MEMBERS):
        if (!put->same) {
            contract_put_member(service, author, (const void *)put->after);
        }
        if (put->account != NULL) {
            contract_put_account(service, author, put->account);
        }
        break;
    case TABLE(SITES):
    case TABLE(STOPS):
        contract_put_site(service, author, (const void *)put->after);
        if (import->becomes_active != NULL && import->becomes_active[i]) {
            site_move(service, author, (const void *)put->after,
                      PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE);
        }
        break;
    case TABLE(EMPLOYERS):
        contract_put_employer(service, author, (const void *)put->after);
        break;
    case TABLE(PLANS):
        contract_put_plan(service, author, (const void *)put->after);
        break;
    case TABLE(CARNETS):
        contract_sell_carnet(service, author, (void *)(uintptr_t)put->after);
        break;
    case TABLE(HOLDERS):
        contract_put_holder(service, author, (const void *)put->after);
        break;
    default:
        contract_publish_tariff(service, author, (const void *)put->after);
        break;
    }
}

void import_record(struct service *service, struct call *call, const struct import *import)
{
    for (size_t i = 0; i < import->reading.put_count; i++) {
        record_one(service, call, import, i);
    }
}

/* An import that changes IBANs waits, whole, for a second operator. */
static const char *waits_for(struct service *service, struct call *call,
                             const struct table_reading *reading)
{
    size_t ibans = 0;
    for (size_t i = 0; i < reading->put_count; i++) {
        ibans += reading->puts[i].account_changes;
    }
    if (ibans == 0) {
        return NULL;
    }
    const char *approved_by;
    const char *summary = arena_printf(
        call->arena, "import %zu members, of which %zu get another IBAN", reading->count, ibans);
    return approval_ask(service, call, command_digest(call), summary, &approved_by);
}

int import_table_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__ImportTableRequest *request = (const void *)call->request;
    const struct import *import = call->decision;
    Passerelle__V1__ImportTableResponse *response =
        (Passerelle__V1__ImportTableResponse *)call->response;
    if (request->dry_run || !response->done) {
        return 0;
    }
    const char *approval_id = waits_for(service, call, &import->reading);
    if (approval_id != NULL) {
        response->approval_id = wire_string(call->arena, view_of(approval_id));
        response->done = false;
        return 0;
    }
    import_record(service, call, import);
    return 0;
}
