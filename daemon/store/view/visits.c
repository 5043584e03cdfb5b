#include "store/view/visits.h"

#include "store/feed/feed.h"

#define COLUMNS                                                                                    \
    "SELECT visit_key, last_key, feed_no, visit_id, holder_id, pass_id, resource, medium, "        \
    "source, "                                                                                     \
    "state, day, in_utc_ms, out_utc_ms, auto_closed, tariff_version, line, corrected_by "          \
    "FROM visit "

static void read_row(const struct query *query, struct visit_row *row)
{
    *row = (struct visit_row){
        .visit_key = query_int(query, 0),
        .last_key = query_int(query, 1),
        .feed_no = query_int(query, 2),
        .visit_id = query_blob(query, 3),
        .holder_id = query_text(query, 4),
        .pass_id = query_blob(query, 5),
        .resource = (Passerelle__V1__Resource)query_int(query, 6),
        .medium = (Passerelle__V1__Medium)query_int(query, 7),
        .source = (Passerelle__V1__Source)query_int(query, 8),
        .state = (Passerelle__V1__VisitState)query_int(query, 9),
        .day = {(int32_t)query_int(query, 10)},
        .in_utc_ms = query_int(query, 11),
        .out_utc_ms = query_int(query, 12),
        .auto_closed = query_int(query, 13) != 0,
        .tariff_version = (uint32_t)query_int(query, 14),
        .line = (uint32_t)query_int(query, 15),
        .corrected_by = query_blob(query, 16),
    };
}

static void walk(struct query *query, visits_each *each, void *context)
{
    struct visit_row row;
    while (query_next(query)) {
        read_row(query, &row);
        if (!each(context, &row)) {
            query_end(query);
            return;
        }
    }
}

DB_SQL(select_by_id, COLUMNS "WHERE visit_id = :visit_id AND feed_no = :feed_no");

bool visits_by_id(struct db *db, struct arena *arena, int64_t feed_no, struct view visit_id,
                  struct visit_row *out)
{
    struct query *query = db_query(db, &select_by_id);
    query_bind_blob(query, "visit_id", visit_id);
    query_bind_int(query, "feed_no", feed_no);
    if (!query_next(query)) {
        return false;
    }
    read_row(query, out);
    out->visit_id = arena_copy(arena, out->visit_id);
    out->holder_id = arena_copy(arena, out->holder_id);
    out->pass_id = arena_copy(arena, out->pass_id);
    out->corrected_by = arena_copy(arena, out->corrected_by);
    query_end(query);
    return true;
}

DB_SQL(select_of_holder, COLUMNS "WHERE holder_id = :holder_id AND day BETWEEN :from AND :to "
                                 "ORDER BY day, visit_key");

void visits_of_holder(struct db *db, struct view holder_id, struct day from, struct day to,
                      visits_each *each, void *context)
{
    struct query *query = db_query(db, &select_of_holder);
    query_bind_text(query, "holder_id", holder_id);
    query_bind_int(query, "from", from.number);
    query_bind_int(query, "to", to.number);
    walk(query, each, context);
}

DB_SQL(select_open_before, COLUMNS "WHERE state = 1 AND in_utc_ms < :utc_ms "
                                   "ORDER BY in_utc_ms, visit_key");

void visits_open_before(struct db *db, int64_t utc_ms, visits_each *each, void *context)
{
    struct query *query = db_query(db, &select_open_before);
    query_bind_int(query, "utc_ms", utc_ms);
    walk(query, each, context);
}

DB_SQL(select_on_day, COLUMNS "WHERE day = :day AND feed_no = :feed_no "
                              "ORDER BY in_utc_ms, visit_key");

void visits_on_day(struct db *db, int64_t feed_no, struct day day, visits_each *each, void *context)
{
    struct query *query = db_query(db, &select_on_day);
    query_bind_int(query, "day", day.number);
    query_bind_int(query, "feed_no", feed_no);
    walk(query, each, context);
}

DB_SQL(select_of_days, COLUMNS "WHERE day BETWEEN :from AND :to AND state IN (1, 2)");

void visits_of_days(struct db *db, struct day from, struct day to, visits_each *each, void *context)
{
    struct query *query = db_query(db, &select_of_days);
    query_bind_int(query, "from", from.number);
    query_bind_int(query, "to", to.number);
    walk(query, each, context);
}

DB_SQL(count_present,
       "SELECT v.resource, COUNT(*) FROM visit v WHERE v.feed_no = :feed_no AND v.state = 1 "
       "AND v.day = :day AND (v.resource <> 1 OR NOT EXISTS (SELECT 1 FROM visit o "
       "WHERE o.holder_id = v.holder_id AND o.day = v.day AND o.resource = 1 "
       "AND o.state IN (1, 2) AND o.visit_key <> v.visit_key AND (o.in_utc_ms > v.in_utc_ms "
       "OR (o.in_utc_ms = v.in_utc_ms AND (SELECT name FROM feed f WHERE f.feed_no = o.feed_no) > "
       "(SELECT name FROM feed f WHERE f.feed_no = v.feed_no))))) "
       "AND NOT EXISTS (SELECT 1 FROM visit_cut c WHERE c.visit_id = v.visit_id) "
       "GROUP BY v.resource");

void visits_present(struct db *db, int64_t feed_no, struct day day, uint32_t present[4])
{
    memset(present, 0, 4 * sizeof *present);
    struct query *query = db_query(db, &count_present);
    query_bind_int(query, "feed_no", feed_no);
    query_bind_int(query, "day", day.number);
    while (query_next(query)) {
        int64_t resource = query_int(query, 0);
        if (resource > 0 && resource < 4) {
            present[resource] = (uint32_t)query_int(query, 1);
        }
    }
}

DB_SQL(select_open_since, "SELECT 1 FROM visit WHERE visit_key > :key AND visit_key < :end "
                          "AND state = 1 LIMIT 1");

bool visits_open_since(struct db *db, int64_t visit_key)
{
    struct query *query = db_query(db, &select_open_since);
    query_bind_int(query, "key", visit_key);
    query_bind_int(query, "end", ((visit_key >> FEED_SEQ_BITS) + 1) << FEED_SEQ_BITS);
    bool found = query_next(query);
    query_end(query);
    return found;
}
