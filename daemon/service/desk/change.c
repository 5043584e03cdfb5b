/* What a desk changes afterwards: Undo, VoidVisit, CorrectVisit, NotePaperStay. */
#include "core/pass/card.h"
#include "core/visit/stay.h"
#include "service/desk/memory.h"
#include "wire/pack.h"

struct change {
    struct desk_site *site;
    uint8_t id[16]; /* of the visit that stands; of the new one in new_id */
    uint8_t new_id[16];
    struct visit_row row;
    struct holder_visits visits; /* of the holder on that day */
    struct change_facts facts;
    struct visit_row after; /* what takes its place, or what is noted */
};

/* The visit that a request names, at its site, and what may be said of it. */
static int find_visit(struct service *service, struct call *call, const char *site_id,
                      const char *visit_id, struct change **out)
{
    struct change *change = ARENA_NEW(call->arena, struct change);
    call->decision = *out = change;
    change->site = desk_site_of_call(service, call, site_id);
    if (change->site == NULL || desk_visit_id(call, visit_id, change->id) != 0) {
        return -1;
    }
    if (!visits_by_id(service->db, call->arena, change->site->feed_no,
                      view_bytes(change->id, sizeof change->id), &change->row)) {
        return call_fail(call, CODE_NOT_FOUND,
                         "this site has no such visit: choose one in its list");
    }
    const struct visit_row *row = &change->row;
    change->visits = holder_visits(service, call->arena, row->holder_id, row->day, row->day);
    bool open = row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN;
    /* What the site itself says: a cut by a stay elsewhere is computed, and may go again. */
    change->facts = (struct change_facts){
        .now_utc_ms = service_now(service),
        .in_utc_ms = row->in_utc_ms,
        .out_utc_ms = open ? 0
                      : row->out_utc_ms != 0
                          ? row->out_utc_ms
                          : stay_closing_utc_ms(&change->site->hours, row->in_utc_ms),
        .is_void = row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_VOID,
        .is_corrected = row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CORRECTED,
        .is_last_scan = open && !visits_open_since(service->db, row->visit_key),
        .policy = service->desk->policy,
    };
    return 0;
}

static int object(struct call *call, const char *objection)
{
    return objection == NULL ? 0 : call_fail(call, CODE_FAILED_PRECONDITION, "%s", objection);
}

static Passerelle__V1__Visit *append_voided(struct service *service, struct call *call,
                                            struct change *change, bool undone,
                                            struct view reason_hash)
{
    Passerelle__V1__VisitVoided voided = PASSERELLE__V1__VISIT_VOIDED__INIT;
    voided.visit_id = wire_bytes(change->row.visit_id);
    voided.undone = undone;
    voided.reason_hash = wire_bytes(reason_hash);
    journal_append(service, view_of(call->who.author), change->site->id,
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_VOIDED, &voided.base);
    desk_changed(service, change->site, change->row.holder_id, &change->row, 0, &change->visits);
    change->row.state = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_VOID;
    return desk_visit(service, call->arena, change->site->site->site_id, &change->row, false,
                      change->row.out_utc_ms);
}

int undo_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__UndoRequest *request = (const void *)call->request;
    struct change *change;
    if (find_visit(service, call, request->site_id, request->visit_id, &change) != 0) {
        return -1;
    }
    return object(call, undo_objection(&change->facts));
}

int undo_apply(struct service *service, struct call *call)
{
    Passerelle__V1__UndoResponse *response = call_respond(call);
    response->visit = append_voided(service, call, call->decision, true, VIEW_NONE);
    return 0;
}

int void_visit_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__VoidVisitRequest *request = (const void *)call->request;
    struct change *change;
    if (find_visit(service, call, request->site_id, request->visit_id, &change) != 0 ||
        desk_check_reason(call, request->reason) != 0) {
        return -1;
    }
    return object(call, void_objection(&change->facts));
}

int void_visit_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__VoidVisitRequest *request = (const void *)call->request;
    Passerelle__V1__VoidVisitResponse *response = call_respond(call);
    response->visit = append_voided(service, call, call->decision, false,
                                    journal_reason(service, call, request->reason));
    return 0;
}

/* ---- correction ---- */

static int check_resource(struct call *call, const struct desk_site *site,
                          Passerelle__V1__Resource resource)
{
    if (site_capacity(site->site, resource) == 0) {
        return call_violation(call, "resource", "this site does not offer it: choose another");
    }
    return 0;
}

/* A visit's id is that of its request: it must be free in this feed. */
static int check_free(struct service *service, struct call *call, const struct change *change)
{
    struct visit_row other;
    if (visits_by_id(service->db, call->arena, change->site->feed_no,
                     view_bytes(change->new_id, sizeof change->new_id), &other)) {
        return call_fail(call, CODE_ALREADY_EXISTS,
                         "this request id is a visit already: make a fresh UUIDv7");
    }
    return 0;
}

int correct_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__CorrectVisitRequest *request = (const void *)call->request;
    struct change *change;
    if (find_visit(service, call, request->site_id, request->visit_id, &change) != 0 ||
        call_check_request_id(call, request->request_id, change->new_id) != 0 ||
        desk_check_reason(call, request->reason) != 0 || check_free(service, call, change) != 0) {
        return -1;
    }
    struct visit_row *after = &change->after;
    *after = change->row;
    after->visit_id = view_bytes(change->new_id, sizeof change->new_id);
    after->resource = request->resource == PASSERELLE__V1__RESOURCE__RESOURCE_UNSPECIFIED
                          ? change->row.resource
                          : request->resource;
    after->in_utc_ms = request->in_utc_ms == 0 ? change->row.in_utc_ms : request->in_utc_ms;
    after->out_utc_ms = request->out_utc_ms == 0 ? change->facts.out_utc_ms : request->out_utc_ms;
    after->state = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED;
    after->auto_closed = false;
    if (object(call, correct_objection(&change->facts, after->in_utc_ms, after->out_utc_ms)) != 0) {
        return -1;
    }
    return check_resource(call, change->site, after->resource);
}

int correct_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__CorrectVisitRequest *request = (const void *)call->request;
    struct change *change = call->decision;
    struct visit_row *after = &change->after;
    Passerelle__V1__CorrectVisitResponse *response = call_respond(call);
    uint8_t nonce[16];
    env_random(service->node->env, nonce, sizeof nonce);
    Passerelle__V1__VisitCorrected corrected = PASSERELLE__V1__VISIT_CORRECTED__INIT;
    corrected.visit_id = wire_bytes(after->visit_id);
    corrected.replaces_visit_id = wire_bytes(change->row.visit_id);
    corrected.resource = after->resource;
    corrected.in_utc_ms = after->in_utc_ms;
    corrected.out_utc_ms = after->out_utc_ms;
    corrected.lengthens = correct_lengthens(&change->facts, after->in_utc_ms, after->out_utc_ms);
    corrected.reason_hash = wire_bytes(journal_reason(service, call, request->reason));
    corrected.nonce = wire_bytes(view_bytes(nonce, sizeof nonce));
    journal_append(service, view_of(call->who.author), change->site->id,
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CORRECTED, &corrected.base);
    desk_changed(service, change->site, after->holder_id, after, 0, &change->visits);
    response->visit = desk_visit(service, call->arena, change->site->site->site_id, after, false,
                                 after->out_utc_ms);
    return 0;
}

/* ---- paper ---- */

int paper_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__NotePaperStayRequest *request = (const void *)call->request;
    struct change *change = ARENA_NEW(call->arena, struct change);
    call->decision = change;
    change->site = desk_site_of_call(service, call, request->site_id);
    if (change->site == NULL ||
        call_check_request_id(call, request->request_id, change->new_id) != 0 ||
        desk_check_reason(call, request->reason) != 0 || check_free(service, call, change) != 0) {
        return -1;
    }
    char number[CARD_DIGITS + 1];
    struct registry_pass pass;
    if (card_number_parse(view_of(request->pass_number), number) != E_OK ||
        !registry_pass_by_number(service->db, call->arena, view_of(number), &pass)) {
        return call_violation(call, "pass_number",
                              "no pass has this number: read its ten digits again");
    }
    struct visit_row *after = &change->after;
    *after = (struct visit_row){
        .feed_no = change->site->feed_no,
        .visit_id = view_bytes(change->new_id, sizeof change->new_id),
        .holder_id = view_of(pass.issued->holder_id),
        .resource = request->resource == PASSERELLE__V1__RESOURCE__RESOURCE_UNSPECIFIED
                        ? DESK_RESOURCE
                        : request->resource,
        .medium = pass.issued->medium,
        .source = PASSERELLE__V1__SOURCE__SOURCE_PAPER,
        .state = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED,
        .in_utc_ms = request->in_utc_ms,
        .out_utc_ms = request->out_utc_ms,
    };
    if (request->in_utc_ms <= 0 || request->out_utc_ms < 0) {
        return call_violation(call, "in_utc_ms", "say when the visitor came, in UTC milliseconds");
    }
    after->day = day_of_instant(after->in_utc_ms);
    change->visits = holder_visits(service, call->arena, after->holder_id, after->day, after->day);
    if (check_resource(call, change->site, after->resource) != 0) {
        return -1;
    }
    return object(call, paper_objection(service->desk->policy, service_now(service),
                                        after->in_utc_ms, after->out_utc_ms));
}

int paper_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__NotePaperStayRequest *request = (const void *)call->request;
    struct change *change = call->decision;
    struct visit_row *after = &change->after;
    Passerelle__V1__NotePaperStayResponse *response = call_respond(call);
    uint8_t nonce[16];
    env_random(service->node->env, nonce, sizeof nonce);
    if (change->site->feed_no == 0) {
        journal_open_feed(service, change->site->id, view_of("hub"));
        change->site = desk_site(service, change->site->id);
        after->feed_no = change->site->feed_no;
    }
    Passerelle__V1__StayRecorded stay = PASSERELLE__V1__STAY_RECORDED__INIT;
    stay.visit_id = wire_bytes(after->visit_id);
    stay.holder_id = arena_string(call->arena, after->holder_id);
    stay.resource = after->resource;
    stay.in_utc_ms = after->in_utc_ms;
    stay.out_utc_ms = after->out_utc_ms;
    stay.medium = after->medium;
    stay.source = after->source;
    stay.reason_hash = wire_bytes(journal_reason(service, call, request->reason));
    stay.nonce = wire_bytes(view_bytes(nonce, sizeof nonce));
    journal_append(service, view_of(call->who.author), change->site->id,
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_STAY_RECORDED, &stay.base);
    desk_changed(service, change->site, after->holder_id, after, 0, &change->visits);
    response->visit = desk_visit(service, call->arena, change->site->site->site_id, after, false,
                                 visit_out_utc_ms(service, change->site, &change->visits, after));
    return 0;
}
