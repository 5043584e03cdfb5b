/* A close in two halves. The first, on any thread with a snapshot, computes the document and takes
 * the cut: sizes and roots of all feeds as the snapshot sees them. The second, on the writer,
 * records both. Entries that come between the halves lie past the cut, so they are late like any
 * other (RULES 19), and the writer never waits for a computation nor computes again because of
 * them. Only another close in between makes the first half worthless. */
#include "service/settlement/settlement.h"

#include "core/entry/entry.h"
#include "passerelle/v1/errors.pb-c.h"
#include "service/journal.h"
#include "service/settlement/compute.h"
#include "service/settlement/payments.h"
#include "service/settlement/period.h"
#include "service/sync/padded.h"
#include "store/view/registry.h"
#include "wire/pack.h"

/* Cuts of at most 64 + 32 + 20 bytes each: a part stays far below the longest entry. */
enum { CUTS_PER_ENTRY = 400 };
_Static_assert(CUTS_PER_ENTRY * 128 < ENTRY_BYTES_MAX - 512, "a part of a cut fits an entry");

static int list_periods(struct service *service, struct call *call)
{
    Passerelle__V1__ListPeriodsResponse *response = call_respond(call);
    response->n_periods = period_list(service, call->arena, &response->periods);
    return 0;
}

static uint64_t random_seed(struct service *service)
{
    uint64_t seed;
    env_random(service->node->env, &seed, sizeof seed);
    return seed;
}

static int get_period(struct service *service, struct call *call)
{
    const Passerelle__V1__GetPeriodRequest *request = (const void *)call->request;
    struct month month;
    if (call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    Passerelle__V1__GetPeriodResponse *response = call_respond(call);
    response->period = period_message(service, call->arena, month);
    if (period_is_closed(service->db, month)) {
        response->document = settlement_stored(service->db, month, call->arena);
        return 0;
    }
    struct settlement settlement;
    struct padded padded;
    struct fault fault = FAULT_NONE;
    period_block(service, call->arena, month, response->period);
    padded_find(service, call->arena, month, &padded);
    padded_warn(call->arena, &padded, response->period);
    int error = settlement_compute(service->db, random_seed(service), month, call->arena,
                                   &settlement, &fault);
    if (error == E_NOT_FOUND) {
        period_block_add(call->arena, response->period, "missing_price", request->month, "%s",
                         fault.text);
    } else if (error != 0) {
        return call_fail_with(call, &fault);
    } else {
        response->document = settlement.document;
    }
    return 0;
}

/* ---- ClosePeriod ---- */

/* Refuses with all that is in the way: the first as sentence, the first few as details. */
static int refuse_blocked(struct call *call, const Passerelle__V1__Period *period)
{
    for (size_t i = 0; i < period->n_blockers && i < CALL_DETAILS_MAX; i++) {
        const Passerelle__V1__Blocker *blocker = period->blockers[i];
        Passerelle__V1__Obstacle *obstacle =
            wire_new(call->arena, &passerelle__v1__obstacle__descriptor);
        obstacle->reason = blocker->reason;
        obstacle->subject = blocker->subject;
        obstacle->description = blocker->description;
        call->error.details[call->error.detail_count++] = &obstacle->base;
    }
    return call_fail(call, CODE_FAILED_PRECONDITION, "%s cannot be closed yet (%zu reason%s): %s",
                     period->month, period->n_blockers, period->n_blockers == 1 ? "" : "s",
                     period->blockers[0]->description);
}

/* A close while it is prepared. */
struct closing {
    struct settlement settlement;
    struct padded padded;
};

static int closing_prepare(struct service *service, struct arena *arena, struct month month,
                           struct closing *closing, struct fault *fault)
{
    int error = settlement_prepare(service->db, random_seed(service), month, arena,
                                   &closing->settlement, fault);
    if (error == 0) {
        padded_find(service, arena, month, &closing->padded);
    }
    return error;
}

/* The first half; may find that nothing is to be prepared. */
static void close_precompute(struct service *service, struct call *call)
{
    const Passerelle__V1__ClosePeriodRequest *request = (const void *)call->request;
    struct month month;
    struct fault fault = FAULT_NONE;
    if (month_parse(view_of(request->month), &month) != E_OK ||
        period_is_closed(service->db, month)) {
        return;
    }
    Passerelle__V1__Period *period = period_message(service, call->arena, month);
    period_block(service, call->arena, month, period);
    struct closing *closing = ARENA_NEW(call->arena, struct closing);
    if (period->n_blockers == 0 &&
        closing_prepare(service, call->arena, month, closing, &fault) == E_OK) {
        call->prepared = closing;
    }
}

static int close_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__ClosePeriodRequest *request = (const void *)call->request;
    struct month month;
    if (call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    if (period_is_closed(service->db, month)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "%s is closed already and nothing in it changes: what came late goes to "
                         "the next close",
                         request->month);
    }
    Passerelle__V1__Period *period = period_message(service, call->arena, month);
    period_block(service, call->arena, month, period);
    if (period->n_blockers > 0) {
        return refuse_blocked(call, period);
    }
    struct closing *closing = call->prepared;
    if (closing == NULL || closing->settlement.closed_count != period_closed_count(service->db)) {
        struct fault fault = FAULT_NONE;
        closing = ARENA_NEW(call->arena, struct closing);
        int error = closing_prepare(service, call->arena, month, closing, &fault);
        if (error == E_NOT_FOUND) {
            period_block_add(call->arena, period, "missing_price", request->month, "%s",
                             fault.text);
            return refuse_blocked(call, period);
        }
        if (error != 0) {
            return call_fail_with(call, &fault);
        }
    }
    struct fault fault = FAULT_NONE;
    int error = invoices_number(service, call->arena, &closing->settlement, &fault);
    if (error == E_NOT_FOUND || error == E_INVALID) {
        period_block_add(call->arena, period, "invoice_incomplete", request->month, "%s",
                         fault.text);
        return refuse_blocked(call, period);
    }
    if (error != 0) {
        return call_fail_with(call, &fault);
    }
    call->decision = closing;
    return 0;
}

DB_SQL(put_settlement, "INSERT INTO settlement (month, document) VALUES (:month, :document) "
                       "ON CONFLICT (month) DO UPDATE SET document = excluded.document");

static void cut_record(struct service *service, struct call *call,
                       const struct settlement *settlement, char *month)
{
    for (size_t first = 0; first < settlement->cut_count; first += CUTS_PER_ENTRY) {
        size_t left = settlement->cut_count - first;
        Passerelle__V1__PeriodCut cut = PASSERELLE__V1__PERIOD_CUT__INIT;
        cut.month = month;
        cut.feeds = settlement->cut + first;
        cut.n_feeds = left < CUTS_PER_ENTRY ? left : CUTS_PER_ENTRY;
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PERIOD_CUT, &cut.base);
    }
}

static void close_record(struct service *service, struct call *call,
                         const struct settlement *settlement, char *month, const char *approved_by)
{
    char *authors[2];
    struct view rest = view_of(approved_by);
    struct view author;
    Passerelle__V1__PeriodClosed closed = PASSERELLE__V1__PERIOD_CLOSED__INIT;
    closed.month = month;
    closed.document_sha256 = wire_bytes(view_bytes(settlement->sha256, SHA256_LEN));
    closed.netting = settlement->document->netting;
    closed.paid_cents = settlement->document->paid_cents;
    closed.approved_by = authors;
    while (closed.n_approved_by < ARRAY_LEN(authors) && view_cut(&rest, ',', &author)) {
        authors[closed.n_approved_by++] = arena_string(call->arena, author);
    }
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PERIOD_CLOSED, &closed.base);
    invoices_record(service, call, settlement);
    Passerelle__V1__PeriodMarked marked = PASSERELLE__V1__PERIOD_MARKED__INIT;
    marked.month = month;
    marked.document_sha256 = closed.document_sha256;
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PERIOD_MARKED, &marked.base);
    struct query *query = db_query(service->db, &put_settlement);
    query_bind_int(query, "month", settlement->month.number);
    query_bind_blob(query, "document", settlement->bytes);
    query_run(query);
}

/* What the second operator reads. */
static const char *close_summary(struct arena *arena, const struct closing *closing,
                                 const char *month)
{
    size_t padded = closing->padded.count;
    const Passerelle__V1__SettlementDocument *document = closing->settlement.document;
    return arena_printf(
        arena, "Close %s: %u stays, %u transfers.%s What comes later goes to the next close.",
        month, document->stays, (unsigned)document->n_transfers,
        padded == 0 ? ""
                    : arena_printf(arena,
                                   " The stays of %zu site%s look padded (passerelle period "
                                   "show %s).",
                                   padded, padded == 1 ? "" : "s", month));
}

static int close_apply(struct service *service, struct call *call)
{
    const struct closing *closing = call->decision;
    const struct settlement *settlement = &closing->settlement;
    char *month = ((const Passerelle__V1__ClosePeriodRequest *)call->request)->month;
    Passerelle__V1__ClosePeriodResponse *response = call_respond(call);
    const char *approved_by;
    bool paid;
    const char *waits = approval_ask(service, call, period_digest(call->arena, settlement->month),
                                     close_summary(call->arena, closing, month), &approved_by);
    padded_note(service, call->arena, &closing->padded);
    if (waits != NULL) {
        response->approval_id = wire_string(call->arena, view_of(waits));
    } else {
        cut_record(service, call, settlement, month);
        close_record(service, call, settlement, month, approved_by);
        /* one that leaves nothing to pay would wait for ever for a booking */
        if (settlement->document->n_transfers == 0 &&
            payments_period(service, call, settlement->month, &paid) != 0) {
            return -1;
        }
    }
    response->period = period_message(service, call->arena, settlement->month);
    padded_warn(call->arena, &closing->padded, response->period);
    return 0;
}

/* ---- the rows ---- */

#define OFFICE (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR))
#define TREASURERS (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER))
#define PARTIES (OFFICE | ROLE_BIT(ROLE_MEMBER) | ROLE_BIT(ROLE_EMPLOYER))

#define READS(rpc, request, response, who, function, ms, long_read)                                \
    {                                                                                              \
        .service = "SettlementService", .name = rpc,                                               \
        .input = &passerelle__v1__##request##__descriptor,                                         \
        .output = &passerelle__v1__##response##__descriptor, .roles = (who),                       \
        .no_side_effects = true, .request_bytes_max = 4096, .duration_ms_max = (ms),               \
        .decide = function, .slow = (long_read)                                                    \
    }
#define WRITES(rpc, request, response, who, look, write, ms)                                       \
    .service = "SettlementService", .name = rpc,                                                   \
    .input = &passerelle__v1__##request##__descriptor,                                             \
    .output = &passerelle__v1__##response##__descriptor, .roles = (who),                           \
    .request_bytes_max = 65536, .duration_ms_max = (ms), .decide = look, .apply = write

const struct method settlement_methods[] = {
    READS("ListPeriods", list_periods_request, list_periods_response,
          PARTIES | ROLE_BIT(ROLE_REGION), list_periods, 10000, false),
    READS("GetPeriod", get_period_request, get_period_response, OFFICE, get_period, 300000, true),
    {WRITES("ClosePeriod", close_period_request, close_period_response, ROLE_BIT(ROLE_OPERATOR),
            close_decide, close_apply, 300000),
     .precompute = close_precompute},
    READS("ListDocuments", list_documents_request, list_documents_response, PARTIES, documents_list,
          30000, true),
    READS("ListInvoices", list_invoices_request, list_invoices_response, PARTIES, invoices_list,
          120000, true),
    READS("GetInvoice", get_invoice_request, get_invoice_response, PARTIES, invoice_get, 60000,
          true),
    {WRITES("RecordInvoice", record_invoice_request, record_invoice_response,
            ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER), invoice_record_decide,
            invoice_record_apply, 30000)},
    {WRITES("CreditInvoice", credit_invoice_request, credit_invoice_response,
            ROLE_BIT(ROLE_OPERATOR), credit_decide, credit_apply, 300000),
     .precompute = credit_precompute},
    READS("ListPayments", list_payments_request, list_payments_response, PARTIES, payments_list,
          120000, true),
    {WRITES("ExportPayments", export_payments_request, export_payments_response, TREASURERS,
            export_payments_decide, export_payments_apply, 60000)},
    {.service = "SettlementService",
     .name = "ImportStatement",
     .input = &passerelle__v1__import_statement_request__descriptor,
     .output = &passerelle__v1__import_statement_response__descriptor,
     .roles = TREASURERS,
     .request_bytes_max = 32 << 20,
     .duration_ms_max = 300000,
     .precompute = import_statement_precompute,
     .decide = import_statement_decide,
     .apply = import_statement_apply},
    READS("ListBookings", list_bookings_request, list_bookings_response, TREASURERS, bookings_list,
          10000, false),
    {WRITES("MatchBooking", match_booking_request, match_booking_response, TREASURERS,
            match_booking_decide, match_booking_apply, 60000)},
    {WRITES("RecordPayment", record_payment_request, record_payment_response, TREASURERS,
            record_payment_decide, record_payment_apply, 60000)},
    {WRITES("UndoBooking", undo_booking_request, undo_booking_response, TREASURERS,
            undo_booking_decide, undo_booking_apply, 60000)},
    READS("ListOverdue", list_overdue_request, list_overdue_response, PARTIES, overdue_list, 60000,
          true),
    {WRITES("RemindPayment", remind_payment_request, remind_payment_response, TREASURERS,
            remind_decide, remind_apply, 60000)},
    {WRITES("SetExposureLimit", set_exposure_limit_request, set_exposure_limit_response,
            ROLE_BIT(ROLE_OPERATOR), exposure_limit_decide, exposure_limit_apply, 10000)},
    READS("ListExposure", list_exposure_request, list_exposure_response,
          OFFICE | ROLE_BIT(ROLE_MEMBER), exposure_list, 300000, true),
    {WRITES("FollowUp", follow_up_request, follow_up_response, ROLE_BIT(ROLE_OPERATOR),
            follow_up_decide, follow_up_apply, 300000),
     .precompute = follow_up_precompute},
    READS("GetTrialBalance", get_trial_balance_request, get_trial_balance_response,
          OFFICE | ROLE_BIT(ROLE_MEMBER), trial_balance_get, 60000, true),
    READS("GetChart", get_chart_request, get_chart_response, OFFICE | ROLE_BIT(ROLE_MEMBER),
          chart_get, 30000, true),
    {.service = "SettlementService",
     .name = "PutChart",
     .input = &passerelle__v1__put_chart_request__descriptor,
     .output = &passerelle__v1__put_chart_response__descriptor,
     .roles = ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER),
     .request_bytes_max = ENTRY_BYTES_MAX,
     .duration_ms_max = 10000,
     .decide = chart_put_decide,
     .apply = chart_put_apply},
    READS("GetAccounts", get_accounts_request, get_accounts_response,
          OFFICE | ROLE_BIT(ROLE_MEMBER), accounts_get, 300000, true),
    {WRITES("OpenDispute", open_dispute_request, open_dispute_response,
            ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MEMBER) | ROLE_BIT(ROLE_EMPLOYER),
            dispute_open_decide, dispute_open_apply, 300000),
     .precompute = dispute_open_precompute},
    {WRITES("ResolveDispute", resolve_dispute_request, resolve_dispute_response,
            ROLE_BIT(ROLE_OPERATOR), dispute_resolve_decide, dispute_resolve_apply, 10000)},
};
const size_t settlement_method_count = ARRAY_LEN(settlement_methods);
