#include "service/settlement/period.h"

#include <stdarg.h>

#include "core/ident/uuid.h"
#include "crypt/sha256.h"
#include "service/settlement/payments.h"
#include "store/view/registry.h"
#include "wire/pack.h"

/* A longer list helps nobody: what is closed first makes room for the rest. */
enum { BLOCKERS_MAX = 100 };

DB_SQL(count_periods, "SELECT COUNT(*) FROM period");
DB_SQL(select_period, "SELECT document_sha256, closed_utc_ms FROM period WHERE month = :month");
DB_SQL(select_last, "SELECT month FROM period ORDER BY month DESC LIMIT 1");
DB_SQL(select_months, "SELECT month FROM period ORDER BY month");
DB_SQL(select_asked, "SELECT approval_id FROM approval WHERE digest = :digest");
/* Voided and replaced visits do not make a month. */
DB_SQL(select_next_day, "SELECT day FROM visit WHERE day >= :from AND state IN (1, 2) "
                        "ORDER BY day LIMIT 1");
DB_SQL(select_still_open,
       "SELECT feed.name, visit.visit_id FROM visit JOIN feed ON feed.feed_no = visit.feed_no "
       "WHERE visit.state = 1 AND visit.in_utc_ms < :end "
       "AND NOT EXISTS (SELECT 1 FROM remote_feed r WHERE r.feed_id = feed.name AND r.forked = 1) "
       "ORDER BY visit.in_utc_ms, visit.visit_key LIMIT :max");

bool period_is_closed(struct db *db, struct month month)
{
    struct query *query = db_query(db, &select_period);
    query_bind_int(query, "month", month.number);
    bool closed = query_next(query);
    query_end(query);
    return closed;
}

size_t period_closed_count(struct db *db)
{
    struct query *query = db_query(db, &count_periods);
    size_t count = query_next(query) ? (size_t)query_int(query, 0) : 0;
    query_end(query);
    return count;
}

struct view period_digest(struct arena *arena, struct month month)
{
    static const char domain[] = "SettlementService/ClosePeriod";
    char text[8];
    struct sha256 hash;
    uint8_t *digest = arena_alloc(arena, SHA256_LEN);
    month_format(month, text);
    sha256_init(&hash);
    sha256_add(&hash, domain, sizeof domain); /* with its NUL */
    sha256_add(&hash, text, strlen(text));
    sha256_end(&hash, digest);
    return view_bytes(digest, SHA256_LEN);
}

static char *month_string(struct arena *arena, struct month month)
{
    char text[8];
    month_format(month, text);
    return arena_string(arena, view_of(text));
}

Passerelle__V1__Period *period_message(struct service *service, struct arena *arena,
                                       struct month month)
{
    Passerelle__V1__Period *period = wire_new(arena, &passerelle__v1__period__descriptor);
    period->month = month_string(arena, month);
    period->state = PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_OPEN;
    struct query *query = db_query(service->db, &select_period);
    query_bind_int(query, "month", month.number);
    if (query_next(query)) {
        period->state = PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSED;
        period->document_sha256 = wire_bytes(arena_copy(arena, query_blob(query, 0)));
        period->closed_utc_ms = query_int(query, 1);
        query_end(query);
        period->paid_utc_ms = payments_paid_utc_ms(service->db, month);
        if (period->paid_utc_ms != 0) {
            period->state = PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_PAID;
        }
        return period;
    }
    query_end(query);
    query = db_query(service->db, &select_asked);
    query_bind_blob(query, "digest", period_digest(arena, month));
    if (query_next(query)) {
        period->state = PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSING;
    }
    query_end(query);
    return period;
}

/* The first month not before `from` that has visits. */
static bool month_with_visits(struct db *db, struct month from, struct month *out)
{
    struct query *query = db_query(db, &select_next_day);
    query_bind_int(query, "from", month_first(from).number);
    bool found = query_next(query);
    if (found) {
        *out = month_of((struct day){(int32_t)query_int(query, 0)});
    }
    query_end(query);
    return found;
}

size_t period_list(struct service *service, struct arena *arena, Passerelle__V1__Period ***periods)
{
    enum { MONTHS_MAX = 12 * 200 };
    struct month *months = ARENA_ARRAY(arena, MONTHS_MAX, struct month);
    size_t count = 0;
    struct query *query = db_query(service->db, &select_months);
    while (count < MONTHS_MAX && query_next(query)) {
        months[count++] = (struct month){(int32_t)query_int(query, 0)};
    }
    query_end(query);
    size_t closed = count;
    struct month next = {0};
    while (count < MONTHS_MAX && month_with_visits(service->db, next, &next)) {
        bool known = false;
        for (size_t i = 0; i < closed; i++) {
            known = known || months[i].number == next.number;
        }
        if (!known) {
            months[count++] = next;
        }
        next.number++;
    }
    for (size_t i = 1; i < count; i++) {
        for (size_t k = i; k > 0 && months[k].number < months[k - 1].number; k--) {
            struct month swap = months[k];
            months[k] = months[k - 1];
            months[k - 1] = swap;
        }
    }
    *periods = ARENA_ARRAY(arena, count, Passerelle__V1__Period *);
    for (size_t i = 0; i < count; i++) {
        (*periods)[i] = period_message(service, arena, months[i]);
    }
    return count;
}

void period_block_add(struct arena *arena, Passerelle__V1__Period *period, const char *reason,
                      const char *subject, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (period->blockers == NULL) {
        period->blockers = ARENA_ARRAY(arena, BLOCKERS_MAX + 8, Passerelle__V1__Blocker *);
    }
    Passerelle__V1__Blocker *blocker = wire_new(arena, &passerelle__v1__blocker__descriptor);
    blocker->reason = arena_string(arena, view_of(reason));
    blocker->subject = arena_string(arena, view_of(subject));
    blocker->description = arena_string(arena, view_of(text));
    period->blockers[period->n_blockers++] = blocker;
}

/* Months close in their order, without a gap once the first is closed: each bills the carnets and
 * subscriptions of its own days. */
static void block_by_order(struct service *service, struct arena *arena, struct month month,
                           Passerelle__V1__Period *period)
{
    struct month earlier;
    struct query *query = db_query(service->db, &select_last);
    bool closed = query_next(query);
    struct month last = {closed ? (int32_t)query_int(query, 0) : 0};
    query_end(query);
    if (closed && last.number > month.number) {
        period_block_add(arena, period, "later_month_closed", month_string(arena, last),
                         "%s is closed already, and months close in their order: what belongs to "
                         "an earlier one that never closed stays out",
                         month_string(arena, last));
        return;
    }
    if (closed) {
        earlier.number = last.number + 1;
    } else if (!month_with_visits(service->db, (struct month){0}, &earlier)) {
        return;
    }
    if (earlier.number < month.number) {
        period_block_add(arena, period, "earlier_month_open", month_string(arena, earlier),
                         "%s is still open: close it first", month_string(arena, earlier));
    }
}

static void block_by_visits(struct service *service, struct arena *arena, struct month month,
                            Passerelle__V1__Period *period)
{
    struct query *query = db_query(service->db, &select_still_open);
    query_bind_int(query, "end", day_start_utc_ms(day_plus(month_last(month), 1)));
    query_bind_int(query, "max", BLOCKERS_MAX);
    while (query_next(query)) {
        struct uuid visit;
        char text[UUID_TEXT_LEN + 1] = "";
        struct view id = query_blob(query, 1);
        if (id.len == sizeof visit.bytes) {
            memcpy(visit.bytes, id.data, sizeof visit.bytes);
            uuid_format(visit, text);
        }
        period_block_add(arena, period, "open_visits", text,
                         "the visit %s at %.*s has no end yet: check it out, or wait until the "
                         "clock closes it",
                         text, VIEW_FMT(query_text(query, 0)));
    }
    query_end(query);
}

/* Active sites that keep their own ledger, and have not shown it to its end: all that they wrote in
 * the month is here once a checkpoint that was signed after it, and is complete here, came. */
DB_SQL(select_awaited,
       "SELECT site.site_id, r.heard_utc_ms FROM site JOIN feed ON feed.name = site.site_id "
       "LEFT JOIN remote_feed r ON r.feed_id = site.site_id "
       "WHERE site.state = :active AND (SELECT e.keeper FROM feed_epoch e WHERE e.feed_id = "
       "site.site_id ORDER BY e.entry_key DESC LIMIT 1) = :keeper "
       "AND (r.feed_id IS NULL OR (r.forked = 0 AND (r.heard_utc_ms < :end "
       "OR r.receipt_size < r.size))) ORDER BY site.site_id LIMIT :max");

static void block_by_ledgers(struct service *service, struct arena *arena, struct month month,
                             Passerelle__V1__Period *period)
{
    int64_t wait_days = registry_policy(service->db, arena)->close_wait_days;
    int64_t end_utc_ms = day_start_utc_ms(day_plus(month_last(month), 1));
    char last[11];
    if (service_now(service) >= end_utc_ms + wait_days * DAY_MS) {
        return;
    }
    day_format(day_plus(month_last(month), 1 + (int)wait_days), last);
    struct query *query = db_query(service->db, &select_awaited);
    query_bind_int(query, "active", PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE);
    query_bind_int(query, "keeper", PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE);
    query_bind_int(query, "end", end_utc_ms);
    query_bind_int(query, "max", BLOCKERS_MAX - (int64_t)period->n_blockers);
    while (period->n_blockers < BLOCKERS_MAX && query_next(query)) {
        const char *site_id = arena_string(arena, query_text(query, 0));
        period_block_add(
            arena, period, "ledger_awaited", site_id,
            "the daemon of %s has not shown its ledger past the end of %s: see that it "
            "has a connection, or close from %s on without what it has not told",
            site_id, period->month, last);
    }
    query_end(query);
}

DB_SQL(select_left_out, "SELECT feed_id FROM remote_feed WHERE forked = 1 ORDER BY feed_id");

static void name_left_out(struct service *service, struct arena *arena,
                          Passerelle__V1__Period *period)
{
    period->left_out_site_ids = ARENA_ARRAY(arena, BLOCKERS_MAX, char *);
    struct query *query = db_query(service->db, &select_left_out);
    while (period->n_left_out_site_ids < BLOCKERS_MAX && query_next(query)) {
        period->left_out_site_ids[period->n_left_out_site_ids++] =
            wire_string(arena, query_text(query, 0));
    }
    query_end(query);
}

void period_block(struct service *service, struct arena *arena, struct month month,
                  Passerelle__V1__Period *period)
{
    struct month next = {month.number + 1};
    if (service_now(service) < day_start_utc_ms(month_first(next))) {
        char day[11];
        day_format(month_first(next), day);
        period_block_add(arena, period, "month_not_over", period->month,
                         "%s ends in Paris with the midnight before %s: close it then",
                         period->month, day);
    }
    block_by_order(service, arena, month, period);
    block_by_visits(service, arena, month, period);
    block_by_ledgers(service, arena, month, period);
    name_left_out(service, arena, period);
}
