#include "store/feed/feed.h"

#include <assert.h>

#include "store/feed/row.h"

DB_SQL(sql_all, "SELECT entry_id, appended_utc_ms, nodes, bytes FROM entry"
                " WHERE entry_id >= :from AND entry_id <= :to ORDER BY entry_id");

static int wrong(const struct feed_id *feed, uint64_t seq, const char *what, struct fault *fault)
{
    return fault_set(fault, E_CORRUPT, "feed %s, entry %llu: %s; restore a backup", feed->name,
                     (unsigned long long)seq, what);
}

/* The row at hand against what it must be; NULL when it is right. */
static const char *check_row(struct query *row, struct tree_frontier *frontier, int64_t *last_ms)
{
    if (((uint64_t)query_int(row, 0) & FEED_SEQ_MAX) != frontier->size + 1) {
        return "it is missing";
    }
    if (query_int(row, 1) < *last_ms) {
        return "its time is before that of the entry before it";
    }
    *last_ms = query_int(row, 1);
    struct tree_hash leaf = tree_leaf(query_blob(row, 3));
    struct tree_nodes nodes;
    tree_frontier_append(frontier, &leaf, &nodes);
    struct view stored = query_blob(row, 2);
    if (stored.len < SHA256_LEN || memcmp(stored.data, leaf.bytes, SHA256_LEN) != 0) {
        return "its bytes are not those that were hashed when it was written";
    }
    if (!view_equal(stored, view_bytes(nodes.hash, nodes.count * sizeof nodes.hash[0]))) {
        return "the tree's nodes beside it are wrong";
    }
    return NULL;
}

DB_SQL(sql_base_root, "SELECT root FROM feed_base WHERE feed_no = :feed_no");

static bool is_root_of_base(struct db *db, int64_t feed_no, const struct tree_frontier *frontier)
{
    struct tree_hash root = tree_frontier_root(frontier);
    struct query *query = db_query(db, &sql_base_root);
    query_bind_int(query, "feed_no", feed_no);
    bool same =
        query_next(query) && view_equal(query_blob(query, 0), view_bytes(&root, sizeof root));
    query_end(query);
    return same;
}

int feed_verify(struct db *db, const struct feed_id *feed, uint64_t from_seq, struct fault *fault)
{
    struct tree_frontier frontier;
    struct feed_checkpoint signed_last = {0};
    struct feed_tree tree;
    int64_t last_ms = 0;
    const char *reason = NULL;

    assert(from_seq >= 1);
    uint64_t base = feed_base(db, feed->no);
    from_seq = from_seq <= base ? base + 1 : from_seq;
    feed_tree_init(&tree, db, feed->no);
    int err = tree_frontier_load(&tree.reader, from_seq - 1, &frontier);
    if (err != E_OK) {
        return db_error(db, fault);
    }
    if (base > 0 && from_seq == base + 1 && !is_root_of_base(db, feed->no, &frontier)) {
        return wrong(feed, base, "the tree up to here is not that of the snapshot", fault);
    }
    bool published = feed_published(db, feed->no, &signed_last, NULL) == E_OK;
    bool compared = !published || signed_last.size < from_seq;
    struct query *row = db_query(db, &sql_all);
    query_bind_int(row, "from", feed_entry_id(feed->no, from_seq));
    query_bind_int(row, "to", feed_entry_id(feed->no, FEED_SEQ_MAX));
    while (reason == NULL && query_next(row)) {
        uint64_t seq = frontier.size + 1;
        reason = check_row(row, &frontier, &last_ms);
        if (reason == NULL && published && seq == signed_last.size) {
            struct tree_hash root = tree_frontier_root(&frontier);
            compared = true;
            if (!tree_hash_equal(&root, &signed_last.root)) {
                reason = "the root up to here is not the one that was signed";
            }
        }
        if (reason != NULL) {
            query_end(row);
            return wrong(feed, seq, reason, fault);
        }
    }
    err = db_error(db, fault);
    if (err == E_OK && !compared) {
        return wrong(feed, frontier.size + 1, "it is missing, though it was signed", fault);
    }
    return err;
}
