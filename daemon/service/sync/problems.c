#include "service/sync/problems.h"

#include <stdarg.h>

#include "base/text.h"
#include "core/ident/uuid.h"
#include "store/feed/feed.h"
#include "wire/pack.h"

enum { EVIDENCE_MAX = 8, LIST_MAX = 1000, LIST_BYTES_MAX = 1 << 20 };

DB_SQL(put_problem,
       "INSERT INTO ledger_problem (kind, feed_id, seq, found_utc_ms, visit_id, record) "
       "VALUES (:kind, :feed_id, :seq, :found_utc_ms, :visit_id, :record) "
       "ON CONFLICT (kind, feed_id, seq) DO NOTHING");

static void put(struct service *service, struct arena *arena,
                const Passerelle__V1__LedgerProblem *record, int64_t seq, struct view visit_id)
{
    struct query *query = db_query(service->db, &put_problem);
    query_bind_int(query, "kind", record->kind);
    query_bind_text(query, "feed_id", view_of(record->feed_id));
    query_bind_int(query, "seq", seq);
    query_bind_int(query, "found_utc_ms", record->found_utc_ms);
    if (visit_id.len > 0) {
        query_bind_blob(query, "visit_id", visit_id);
    }
    query_bind_blob(query, "record", wire_pack_arena(arena, &record->base));
    query_run(query);
}

Passerelle__V1__LedgerProblem *problem_note(struct service *service, struct arena *arena,
                                            const struct problem *problem, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    Passerelle__V1__LedgerProblem *record =
        wire_new(arena, &passerelle__v1__ledger_problem__descriptor);
    record->kind = problem->kind;
    record->feed_id = wire_string(arena, view_of(problem->feed_id));
    record->seq = problem->seq;
    record->found_utc_ms = service_now(service);
    record->sentence = wire_string(arena, view_of(text));
    record->evidence = ARENA_ARRAY(arena, EVIDENCE_MAX, ProtobufCBinaryData);
    for (size_t i = 0; i < problem->evidence_count && i < EVIDENCE_MAX; i++) {
        record->evidence[record->n_evidence++] =
            wire_bytes(arena_copy(arena, problem->evidence[i]));
    }
    if (problem->visit_id.len == 16) {
        struct uuid uuid;
        char visit_id[UUID_TEXT_LEN + 1];
        memcpy(uuid.bytes, problem->visit_id.data, sizeof uuid.bytes);
        uuid_format(uuid, visit_id);
        record->visit_id = wire_string(arena, view_of(visit_id));
    }
    put(service, arena, record, (int64_t)(problem->place != 0 ? problem->place : problem->seq),
        problem->visit_id);
    return record;
}

DB_SQL(select_of_month, "SELECT problem_no, record FROM ledger_problem WHERE kind = :kind "
                        "AND feed_id = :feed_id AND seq = :month");
DB_SQL(renew_problem, "UPDATE ledger_problem SET found_utc_ms = :found_utc_ms, record = :record "
                      "WHERE problem_no = :problem_no");

/* Its place in the table is the month's number: nothing else of its kind has one. */
void problem_note_month(struct service *service, struct arena *arena, struct month month,
                        Passerelle__V1__LedgerProblem *record)
{
    struct query *query = db_query(service->db, &select_of_month);
    query_bind_int(query, "kind", record->kind);
    query_bind_text(query, "feed_id", view_of(record->feed_id));
    query_bind_int(query, "month", month.number);
    record->found_utc_ms = service_now(service);
    if (!query_next(query)) {
        put(service, arena, record, month.number, VIEW_NONE);
        return;
    }
    int64_t problem_no = query_int(query, 0);
    const Passerelle__V1__LedgerProblem *before = wire_unpack_trusted(
        &passerelle__v1__ledger_problem__descriptor, query_blob(query, 1), arena);
    query_end(query);
    if (before != NULL && strcmp(before->sentence, record->sentence) == 0) {
        record->found_utc_ms = before->found_utc_ms;
        return;
    }
    query = db_query(service->db, &renew_problem);
    query_bind_int(query, "problem_no", problem_no);
    query_bind_int(query, "found_utc_ms", record->found_utc_ms);
    query_bind_blob(query, "record", wire_pack_arena(arena, &record->base));
    query_run(query);
}

DB_SQL(select_problems, "SELECT problem_no, record FROM ledger_problem "
                        "WHERE problem_no > :after AND (feed_id = :feed_id OR :feed_id = '') "
                        "ORDER BY problem_no LIMIT :count");

/* A page: who pushes what cannot be read makes the evidence as large as it likes. */
int list_problems(struct service *service, struct call *call)
{
    const Passerelle__V1__ListProblemsRequest *request = (const void *)call->request;
    Passerelle__V1__ListProblemsResponse *response = call_respond(call);
    struct fault fault = FAULT_NONE;
    struct feed_id feed;
    uint64_t last = request->after_problem_no;
    size_t bytes = 0;
    if (request->page_token[0] != '\0' && (text_u64(view_of(request->page_token), &last) != E_OK ||
                                           last > INT64_MAX)) {
        return call_violation(call, "page_token", "give the token of the last answer as it was");
    }
    if (request->feed_id[0] != '\0' &&
        feed_find(service->db, view_of(request->feed_id), &feed) != E_OK) {
        return call_fail(call, CODE_NOT_FOUND,
                         "there is no feed \"%s\": passerelle ledger feeds lists them",
                         request->feed_id);
    }
    response->problems = ARENA_ARRAY(call->arena, LIST_MAX, Passerelle__V1__LedgerProblem *);
    struct query *query = db_query(service->db, &select_problems);
    query_bind_int(query, "after", (int64_t)last);
    query_bind_text(query, "feed_id", view_of(request->feed_id));
    query_bind_int(query, "count", LIST_MAX + 1);
    while (query_next(query)) {
        ProtobufCMessage *record;
        bytes += query_blob(query, 1).len;
        if (response->n_problems == LIST_MAX ||
            (response->n_problems > 0 && bytes > LIST_BYTES_MAX)) {
            response->next_page_token =
                arena_printf(call->arena, "%llu", (unsigned long long)last);
            query_end(query);
            break;
        }
        if (wire_unpack(&passerelle__v1__ledger_problem__descriptor, query_blob(query, 1),
                        &wire_limits_tolerant, call->arena, &record, &fault) != E_OK) {
            query_end(query);
            return call_fail_with(call, &fault);
        }
        Passerelle__V1__LedgerProblem *problem = (void *)record;
        last = problem->problem_no = (uint64_t)query_int(query, 0);
        response->problems[response->n_problems++] = problem;
    }
    return 0;
}
