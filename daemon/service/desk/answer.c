/* What requests and answers of the desk share. */
#include "core/ident/uuid.h"
#include "core/visit/stay.h"
#include "service/desk/away.h"
#include "wire/pack.h"

struct desk_site *desk_site_of_call(struct service *service, struct call *call, const char *site_id)
{
    if (service->desk != NULL) {
        desk_refresh(service);
    }
    if (call_check_id(call, "site_id", site_id) != 0 ||
        scope_site(service, call, view_of(site_id)) != 0) {
        return NULL;
    }
    struct desk_site *site = service->desk != NULL
                                 ? desk_site(service, view_of(site_id))
                                 : desk_site_read(service->db, call->arena, view_of(site_id));
    if (site == NULL && strcmp(site_id, service->node->site_id) == 0) {
        call_fail(call, CODE_UNAVAILABLE,
                  "this daemon has just joined, and its hub has not told it yet what %s is: see "
                  "that it has a connection",
                  site_id);
    } else if (site == NULL) {
        call_fail(call, CODE_NOT_FOUND, "there is no site %s: look at the directory", site_id);
    } else if (call->method->apply != NULL && !site->kept_here) {
        call_fail(call, CODE_FAILED_PRECONDITION,
                  "the site %s keeps its own ledger: ask its daemon, or bring it back with "
                  "`passerelle site host %s`",
                  site_id, site_id);
        return NULL;
    }
    return site;
}

void desk_prepare(struct node *node, struct call *call)
{
    const char *scan = NULL;
    if (node->turnstile == NULL) {
        return;
    }
    if (call->request->descriptor == &passerelle__v1__check_in_request__descriptor) {
        const Passerelle__V1__CheckInRequest *r = (const void *)call->request;
        scan = r->credential_case == PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_SCAN ? r->scan
                                                                                       : NULL;
    } else {
        const Passerelle__V1__CheckOutRequest *r = (const void *)call->request;
        scan = r->who_case == PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_SCAN ? r->scan : NULL;
    }
    if (scan != NULL) {
        struct scanned *scanned = ARENA_NEW(call->arena, struct scanned);
        turnstile_read(node->turnstile, view_of(scan), scanned);
        call->prepared = scanned;
    }
}

const struct scanned *desk_scanned(struct service *service, struct call *call, const char *scan)
{
    struct turnstile *turnstile = service->node->turnstile;
    const struct scanned *prepared = call->prepared;
    if (prepared != NULL && turnstile_is_current(turnstile, prepared)) {
        return prepared;
    }
    struct scanned *scanned = ARENA_NEW(call->arena, struct scanned);
    turnstile_read(turnstile, view_of(scan), scanned);
    return scanned;
}

int desk_visit_id(struct call *call, const char *text, uint8_t uuid[static 16])
{
    struct uuid parsed;
    if (uuid_parse(view_of(text), &parsed) != E_OK) {
        return call_violation(call, "visit_id", "write the visit's UUID in lower case");
    }
    memcpy(uuid, parsed.bytes, 16);
    return 0;
}

int desk_check_reason(struct call *call, const char *reason)
{
    struct view text = view_of(reason);
    if (view_trim(text).len == 0) {
        return call_violation(call, "reason", "say why, in some words without names");
    }
    if (!text_is_printable(text) || text_length(text) > DESK_REASON_MAX) {
        return call_violation(call, "reason", "write one line of at most %d characters",
                              DESK_REASON_MAX);
    }
    return 0;
}

Passerelle__V1__Knowledge *desk_knowledge(struct service *service, struct arena *arena)
{
    Passerelle__V1__Knowledge *knowledge = wire_new(arena, &passerelle__v1__knowledge__descriptor);
    const struct node *node = service->node;
    int64_t now_utc_ms = service_now(service);
    knowledge->connected = node_is_connected(node);
    if (node->role == NODE_HUB) { /* where all comes together */
        knowledge->as_of_utc_ms = now_utc_ms;
        knowledge->complete = true;
        return knowledge;
    }
    const Passerelle__V1__NetworkPolicy *policy = desk_policy(service, arena);
    knowledge->as_of_utc_ms = atomic_load(&node->heard_utc_ms);
    knowledge->complete = atomic_load(&node->complete);
    knowledge->untaken = node_is_untaken(node);
    knowledge->catching_up = node_is_catching_up(node);
    knowledge->horizon_passed =
        now_utc_ms - knowledge->as_of_utc_ms > (int64_t)policy->horizon_hours * HOUR_MS;
    knowledge->worst_case_units = away_worst_case(service, arena);
    return knowledge;
}

size_t desk_occupancy(struct arena *arena, const Passerelle__V1__Site *site,
                      const uint32_t present[4], Passerelle__V1__Occupancy ***out)
{
    size_t count = 0;
    *out = ARENA_ARRAY(arena, 3, Passerelle__V1__Occupancy *);
    for (int resource = 1; resource <= 3; resource++) {
        uint32_t capacity = site_capacity(site, (Passerelle__V1__Resource)resource);
        if (capacity > 0) {
            Passerelle__V1__Occupancy *one =
                wire_new(arena, &passerelle__v1__occupancy__descriptor);
            one->resource = (Passerelle__V1__Resource)resource;
            one->capacity = capacity;
            one->taken = present[resource];
            (*out)[count++] = one;
        }
    }
    return count;
}

static char *uuid_text(struct arena *arena, struct view bytes)
{
    struct uuid uuid;
    char text[UUID_TEXT_LEN + 1] = "";
    if (bytes.len == sizeof uuid.bytes) {
        memcpy(uuid.bytes, bytes.data, sizeof uuid.bytes);
        uuid_format(uuid, text);
    }
    return wire_string(arena, view_of(text));
}

Passerelle__V1__Visit *desk_visit(struct service *service, struct arena *arena, const char *site_id,
                                  const struct visit_row *row, bool cut_short, int64_t out_utc_ms)
{
    Passerelle__V1__Visit *visit = wire_new(arena, &passerelle__v1__visit__descriptor);
    visit->visit_id = uuid_text(arena, row->visit_id);
    visit->site_id = wire_string(arena, view_of(site_id));
    struct registry_pass pass;
    if (row->pass_id.len > 0 && registry_pass(service->db, arena, row->pass_id, &pass)) {
        visit->pass_number = pass.issued->number;
    }
    visit->resource = row->resource;
    visit->in_utc_ms = row->in_utc_ms;
    visit->out_utc_ms = out_utc_ms;
    visit->state = row->state;
    visit->medium = row->medium;
    visit->source = row->source;
    visit->auto_closed = row->auto_closed;
    visit->cut_short = cut_short;
    if (row->corrected_by.len > 0) {
        visit->corrected_by = uuid_text(arena, row->corrected_by);
    }
    return visit;
}

DB_SQL(select_person, "SELECT given_name, family_name FROM person WHERE holder_id = :holder_id");

/* The length of the first code point of valid UTF-8. */
static size_t first_letter(struct view text)
{
    size_t len = text.len > 0 ? 1 : 0;
    while (len < text.len && ((unsigned char)text.data[len] & 0xc0) == 0x80) {
        len++;
    }
    return len;
}

char *desk_display_name(struct service *service, struct arena *arena, struct view holder_id)
{
    char *name = wire_string(arena, VIEW_LIT(""));
    struct query *query = db_query(service->db, &select_person);
    query_bind_text(query, "holder_id", holder_id);
    if (query_next(query)) {
        struct view given = query_text(query, 0);
        struct view family = query_text(query, 1);
        if (given.len > 0 && family.len > 0) {
            name = arena_printf(arena, "%.*s %.*s.", VIEW_FMT(given), (int)first_letter(family),
                                family.data);
        } else if (given.len > 0) {
            name = arena_string(arena, given);
        }
        query_end(query);
    }
    return name;
}

DB_SQL(select_name, "SELECT display_name FROM visitor_name WHERE visit_id = :visit_id");

char *desk_name_told(struct service *service, struct arena *arena, struct view visit_id)
{
    char *name = wire_string(arena, VIEW_LIT(""));
    struct query *query = db_query(service->db, &select_name);
    query_bind_blob(query, "visit_id", visit_id);
    if (query_next(query)) {
        name = wire_string(arena, query_text(query, 0));
        query_end(query);
    }
    return name;
}

DB_SQL(select_holder_of_visit, "SELECT holder_id FROM visit WHERE visit_id = :visit_id "
                               "ORDER BY feed_no LIMIT 1");

void desk_name_visit(struct service *service, struct call *call, Passerelle__V1__Visit *visit)
{
    struct uuid uuid;
    struct day today = day_of_instant(service_now(service));
    if (visit == NULL || day_compare(day_of_instant(visit->in_utc_ms), today) != 0 ||
        uuid_parse(view_of(visit->visit_id), &uuid) != E_OK) {
        return;
    }
    if (service->node->role == NODE_SITE) {
        visit->display_name =
            desk_name_told(service, call->arena, view_bytes(uuid.bytes, sizeof uuid.bytes));
        return;
    }
    struct query *query = db_query(service->db, &select_holder_of_visit);
    query_bind_blob(query, "visit_id", view_bytes(uuid.bytes, sizeof uuid.bytes));
    if (query_next(query)) {
        struct view holder_id = arena_copy(call->arena, query_text(query, 0));
        query_end(query);
        visit->display_name = desk_display_name(service, call->arena, holder_id);
    }
}
