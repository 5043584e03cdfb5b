/* The desk's caches. Those of the registry live in one arena and go together when its version
 * changes; counts of who is in are valid for one epoch, which a rollback ends. */
#include "service/desk/memory.h"

#include <assert.h>

#include "core/visit/stay.h"
#include "service/desk/away.h"
#include "passerelle/v1/payment.pb-c.h"
#include "wire/pack.h"

struct desk *desk_new(struct service *service)
{
    struct desk *desk = xcalloc(1, sizeof *desk);
    desk->node = service->node;
    desk->version = UINT64_MAX;
    desk->epoch = 1;
    bool site = service->node->role == NODE_SITE;
    proof_filter_init(&desk->proofs, site ? DESK_PROOFS_AT_SITE_MAX : DESK_PROOFS_MAX);
    desk->node->turnstile = turnstile_new(site ? DESK_TOKENS_AT_SITE_MAX : DESK_TOKENS_MAX);
    return desk;
}

static void registry_forget(struct desk *desk)
{
    map_release(&desk->sites);
    map_release(&desk->feeds);
    map_release(&desk->plans);
    arena_release(&desk->registry);
    desk->tariff_count = 0;
    desk->policy = NULL;
    desk->next_close_utc_ms = 0;
    desk_money_forget(desk);
    away_forget(desk);
}

void desk_free(struct desk *desk)
{
    if (desk == NULL) {
        return;
    }
    registry_forget(desk);
    turnstile_free(desk->node->turnstile);
    desk->node->turnstile = NULL;
    proof_filter_release(&desk->proofs);
    free(desk->pending);
    free(desk);
}

/* ---- the writer's transaction ---- */

size_t desk_mark(const struct desk *desk)
{
    return desk->pending_count;
}

void desk_undo(struct desk *desk, size_t mark)
{
    desk->pending_count = mark;
    if (desk->touched > 0) {
        desk->epoch++; /* sums were marked stale and stay so */
    }
}

void desk_committed(struct desk *desk)
{
    int64_t now_utc_s = env_now_utc_ms(desk->node->env) / 1000;
    int64_t window_s = desk->policy == NULL ? 60 : (int64_t)desk->policy->proof_window_s;
    for (size_t i = 0; i < desk->pending_count; i++) {
        const struct desk_proof *proof = &desk->pending[i];
        int err =
            proof_filter_add(&desk->proofs, proof->token_hash, proof->utc_s, now_utc_s - window_s);
        if (err == E_LIMIT) {
            log_event(desk->node->log, LOG_ERROR, "proof_filter_full",
                      LOG_N("proofs", desk->proofs.count));
        }
    }
    desk->pending_count = 0;
    desk->touched = 0;
}

void desk_abandoned(struct desk *desk)
{
    desk->pending_count = 0;
    desk->touched = 0;
    desk->epoch++;
    desk_money_forget(desk);
    away_forget(desk);
    desk->names_day.number = 0;
    desk->next_close_utc_ms = 0;
}

bool desk_proof_seen(const struct desk *desk, const uint8_t token_hash[static SHA256_LEN],
                     uint64_t utc_s)
{
    for (size_t i = 0; i < desk->pending_count; i++) {
        if (desk->pending[i].utc_s == utc_s &&
            memcmp(desk->pending[i].token_hash, token_hash, SHA256_LEN) == 0) {
            return true;
        }
    }
    return proof_filter_seen(&desk->proofs, token_hash, utc_s);
}

void desk_proof_use(struct desk *desk, const uint8_t token_hash[static SHA256_LEN], uint64_t utc_s)
{
    if (desk->pending_count == desk->pending_max) {
        desk->pending_max = desk->pending_max == 0 ? 64 : desk->pending_max * 2;
        desk->pending = xrealloc(desk->pending, desk->pending_max, sizeof *desk->pending);
    }
    struct desk_proof *proof = &desk->pending[desk->pending_count++];
    proof->utc_s = utc_s;
    memcpy(proof->token_hash, token_hash, SHA256_LEN);
}

DB_SQL(select_latest, "SELECT appended_utc_ms, bytes FROM entry "
                      "WHERE entry_id BETWEEN :from AND :to ORDER BY entry_id DESC");

/* The proof that an entry's visitor showed, coming or leaving. */
struct shown {
    struct view token_hash;
    uint64_t second;
    struct view signature;
    struct view visit_id;
    struct view pass_id; /* empty: that of the visit */
};

static bool shown_in(Passerelle__V1__EntryType type, const ProtobufCMessage *payload,
                     struct shown *out)
{
    if (type == PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED && payload != NULL) {
        const Passerelle__V1__VisitOpened *opened = (const void *)payload;
        *out = (struct shown){.token_hash = wire_view(opened->token_hash),
                              .second = opened->proof_second,
                              .signature = wire_view(opened->proof_signature),
                              .visit_id = wire_view(opened->visit_id),
                              .pass_id = wire_view(opened->pass_id)};
    } else if (type == PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CLOSED && payload != NULL) {
        const Passerelle__V1__VisitClosed *closed = (const void *)payload;
        *out = (struct shown){.token_hash = wire_view(closed->token_hash),
                              .second = closed->proof_second,
                              .signature = wire_view(closed->proof_signature),
                              .visit_id = wire_view(closed->visit_id)};
    } else {
        return false;
    }
    return out->token_hash.len == SHA256_LEN && out->second != 0 && out->second <= INT64_MAX;
}

/* Whether the device that the pass has now signed it. */
static bool is_signed(struct service *service, int64_t feed_no, const struct shown *shown)
{
    struct arena arena = ARENA_INIT;
    struct view pass_id = shown->pass_id;
    struct visit_row row;
    struct registry_pass pass;
    if (pass_id.len == 0 && visits_by_id(service->db, &arena, feed_no, shown->visit_id, &row)) {
        pass_id = row.pass_id;
    }
    bool is = shown->signature.len == ED25519_SIGNATURE_LEN &&
              registry_pass(service->db, &arena, pass_id, &pass) &&
              pass.device_public_key.len == ED25519_PUBLIC_LEN &&
              proof_check((const uint8_t *)shown->token_hash.data, shown->second,
                          (const uint8_t *)shown->signature.data,
                          (const uint8_t *)pass.device_public_key.data);
    arena_release(&arena);
    return is;
}

static void reload_proof(struct service *service, const struct feed_id *feed, bool kept_here,
                         struct view bytes, int64_t oldest_utc_s)
{
    struct arena arena = ARENA_INIT;
    struct entry entry;
    struct shown shown;
    if (entry_decode(view_of(feed->name), bytes, &arena, &entry, NULL) == E_OK &&
        entry.kind != NULL && shown_in(entry.kind->type, entry.payload, &shown) &&
        (int64_t)shown.second >= oldest_utc_s &&
        (kept_here || is_signed(service, feed->no, &shown))) {
        int err = proof_filter_add(&service->desk->proofs, (const uint8_t *)shown.token_hash.data,
                                   shown.second, oldest_utc_s);
        assert(err != E_INVALID);
    }
    arena_release(&arena);
}

/* From the end of each site's feed back to the window: a scan carries a proof of at most one
 * window later, and times of a feed never go back. */
void desk_load(struct service *service)
{
    desk_refresh(service);
    struct desk *desk = service->desk;
    int64_t window_ms = (int64_t)desk->policy->proof_window_s * 1000;
    int64_t now_utc_ms = service_now(service);
    int64_t since_utc_ms = now_utc_ms - 2 * window_ms - 1000;
    struct feed_id feed;
    struct query *list = feed_list(service->db);
    while (feed_list_next(list, &feed)) {
        if (entry_home_of_feed(view_of(feed.name)) != ENTRY_IN_SITE) {
            continue;
        }
        bool kept_here = journal_keeps(service, view_of(feed.name));
        struct query *query = db_query(service->db, &select_latest);
        query_bind_int(query, "from", feed.no << FEED_SEQ_BITS);
        query_bind_int(query, "to", (feed.no << FEED_SEQ_BITS) + (int64_t)FEED_SEQ_MAX);
        while (query_next(query) && query_int(query, 0) >= since_utc_ms) {
            reload_proof(service, &feed, kept_here, query_blob(query, 1),
                         (now_utc_ms - window_ms) / 1000 - 1);
        }
        query_end(query);
    }
}

/* ---- the registry ---- */

static bool add_tariff(void *context, const ProtobufCMessage *record)
{
    struct desk *desk = context;
    const Passerelle__V1__TariffVersion *tariff = (const void *)wire_clone(&desk->registry, record);
    struct day day;
    if (day_parse(view_of(tariff->valid_from), &day) == E_OK) {
        size_t at = desk->tariff_count++;
        desk->tariffs[at] = tariff;
        desk->tariff_days[at] = day;
    }
    return true;
}

static void load_keys(struct service *service)
{
    struct desk *desk = service->desk;
    struct registry_key keys[TOKEN_KEYS_MAX];
    struct token_keyset set;
    const char *network_id = registry_network(service->db, &desk->registry).network_id;
    if (network_id == NULL || token_keyset_init(&set, view_of(network_id)) != E_OK) {
        return;
    }
    size_t count = registry_signing_keys(service->db, &desk->registry,
                                         PASSERELLE__V1__KEY_PURPOSE__KEY_PURPOSE_TOKEN, keys,
                                         ARRAY_LEN(keys));
    for (size_t i = 0; i < count; i++) {
        if (keys[i].retired_utc_ms == 0 && keys[i].public_key.len == ED25519_PUBLIC_LEN) {
            int err = token_keyset_add(&set, (const uint8_t *)keys[i].public_key.data);
            assert(err == E_OK || err == E_EXISTS);
        }
    }
    turnstile_set_keys(desk->node->turnstile, &set);
}

void desk_refresh(struct service *service)
{
    struct desk *desk = service->desk;
    uint64_t version = desk->node->registry_version;
    if (desk->version == version) {
        return;
    }
    registry_forget(desk);
    map_init(&desk->sites, 1);
    map_init(&desk->feeds, 2);
    map_init(&desk->plans, 3);
    desk->policy = registry_policy(service->db, &desk->registry);
    size_t tariffs = (size_t)registry_count(service->db, REGISTRY_TARIFFS);
    desk->tariffs =
        ARENA_ARRAY(&desk->registry, tariffs + 1, const Passerelle__V1__TariffVersion *);
    desk->tariff_days = ARENA_ARRAY(&desk->registry, tariffs + 1, struct day);
    registry_walk(service->db, REGISTRY_TARIFFS, add_tariff, desk);
    load_keys(service);
    desk->version = version;
}

const Passerelle__V1__NetworkPolicy *desk_policy(struct service *service, struct arena *arena)
{
    const struct desk *desk = service->desk;
    return desk != NULL && desk->policy != NULL ? desk->policy
                                                : registry_policy(service->db, arena);
}

static void site_put_feed(struct desk *desk, struct desk_site *site)
{
    if (site->feed_no != 0) {
        map_put(&desk->feeds, view_bytes(&site->feed_no, sizeof site->feed_no), site);
    }
}

struct desk_site *desk_site_read(struct db *db, struct arena *arena, struct view site_id)
{
    const Passerelle__V1__Site *record = registry_site(db, arena, site_id);
    if (record == NULL) {
        return NULL;
    }
    struct desk_site *site = ARENA_NEW(arena, struct desk_site);
    site->site = record;
    site->id = view_of(record->site_id);
    site->feed_no = journal_feed_no(db, site_id);
    if (record->opening_hours[0] != '\0' &&
        opening_hours_parse(view_of(record->opening_hours), &site->hours, NULL) != E_OK) {
        site->hours = (struct opening_hours){0};
    }
    return site;
}

struct desk_site *desk_site(struct service *service, struct view site_id)
{
    struct desk *desk = service->desk;
    struct desk_site *known = map_get(&desk->sites, site_id);
    if (known != NULL) {
        if (known->feed_no == 0) {
            known->feed_no = journal_feed_no(service->db, site_id);
            site_put_feed(desk, known);
        }
        return known;
    }
    known = desk_site_read(service->db, &desk->registry, site_id);
    if (known == NULL) {
        return NULL;
    }
    known->kept_here = journal_keeps(service, site_id);
    map_put(&desk->sites, site_id, known);
    site_put_feed(desk, known);
    return known;
}

DB_SQL(select_feed_name, "SELECT name FROM feed WHERE feed_no = :feed_no");

struct desk_site *desk_site_of_feed(struct service *service, int64_t feed_no)
{
    struct desk_site *known = map_get(&service->desk->feeds, view_bytes(&feed_no, sizeof feed_no));
    if (known != NULL) {
        return known;
    }
    struct query *query = db_query(service->db, &select_feed_name);
    query_bind_int(query, "feed_no", feed_no);
    if (!query_next(query)) {
        return NULL;
    }
    char name[FEED_NAME_MAX + 1];
    snprintf(name, sizeof name, "%.*s", VIEW_FMT(query_text(query, 0)));
    query_end(query);
    return desk_site(service, view_of(name));
}

DB_SQL(select_cut_off, "SELECT 1 FROM employer JOIN exposure ON exposure.member_id = "
                       "employer.issuer_member_id WHERE employer_id = :employer_id "
                       "AND level = :cut_off");

/* DESIGN 5: a host is always paid, so an issuer at its limit lets nobody in on credit. A site knows
 * by what its hub told of the plan. */
static bool is_cut_off(struct service *service, const Passerelle__V1__Plan *plan)
{
    if (plan->type != PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE ||
        service->node->role == NODE_SITE) {
        return plan->issuer_cut_off;
    }
    struct query *query = db_query(service->db, &select_cut_off);
    query_bind_text(query, "employer_id", view_of(plan->employer_id));
    query_bind_int(query, "cut_off", PASSERELLE__V1__EXPOSURE_LEVEL__EXPOSURE_LEVEL_CUT_OFF);
    bool cut_off = query_next(query);
    query_end(query);
    return cut_off;
}

const struct desk_plan *desk_plan(struct service *service, struct view plan_id)
{
    struct desk *desk = service->desk;
    struct desk_plan *known = map_get(&desk->plans, plan_id);
    if (known != NULL) {
        return known;
    }
    const Passerelle__V1__Plan *plan = registry_plan(service->db, &desk->registry, plan_id);
    if (plan == NULL) {
        return NULL;
    }
    known = ARENA_NEW(&desk->registry, struct desk_plan);
    known->plan = plan;
    known->policy =
        registry_employer_policy(service->db, &desk->registry, view_of(plan->employer_id));
    known->cut_off = is_cut_off(service, plan);
    map_put(&desk->plans, plan_id, known);
    return known;
}

static const Passerelle__V1__TariffVersion *tariff_on(const struct desk *desk, struct day day)
{
    const Passerelle__V1__TariffVersion *best = NULL;
    struct day best_day = {INT32_MIN};
    for (size_t i = 0; i < desk->tariff_count; i++) {
        if (day_compare(desk->tariff_days[i], day) <= 0 &&
            day_compare(desk->tariff_days[i], best_day) > 0) {
            best = desk->tariffs[i];
            best_day = desk->tariff_days[i];
        }
    }
    return best;
}

uint32_t desk_tariff(struct desk *desk, struct day day)
{
    const Passerelle__V1__TariffVersion *tariff = tariff_on(desk, day);
    return tariff == NULL ? 0 : tariff->version;
}

struct spending_prices desk_prices(struct desk *desk, const Passerelle__V1__Site *site,
                                   struct day day)
{
    struct spending_prices prices = {0};
    const Passerelle__V1__TariffVersion *tariff = tariff_on(desk, day);
    for (size_t i = 0; tariff != NULL && i < tariff->n_rows; i++) {
        const Passerelle__V1__TariffRow *row = tariff->rows[i];
        if (row->zone != site->zone || strcmp(row->category, site->category) != 0) {
            continue;
        }
        if (row->resource == PASSERELLE__V1__RESOURCE__RESOURCE_MEETING_ROOM) {
            prices.meeting_room_cents = row->p_cents;
        } else if (row->resource == PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH) {
            prices.booth_cents = row->p_cents;
        } else if (row->unit == PASSERELLE__V1__UNIT__UNIT_DAY) {
            prices.day_cents = row->p_cents;
        } else {
            prices.half_day_cents = row->p_cents;
        }
    }
    return prices;
}

/* ---- who is in ---- */

const uint32_t *desk_present(struct service *service, struct desk_site *site)
{
    struct desk *desk = service->desk;
    struct day today = day_of_instant(service_now(service));
    if (site->present_epoch != desk->epoch || day_compare(site->present_day, today) != 0) {
        visits_present(service->db, site->feed_no, today, site->present);
        site->present_epoch = desk->epoch;
        site->present_day = today;
    }
    return site->present;
}

struct gather {
    struct arena *arena;
    struct holder_visits visits;
    size_t max;
};

static bool gather_row(void *context, const struct visit_row *row)
{
    struct gather *g = context;
    if (g->visits.count == g->max) {
        size_t max = g->max == 0 ? 8 : g->max * 2;
        struct visit_row *more = ARENA_ARRAY(g->arena, max, struct visit_row);
        if (g->visits.count > 0) {
            memcpy(more, g->visits.rows, g->visits.count * sizeof *more);
        }
        g->visits.rows = more;
        g->max = max;
    }
    struct visit_row *copy = &g->visits.rows[g->visits.count++];
    *copy = *row;
    copy->visit_id = arena_copy(g->arena, row->visit_id);
    copy->holder_id = arena_copy(g->arena, row->holder_id);
    copy->pass_id = arena_copy(g->arena, row->pass_id);
    copy->corrected_by = arena_copy(g->arena, row->corrected_by);
    return true;
}

struct holder_visits holder_visits(struct service *service, struct arena *arena,
                                   struct view holder_id, struct day from, struct day to)
{
    struct gather g = {.arena = arena};
    visits_of_holder(service->db, holder_id, from, to, gather_row, &g);
    return g.visits;
}

static bool counts(const struct visit_row *row)
{
    return row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN ||
           row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED;
}

/* Who comes first when both came in the same millisecond: by site id. */
static bool is_of_later_site(struct service *service, int64_t feed_no, int64_t than_feed_no)
{
    char names[2][FEED_NAME_MAX + 1] = {"", ""};
    for (int i = 0; i < 2; i++) {
        struct query *query = db_query(service->db, &select_feed_name);
        query_bind_int(query, "feed_no", i == 0 ? feed_no : than_feed_no);
        if (query_next(query)) {
            snprintf(names[i], sizeof names[i], "%.*s", VIEW_FMT(query_text(query, 0)));
            query_end(query);
        }
    }
    return strcmp(names[0], names[1]) > 0;
}

const struct visit_row *visit_cut_by(struct service *service, const struct holder_visits *visits,
                                     const struct visit_row *visit)
{
    const struct visit_row *first = NULL;
    for (size_t i = 0; visit->resource == DESK_RESOURCE && counts(visit) && i < visits->count;
         i++) {
        const struct visit_row *other = &visits->rows[i];
        if (other->resource != DESK_RESOURCE || !counts(other) ||
            day_compare(other->day, visit->day) != 0 || other->in_utc_ms < visit->in_utc_ms ||
            (visit->out_utc_ms != 0 && other->in_utc_ms >= visit->out_utc_ms) ||
            view_equal(other->visit_id, visit->visit_id) ||
            (other->in_utc_ms == visit->in_utc_ms &&
             !is_of_later_site(service, other->feed_no, visit->feed_no))) {
            continue;
        }
        first = first == NULL || other->in_utc_ms < first->in_utc_ms ? other : first;
    }
    return first;
}

DB_SQL(select_cut, "SELECT cut_utc_ms FROM visit_cut WHERE visit_id = :visit_id");

int64_t visit_cut_utc_ms(struct service *service, const struct holder_visits *visits,
                         const struct visit_row *visit)
{
    const struct visit_row *by = visit_cut_by(service, visits, visit);
    int64_t cut_utc_ms = by == NULL ? 0 : by->in_utc_ms;
    if (service->node->role == NODE_HUB || visit->resource != DESK_RESOURCE || !counts(visit)) {
        return cut_utc_ms;
    }
    struct query *query = db_query(service->db, &select_cut);
    query_bind_blob(query, "visit_id", visit->visit_id);
    if (query_next(query)) {
        int64_t told_utc_ms = query_int(query, 0);
        query_end(query);
        /* One that left before is not ended by what came after. */
        bool earlier = cut_utc_ms == 0 || told_utc_ms < cut_utc_ms;
        if (earlier && (visit->out_utc_ms == 0 || told_utc_ms < visit->out_utc_ms)) {
            return told_utc_ms;
        }
    }
    return cut_utc_ms;
}

int64_t visit_out_utc_ms(struct service *service, const struct desk_site *site,
                         const struct holder_visits *visits, const struct visit_row *visit)
{
    int64_t cut_utc_ms = visit_cut_utc_ms(service, visits, visit);
    if (cut_utc_ms != 0) {
        return cut_utc_ms;
    }
    if (visit->out_utc_ms != 0) {
        return visit->out_utc_ms;
    }
    int64_t closing_utc_ms = stay_closing_utc_ms(&site->hours, visit->in_utc_ms);
    bool open = visit->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN &&
                service_now(service) < closing_utc_ms;
    return open ? 0 : closing_utc_ms;
}

/* A desk stay that begins takes its holder away from the desk elsewhere where they still counted;
 * any other change makes that site count again. */
static void left_elsewhere(struct service *service, const struct visit_row *visit,
                           const struct visit_row *other, bool begins,
                           const struct holder_visits *visits)
{
    struct desk_site *elsewhere = desk_site_of_feed(service, other->feed_no);
    if (elsewhere == NULL || (begins && visit->resource != DESK_RESOURCE)) {
        return;
    }
    uint32_t *present = &elsewhere->present[DESK_RESOURCE];
    if (begins && other->in_utc_ms<visit->in_utc_ms && * present> 0 &&
        elsewhere->present_epoch == service->desk->epoch &&
        day_compare(elsewhere->present_day, visit->day) == 0 &&
        day_compare(other->day, visit->day) == 0) {
        *present -= visit_cut_utc_ms(service, visits, other) == 0;
    } else {
        elsewhere->present_epoch = 0;
    }
}

void desk_changed(struct service *service, struct desk_site *site, struct view holder_id,
                  const struct visit_row *visit, int delta, const struct holder_visits *visits)
{
    struct desk *desk = service->desk;
    desk->touched++;
    desk_money_changed(desk, holder_id, visit->day);
    away_changed(desk, holder_id, visit->pass_id, visit->day);
    /* One that begins before a stay that is known from elsewhere, whose clock is ahead, is cut. */
    bool counted = site->present_epoch == desk->epoch &&
                   (delta <= 0 || visit_cut_by(service, visits, visit) == NULL);
    if (counted && delta != 0 && day_compare(site->present_day, visit->day) == 0 &&
        visit->resource > 0 && visit->resource < 4) {
        uint32_t *present = &site->present[visit->resource];
        *present = delta > 0 ? *present + 1 : *present > 0 ? *present - 1 : 0;
    } else {
        site->present_epoch = 0;
    }
    /* Who leaves one desk was not counted at another, and is not after. */
    for (size_t i = 0; delta >= 0 && i < visits->count; i++) {
        const struct visit_row *other = &visits->rows[i];
        if (other->feed_no != site->feed_no && other->resource == DESK_RESOURCE &&
            other->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN) {
            left_elsewhere(service, visit, other, delta > 0, visits);
        }
    }
}

static void heard_of(struct service *service, const struct visit_row *row)
{
    struct desk *desk = service->desk;
    desk->touched++;
    desk_money_changed(desk, row->holder_id, row->day);
    away_changed(desk, row->holder_id, row->pass_id, row->day);
    if (day_compare(row->day, day_of_instant(service_now(service))) == 0) {
        desk->epoch++;
    }
    if (service->node->role == NODE_SITE) {
        desk->next_close_utc_ms = 0; /* it came back, and may still be open */
    }
}

/* A proof that another node has seen is no proof here. One that is stale by now is refused anyway,
 * and not looked at. */
static void heard_shown(struct service *service, int64_t feed_no, const struct shown *shown,
                        enum heard_proof proof)
{
    struct desk *desk = service->desk;
    int64_t window_s = desk->policy == NULL ? 60 : (int64_t)desk->policy->proof_window_s;
    if ((int64_t)shown->second >= service_now(service) / 1000 - window_s - 1 &&
        (proof == HEARD_PROOF_GOOD ||
         (proof == HEARD_PROOF_UNCHECKED && is_signed(service, feed_no, shown)))) {
        desk_proof_use(desk, (const uint8_t *)shown->token_hash.data, shown->second);
    }
}

/* Who is in is counted again when somebody asks: a site that tells thousands of stays of one holder
 * costs no more than one that tells one. */
void desk_heard(struct service *service, int64_t feed_no, const struct entry *entry,
                enum heard_proof proof)
{
    struct view visit_id = entry_visit_id(entry);
    struct arena arena = ARENA_INIT;
    struct visit_row row = {.holder_id = VIEW_NONE};
    struct shown shown;
    if (service->desk == NULL || visit_id.len == 0) {
        return;
    }
    if (entry->kind->type == PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED) {
        const Passerelle__V1__VisitOpened *opened = (const void *)entry->payload;
        row.holder_id = view_of(opened->holder_id);
        row.pass_id = wire_view(opened->pass_id);
        row.day = day_of_instant(opened->in_utc_ms);
    }
    if (shown_in(entry->kind->type, entry->payload, &shown)) {
        heard_shown(service, feed_no, &shown, proof);
    }
    if (row.holder_id.len > 0 || visits_by_id(service->db, &arena, feed_no, visit_id, &row)) {
        heard_of(service, &row);
    }
    arena_release(&arena);
}

void desk_acknowledged(struct desk *desk)
{
    away_forget(desk);
}

void desk_changed_much(struct desk *desk)
{
    desk->touched++;
    desk->epoch++;
    desk_money_forget(desk);
    away_forget(desk);
}
