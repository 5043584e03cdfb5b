/* A million rows are read here in one go, so the pass takes few columns, in the order in which they
 * lie in the file, and looks each id up once. */
#include "service/settlement/load.h"

#include "core/entry/entry.h"
#include "core/records/roster_fill.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "wire/pack.h"

/* ---- the roster ---- */

struct filling {
    struct loaded *loaded;
    struct view employer_id; /* empty: all */
    struct fault *fault;
    int error;
};

static bool left_out(const struct filling *filling, const char *employer_id)
{
    return filling->employer_id.len > 0 && !view_is(filling->employer_id, employer_id);
}

static bool member_add(void *context, const ProtobufCMessage *record)
{
    struct filling *filling = context;
    filling->error =
        roster_fill_member(&filling->loaded->roster, (const void *)record, filling->fault);
    return filling->error == 0;
}

static bool site_add(void *context, const ProtobufCMessage *record)
{
    struct filling *filling = context;
    filling->error = roster_fill_site(&filling->loaded->roster, (const void *)record,
                                      &filling->loaded->arena, filling->fault);
    return filling->error == 0;
}

static bool tariff_add_rows(void *context, const ProtobufCMessage *record)
{
    struct filling *filling = context;
    filling->error =
        roster_fill_tariff(&filling->loaded->roster, (const void *)record, filling->fault);
    return filling->error == 0;
}

static bool employer_add(void *context, const ProtobufCMessage *record)
{
    struct filling *filling = context;
    const Passerelle__V1__Employer *m = (const void *)record;
    if (!left_out(filling, m->employer_id)) {
        filling->error = roster_fill_employer(&filling->loaded->roster, m, filling->fault);
    }
    return filling->error == 0;
}

static bool plan_add(void *context, const ProtobufCMessage *record)
{
    struct filling *filling = context;
    const Passerelle__V1__Plan *m = (const void *)record;
    if (!left_out(filling, m->employer_id)) {
        filling->error = roster_fill_plan(&filling->loaded->roster, m, filling->fault);
    }
    return filling->error == 0;
}

static bool carnet_add(void *context, const ProtobufCMessage *record)
{
    struct filling *filling = context;
    const Passerelle__V1__Carnet *m = (const void *)record;
    struct roster *roster = &filling->loaded->roster;
    uint32_t plan;
    if (!filling->loaded->partial || names_find(&roster->plan_ids, view_of(m->plan_id), &plan)) {
        filling->error = roster_fill_carnet(roster, m, filling->fault);
    }
    return filling->error == 0;
}

static bool holder_add(void *context, const ProtobufCMessage *record)
{
    struct filling *filling = context;
    const Passerelle__V1__HolderPut *m = (const void *)record;
    if (!left_out(filling, m->employer_id)) {
        filling->error = roster_fill_holder(&filling->loaded->roster, m->holder_id, m->plan_id,
                                            m->active_from, m->active_to, filling->fault);
    }
    return filling->error == 0;
}

static int roster_load(struct filling *filling)
{
    static const struct {
        enum registry_table table;
        bool (*add)(void *context, const ProtobufCMessage *record);
    } steps[] = {
        {REGISTRY_MEMBERS, member_add},      {REGISTRY_SITES, site_add},
        {REGISTRY_TARIFFS, tariff_add_rows}, {REGISTRY_EMPLOYERS, employer_add},
        {REGISTRY_PLANS, plan_add},          {REGISTRY_CARNETS, carnet_add},
        {REGISTRY_HOLDERS, holder_add},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps) && filling->error == 0; i++) {
        registry_walk(filling->loaded->db, steps[i].table, steps[i].add, filling);
    }
    return filling->error == 0 ? roster_freeze(&filling->loaded->roster, filling->fault)
                               : filling->error;
}

/* ---- the closes so far ---- */

DB_SQL(count_closed, "SELECT COUNT(*) FROM period");
DB_SQL(select_closed, "SELECT month FROM period ORDER BY month");
DB_SQL(select_cut, "SELECT size FROM period_cut WHERE month = :month AND feed_id = :feed_id");

static void closes_load(struct loaded *loaded)
{
    struct query *query = db_query(loaded->db, &count_closed);
    size_t count = query_next(query) ? (size_t)query_int(query, 0) : 0;
    query_end(query);
    loaded->due.closed = ARENA_ARRAY(&loaded->arena, count, struct month);
    loaded->due.touched = ARENA_ARRAY(&loaded->arena, count, bool);
    query = db_query(loaded->db, &select_closed);
    while (loaded->due.closed_count < count && query_next(query)) {
        int32_t number = (int32_t)query_int(query, 0);
        loaded->due.closed[loaded->due.closed_count++] = (struct month){number};
    }
    query_end(query);
}

static int64_t cut_key(const struct loaded *loaded, const char *feed_id, int64_t feed_no)
{
    int64_t size = 0;
    if (loaded->due.closed_count > 0) {
        struct query *query = db_query(loaded->db, &select_cut);
        query_bind_int(query, "month", loaded->due.closed[loaded->due.closed_count - 1].number);
        query_bind_text(query, "feed_id", view_of(feed_id));
        size = query_next(query) ? query_int(query, 0) : 0;
        query_end(query);
    }
    return feed_no << FEED_SEQ_BITS | size;
}

DB_SQL(select_remote, "SELECT forked FROM remote_feed WHERE feed_id = :feed_id");

static void read_remote(struct loaded *loaded, const char *feed_id, struct loaded_feed *feed)
{
    struct query *query = db_query(loaded->db, &select_remote);
    query_bind_text(query, "feed_id", view_of(feed_id));
    if (query_next(query)) {
        feed->remote = true;
        feed->left_out = query_int(query, 0) != 0;
        query_end(query);
    }
}

static void feeds_load(struct loaded *loaded)
{
    struct feed_id feed;
    loaded->feeds = ARENA_ARRAY(&loaded->arena, loaded->roster.site_ids.count, struct loaded_feed);
    struct query *list = feed_list(loaded->db);
    while (feed_list_next(list, &feed)) {
        uint32_t site;
        int64_t key = cut_key(loaded, feed.name, feed.no);
        if (strcmp(feed.name, FEED_BOOKS) == 0) {
            loaded->books_cut_key = key;
        } else if (names_find(&loaded->roster.site_ids, view_of(feed.name), &site)) {
            struct loaded_feed *one = &loaded->feeds[loaded->feed_count++];
            *one = (struct loaded_feed){.feed_no = feed.no, .site = site, .cut_key = key};
            read_remote(loaded, feed.name, one);
        }
    }
}

static const struct loaded_feed *feed_of(const struct loaded *loaded, int64_t visit_key)
{
    int64_t feed_no = visit_key >> FEED_SEQ_BITS;
    size_t low = 0;
    size_t high = loaded->feed_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (loaded->feeds[middle].feed_no < feed_no) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < loaded->feed_count && loaded->feeds[low].feed_no == feed_no;
    return found ? &loaded->feeds[low] : NULL;
}

/* ---- rulings ---- */

DB_SQL(count_rulings, "SELECT COUNT(*) FROM dispute WHERE outcome IN (2, 3)");
DB_SQL(select_rulings, "SELECT dispute.visit_id, feed.feed_no, dispute.outcome, "
                       "dispute.in_utc_ms, dispute.out_utc_ms, dispute.resolved_key "
                       "FROM dispute JOIN feed ON feed.name = dispute.feed_id "
                       "WHERE dispute.outcome IN (2, 3) ORDER BY dispute.resolved_key");
DB_SQL(select_ruled, "SELECT visit_key, day, corrected_by FROM visit "
                     "WHERE visit_id = :visit_id AND feed_no = :feed_no");

/* A ruling follows a visit to what took its place: the host cannot correct a ruling away. */
static bool ruling_find(struct loaded *loaded, struct view visit_id, int64_t feed_no,
                        struct ruling *out)
{
    uint8_t id[16];
    bool found = false;
    while (visit_id.len == sizeof id) {
        memcpy(id, visit_id.data, sizeof id);
        struct query *query = db_query(loaded->db, &select_ruled);
        query_bind_blob(query, "visit_id", view_bytes(id, sizeof id));
        query_bind_int(query, "feed_no", feed_no);
        if (!query_next(query)) {
            return found;
        }
        found = true;
        out->visit_key = query_int(query, 0);
        out->month = month_of((struct day){(int32_t)query_int(query, 1)});
        struct view next = query_blob(query, 2);
        visit_id = next.len == sizeof id && memcmp(next.data, id, sizeof id) != 0
                       ? arena_copy(&loaded->arena, next)
                       : VIEW_NONE;
        query_end(query);
    }
    return found;
}

static void rulings_load(struct loaded *loaded)
{
    struct query *query = db_query(loaded->db, &count_rulings);
    size_t count = query_next(query) ? (size_t)query_int(query, 0) : 0;
    query_end(query);
    loaded->due.rulings = ARENA_ARRAY(&loaded->arena, count, struct ruling);
    query = db_query(loaded->db, &select_rulings);
    while (query_next(query) && loaded->due.ruling_count < count) {
        struct ruling ruling = {
            .voided =
                query_int(query, 2) == PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_VOIDED,
            .late = query_int(query, 5) > loaded->books_cut_key,
            .in_utc_ms = query_int(query, 3),
            .out_utc_ms = query_int(query, 4),
        };
        if (ruling_find(loaded, query_blob(query, 0), query_int(query, 1), &ruling)) {
            due_ruling_put(&loaded->due, ruling);
        }
    }
    query_end(query);
    due_rulings_sort(&loaded->due);
}

void loaded_rule(struct loaded *loaded, const struct ruling *more, size_t count)
{
    struct due *due = &loaded->due;
    struct ruling *all = ARENA_ARRAY(&loaded->arena, due->ruling_count + count, struct ruling);
    if (due->ruling_count > 0) {
        memcpy(all, due->rulings, due->ruling_count * sizeof *all);
    }
    due->rulings = all;
    for (size_t i = 0; i < count; i++) {
        due_ruling_put(due, more[i]);
    }
    due_rulings_sort(due);
    due_touch_rulings(due);
}

int loaded_open(struct loaded *loaded, struct db *db, uint64_t seed, struct view employer_id,
                struct fault *fault)
{
    *loaded = (struct loaded){.db = db, .seed = seed, .partial = employer_id.len > 0};
    arena_init(&loaded->arena);
    roster_init(&loaded->roster, seed);
    struct filling filling = {loaded, employer_id, fault, 0};
    int error = roster_load(&filling);
    if (error == 0) {
        closes_load(loaded);
        feeds_load(loaded);
        rulings_load(loaded);
        error = db_error(db, fault);
    }
    return error;
}

void loaded_release(struct loaded *loaded)
{
    free(loaded->keys);
    roster_release(&loaded->roster);
    arena_release(&loaded->arena);
}

/* ---- stays ---- */

/* Each column of a million rows costs, so the day is taken from in_utc_ms. */
#define STAY_COLUMNS                                                                               \
    "SELECT visit_key, visit_id, holder_id, resource, in_utc_ms, out_utc_ms, state, auto_closed"
enum { STATE_CLOSED = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED };

/* One row becomes a stay, unless a ruling says otherwise or its holder is not loaded. */
static int stay_take(struct loaded *loaded, const struct query *row, const struct loaded_feed *feed,
                     bool late_rulings, struct stays *out, struct fault *fault)
{
    struct view visit_id = query_blob(row, 1);
    struct view holder_id = query_blob(row, 2);
    int64_t visit_key = query_int(row, 0);
    uint32_t holder;
    if (!names_find(&loaded->roster.holder_ids, holder_id, &holder)) {
        return loaded->partial || feed->remote
                   ? 0
                   : fault_set(fault, E_CORRUPT, "a visit is of the holder %.*s, who is not known",
                               VIEW_FMT(holder_id));
    }
    struct stay stay = {
        .site = feed->site,
        .holder = holder,
        .in_utc_ms = query_int(row, 4),
        .out_utc_ms = query_int(row, 5),
        .resource = (uint8_t)(query_int(row, 3) - PASSERELLE__V1__RESOURCE__RESOURCE_DESK),
        .auto_closed = query_int(row, 7) != 0,
    };
    if (stay.out_utc_ms == 0) {
        stay.out_utc_ms = STAY_NO_OUT;
    }
    if (visit_id.len == sizeof stay.visit_id) {
        memcpy(stay.visit_id, visit_id.data, sizeof stay.visit_id);
    }
    size_t place = out->count;
    due_take(&loaded->due, visit_key, late_rulings, stay, out);
    if (loaded->keeps_keys && out->count > place) {
        if (place >= loaded->keys_alloc) {
            loaded->keys_alloc = out->alloc;
            loaded->keys = xrealloc(loaded->keys, loaded->keys_alloc, sizeof *loaded->keys);
        }
        loaded->keys[place] = visit_key;
    }
    return 0;
}

/* Whether a visit stood and had ended when the last close was cut. A visit was open at no close, so
 * one that was undone later counted then. */
static bool counted_at_cut(const struct loaded_feed *feed, int64_t visit_key, int64_t state,
                           int64_t last_key)
{
    bool later = last_key > feed->cut_key;
    return visit_key <= feed->cut_key &&
           (state == STATE_CLOSED ? !feed->left_out || !later : state > STATE_CLOSED && later);
}

/* Within a feed, rows arrive in the order of their keys. */
DB_SQL(first_of_day, "SELECT visit_key FROM visit WHERE day = :day AND feed_no = :feed_no "
                     "ORDER BY @row(visit_key) LIMIT 1");
DB_SQL(select_range, STAY_COLUMNS " FROM visit WHERE visit_key BETWEEN :from AND :to "
                                  "AND in_utc_ms < :end");
DB_SQL(select_rows, STAY_COLUMNS " FROM visit WHERE @row(visit_key) >= :row AND in_utc_ms < :end");
DB_SQL(select_row, "SELECT @row(visit_key) FROM visit WHERE visit_key >= :from "
                   "ORDER BY visit_key LIMIT 1");
DB_SQL(select_last_row, "SELECT MAX(@row(visit_key)) FROM visit");
DB_SQL(select_last_key, "SELECT MAX(visit_key) FROM visit WHERE visit_key BETWEEN :from AND :to");
DB_SQL(select_undone, "SELECT DISTINCT day FROM visit "
                      "WHERE state IN (3, 4) AND last_key BETWEEN :from AND :to");

/* Key of the feed's first visit of the month; 0 when it has none. */
static int64_t month_first_key(const struct loaded *loaded, int64_t feed_no, struct month month)
{
    int64_t first = 0;
    for (struct day day = month_first(month); day_compare(day, month_last(month)) <= 0;
         day = day_plus(day, 1)) {
        struct query *query = db_query(loaded->db, &first_of_day);
        query_bind_int(query, "day", day.number);
        query_bind_int(query, "feed_no", feed_no);
        int64_t key = query_next(query) ? query_int(query, 0) : 0;
        query_end(query);
        if (key != 0 && (first == 0 || key < first)) {
            first = key;
        }
    }
    return first;
}

DB_SQL(select_of_feed, STAY_COLUMNS ", last_key FROM visit WHERE day BETWEEN :first AND :last "
                                    "AND feed_no = :feed_no");

/* A ledger that told two stories: what the last close covers, as it was then. */
static int left_out_scan(struct loaded *loaded, const struct loaded_feed *feed, struct month month,
                         struct stays *out, struct fault *fault)
{
    int error = 0;
    struct query *query = db_query(loaded->db, &select_of_feed);
    query_bind_int(query, "first", month_first(month).number);
    query_bind_int(query, "last", month_last(month).number);
    query_bind_int(query, "feed_no", feed->feed_no);
    while (error == 0 && query_next(query)) {
        if (counted_at_cut(feed, query_int(query, 0), query_int(query, 6), query_int(query, 8))) {
            error = stay_take(loaded, query, feed, true, out, fault);
        }
    }
    query_end(query);
    return error;
}

static int64_t feed_end_key(const struct loaded_feed *feed)
{
    return ((feed->feed_no + 1) << FEED_SEQ_BITS) - 1;
}

/* Key of the first visit that concerns the close of the month: of this month, or past the last
 * cut; 0 when none does. */
static int64_t first_key(const struct loaded *loaded, const struct loaded_feed *feed,
                         struct month month)
{
    int64_t past_cut = feed->cut_key + 1;
    int64_t first = month_first_key(loaded, feed->feed_no, month);
    return loaded->due.closed_count > 0 && (first == 0 || first > past_cut) ? past_cut : first;
}

static int64_t one_number(struct query *query)
{
    int64_t number = query_next(query) ? query_int(query, 0) : 0;
    query_end(query);
    return number;
}

/* The row from which all feeds' visits since their `from_key` lie, when a scan of the table from
 * there reads little else; 0 when one feed after the other reads less, as after a rebuild. */
static int64_t first_row(const struct loaded *loaded)
{
    int64_t first = INT64_MAX;
    int64_t entries = 0;
    for (size_t i = 0; i < loaded->feed_count; i++) {
        const struct loaded_feed *feed = &loaded->feeds[i];
        if (feed->from_key != 0) {
            struct query *query = db_query(loaded->db, &select_last_key);
            query_bind_int(query, "from", feed->from_key);
            query_bind_int(query, "to", feed_end_key(feed));
            int64_t last_key = one_number(query);
            if (last_key != 0) {
                query = db_query(loaded->db, &select_row);
                query_bind_int(query, "from", feed->from_key);
                int64_t row = one_number(query);
                first = row < first ? row : first;
                entries += last_key - feed->from_key + 1;
            }
        }
    }
    if (first == INT64_MAX) {
        return 0;
    }
    return one_number(db_query(loaded->db, &select_last_row)) - first <= entries ? first : 0;
}

/* Rows of :row or :from and :to, of one feed (or NULL: of those that have a `from_key`). */
static int rows_scan(struct loaded *loaded, struct query *query, const struct loaded_feed *of,
                     struct month month, struct stays *out, struct fault *fault)
{
    int64_t begin_utc_ms = day_start_utc_ms(month_first(month));
    int error = 0;
    query_bind_int(query, "end", day_start_utc_ms(day_plus(month_last(month), 1)));
    while (error == 0 && query_next(query)) {
        int64_t visit_key = query_int(query, 0);
        const struct loaded_feed *feed = of != NULL ? of : feed_of(loaded, visit_key);
        if (feed == NULL || feed->from_key == 0 || visit_key < feed->from_key) {
            continue;
        }
        int64_t in_utc_ms = query_int(query, 4);
        if (in_utc_ms >= begin_utc_ms) {
            error = query_int(query, 6) == STATE_CLOSED
                        ? stay_take(loaded, query, feed, true, out, fault)
                        : 0;
        } else if (visit_key > feed->cut_key) {
            due_touch(&loaded->due, month_of(day_of_instant(in_utc_ms)));
        }
    }
    query_end(query);
    return error;
}

static int feed_scan(struct loaded *loaded, const struct loaded_feed *feed, struct month month,
                     struct stays *out, struct fault *fault)
{
    struct query *query = db_query(loaded->db, &select_range);
    query_bind_int(query, "from", feed->from_key);
    query_bind_int(query, "to", feed_end_key(feed));
    return rows_scan(loaded, query, feed, month, out, fault);
}

static void undone_touch(struct loaded *loaded, const struct loaded_feed *feed)
{
    struct query *query = db_query(loaded->db, &select_undone);
    query_bind_int(query, "from", feed->cut_key + 1);
    query_bind_int(query, "to", feed_end_key(feed));
    while (query_next(query)) {
        due_touch(&loaded->due, month_of((struct day){(int32_t)query_int(query, 0)}));
    }
    query_end(query);
}

/* In the order of arrival when that reads little else: a row found by its key costs twice a row
 * that follows another. */
static int feeds_scan(struct loaded *loaded, struct month month, struct stays *out,
                      struct fault *fault)
{
    int error = 0;
    for (size_t i = 0; i < loaded->feed_count && error == 0; i++) {
        struct loaded_feed *feed = &loaded->feeds[i];
        feed->from_key = feed->left_out ? 0 : first_key(loaded, feed, month);
        if (feed->left_out) {
            error = left_out_scan(loaded, feed, month, out, fault);
        } else if (loaded->due.closed_count > 0) {
            undone_touch(loaded, feed);
        }
    }
    int64_t row = error == 0 ? first_row(loaded) : 0;
    if (row != 0) {
        struct query *query = db_query(loaded->db, &select_rows);
        query_bind_int(query, "row", row);
        return rows_scan(loaded, query, NULL, month, out, fault);
    }
    for (size_t i = 0; i < loaded->feed_count && error == 0; i++) {
        if (loaded->feeds[i].from_key != 0) {
            error = feed_scan(loaded, &loaded->feeds[i], month, out, fault);
        }
    }
    return error;
}

DB_SQL(select_late_carnets, "SELECT record FROM carnet WHERE entry_key > :key");

static void carnets_touch(struct loaded *loaded)
{
    if (loaded->due.closed_count == 0) {
        return;
    }
    struct query *query = db_query(loaded->db, &select_late_carnets);
    query_bind_int(query, "key", loaded->books_cut_key);
    while (query_next(query)) {
        struct day day;
        const Passerelle__V1__Carnet *carnet = wire_unpack_trusted(
            &passerelle__v1__carnet__descriptor, query_blob(query, 0), &loaded->arena);
        if (carnet != NULL && day_parse(view_of(carnet->bought_on), &day) == E_OK) {
            due_touch(&loaded->due, month_of(day));
        }
    }
    query_end(query);
}

/* The last right of each holder that entries of `books` put, of one number to another; `of` NULL:
 * of all holders, else of those in it. */
static int rights_read(struct loaded *loaded, uint64_t from_seq, uint64_t to_seq,
                       const struct map *of, struct map *rights, struct fault *fault)
{
    struct arena scratch = ARENA_INIT;
    struct feed_entry stored;
    int error = 0;
    struct query *read =
        feed_read(loaded->db, loaded->books_cut_key >> FEED_SEQ_BITS, from_seq, to_seq);
    while (error == 0 && feed_read_next(read, &stored)) {
        struct entry entry;
        arena_clear(&scratch);
        error = entry_decode(VIEW_LIT(FEED_BOOKS), stored.bytes, &scratch, &entry, fault);
        if (error != 0 || entry.kind == NULL ||
            entry.kind->type != PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_HOLDER_PUT) {
            continue;
        }
        struct view id = view_of(((const Passerelle__V1__HolderPut *)entry.payload)->holder_id);
        if (of == NULL || map_get(of, id) != NULL) {
            struct view payload = wire_pack_arena(&loaded->arena, entry.payload);
            map_put(rights, id,
                    wire_unpack_trusted(&passerelle__v1__holder_put__descriptor, payload,
                                        &loaded->arena));
        }
    }
    if (error != 0) {
        query_end(read);
    }
    arena_release(&scratch);
    return error;
}

static int rights_touch(struct loaded *loaded, struct fault *fault)
{
    if (loaded->due.closed_count == 0) {
        return 0;
    }
    struct map before;
    struct map after;
    map_init(&before, loaded->seed);
    map_init(&after, loaded->seed);
    uint64_t cut = (uint64_t)loaded->books_cut_key & FEED_SEQ_MAX;
    int error = rights_read(loaded, cut + 1, FEED_SEQ_MAX, NULL, &after, fault);
    if (error == 0 && after.count > 0) {
        error = rights_read(loaded, 1, cut, &after, &before, fault);
    }
    size_t at = 0;
    for (const struct map_slot *slot; error == 0 && (slot = map_next(&after, &at)) != NULL;) {
        due_touch_right(&loaded->due, &loaded->roster, map_get(&before, slot->key), slot->value);
    }
    map_release(&before);
    map_release(&after);
    return error;
}

int loaded_month(struct loaded *loaded, struct month month, struct stays *out, struct fault *fault)
{
    int error = feeds_scan(loaded, month, out, fault);
    carnets_touch(loaded);
    due_touch_rulings(&loaded->due);
    error = error != 0 ? error : rights_touch(loaded, fault);
    return error != 0 ? error : db_error(loaded->db, fault);
}

DB_SQL(select_month, STAY_COLUMNS ", last_key FROM visit WHERE day BETWEEN :first AND :last");
DB_SQL(select_of_holder, STAY_COLUMNS ", last_key FROM visit WHERE holder_id = :holder_id "
                                      "AND day BETWEEN :first AND :last");

/* All rows of the query that count: as they stand, or as the last close saw them. */
static int rows_take(struct loaded *loaded, struct query *query, bool at_cut, struct stays *out,
                     struct fault *fault)
{
    int error = 0;
    while (error == 0 && query_next(query)) {
        int64_t visit_key = query_int(query, 0);
        const struct loaded_feed *feed = feed_of(loaded, visit_key);
        if (feed == NULL) {
            continue;
        }
        int64_t state = query_int(query, 6);
        bool counts = at_cut || feed->left_out
                          ? counted_at_cut(feed, visit_key, state, query_int(query, 8))
                          : state == STATE_CLOSED;
        if (counts) {
            error = stay_take(loaded, query, feed, !at_cut, out, fault);
        }
    }
    query_end(query);
    return error != 0 ? error : db_error(loaded->db, fault);
}

static struct query *month_query(struct loaded *loaded, const struct db_sql *sql,
                                 struct month month)
{
    struct query *query = db_query(loaded->db, sql);
    query_bind_int(query, "first", month_first(month).number);
    query_bind_int(query, "last", month_last(month).number);
    return query;
}

int loaded_again(struct loaded *loaded, struct month month, struct stays *out, struct fault *fault)
{
    return rows_take(loaded, month_query(loaded, &select_month, month), false, out, fault);
}

int loaded_at_cut(struct loaded *loaded, struct month month, struct stays *out, struct fault *fault)
{
    return rows_take(loaded, month_query(loaded, &select_month, month), true, out, fault);
}

int loaded_holder(struct loaded *loaded, struct view holder_id, struct month month, bool at_cut,
                  struct stays *out, struct fault *fault)
{
    struct query *query = month_query(loaded, &select_of_holder, month);
    query_bind_text(query, "holder_id", holder_id);
    return rows_take(loaded, query, at_cut, out, fault);
}

DB_SQL(select_visitors, "SELECT holder_id FROM visit WHERE day = :day AND feed_no = :feed_no");

void loaded_visitors(struct loaded *loaded, uint32_t site, struct month month, bool *holders)
{
    for (size_t i = 0; i < loaded->feed_count; i++) {
        if (loaded->feeds[i].site != site) {
            continue;
        }
        for (struct day day = month_first(month); day_compare(day, month_last(month)) <= 0;
             day = day_plus(day, 1)) { /* a range of days would read those of all sites */
            struct query *query = db_query(loaded->db, &select_visitors);
            uint32_t holder;
            query_bind_int(query, "day", day.number);
            query_bind_int(query, "feed_no", loaded->feeds[i].feed_no);
            while (query_next(query)) {
                if (names_find(&loaded->roster.holder_ids, query_text(query, 0), &holder)) {
                    holders[holder] = true;
                }
            }
            query_end(query);
        }
    }
}
