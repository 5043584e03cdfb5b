/* Tables out again, byte for byte as they came in. */
#include "core/ident/uuid.h"
#include "core/records/records.h"
#include "service/contracts.h"
#include "service/network/internal.h"
#include "store/view/registry.h"
#include "store/view/visits.h"
#include "wire/pack.h"

#define TABLE(name) PASSERELLE__V1__TABLE__TABLE_##name

enum { EXPORT_BYTES_MAX = 256 * 1024 * 1024 };

struct export
{
    struct service *service;
    const struct record_table *table;
    struct arena scratch; /* of one record */
    struct buf csv;
    bool operator_only; /* members: the operator stands first, the others follow by id */
};

static void write_stops(struct export *e, const Passerelle__V1__Site *site)
{
    for (size_t i = 0; i < site->n_stops; i++) {
        struct record_stop record = {.site_id = site->site_id, .stop = *site->stops[i]};
        record_write(e->table, &record, &e->csv);
    }
}

static void write_tariff(struct export *e, const Passerelle__V1__TariffVersion *tariff)
{
    for (size_t i = 0; i < tariff->n_rows; i++) {
        struct record_tariff record = {tariff->version, tariff->valid_from, *tariff->rows[i]};
        record_write(e->table, &record, &e->csv);
    }
}

static bool write_record(void *context, const ProtobufCMessage *message)
{
    struct export *e = context;
    struct db *db = e->service->db;
    arena_clear(&e->scratch);
    switch (e->table->table) {
    case TABLE(MEMBERS): {
        const Passerelle__V1__Member *member = (const void *)message;
        if (member->is_operator != e->operator_only) {
            break;
        }
        struct record_member record =
            record_of_member(member, registry_account(db, &e->scratch, view_of(member->member_id)));
        record_write(e->table, &record, &e->csv);
        break;
    }
    case TABLE(STOPS):
        write_stops(e, (const void *)message);
        break;
    case TABLE(TARIFFS):
        write_tariff(e, (const void *)message);
        break;
    case TABLE(EMPLOYERS): {
        struct record_employer record;
        record_of_employer((const void *)message, &record);
        record_write(e->table, &record, &e->csv);
        break;
    }
    case TABLE(HOLDERS):
        record_write(e->table, contract_holder_of(db, &e->scratch, (const void *)message), &e->csv);
        break;
    default: /* sites, plans, carnets are their own records */
        record_write(e->table, message, &e->csv);
        break;
    }
    return buf_error(&e->csv) == E_OK;
}

/* ---- visits ---- */

struct exported_visit {
    struct record_stay record;
    uint32_t line; /* of the file that told it; 0: told at a desk */
    int64_t key;
};

struct visit_export {
    struct export *e;
    struct arena *arena;
    struct exported_visit *visits;
    size_t count;
    size_t capacity;
};

DB_SQL(select_site_of_feed, "SELECT name FROM feed WHERE feed_no = :feed_no");

static bool take_visit(void *context, const struct visit_row *row)
{
    struct visit_export *x = context;
    if (x->count == x->capacity) {
        x->capacity = x->capacity == 0 ? 4096 : x->capacity * 2;
        x->visits = xrealloc(x->visits, x->capacity, sizeof *x->visits);
    }
    struct exported_visit *visit = &x->visits[x->count++];
    struct uuid id;
    char text[UUID_TEXT_LEN + 1];
    memcpy(id.bytes, row->visit_id.data, sizeof id.bytes);
    uuid_format(id, text);
    *visit = (struct exported_visit){.line = row->line, .key = row->visit_key};
    visit->record = (struct record_stay){
        .visit_id = arena_string(x->arena, view_of(text)),
        .holder_id = arena_string(x->arena, row->holder_id),
        .resource = row->resource,
        .in_utc_ms = row->in_utc_ms,
        .out_utc_ms = row->auto_closed ? 0 : row->out_utc_ms,
        .medium = row->medium,
        .source = row->source,
    };
    struct query *query = db_query(x->e->service->db, &select_site_of_feed);
    query_bind_int(query, "feed_no", row->feed_no);
    if (query_next(query)) {
        visit->record.site_id = arena_string(x->arena, query_text(query, 0));
        query_end(query);
    }
    return true;
}

/* As the file told them; what desks told comes behind, in the order of the feeds. */
static int by_line(const void *a, const void *b)
{
    const struct exported_visit *l = a;
    const struct exported_visit *r = b;
    uint32_t left = l->line == 0 ? UINT32_MAX : l->line;
    uint32_t right = r->line == 0 ? UINT32_MAX : r->line;
    if (left != right) {
        return left < right ? -1 : 1;
    }
    return (l->key > r->key) - (l->key < r->key);
}

static void export_visits(struct export *e, struct month month, struct arena *arena)
{
    struct visit_export x = {.e = e, .arena = arena};
    visits_of_days(e->service->db, month_first(month), month_last(month), take_visit, &x);
    if (x.count > 0) {
        qsort(x.visits, x.count, sizeof *x.visits, by_line);
    }
    for (size_t i = 0; i < x.count; i++) {
        record_write(e->table, &x.visits[i].record, &e->csv);
    }
    free(x.visits);
}

int export_table(struct service *service, struct call *call)
{
    static const enum registry_table walks[] = {
        [TABLE(MEMBERS)] = REGISTRY_MEMBERS, [TABLE(SITES)] = REGISTRY_SITES,
        [TABLE(STOPS)] = REGISTRY_SITES,     [TABLE(EMPLOYERS)] = REGISTRY_EMPLOYERS,
        [TABLE(PLANS)] = REGISTRY_PLANS,     [TABLE(CARNETS)] = REGISTRY_CARNETS,
        [TABLE(HOLDERS)] = REGISTRY_HOLDERS, [TABLE(TARIFFS)] = REGISTRY_TARIFFS,
    };
    const Passerelle__V1__ExportTableRequest *request = (const void *)call->request;
    const struct record_table *table = record_table(request->table);
    struct month month;
    if (table == NULL) {
        return call_violation(call, "table", "say which table");
    }
    if (request->table == TABLE(VISITS) && call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    struct export e = {.service = service, .table = table, .csv = BUF_INIT_MAX(EXPORT_BYTES_MAX)};
    record_write_header(table, &e.csv);
    if (request->table == TABLE(VISITS)) {
        export_visits(&e, month, call->arena);
    } else {
        e.operator_only = request->table == TABLE(MEMBERS);
        if (e.operator_only) {
            registry_walk(service->db, REGISTRY_MEMBERS, write_record, &e);
            e.operator_only = false;
        }
        registry_walk(service->db, walks[request->table], write_record, &e);
    }
    int err = buf_error(&e.csv);
    Passerelle__V1__ExportTableResponse *response = call_respond(call);
    response->csv = wire_bytes(arena_copy(call->arena, buf_content(&e.csv)));
    buf_release(&e.csv);
    arena_release(&e.scratch);
    return err == E_OK ? 0
                       : call_fail(call, CODE_RESOURCE_EXHAUSTED,
                                   "the table has more than %d MiB: export month by month",
                                   EXPORT_BYTES_MAX / 1024 / 1024);
}
