/* An invoice is credited by what RULES know: the visits behind it are disputed and ruled never to
 * have been, and the next close takes back what was billed for them, in every document that they
 * stand in. An amount of somebody's own choice cannot be credited. */
#include "base/text.h"
#include "core/ident/uuid.h"
#include "service/journal.h"
#include "service/settlement/compute.h"
#include "service/settlement/invoices.h"
#include "service/settlement/settlement.h"
#include "store/view/visits.h"
#include "wire/pack.h"

#define LINE_KIND(name) PASSERELLE__V1__LINE_KIND__LINE_KIND_##name
enum { CREDIT_VISITS_MAX = 5000 }; /* two entries each, in one transaction */

/* A visit to be ruled upon. */
struct credited {
    struct ruling ruling;
    struct view visit_id;
    const char *feed_id;
    struct view dispute_id; /* that somebody opened; empty: none */
};

struct crediting {
    struct invoice_visits invoice;
    struct credited *all; /* by visit_key, each once */
    size_t count;
    struct month next; /* month of the close that takes it back */
    Passerelle__V1__CreditInvoiceResponse *response;
};

/* ---- which visits ---- */

static int credited_compare(const void *left, const void *right)
{
    int64_t a = ((const struct credited *)left)->ruling.visit_key;
    int64_t b = ((const struct credited *)right)->ruling.visit_key;
    return a < b ? -1 : a > b;
}

DB_SQL(select_feed, "SELECT name FROM feed WHERE feed_no = :feed_no");
DB_SQL(select_disputes, "SELECT dispute_id, outcome FROM dispute WHERE visit_id = :visit_id "
                        "AND feed_id = :feed_id ORDER BY resolved_key");

/* What disputes say of a visit: whether it never was, and which one is open. */
static void disputes_look(struct service *service, struct call *call, struct credited *one,
                          bool *gone)
{
    struct query *query = db_query(service->db, &select_disputes);
    query_bind_blob(query, "visit_id", one->visit_id);
    query_bind_text(query, "feed_id", view_of(one->feed_id));
    while (query_next(query)) {
        int64_t outcome = query_int(query, 1);
        if (outcome == 0) {
            one->dispute_id = arena_copy(call->arena, query_blob(query, 0));
        } else if (outcome != PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_UPHELD) {
            *gone = outcome == PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_VOIDED;
        }
    }
    query_end(query);
}

/* The visit that this entry began, or what took its place. False: it never was, so that it is
 * credited already. */
static bool credited_find(struct service *service, struct call *call, uint64_t key,
                          struct credited *out)
{
    struct uuid id;
    struct visit_row visit;
    bool gone = false;
    *out = (struct credited){0};
    struct query *query = db_query(service->db, &select_feed);
    query_bind_int(query, "feed_no", (int64_t)(key >> FEED_SEQ_BITS));
    out->feed_id = query_next(query) ? arena_string(call->arena, query_text(query, 0)) : "";
    query_end(query);
    if (!invoice_visit_id(service->db, key, false, id.bytes)) {
        return false;
    }
    struct view visit_id = arena_copy(call->arena, view_bytes(id.bytes, sizeof id.bytes));
    while (visit_id.len > 0 && visits_by_id(service->db, call->arena,
                                            (int64_t)(key >> FEED_SEQ_BITS), visit_id, &visit)) {
        out->visit_id = visit_id;
        out->ruling = (struct ruling){.visit_key = visit.visit_key,
                                      .month = month_of(visit.day),
                                      .voided = true,
                                      .late = true};
        gone = gone || visit.state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_VOID;
        disputes_look(service, call, out, &gone);
        visit_id = view_equal(visit.corrected_by, visit_id) ? VIEW_NONE : visit.corrected_by;
    }
    return out->visit_id.len > 0 && !gone;
}

/* What the visits behind one line come to. */
struct line_pick {
    size_t asked; /* for */
    size_t put;
};

static int visit_put(struct service *service, struct call *call, struct crediting *crediting,
                     uint64_t key, struct line_pick *pick)
{
    if (crediting->count == CREDIT_VISITS_MAX) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "more than %d visits stand behind this: credit it in parts, by line or by "
                         "reference",
                         CREDIT_VISITS_MAX);
    }
    pick->asked++;
    if (credited_find(service, call, key, &crediting->all[crediting->count])) {
        crediting->count++;
        pick->put++;
    }
    return 0;
}

static int line_refuse(struct call *call, const char *number, size_t line,
                       const Passerelle__V1__DocumentLine *what)
{
    if (what->kind == LINE_KIND(CARNET)) {
        return call_fail(
            call, CODE_FAILED_PRECONDITION,
            "line %zu of %s is a carnet, which no rule takes back: it was paid when it "
            "was sold, and what is left of it serves until it expires. Name the other "
            "lines",
            line, number);
    }
    return call_fail(call, CODE_FAILED_PRECONDITION,
                     "line %zu of %s is a subscription, which no rule takes back: its fee is owed "
                     "for each month that a holder's right touches. Name the other lines",
                     line, number);
}

static int line_pick(struct service *service, struct call *call, struct crediting *crediting,
                     size_t line, struct line_pick *pick)
{
    const Passerelle__V1__CreditInvoiceRequest *request = (const void *)call->request;
    const Passerelle__V1__DocumentLine *what = crediting->invoice.document->lines[line - 1];
    if (what->kind == LINE_KIND(CARNET) || what->kind == LINE_KIND(SUBSCRIPTION)) {
        return line_refuse(call, request->number, line, what);
    }
    for (size_t i = 0; i < crediting->invoice.lines[line - 1].count; i++) {
        if (visit_put(service, call, crediting, crediting->invoice.lines[line - 1].keys[i], pick) !=
            0) {
            return -1;
        }
    }
    return 0;
}

/* As evidence writes them: a UUID, or 32 hex digits. */
static bool reference_parse(const char *text, uint8_t out[static 16])
{
    struct uuid id;
    bool is_uuid = uuid_parse(view_of(text), &id) == E_OK;
    if (is_uuid) {
        memcpy(out, id.bytes, sizeof id.bytes);
    }
    return is_uuid || text_from_hex(view_of(text), out, 16) == E_OK;
}

static int reference_pick(struct service *service, struct call *call, struct crediting *crediting,
                          const char *text)
{
    const Passerelle__V1__CreditInvoiceRequest *request = (const void *)call->request;
    const struct invoice_visits *invoice = &crediting->invoice;
    bool employer =
        invoice->document->kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE;
    uint8_t wanted[16];
    struct line_pick pick = {0};
    if (!reference_parse(text, wanted)) {
        return call_violation(call, "references", "write '%s' as the evidence of %s does", text,
                              request->number);
    }
    for (size_t i = 0; i < invoice->document->n_lines && pick.asked == 0; i++) {
        for (size_t k = 0; k < invoice->lines[i].count && pick.asked == 0; k++) {
            uint8_t id[16];
            if (invoice_visit_id(service->db, invoice->lines[i].keys[k], employer, id) &&
                memcmp(id, wanted, sizeof id) == 0 &&
                visit_put(service, call, crediting, invoice->lines[i].keys[k], &pick) != 0) {
                return -1;
            }
        }
    }
    if (pick.asked == 0) {
        return call_fail(call, CODE_NOT_FOUND,
                         "%s does not stand behind %s: `passerelle invoice show %s --format "
                         "evidence` names what does",
                         text, request->number, request->number);
    }
    return pick.put > 0 ? 0
                        : call_fail(call, CODE_FAILED_PRECONDITION, "%s is credited already", text);
}

static int visits_pick(struct service *service, struct call *call, struct crediting *crediting)
{
    const Passerelle__V1__CreditInvoiceRequest *request = (const void *)call->request;
    size_t line_count = crediting->invoice.document->n_lines;
    bool whole = request->n_lines == 0 && request->n_references == 0;
    struct line_pick all = {0};
    for (size_t i = 0; i < request->n_lines; i++) {
        struct line_pick pick = {0};
        if (request->lines[i] == 0 || request->lines[i] > line_count) {
            return call_violation(call, "lines", "%s has lines 1 to %zu", request->number,
                                  line_count);
        }
        if (line_pick(service, call, crediting, request->lines[i], &pick) != 0) {
            return -1;
        }
        if (pick.put == 0) {
            return call_fail(call, CODE_FAILED_PRECONDITION, "line %u of %s is credited already",
                             request->lines[i], request->number);
        }
    }
    for (size_t i = 0; i < request->n_references; i++) {
        if (reference_pick(service, call, crediting, request->references[i]) != 0) {
            return -1;
        }
    }
    for (size_t line = 1; whole && line <= line_count; line++) {
        if (line_pick(service, call, crediting, line, &all) != 0) {
            return -1;
        }
    }
    return crediting->count > 0 ? 0
                                : call_fail(call, CODE_FAILED_PRECONDITION,
                                            "%s is credited already", request->number);
}

static void visits_sort(struct crediting *crediting)
{
    size_t kept = 0;
    qsort(crediting->all, crediting->count, sizeof *crediting->all, credited_compare);
    for (size_t i = 0; i < crediting->count; i++) {
        if (kept == 0 || credited_compare(&crediting->all[kept - 1], &crediting->all[i]) != 0) {
            crediting->all[kept++] = crediting->all[i];
        }
    }
    crediting->count = kept;
}

DB_SQL(select_last, "SELECT MAX(month) FROM period");

static int crediting_look(struct service *service, struct call *call, struct crediting *out)
{
    const Passerelle__V1__CreditInvoiceRequest *request = (const void *)call->request;
    *out = (struct crediting){0};
    if (dispute_reason_check(call, request->reason, true) != 0 ||
        invoice_visits(service, call, request->number, &out->invoice) != 0) {
        return -1;
    }
    if (out->invoice.document->credit_note) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "%s is a credit note: what it took back wrongly is billed again by "
                         "disputes that are resolved as corrected",
                         request->number);
    }
    out->all = ARENA_ARRAY(call->arena, CREDIT_VISITS_MAX, struct credited);
    if (visits_pick(service, call, out) != 0) {
        return -1;
    }
    visits_sort(out);
    struct query *query = db_query(service->db, &select_last);
    out->next.number = query_next(query) ? (int32_t)query_int(query, 0) + 1 : 0;
    query_end(query);
    return 0;
}

/* ---- what the next close makes of it ---- */

static bool same_parties(const Passerelle__V1__Document *a, const Passerelle__V1__Document *b)
{
    return a->kind == b->kind && strcmp(a->seller_member_id, b->seller_member_id) == 0 &&
           strcmp(a->buyer_id, b->buyer_id) == 0;
}

static int64_t net_of(const Passerelle__V1__SettlementDocument *close,
                      const Passerelle__V1__Document *invoice)
{
    int64_t net = 0;
    for (size_t i = 0; i < close->n_documents; i++) {
        net += same_parties(close->documents[i], invoice) ? close->documents[i]->net_cents : 0;
    }
    return net;
}

static bool is_among(const Passerelle__V1__SettlementDocument *close,
                     const Passerelle__V1__Document *document, struct arena *arena)
{
    for (size_t i = 0; i < close->n_documents; i++) {
        const Passerelle__V1__Document *one = close->documents[i];
        if (same_parties(one, document) && one->credit_note == document->credit_note) {
            return view_equal(wire_pack_arena(arena, &one->base),
                              wire_pack_arena(arena, &document->base));
        }
    }
    return false;
}

static int crediting_compute(struct service *service, struct call *call,
                             struct crediting *crediting)
{
    const Passerelle__V1__CreditInvoiceRequest *request = (const void *)call->request;
    const Passerelle__V1__Document *invoice = crediting->invoice.document;
    struct ruling *rulings = ARENA_ARRAY(call->arena, crediting->count, struct ruling);
    Passerelle__V1__SettlementDocument *before;
    Passerelle__V1__SettlementDocument *after;
    struct fault fault = FAULT_NONE;
    uint64_t seed;
    char month[8];
    env_random(service->node->env, &seed, sizeof seed);
    for (size_t i = 0; i < crediting->count; i++) {
        rulings[i] = crediting->all[i].ruling;
    }
    if (settlement_late(service->db, seed, crediting->next, rulings, crediting->count, call->arena,
                        &before, &after, &fault) != 0) {
        return call_fail_with(call, &fault);
    }
    Passerelle__V1__CreditInvoiceResponse *response = wire_new(call->arena, call->method->output);
    month_format(crediting->next, month);
    response->month = arena_string(call->arena, view_of(month));
    response->visits = (uint32_t)crediting->count;
    response->net_cents = net_of(before, invoice) - net_of(after, invoice);
    response->documents = ARENA_ARRAY(call->arena, after->n_documents, Passerelle__V1__Document *);
    for (size_t i = 0; i < after->n_documents; i++) {
        if (!is_among(before, after->documents[i], call->arena)) {
            response->documents[response->n_documents++] = after->documents[i];
        }
    }
    if (response->net_cents <= 0) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "%s would not be credited by this: what is left of the days of these "
                         "visits costs as much. Name the other visits of these days too",
                         request->number);
    }
    crediting->response = response;
    return 0;
}

/* ---- CreditInvoice ---- */

/* On a worker: nothing is objected to here. */
void credit_precompute(struct service *service, struct call *call)
{
    struct call look = *call;
    struct crediting *crediting = ARENA_NEW(call->arena, struct crediting);
    struct fault fault = FAULT_NONE;
    if (crediting_look(service, &look, crediting) == 0 &&
        crediting_compute(service, &look, crediting) == 0 &&
        db_error(service->db, &fault) == E_OK) {
        call->prepared = crediting;
    }
}

static bool still_holds(const struct crediting *prepared, const struct crediting *now)
{
    bool same = prepared != NULL && prepared->count == now->count &&
                prepared->next.number == now->next.number;
    for (size_t i = 0; same && i < now->count; i++) {
        same = credited_compare(&prepared->all[i], &now->all[i]) == 0;
    }
    return same;
}

int credit_decide(struct service *service, struct call *call)
{
    const struct crediting *prepared = call->prepared;
    struct crediting *crediting = ARENA_NEW(call->arena, struct crediting);
    if (crediting_look(service, call, crediting) != 0) {
        return -1;
    }
    if (still_holds(prepared, crediting)) {
        crediting->response = prepared->response;
    } else if (crediting_compute(service, call, crediting) != 0) {
        return -1;
    }
    call->decision = crediting;
    return 0;
}

static void visit_rule(struct service *service, struct call *call, const struct credited *one,
                       struct view reason_hash)
{
    uint8_t random[10];
    struct view dispute_id = one->dispute_id;
    struct uuid fresh;
    if (dispute_id.len == 0) {
        env_random(service->node->env, random, sizeof random);
        fresh = uuid_v7(service_now(service), random);
        dispute_id = view_bytes(fresh.bytes, sizeof fresh.bytes);
        Passerelle__V1__DisputeOpened opened = PASSERELLE__V1__DISPUTE_OPENED__INIT;
        opened.dispute_id = wire_bytes(dispute_id);
        opened.feed_id = wire_string(call->arena, view_of(one->feed_id));
        opened.visit_id = wire_bytes(one->visit_id);
        opened.reason_hash = wire_bytes(reason_hash);
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_DISPUTE_OPENED, &opened.base);
    }
    Passerelle__V1__DisputeResolved resolved = PASSERELLE__V1__DISPUTE_RESOLVED__INIT;
    resolved.dispute_id = wire_bytes(dispute_id);
    resolved.outcome = PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_VOIDED;
    resolved.reason_hash = wire_bytes(reason_hash);
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_DISPUTE_RESOLVED, &resolved.base);
}

int credit_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__CreditInvoiceRequest *request = (const void *)call->request;
    const struct crediting *crediting = call->decision;
    call->response = &crediting->response->base;
    if (request->dry_run) {
        return 0;
    }
    struct view reason_hash = journal_reason(service, call, request->reason);
    for (size_t i = 0; i < crediting->count; i++) {
        visit_rule(service, call, &crediting->all[i], reason_hash);
    }
    return 0;
}
