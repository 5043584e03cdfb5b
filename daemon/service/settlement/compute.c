#include "service/settlement/compute.h"

#include "service/settlement/evidence.h"
#include "service/settlement/invoices.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "wire/pack.h"

DB_SQL(select_document, "SELECT document FROM settlement WHERE month = :month");

/* What `read` makes of the bytes; NULL when there are none. */
static void *stored(struct db *db, struct month month,
                    void *(*read)(void *context, struct view packed), void *context)
{
    void *document = NULL;
    struct query *query = db_query(db, &select_document);
    query_bind_int(query, "month", month.number);
    if (query_next(query)) {
        document = read(context, query_blob(query, 0));
        if (document == NULL) {
            db_fail(db, E_CORRUPT, "a settlement document cannot be read: restore a backup");
        }
    }
    query_end(query);
    return document;
}

static void *read_whole(void *context, struct view packed)
{
    return wire_unpack_trusted(&passerelle__v1__settlement_document__descriptor, packed, context);
}

Passerelle__V1__SettlementDocument *settlement_stored(struct db *db, struct month month,
                                                      struct arena *arena)
{
    return stored(db, month, read_whole, arena);
}

struct some {
    bool (*wanted)(void *context, const struct document_head *head);
    void *context;
    struct arena *arena;
};

static void *read_some(void *context, struct view packed)
{
    const struct some *some = context;
    return document_some(packed, some->wanted, some->context, some->arena);
}

Passerelle__V1__SettlementDocument *
settlement_some(struct db *db, struct month month,
                bool (*wanted)(void *context, const struct document_head *head), void *context,
                struct arena *arena)
{
    struct some some = {wanted, context, arena};
    return stored(db, month, read_some, &some);
}

struct query *settlement_packed(struct db *db, struct month month, struct view *out)
{
    struct query *query = db_query(db, &select_document);
    query_bind_int(query, "month", month.number);
    *out = query_next(query) ? query_blob(query, 0) : VIEW_NONE;
    return query;
}

/* Bills are read for the months that are wanted only; what else a close left is short. */
static bool none_wanted(void *context, const struct document_head *head)
{
    (void)context;
    (void)head;
    return false;
}

int settlement_history(const struct loaded *loaded, struct month month,
                       struct close_history *history, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    int error = 0;
    for (size_t i = 0; i < loaded->due.closed_count && error == 0; i++) {
        if (loaded->due.closed[i].number >= month.number) {
            break;
        }
        arena_clear(&arena);
        const Passerelle__V1__SettlementDocument *document =
            history->wanted_count > 0
                ? settlement_stored(loaded->db, loaded->due.closed[i], &arena)
                : settlement_some(loaded->db, loaded->due.closed[i], none_wanted, NULL, &arena);
        if (document == NULL) {
            char text[8];
            month_format(loaded->due.closed[i], text);
            error = fault_set(fault, E_CORRUPT,
                              "the settlement document of %s is not here: restore a backup", text);
        } else {
            error = close_history_add(history, &loaded->roster, document, fault);
        }
    }
    arena_release(&arena);
    return error;
}

static int cut_compare(const void *left, const void *right)
{
    const Passerelle__V1__FeedCut *const *a = left;
    const Passerelle__V1__FeedCut *const *b = right;
    return strcmp((*a)->feed_id, (*b)->feed_id);
}

DB_SQL(select_forked, "SELECT 1 FROM remote_feed WHERE feed_id = :feed_id AND forked = 1");
DB_SQL(select_last_cut, "SELECT size FROM period_cut WHERE feed_id = :feed_id "
                        "ORDER BY month DESC LIMIT 1");

static int64_t number_of(struct db *db, const struct db_sql *sql, const char *feed_id)
{
    int64_t number = 0;
    struct query *query = db_query(db, sql);
    query_bind_text(query, "feed_id", view_of(feed_id));
    if (query_next(query)) {
        number = query_int(query, 0);
        query_end(query);
    }
    return number;
}

/* How many entries of the feed a close covers now: all; of one that told two stories, those that
 * the last close covers. */
static uint64_t cut_size(struct db *db, const struct feed_id *feed)
{
    return number_of(db, &select_forked, feed->name) == 0
               ? feed_head(db, feed->no).size
               : (uint64_t)number_of(db, &select_last_cut, feed->name);
}

/* Sizes and roots of all feeds as this transaction sees them. */
static int cut_take(struct db *db, struct arena *arena, struct settlement *out, struct fault *fault)
{
    size_t alloc = 0;
    struct feed_id feed;
    struct query *list = feed_list(db);
    while (feed_list_next(list, &feed)) {
        struct tree_hash root;
        uint64_t size = cut_size(db, &feed);
        int error = feed_root(db, feed.no, size, &root);
        if (error != 0) {
            query_end(list);
            return fault_set(fault, error, "the root of the feed %s cannot be computed", feed.name);
        }
        if (out->cut_count == alloc) {
            alloc = alloc == 0 ? 64 : alloc * 2;
            Passerelle__V1__FeedCut **more = ARENA_ARRAY(arena, alloc, Passerelle__V1__FeedCut *);
            if (out->cut_count > 0) {
                memcpy(more, out->cut, out->cut_count * sizeof *more);
            }
            out->cut = more;
        }
        Passerelle__V1__FeedCut *one = wire_new(arena, &passerelle__v1__feed_cut__descriptor);
        one->feed_id = wire_string(arena, view_of(feed.name));
        one->size = size;
        one->root = wire_bytes(arena_copy(arena, view_bytes(&root, sizeof root)));
        out->cut[out->cut_count++] = one;
    }
    if (out->cut_count > 0) {
        qsort(out->cut, out->cut_count, sizeof *out->cut, cut_compare);
    }
    return 0;
}

/* A close while it is computed. */
struct computing {
    struct loaded *loaded;
    struct month month;
};

static int stays_again(void *context, struct month month, struct stays *out, struct fault *fault)
{
    return loaded_again(((struct computing *)context)->loaded, month, out, fault);
}

static int history_take(void *context, struct close_history *history, struct fault *fault)
{
    const struct computing *computing = context;
    return settlement_history(computing->loaded, computing->month, history, fault);
}

/* `settlement` NULL: no evidence. */
static int result_compute(struct loaded *loaded, struct month month, struct arena *arena,
                          struct close_result *result, struct settlement *settlement,
                          struct fault *fault)
{
    struct stays stays = STAYS_INIT;
    loaded->keeps_keys = settlement != NULL;
    struct computing computing = {loaded, month};
    struct due_source source = {stays_again, history_take, &computing};
    int error = loaded_month(loaded, month, &stays, fault);
    loaded->keeps_keys = false; /* of these stays only, until they are used */
    if (error == 0) {
        error = due_close(&loaded->due, &loaded->roster, month, &stays, &source,
                          registry_policy(loaded->db, arena), result, fault);
    }
    if (error == 0 && settlement != NULL) {
        error = evidence_gather(loaded, result, &stays, arena, &settlement->evidence, fault);
    }
    stays_release(&stays);
    return error;
}

static int compute(struct db *db, uint64_t seed, struct month month, bool closes,
                   struct arena *arena, struct settlement *out, struct fault *fault)
{
    struct loaded loaded;
    struct close_result result = CLOSE_RESULT_INIT;
    struct settlement settlement = {.month = month};
    int error = loaded_open(&loaded, db, seed, VIEW_NONE, fault);
    if (error == 0) {
        error = result_compute(&loaded, month, arena, &result, closes ? &settlement : NULL, fault);
    }
    if (error == 0) {
        settlement.closed_count = loaded.due.closed_count;
        settlement.document = document_of_result(&result, &loaded.roster, arena);
        settlement.bytes = wire_pack_arena(arena, &settlement.document->base);
        sha256(settlement.bytes, settlement.sha256);
        error = cut_take(db, arena, &settlement, fault);
    }
    if (error == 0 && closes) {
        settlement.terms = invoices_terms(db, settlement.document, arena);
    }
    if (error == 0) {
        error = db_error(db, fault);
    }
    close_result_release(&result);
    loaded_release(&loaded);
    if (error == 0) {
        *out = settlement;
    }
    return error;
}

int settlement_compute(struct db *db, uint64_t seed, struct month month, struct arena *arena,
                       struct settlement *out, struct fault *fault)
{
    return compute(db, seed, month, false, arena, out, fault);
}

int settlement_prepare(struct db *db, uint64_t seed, struct month month, struct arena *arena,
                       struct settlement *out, struct fault *fault)
{
    return compute(db, seed, month, true, arena, out, fault);
}

static int late_compute(struct loaded *loaded, struct month month, struct arena *arena,
                        Passerelle__V1__SettlementDocument **out, struct fault *fault)
{
    struct close_result result = CLOSE_RESULT_INIT;
    struct computing computing = {loaded, month};
    struct due_source source = {stays_again, history_take, &computing};
    int error = due_close(&loaded->due, &loaded->roster, month, NULL, &source,
                          registry_policy(loaded->db, arena), &result, fault);
    if (error == 0) {
        *out = document_of_result(&result, &loaded->roster, arena);
    }
    close_result_release(&result);
    return error;
}

int settlement_late(struct db *db, uint64_t seed, struct month month, const struct ruling *voided,
                    size_t count, struct arena *arena, Passerelle__V1__SettlementDocument **before,
                    Passerelle__V1__SettlementDocument **after, struct fault *fault)
{
    struct loaded loaded;
    struct stays stays = STAYS_INIT;
    int error = loaded_open(&loaded, db, seed, VIEW_NONE, fault);
    if (error == 0) { /* for the months that it finds touched */
        error = loaded_month(&loaded, month, &stays, fault);
    }
    stays_release(&stays);
    if (error == 0) {
        error = late_compute(&loaded, month, arena, before, fault);
    }
    if (error == 0) {
        loaded_rule(&loaded, voided, count);
        error = late_compute(&loaded, month, arena, after, fault);
    }
    if (error == 0) {
        error = db_error(db, fault);
    }
    loaded_release(&loaded);
    return error;
}
