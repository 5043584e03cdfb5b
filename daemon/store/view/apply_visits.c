/* What sites say: visits, and the heads of `net` that they saw. */
#include "store/view/appliers.h"

#include "core/day/day.h"
#include "passerelle/v1/desk.pb-c.h"

DB_SQL(put_visit,
       "INSERT INTO visit (visit_key, last_key, feed_no, visit_id, holder_id, pass_id, resource, "
       "medium, source, state, day, in_utc_ms, out_utc_ms, auto_closed, tariff_version, line, "
       "corrected_by) VALUES (:key, :key, :feed_no, :visit_id, :holder_id, :pass_id, :resource, "
       ":medium, :source, :state, :day, :in_utc_ms, :out_utc_ms, 0, :tariff_version, :line, NULL) "
       "ON CONFLICT (visit_key) DO NOTHING");

struct visit_insert {
    struct view visit_id;
    struct view holder_id;
    struct view pass_id; /* empty: none */
    int resource;
    int medium;
    int source;
    int state;
    int64_t in_utc_ms;
    int64_t out_utc_ms; /* 0: none */
    int64_t tariff_version;
    int64_t line;
};

static void visit_insert(const struct application *a, const struct visit_insert *v)
{
    struct query *query = db_query(a->db, &put_visit);
    query_bind_int(query, "key", a->at.entry_key);
    query_bind_int(query, "feed_no", a->at.feed_no);
    query_bind_blob(query, "visit_id", v->visit_id);
    query_bind_text(query, "holder_id", v->holder_id);
    if (v->pass_id.len > 0) {
        query_bind_blob(query, "pass_id", v->pass_id);
    }
    query_bind_int(query, "resource", v->resource);
    query_bind_int(query, "medium", v->medium);
    query_bind_int(query, "source", v->source);
    query_bind_int(query, "state", v->state);
    query_bind_int(query, "day", day_of_instant(v->in_utc_ms).number);
    query_bind_int(query, "in_utc_ms", v->in_utc_ms);
    if (v->out_utc_ms != 0) {
        query_bind_int(query, "out_utc_ms", v->out_utc_ms);
    }
    query_bind_int(query, "tariff_version", v->tariff_version);
    query_bind_int(query, "line", v->line);
    query_run(query);
}

DB_SQL(select_holder_of_pass, "SELECT holder_id FROM pass WHERE pass_id = :pass_id");

static void visit_opened(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__VisitOpened *m = (const void *)message;
    struct view holder_id = view_of(m->holder_id);
    struct query *query = NULL;
    if (holder_id.len == 0) {
        query = db_query(a->db, &select_holder_of_pass);
        query_bind_blob(query, "pass_id", bytes_of(m->pass_id));
        holder_id = query_next(query) ? query_text(query, 0) : VIEW_NONE;
    }
    visit_insert(a, &(struct visit_insert){
                        .visit_id = bytes_of(m->visit_id),
                        .holder_id = holder_id,
                        .pass_id = bytes_of(m->pass_id),
                        .resource = (int)m->resource,
                        .medium = (int)m->medium,
                        .source = (int)m->source,
                        .state = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN,
                        .in_utc_ms = m->in_utc_ms,
                        .tariff_version = m->tariff_version,
                    });
    if (query != NULL) {
        query_end(query);
    }
}

#define OF_THIS_FEED "visit_id = :visit_id AND feed_no = :feed_no"

DB_SQL(select_open, "SELECT visit_key FROM visit WHERE " OF_THIS_FEED " AND state = 1 "
                    "AND in_utc_ms <= :out_utc_ms");
DB_SQL(close_visit, "UPDATE visit SET state = 2, out_utc_ms = :out_utc_ms, auto_closed = :auto, "
                    "last_key = :key WHERE visit_key = :visit_key");

/* Row by row: where it may change several, SQLite first copies each page that it writes. */
static void visit_closed(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__VisitClosed *m = (const void *)message;
    struct query *open = db_query(a->db, &select_open);
    query_bind_blob(open, "visit_id", bytes_of(m->visit_id));
    query_bind_int(open, "feed_no", a->at.feed_no);
    query_bind_int(open, "out_utc_ms", m->out_utc_ms);
    for (bool more = query_next(open); more;) {
        int64_t visit_key = query_int(open, 0);
        more = query_next(open); /* before the row is written: then mostly nothing reads any more */
        struct query *query = db_query(a->db, &close_visit);
        query_bind_int(query, "out_utc_ms", m->out_utc_ms);
        query_bind_int(query, "auto", m->auto_closed);
        query_bind_int(query, "key", a->at.entry_key);
        query_bind_int(query, "visit_key", visit_key);
        query_run(query);
    }
}

DB_SQL(void_visit,
       "UPDATE visit SET state = 3, last_key = :key WHERE " OF_THIS_FEED " AND state IN (1, 2)");

static void visit_voided(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__VisitVoided *m = (const void *)message;
    struct query *query = db_query(a->db, &void_visit);
    query_bind_blob(query, "visit_id", bytes_of(m->visit_id));
    query_bind_int(query, "feed_no", a->at.feed_no);
    query_bind_int(query, "key", a->at.entry_key);
    query_run(query);
}

DB_SQL(select_replaced, "SELECT holder_id, pass_id, medium, source, tariff_version FROM visit "
                        "WHERE " OF_THIS_FEED " AND state IN (1, 2)");
DB_SQL(mark_corrected, "UPDATE visit SET state = 4, corrected_by = :corrected_by, last_key = :key "
                       "WHERE " OF_THIS_FEED " AND state IN (1, 2)");

static void visit_corrected(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__VisitCorrected *m = (const void *)message;
    struct query *query = db_query(a->db, &select_replaced);
    query_bind_blob(query, "visit_id", bytes_of(m->replaces_visit_id));
    query_bind_int(query, "feed_no", a->at.feed_no);
    if (!query_next(query)) {
        return;
    }
    visit_insert(a, &(struct visit_insert){
                        .visit_id = bytes_of(m->visit_id),
                        .holder_id = query_text(query, 0),
                        .pass_id = query_blob(query, 1),
                        .resource = (int)m->resource,
                        .medium = (int)query_int(query, 2),
                        .source = (int)query_int(query, 3),
                        .state = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED,
                        .in_utc_ms = m->in_utc_ms,
                        .out_utc_ms = m->out_utc_ms,
                        .tariff_version = query_int(query, 4),
                    });
    query_end(query);
    query = db_query(a->db, &mark_corrected);
    query_bind_blob(query, "visit_id", bytes_of(m->replaces_visit_id));
    query_bind_int(query, "feed_no", a->at.feed_no);
    query_bind_blob(query, "corrected_by", bytes_of(m->visit_id));
    query_bind_int(query, "key", a->at.entry_key);
    query_run(query);
}

static void stay_recorded(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__StayRecorded *m = (const void *)message;
    visit_insert(a, &(struct visit_insert){
                        .visit_id = bytes_of(m->visit_id),
                        .holder_id = view_of(m->holder_id),
                        .resource = (int)m->resource,
                        .medium = (int)m->medium,
                        .source = (int)m->source,
                        .state = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED,
                        .in_utc_ms = m->in_utc_ms,
                        .out_utc_ms = m->out_utc_ms,
                        .line = m->line,
                    });
}

DB_SQL(put_seen, "INSERT INTO hub_checkpoint_seen (entry_key, feed_no, note) "
                 "VALUES (:key, :feed_no, :note) ON CONFLICT (entry_key) DO NOTHING");

static void hub_checkpoint_seen(const struct application *a, const ProtobufCMessage *message)
{
    struct query *query = db_query(a->db, &put_seen);
    query_bind_int(query, "key", a->at.entry_key);
    query_bind_int(query, "feed_no", a->at.feed_no);
    bind_id(query, "note", ((const Passerelle__V1__HubCheckpointSeen *)message)->checkpoint);
    query_run(query);
}

const struct applier appliers_visits[] = {
    APPLIES(VISIT_OPENED, visit_opened),
    APPLIES(VISIT_CLOSED, visit_closed),
    APPLIES(VISIT_VOIDED, visit_voided),
    APPLIES(VISIT_CORRECTED, visit_corrected),
    APPLIES(STAY_RECORDED, stay_recorded),
    APPLIES(HUB_CHECKPOINT_SEEN, hub_checkpoint_seen),
    {0},
};
