/* Forgotten visits are closed by the clock. The next moment at which anything is due is remembered,
 * so that a tick without work reads nothing. */
#include "core/visit/stay.h"
#include "service/desk/away.h"
#include "service/desk/memory.h"
#include "wire/pack.h"

struct due {
    struct service *service;
    struct arena *arena;
    int64_t now_utc_ms;
    int64_t next_utc_ms;
    struct visit_row rows[DESK_CLOSES_MAX];
    int64_t outs_utc_ms[DESK_CLOSES_MAX];
    struct desk_site *sites[DESK_CLOSES_MAX];
    size_t count;
};

static bool look(void *context, const struct visit_row *row)
{
    struct due *due = context;
    struct desk_site *site = desk_site_of_feed(due->service, row->feed_no);
    if (site == NULL || !site->kept_here) {
        return true;
    }
    int64_t out_utc_ms = stay_closing_utc_ms(&site->hours, row->in_utc_ms);
    if (out_utc_ms > due->now_utc_ms) {
        due->next_utc_ms = out_utc_ms < due->next_utc_ms ? out_utc_ms : due->next_utc_ms;
        return true;
    }
    due->rows[due->count] = *row;
    due->rows[due->count].visit_id = arena_copy(due->arena, row->visit_id);
    due->rows[due->count].holder_id = arena_copy(due->arena, row->holder_id);
    due->rows[due->count].pass_id = arena_copy(due->arena, row->pass_id);
    due->sites[due->count] = site;
    due->outs_utc_ms[due->count++] = out_utc_ms;
    return due->count < DESK_CLOSES_MAX;
}

DB_SQL(select_names, "SELECT visit_id, display_name, day FROM visitor_name WHERE day >= :day");
DB_SQL(erase_names, "DELETE FROM visitor_name");
DB_SQL(put_name, "INSERT INTO visitor_name (visit_id, display_name, day) "
                 "VALUES (:visit_id, :display_name, :day)");

struct name {
    struct name *next;
    struct view visit_id;
    struct view display_name;
    int64_t day;
};

/* The whole table, of which SQLite then overwrites every page, and today's again: where pages were
 * split or joined, copies of rows lie beside them that no row's own deletion reaches. */
static void erase_names_before(struct db *db, struct day today)
{
    struct arena arena = ARENA_INIT;
    struct name *kept = NULL;
    struct query *query = db_query(db, &select_names);
    query_bind_int(query, "day", today.number);
    while (query_next(query)) {
        struct name *name = ARENA_NEW(&arena, struct name);
        *name = (struct name){.next = kept,
                              .visit_id = arena_copy(&arena, query_blob(query, 0)),
                              .display_name = arena_copy(&arena, query_text(query, 1)),
                              .day = query_int(query, 2)};
        kept = name;
    }
    query_run(db_query(db, &erase_names));
    for (; kept != NULL; kept = kept->next) {
        query = db_query(db, &put_name);
        query_bind_blob(query, "visit_id", kept->visit_id);
        query_bind_text(query, "display_name", kept->display_name);
        query_bind_int(query, "day", kept->day);
        query_run(query);
    }
    arena_release(&arena);
}

/* Names that the hub told are of today. What was erased since yesterday, at a hub also persons,
 * leaves the log too. */
static void forget_names(struct service *service, struct day today)
{
    struct desk *desk = service->desk;
    if (desk->names_day.number == today.number) {
        return;
    }
    if (service->node->role == NODE_SITE) {
        erase_names_before(service->db, today);
    }
    db_want_empty_log(service->db);
    desk->names_day = today;
}

bool desk_tick(struct service *service, int64_t now_utc_ms)
{
    struct desk *desk = service->desk;
    desk_refresh(service);
    forget_names(service, day_of_instant(now_utc_ms));
    /* Not at once: at a start the hub is told first, and what it then holds need not be counted. */
    bool counts = service->node->role == NODE_SITE &&
                  (desk->ticked || atomic_load(&service->node->units_counted));
    bool more = counts && away_tick(service);
    desk->ticked = true;
    if (now_utc_ms < desk->next_close_utc_ms) {
        return more;
    }
    struct arena arena = ARENA_INIT;
    struct due *due = ARENA_NEW(&arena, struct due);
    due->service = service;
    due->arena = &arena;
    due->now_utc_ms = now_utc_ms;
    due->next_utc_ms = INT64_MAX;
    visits_open_before(service->db, now_utc_ms, look, due);
    for (size_t i = 0; i < due->count; i++) {
        struct visit_row *row = &due->rows[i];
        Passerelle__V1__VisitClosed closed = PASSERELLE__V1__VISIT_CLOSED__INIT;
        closed.visit_id = wire_bytes(row->visit_id);
        closed.out_utc_ms = due->outs_utc_ms[i];
        closed.auto_closed = true;
        journal_append(service, view_of("hub"), due->sites[i]->id,
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CLOSED, &closed.base);
        struct holder_visits visits =
            holder_visits(service, &arena, row->holder_id, row->day, row->day);
        desk_changed(service, due->sites[i], row->holder_id, row, 0, &visits);
    }
    bool closes = due->count == DESK_CLOSES_MAX;
    desk->next_close_utc_ms = closes ? 0 : due->next_utc_ms;
    arena_release(&arena);
    return more || closes;
}
