/* CheckOut: anyone who is in may leave, whatever became of the pass since. */
#include "core/pass/card.h"
#include "core/visit/stay.h"
#include "service/desk/memory.h"
#include "wire/pack.h"

struct check_out {
    struct desk_site *site;
    struct visit_row row;
    struct holder_visits visits; /* of the holder on that day */
    const struct scanned *scanned;
    int64_t out_utc_ms;
};

/* Fails the call unless the code was signed by a key in use and, for a phone, shown just now. */
static int check_scan(struct service *service, struct call *call, const struct scanned *scanned)
{
    int64_t window_s = service->desk->policy->proof_window_s;
    if (scanned->verdict != TOKEN_VALID) {
        return call_fail(call, CODE_INVALID_ARGUMENT,
                         "this code is no pass of this network: scan again, or choose the visitor "
                         "in the list");
    }
    if (scanned->token.has_device &&
        (!scanned->has_proof || !scanned->proof_signed ||
         proof_age(scanned->proof_utc_s, service_now(service), window_s, 0) != PROOF_FRESH)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "this code is not the one that the phone shows now: scan again, or choose "
                         "the visitor in the list");
    }
    return 0;
}

static int find_pass(struct service *service, struct call *call, struct check_out *out,
                     struct registry_pass *pass)
{
    const Passerelle__V1__CheckOutRequest *request = (const void *)call->request;
    bool found;
    if (request->who_case == PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_SCAN) {
        out->scanned = desk_scanned(service, call, request->scan);
        if (check_scan(service, call, out->scanned) != 0) {
            return -1;
        }
        const uint8_t *id = out->scanned->token.pass_id;
        found = registry_pass(service->db, call->arena, view_bytes(id, 16), pass);
    } else {
        char number[CARD_DIGITS + 1];
        if (card_number_parse(view_of(request->card_number), number) != E_OK) {
            return call_violation(call, "card_number", "type the ten digits of the card again");
        }
        found = registry_pass_by_number(service->db, call->arena, view_of(number), pass);
    }
    if (!found) {
        return call_fail(call, CODE_NOT_FOUND,
                         "this pass is not known here: choose the visitor in the list");
    }
    return 0;
}

static int find_open(struct service *service, struct call *call, struct check_out *out,
                     struct view holder_id)
{
    const Passerelle__V1__CheckOutRequest *request = (const void *)call->request;
    struct day today = day_of_instant(service_now(service));
    struct holder_visits visits =
        holder_visits(service, call->arena, holder_id, day_plus(today, -1), today);
    const struct visit_row *best = NULL;
    size_t open = 0;
    for (size_t i = 0; i < visits.count; i++) {
        const struct visit_row *row = &visits.rows[i];
        bool wanted = request->resource == PASSERELLE__V1__RESOURCE__RESOURCE_UNSPECIFIED ||
                      request->resource == row->resource;
        if (row->feed_no != out->site->feed_no || !wanted ||
            row->state != PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN) {
            continue;
        }
        open++;
        if (best == NULL || row->resource == DESK_RESOURCE) {
            best = row;
        }
    }
    if (best == NULL) {
        return call_fail(call, CODE_NOT_FOUND,
                         "this visitor is not in: nothing to do, or note the stay from paper");
    }
    if (open > 1 && best->resource != DESK_RESOURCE) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "this visitor has several stays open: say which resource, or choose it in "
                         "the list");
    }
    out->row = *best;
    return 0;
}

static int find_by_id(struct service *service, struct call *call, struct check_out *out)
{
    const Passerelle__V1__CheckOutRequest *request = (const void *)call->request;
    uint8_t id[16];
    if (desk_visit_id(call, request->visit_id, id) != 0) {
        return -1;
    }
    if (!visits_by_id(service->db, call->arena, out->site->feed_no, view_bytes(id, sizeof id),
                      &out->row)) {
        return call_fail(call, CODE_NOT_FOUND,
                         "this site has no such visit: choose one in its list");
    }
    if (out->row.state != PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "this visit is not open: correct it when its end is wrong");
    }
    return 0;
}

int check_out_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__CheckOutRequest *request = (const void *)call->request;
    struct check_out *out = ARENA_NEW(call->arena, struct check_out);
    call->decision = out;
    out->site = desk_site_of_call(service, call, request->site_id);
    if (out->site == NULL) {
        return -1;
    }
    if (request->who_case == PASSERELLE__V1__CHECK_OUT_REQUEST__WHO__NOT_SET) {
        return call_violation(call, "visit_id", "say who leaves: a scan, a card or a visit");
    }
    if (request->who_case == PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_VISIT_ID) {
        if (find_by_id(service, call, out) != 0) {
            return -1;
        }
    } else {
        struct registry_pass pass;
        if (find_pass(service, call, out, &pass) != 0 ||
            find_open(service, call, out, view_of(pass.issued->holder_id)) != 0) {
            return -1;
        }
    }
    out->visits =
        holder_visits(service, call->arena, out->row.holder_id, out->row.day, out->row.day);
    /* A clock that was set back ends no stay before it began; none passes midnight (RULES 3). */
    int64_t midnight = day_start_utc_ms(day_plus(out->row.day, 1));
    int64_t now_utc_ms = service_now(service);
    out->out_utc_ms = now_utc_ms < out->row.in_utc_ms ? out->row.in_utc_ms : now_utc_ms;
    out->out_utc_ms = out->out_utc_ms < midnight ? out->out_utc_ms : midnight;
    return 0;
}

int check_out_apply(struct service *service, struct call *call)
{
    struct check_out *out = call->decision;
    Passerelle__V1__CheckOutResponse *response = call_respond(call);
    Passerelle__V1__VisitClosed closed = PASSERELLE__V1__VISIT_CLOSED__INIT;
    closed.visit_id = wire_bytes(out->row.visit_id);
    closed.out_utc_ms = out->out_utc_ms;
    if (out->scanned != NULL && out->scanned->has_proof) {
        closed.token_hash = wire_bytes(view_bytes(out->scanned->hash, SHA256_LEN));
        closed.proof_second = out->scanned->proof_utc_s;
        closed.proof_signature =
            wire_bytes(view_bytes(out->scanned->proof_signature, ED25519_SIGNATURE_LEN));
        desk_proof_use(service->desk, out->scanned->hash, out->scanned->proof_utc_s);
    }
    bool cut = visit_cut_utc_ms(service, &out->visits, &out->row) != 0;
    journal_append(service, view_of(call->who.author), out->site->id,
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CLOSED, &closed.base);
    desk_changed(service, out->site, out->row.holder_id, &out->row, cut ? 0 : -1, &out->visits);
    out->row.state = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED;
    out->row.out_utc_ms = out->out_utc_ms;
    int64_t effective_utc_ms = visit_out_utc_ms(service, out->site, &out->visits, &out->row);
    response->visit = desk_visit(service, call->arena, out->site->site->site_id, &out->row, cut,
                                 effective_utc_ms);
    response->n_occupancy = desk_occupancy(call->arena, out->site->site,
                                           desk_present(service, out->site), &response->occupancy);
    response->knowledge = desk_knowledge(service, call->arena);
    return 0;
}

void check_out_complete(struct service *service, struct call *call)
{
    desk_name_visit(service, call, ((Passerelle__V1__CheckOutResponse *)call->response)->visit);
}
