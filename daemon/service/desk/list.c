/* ListVisits and Watch: they only read, on any thread, without the writer's memory. */
#include "core/visit/stay.h"
#include "service/desk/memory.h"
#include "wire/pack.h"

struct rows {
    struct arena *arena;
    struct visit_row *rows;
    size_t count;
    size_t max;
};

static bool keep_row(void *context, const struct visit_row *row)
{
    struct rows *rows = context;
    if (rows->count == rows->max) {
        size_t max = rows->max == 0 ? 64 : rows->max * 2;
        struct visit_row *more = ARENA_ARRAY(rows->arena, max, struct visit_row);
        if (rows->count > 0) {
            memcpy(more, rows->rows, rows->count * sizeof *more);
        }
        rows->rows = more;
        rows->max = max;
    }
    struct visit_row *copy = &rows->rows[rows->count++];
    *copy = *row;
    copy->visit_id = arena_copy(rows->arena, row->visit_id);
    copy->holder_id = arena_copy(rows->arena, row->holder_id);
    copy->pass_id = arena_copy(rows->arena, row->pass_id);
    copy->corrected_by = arena_copy(rows->arena, row->corrected_by);
    return true;
}

static Passerelle__V1__Visit *message_of(struct service *service, struct arena *arena,
                                         const struct desk_site *site, const struct visit_row *row,
                                         bool is_today)
{
    struct holder_visits visits = holder_visits(service, arena, row->holder_id, row->day, row->day);
    Passerelle__V1__Visit *visit = desk_visit(service, arena, site->site->site_id, row,
                                              visit_cut_utc_ms(service, &visits, row) != 0,
                                              visit_out_utc_ms(service, site, &visits, row));
    if (is_today) {
        visit->display_name = service->node->role == NODE_SITE
                                  ? desk_name_told(service, arena, row->visit_id)
                                  : desk_display_name(service, arena, row->holder_id);
    }
    return visit;
}

static bool is_in(const Passerelle__V1__Visit *visit)
{
    return visit->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN && visit->out_utc_ms == 0;
}

/* A desk sees the days whose visits it may still change, others see all. */
static int check_day(struct service *service, struct call *call, struct day day)
{
    bool at_the_desk = call->who.role == ROLE_DESK || call->who.role == ROLE_SITE;
    int64_t hours = registry_policy(service->db, call->arena)->correction_hours;
    struct day first = day_of_instant(service_now(service) - hours * HOUR_MS);
    if (at_the_desk && day_compare(day, first) < 0) {
        return call_fail(call, CODE_PERMISSION_DENIED,
                         "a desk sees the days whose visits it may still change: ask with the "
                         "member's credential");
    }
    return 0;
}

int list_visits(struct service *service, struct call *call)
{
    const Passerelle__V1__ListVisitsRequest *request = (const void *)call->request;
    struct desk_site *site = desk_site_of_call(service, call, request->site_id);
    if (site == NULL) {
        return -1;
    }
    struct day today = day_of_instant(service_now(service));
    struct day day = today;
    if (request->day[0] != '\0' && day_parse(view_of(request->day), &day) != E_OK) {
        return call_violation(call, "day", "write a day as 2026-10-01");
    }
    if (check_day(service, call, day) != 0) {
        return -1;
    }
    Passerelle__V1__ListVisitsResponse *response = call_respond(call);
    struct rows rows = {.arena = call->arena};
    visits_on_day(service->db, site->feed_no, day, keep_row, &rows);
    response->visits = ARENA_ARRAY(call->arena, rows.count + 1, Passerelle__V1__Visit *);
    for (size_t i = 0; i < rows.count; i++) {
        Passerelle__V1__Visit *visit =
            message_of(service, call->arena, site, &rows.rows[i], day_compare(day, today) == 0);
        if (!request->open_only || is_in(visit)) {
            response->visits[response->n_visits++] = visit;
        }
    }
    uint32_t present[4];
    visits_present(service->db, site->feed_no, today, present);
    response->n_occupancy = desk_occupancy(call->arena, site->site, present, &response->occupancy);
    response->knowledge = desk_knowledge(service, call->arena);
    return 0;
}

/* ---- the stream ---- */

/* A visit that the peer believes to be in, and whether it was told whose. */
struct told {
    int64_t visit_key;
    bool named;
};

/* What a stream has told. Bounded by the places of a site and those who are in beyond them (imports
 * never are). */
struct watch {
    struct told *told; /* ascending; in the call's arena, doubled when it is short */
    size_t count;
    size_t max;
    bool begun;
    bool connected; /* as the last status said */
    bool complete;
    bool untaken;
    bool catching_up;
    int64_t next_utc_ms; /* what it said is otherwise from then on */
    char site_id[41];
};

int watch_open(struct service *service, struct call *call)
{
    const Passerelle__V1__WatchRequest *request = (const void *)call->request;
    struct desk_site *site = desk_site_of_call(service, call, request->site_id);
    if (site == NULL) {
        return -1;
    }
    struct watch *watch = ARENA_NEW(call->arena, struct watch);
    snprintf(watch->site_id, sizeof watch->site_id, "%s", site->site->site_id);
    call->decision = watch;
    return 0;
}

static const struct told *find_told(const struct watch *watch, int64_t visit_key)
{
    size_t low = 0;
    size_t high = watch->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (watch->told[middle].visit_key < visit_key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < watch->count && watch->told[low].visit_key == visit_key ? &watch->told[low] : NULL;
}

struct telling {
    struct service *service;
    struct stream *stream;
    struct arena *arena;
    const struct desk_site *site;
    struct day today;
    bool full; /* the peer takes no more until it has read */
    bool anything;
};

static bool tell(struct telling *telling, Passerelle__V1__WatchResponse__EventCase what,
                 Passerelle__V1__Visit *visit)
{
    Passerelle__V1__WatchResponse event = PASSERELLE__V1__WATCH_RESPONSE__INIT;
    event.event_case = what;
    if (what == PASSERELLE__V1__WATCH_RESPONSE__EVENT_ARRIVAL) {
        event.arrival = visit;
    } else {
        event.departure = visit;
    }
    telling->anything = true;
    telling->full = !telling->stream->emit(telling->stream, &event.base);
    return !telling->full;
}

/* Without a hub the worst case is another one on each day, and once the horizon passes. */
static int64_t status_ends_utc_ms(struct telling *telling,
                                  const Passerelle__V1__Knowledge *knowledge)
{
    if (knowledge->connected) {
        return INT64_MAX;
    }
    int64_t midnight = day_start_utc_ms(day_plus(telling->today, 1));
    int64_t horizon = knowledge->as_of_utc_ms + 1 +
                      desk_policy(telling->service, telling->arena)->horizon_hours * HOUR_MS;
    return knowledge->horizon_passed || midnight < horizon ? midnight : horizon;
}

static void tell_status(struct telling *telling, struct watch *watch)
{
    uint32_t present[4];
    Passerelle__V1__WatchStatus status = PASSERELLE__V1__WATCH_STATUS__INIT;
    visits_present(telling->service->db, telling->site->feed_no, telling->today, present);
    status.n_occupancy =
        desk_occupancy(telling->arena, telling->site->site, present, &status.occupancy);
    status.knowledge = desk_knowledge(telling->service, telling->arena);
    watch->connected = status.knowledge->connected;
    watch->complete = status.knowledge->complete;
    watch->untaken = status.knowledge->untaken;
    watch->catching_up = status.knowledge->catching_up;
    watch->next_utc_ms = status_ends_utc_ms(telling, status.knowledge);
    Passerelle__V1__WatchResponse event = PASSERELLE__V1__WATCH_RESPONSE__INIT;
    event.event_case = PASSERELLE__V1__WATCH_RESPONSE__EVENT_STATUS;
    event.status = &status;
    telling->stream->emit(telling->stream, &event.base);
}

static int compare_keys(const void *a, const void *b)
{
    int64_t left = ((const struct told *)a)->visit_key;
    int64_t right = ((const struct told *)b)->visit_key;
    return left < right ? -1 : left > right;
}

/* Compares who is in with what was told; what could not be sent waits for the next time. At a site
 * the hub tells the name after the decision: then the arrival is told again, with it. */
static void tell_changes(struct telling *telling, struct watch *watch, const struct rows *rows)
{
    struct told *told = ARENA_ARRAY(telling->arena, rows->count + 1, struct told);
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct visit_row *row = &rows->rows[i];
        const struct told *known = find_told(watch, row->visit_key);
        bool open = row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN;
        if (known == NULL && !open) {
            continue;
        }
        Passerelle__V1__Visit *visit =
            message_of(telling->service, telling->arena, telling->site, row, true);
        bool in = is_in(visit);
        bool named = visit->display_name[0] != '\0';
        bool news = in ? known == NULL || (named && !known->named) : known != NULL;
        if (!news || telling->full) {
            if (known != NULL) {
                told[count++] = *known;
            }
            continue;
        }
        /* A full buffer has taken this message still: emit() says when to stop. */
        tell(telling,
             in ? PASSERELLE__V1__WATCH_RESPONSE__EVENT_ARRIVAL
                : PASSERELLE__V1__WATCH_RESPONSE__EVENT_DEPARTURE,
             visit);
        if (in) {
            told[count++] = (struct told){row->visit_key, named};
        }
    }
    qsort(told, count, sizeof *told, compare_keys);
    if (count > watch->max) {
        watch->max = count * 2;
        watch->told = ARENA_ARRAY(telling->stream->call->arena, watch->max, struct told);
    }
    if (count > 0) {
        memcpy(watch->told, told, count * sizeof *told);
    }
    watch->count = count;
}

int watch_pump(struct service *service, struct stream *stream)
{
    struct watch *watch = stream->call->decision;
    struct arena scratch = ARENA_INIT;
    struct telling telling = {
        .service = service,
        .stream = stream,
        .arena = &scratch,
        .site = desk_site_read(service->db, &scratch, view_of(watch->site_id)),
        .today = day_of_instant(service_now(service)),
    };
    if (telling.site == NULL) {
        arena_release(&scratch);
        return call_fail(stream->call, CODE_NOT_FOUND, "this site is no more");
    }
    struct rows rows = {.arena = &scratch};
    visits_on_day(service->db, telling.site->feed_no, day_plus(telling.today, -1), keep_row, &rows);
    visits_on_day(service->db, telling.site->feed_no, telling.today, keep_row, &rows);
    tell_changes(&telling, watch, &rows);
    const struct node *node = service->node;
    bool complete = node->role == NODE_HUB || atomic_load(&node->complete);
    bool other = node_is_connected(node) != watch->connected || complete != watch->complete ||
                 node_is_untaken(node) != watch->untaken ||
                 node_is_catching_up(node) != watch->catching_up ||
                 service_now(service) >= watch->next_utc_ms;
    if (!telling.full && (telling.anything || other || !watch->begun)) {
        tell_status(&telling, watch);
        watch->begun = true;
    }
    arena_release(&scratch);
    return 0;
}
