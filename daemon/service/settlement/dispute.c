/* Disputes: opened by whom a visit concerns, resolved by the operator. The visit itself stays as
 * its feed tells it; a ruling is applied when months are rated (load.c). */
#include <assert.h>

#include "base/text.h"
#include "core/day/day.h"
#include "core/ident/uuid.h"
#include "service/journal.h"
#include "service/settlement/period.h"
#include "service/settlement/settlement.h"
#include "store/view/registry.h"
#include "store/view/visits.h"
#include "wire/pack.h"

enum { REASON_BYTES_MAX = 2000 };

int dispute_reason_check(struct call *call, const char *reason, bool needed)
{
    if (needed && reason[0] == '\0') {
        return call_violation(call, "reason", "say in a sentence what is wrong");
    }
    if (strlen(reason) > REASON_BYTES_MAX) {
        return call_violation(call, "reason", "at most %d bytes", REASON_BYTES_MAX);
    }
    return 0;
}

/* Whether the visit is one of the caller's: of its holders, or at its sites. */
static bool concerns(struct service *service, struct call *call, struct view site_id,
                     struct view holder_id)
{
    if (scope_is_operator(call)) {
        return true;
    }
    if (call->who.role == ROLE_EMPLOYER) {
        const Passerelle__V1__HolderPut *holder =
            registry_holder(service->db, call->arena, holder_id);
        return holder != NULL && strcmp(holder->employer_id, call->who.party) == 0;
    }
    const Passerelle__V1__Site *site = registry_site(service->db, call->arena, site_id);
    return call->who.role == ROLE_MEMBER && site != NULL &&
           strcmp(site->member_id, call->who.party) == 0;
}

DB_SQL(select_pending, "SELECT dispute_id FROM dispute WHERE visit_id = :visit_id "
                       "AND feed_id = :feed_id AND outcome = 0");

static bool is_pending(struct db *db, const char *feed_id, struct view visit_id)
{
    struct query *query = db_query(db, &select_pending);
    query_bind_blob(query, "visit_id", visit_id);
    query_bind_text(query, "feed_id", view_of(feed_id));
    bool pending = query_next(query);
    query_end(query);
    return pending;
}

/* Which visit a dispute is about. */
struct disputed {
    const char *feed_id;
    struct uuid visit_id;
    bool found;
};

enum { REFERENCE_LEN = 16 };

DB_SQL(select_by_reference,
       "SELECT feed.name, visit.visit_id FROM holder "
       "JOIN visit ON visit.holder_id = holder.holder_id "
       "JOIN entry ON entry.entry_id = visit.visit_key "
       "JOIN feed ON feed.feed_no = visit.feed_no "
       "WHERE holder.employer_id = :employer_id AND substr(entry.nodes, 1, 16) = :reference");

/* Among all visits of the employer's holders: what stands beside its invoices is less, and takes as
 * long to look through. */
static void find_by_reference(struct service *service, struct call *call, struct disputed *out)
{
    const Passerelle__V1__OpenDisputeRequest *request = (const void *)call->request;
    uint8_t reference[REFERENCE_LEN];
    *out = (struct disputed){0};
    if (text_from_hex(view_of(request->reference), reference, sizeof reference) != E_OK) {
        return;
    }
    struct query *query = db_query(service->db, &select_by_reference);
    query_bind_text(query, "employer_id", view_of(call->who.party));
    query_bind_blob(query, "reference", view_bytes(reference, sizeof reference));
    if (query_next(query)) {
        struct view id = query_blob(query, 1);
        assert(id.len == sizeof out->visit_id.bytes);
        out->feed_id = arena_string(call->arena, query_text(query, 0));
        memcpy(out->visit_id.bytes, id.data, sizeof out->visit_id.bytes);
        out->found = true;
        query_end(query);
    }
}

void dispute_open_precompute(struct service *service, struct call *call)
{
    const Passerelle__V1__OpenDisputeRequest *request = (const void *)call->request;
    if (request->reference[0] != '\0' && call->who.role == ROLE_EMPLOYER) {
        struct disputed *found = ARENA_NEW(call->arena, struct disputed);
        find_by_reference(service, call, found);
        call->prepared = found;
    }
}

static int disputed_find(struct service *service, struct call *call, struct disputed *out)
{
    const Passerelle__V1__OpenDisputeRequest *request = (const void *)call->request;
    if (request->reference[0] == '\0') {
        *out = (struct disputed){.feed_id = request->feed_id, .found = true};
        return uuid_parse(view_of(request->visit_id), &out->visit_id) == E_OK
                   ? 0
                   : call_violation(call, "visit_id",
                                    "write the visit's id as a UUID in lower case");
    }
    if (request->feed_id[0] != '\0' || request->visit_id[0] != '\0') {
        return call_violation(call, "reference",
                              "a reference names the visit by itself: give it alone");
    }
    if (call->who.role != ROLE_EMPLOYER) {
        return call_violation(call, "reference",
                              "references are for the employer on whose invoice they stand: give "
                              "the site and the visit's id");
    }
    if (strlen(request->reference) != 2 * REFERENCE_LEN) {
        return call_violation(call, "reference",
                              "write the %d digits and letters that the list beside your invoice "
                              "has",
                              2 * REFERENCE_LEN);
    }
    if (call->prepared != NULL) {
        *out = *(const struct disputed *)call->prepared;
    } else {
        find_by_reference(service, call, out);
    }
    return 0;
}

int dispute_open_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__OpenDisputeRequest *request = (const void *)call->request;
    struct disputed *disputed = ARENA_NEW(call->arena, struct disputed);
    if (dispute_reason_check(call, request->reason, true) != 0 ||
        disputed_find(service, call, disputed) != 0) {
        return -1;
    }
    if (!disputed->found) {
        return call_fail(call, CODE_NOT_FOUND,
                         "no visit of yours has the reference %s: copy it from the list beside "
                         "your invoice",
                         request->reference);
    }
    struct visit_row visit;
    struct view id = view_bytes(disputed->visit_id.bytes, sizeof disputed->visit_id.bytes);
    int64_t feed_no = journal_feed_no(service->db, view_of(disputed->feed_id));
    if (feed_no == 0 || !visits_by_id(service->db, call->arena, feed_no, id, &visit) ||
        !concerns(service, call, view_of(disputed->feed_id), visit.holder_id)) {
        return call_fail(call, CODE_NOT_FOUND,
                         "there is no such visit among yours: check the site and the visit's id");
    }
    if (visit.state != PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "only a visit that has ended and still stands can be disputed");
    }
    if (is_pending(service->db, disputed->feed_id, id)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "this visit is disputed already: wait until the operator resolves it");
    }
    call->decision = disputed;
    return 0;
}

int dispute_open_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__OpenDisputeRequest *request = (const void *)call->request;
    Passerelle__V1__OpenDisputeResponse *response = call_respond(call);
    const struct disputed *disputed = call->decision;
    struct uuid visit_id = disputed->visit_id;
    struct uuid dispute_id;
    int err = uuid_parse(view_of(request->request_id), &dispute_id);
    assert(err == E_OK); /* checked before any decision */
    Passerelle__V1__DisputeOpened opened = PASSERELLE__V1__DISPUTE_OPENED__INIT;
    opened.dispute_id = (ProtobufCBinaryData){sizeof dispute_id.bytes, dispute_id.bytes};
    opened.feed_id = (char *)(uintptr_t)disputed->feed_id;
    opened.visit_id = (ProtobufCBinaryData){sizeof visit_id.bytes, visit_id.bytes};
    opened.reason_hash = wire_bytes(journal_reason(service, call, request->reason));
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_DISPUTE_OPENED, &opened.base);
    response->dispute_id = wire_string(call->arena, view_of(request->request_id));
    return 0;
}

/* ---- ResolveDispute ---- */

DB_SQL(select_dispute, "SELECT dispute.visit_id, feed.feed_no, dispute.outcome FROM dispute "
                       "JOIN feed ON feed.name = dispute.feed_id "
                       "WHERE dispute.dispute_id = :dispute_id");

/* The times that a CORRECTED visit would have must be possible and stay in its month, since months
 * are rated by the day that the feed tells. */
static int correction_check(struct service *service, struct call *call, int64_t feed_no,
                            struct view visit_id)
{
    const Passerelle__V1__ResolveDisputeRequest *request = (const void *)call->request;
    struct visit_row visit;
    while (visits_by_id(service->db, call->arena, feed_no, visit_id, &visit) &&
           visit.corrected_by.len > 0) {
        visit_id = visit.corrected_by;
    }
    int64_t in_utc_ms = request->in_utc_ms != 0 ? request->in_utc_ms : visit.in_utc_ms;
    int64_t out_utc_ms = request->out_utc_ms != 0 ? request->out_utc_ms : visit.out_utc_ms;
    if (request->in_utc_ms == 0 && request->out_utc_ms == 0) {
        return call_violation(call, "in_utc_ms", "say when the visitor really came or left");
    }
    if (in_utc_ms < 0 || month_of(day_of_instant(in_utc_ms)).number != month_of(visit.day).number) {
        return call_violation(call, "in_utc_ms",
                              "a corrected visit stays in its month: void it, and have the stay "
                              "recorded where it belongs");
    }
    if ((out_utc_ms != 0 && out_utc_ms < in_utc_ms) || out_utc_ms > service_now(service)) {
        return call_violation(call, "out_utc_ms",
                              "a visit ends after it begins, and not in the future");
    }
    return 0;
}

int dispute_resolve_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__ResolveDisputeRequest *request = (const void *)call->request;
    struct uuid dispute_id;
    bool corrected = request->outcome == PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_CORRECTED;
    if (uuid_parse(view_of(request->dispute_id), &dispute_id) != E_OK) {
        return call_violation(call, "dispute_id", "write the dispute's id as it was given");
    }
    if (request->outcome < PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_UPHELD ||
        request->outcome > PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_VOIDED) {
        return call_violation(call, "outcome", "say how it ends: UPHELD, CORRECTED or VOIDED");
    }
    if (!corrected && (request->in_utc_ms != 0 || request->out_utc_ms != 0)) {
        return call_violation(call, "in_utc_ms", "times are for the outcome CORRECTED only");
    }
    if (dispute_reason_check(call, request->reason, false) != 0) {
        return -1;
    }
    struct query *query = db_query(service->db, &select_dispute);
    query_bind_blob(query, "dispute_id", view_bytes(dispute_id.bytes, sizeof dispute_id.bytes));
    if (!query_next(query)) {
        return call_fail(call, CODE_NOT_FOUND, "there is no dispute %s", request->dispute_id);
    }
    struct view visit_id = arena_copy(call->arena, query_blob(query, 0));
    int64_t feed_no = query_int(query, 1);
    bool resolved = query_int(query, 2) != 0;
    query_end(query);
    if (resolved) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "this dispute is resolved already: open another one if it was wrong");
    }
    if (corrected && correction_check(service, call, feed_no, visit_id) != 0) {
        return -1;
    }
    struct uuid *decision = ARENA_NEW(call->arena, struct uuid);
    *decision = dispute_id;
    call->decision = decision;
    return 0;
}

int dispute_resolve_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__ResolveDisputeRequest *request = (const void *)call->request;
    struct uuid *dispute_id = call->decision;
    Passerelle__V1__DisputeResolved resolved = PASSERELLE__V1__DISPUTE_RESOLVED__INIT;
    resolved.dispute_id = (ProtobufCBinaryData){sizeof dispute_id->bytes, dispute_id->bytes};
    resolved.outcome = request->outcome;
    resolved.in_utc_ms = request->in_utc_ms;
    resolved.out_utc_ms = request->out_utc_ms;
    resolved.reason_hash = wire_bytes(journal_reason(service, call, request->reason));
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_DISPUTE_RESOLVED, &resolved.base);
    call_respond(call);
    return 0;
}
