#include "store/feed/feed.h"

#include <assert.h>

#include "store/feed/row.h"

#define FEED_COLUMNS "feed_no, name, origin, public_key, entry_bytes_max"

DB_SQL(sql_find, "SELECT " FEED_COLUMNS " FROM feed WHERE name = :name");
DB_SQL(sql_of_origin, "SELECT " FEED_COLUMNS " FROM feed WHERE origin = :name");
DB_SQL(sql_list, "SELECT " FEED_COLUMNS " FROM feed ORDER BY feed_no");
DB_SQL(sql_last, "SELECT entry_id, appended_utc_ms FROM entry"
                 " WHERE entry_id > :from AND entry_id <= :to ORDER BY entry_id DESC LIMIT 1");
DB_SQL(sql_range, "SELECT entry_id, appended_utc_ms, nodes, bytes FROM entry"
                  " WHERE entry_id >= :from AND entry_id <= :to ORDER BY entry_id");
DB_SQL(sql_nodes, "SELECT nodes FROM entry WHERE entry_id = :entry_id");
DB_SQL(sql_published,
       "SELECT size, root, signed_at_utc_ms, note FROM checkpoint WHERE feed_no = :feed_no");

int64_t feed_entry_id(int64_t feed_no, uint64_t seq)
{
    assert(feed_no > 0);
    assert(feed_no <= FEED_NO_MAX);
    assert(seq <= FEED_SEQ_MAX);
    return (int64_t)((uint64_t)feed_no << FEED_SEQ_BITS | seq);
}

/* A text column into a field of fixed size; false when it does not fit. */
static bool copy_text(struct view text, char *out, size_t size)
{
    if (text.len >= size) {
        return false;
    }
    memcpy(out, text.data == NULL ? "" : text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static bool read_id(struct query *query, struct feed_id *out)
{
    struct view key = query_blob(query, 3);
    out->no = query_int(query, 0);
    out->entry_bytes_max = (size_t)query_int(query, 4);
    if (key.len != sizeof out->public_key ||
        !copy_text(query_text(query, 1), out->name, sizeof out->name) ||
        !copy_text(query_text(query, 2), out->origin, sizeof out->origin)) {
        return false;
    }
    memcpy(out->public_key, key.data, key.len);
    return true;
}

static int damaged_row(struct db *db)
{
    return db_fail(db, E_CORRUPT, "the list of feeds in %s is damaged: restore a backup",
                   db_path(db));
}

static int find(struct db *db, const struct db_sql *sql, struct view name, struct feed_id *out)
{
    struct query *query = db_query(db, sql);
    query_bind_text(query, "name", name);
    if (!query_next(query)) {
        int err = db_error(db, NULL);
        return err == E_OK ? E_NOT_FOUND : err;
    }
    bool good = read_id(query, out);
    query_end(query);
    return good ? E_OK : damaged_row(db);
}

int feed_find(struct db *db, struct view name, struct feed_id *out)
{
    return find(db, &sql_find, name, out);
}

int feed_of_origin(struct db *db, struct view origin, struct feed_id *out)
{
    return find(db, &sql_of_origin, origin, out);
}

struct query *feed_list(struct db *db)
{
    return db_query(db, &sql_list);
}

bool feed_list_next(struct query *list, struct feed_id *out)
{
    if (!query_next(list)) {
        return false;
    }
    if (!read_id(list, out)) {
        damaged_row(query_db(list));
        query_end(list);
        return false;
    }
    return true;
}

struct feed_head feed_head(struct db *db, int64_t feed_no)
{
    struct feed_head head = {0};
    struct query *query = db_query(db, &sql_last);
    query_bind_int(query, "from", feed_entry_id(feed_no, 0));
    query_bind_int(query, "to", feed_entry_id(feed_no, FEED_SEQ_MAX));
    if (query_next(query)) {
        head.size = (uint64_t)query_int(query, 0) & FEED_SEQ_MAX;
        head.appended_utc_ms = query_int(query, 1);
    }
    query_end(query);
    return head;
}

DB_SQL(sql_base, "SELECT size FROM feed_base WHERE feed_no = :feed_no");

uint64_t feed_base(struct db *db, int64_t feed_no)
{
    uint64_t size = 0;
    struct query *query = db_query(db, &sql_base);
    query_bind_int(query, "feed_no", feed_no);
    if (query_next(query)) {
        size = (uint64_t)query_int(query, 0);
        query_end(query);
    }
    return size;
}

struct query *feed_read(struct db *db, int64_t feed_no, uint64_t from_seq, uint64_t to_seq)
{
    assert(from_seq >= 1);
    uint64_t base = feed_base(db, feed_no);
    from_seq = from_seq <= base ? base + 1 : from_seq;
    struct query *query = db_query(db, &sql_range);
    query_bind_int(query, "from", feed_entry_id(feed_no, from_seq));
    to_seq = to_seq > FEED_SEQ_MAX ? FEED_SEQ_MAX : to_seq;
    query_bind_int(query, "to", feed_entry_id(feed_no, to_seq));
    return query;
}

bool feed_read_next(struct query *read, struct feed_entry *out)
{
    if (!query_next(read)) {
        return false;
    }
    struct view nodes = query_blob(read, 2);
    if (nodes.len < SHA256_LEN) {
        feed_damaged(query_db(read), (uint64_t)query_int(read, 0));
        query_end(read);
        return false;
    }
    out->seq = (uint64_t)query_int(read, 0) & FEED_SEQ_MAX;
    out->appended_utc_ms = query_int(read, 1);
    out->bytes = query_blob(read, 3);
    memcpy(out->leaf.bytes, nodes.data, SHA256_LEN);
    return true;
}

int feed_damaged(struct db *db, uint64_t entry_id)
{
    return db_fail(db, E_CORRUPT,
                   "entry %llu of feed number %llu is damaged or missing in %s: restore a backup",
                   (unsigned long long)(entry_id & FEED_SEQ_MAX),
                   (unsigned long long)(entry_id >> FEED_SEQ_BITS), db_path(db));
}

/* ---- the tree ---- */

static int read_node(void *context, uint64_t record, unsigned level, uint8_t out[static SHA256_LEN])
{
    struct feed_tree *tree = context;
    int64_t entry_id = feed_entry_id(tree->feed_no, record + 1);
    struct query *query = db_query(tree->db, &sql_nodes);
    query_bind_int(query, "entry_id", entry_id);
    bool found = query_next(query);
    struct view nodes = query_blob(query, 0);
    if (found && nodes.len >= (level + 1) * (size_t)SHA256_LEN) {
        memcpy(out, nodes.data + level * (size_t)SHA256_LEN, SHA256_LEN);
        query_end(query);
        return E_OK;
    }
    query_end(query);
    return feed_damaged(tree->db, (uint64_t)entry_id);
}

void feed_tree_init(struct feed_tree *tree, struct db *db, int64_t feed_no)
{
    *tree = (struct feed_tree){.db = db, .feed_no = feed_no};
    tree->reader = (struct tree_reader){read_node, tree};
}

/* E_INVALID unless the feed has that many entries. */
static int open_tree(struct feed_tree *tree, struct db *db, int64_t feed_no, uint64_t size)
{
    feed_tree_init(tree, db, feed_no);
    uint64_t have = feed_head(db, feed_no).size;
    int err = db_error(db, NULL);
    return err != E_OK ? err : size > have || size < feed_base(db, feed_no) ? E_INVALID : E_OK;
}

int feed_root(struct db *db, int64_t feed_no, uint64_t size, struct tree_hash *out)
{
    struct feed_tree tree;
    int err = open_tree(&tree, db, feed_no, size);
    return err != E_OK ? err : tree_root(&tree.reader, size, out);
}

int feed_inclusion(struct db *db, int64_t feed_no, uint64_t seq, uint64_t size,
                   struct tree_proof *out)
{
    struct feed_tree tree;
    int err = open_tree(&tree, db, feed_no, size);
    if (err == E_OK && (seq == 0 || seq > size || seq <= feed_base(db, feed_no))) {
        err = E_INVALID;
    }
    return err != E_OK ? err : tree_inclusion(&tree.reader, seq - 1, size, out);
}

int feed_consistency(struct db *db, int64_t feed_no, uint64_t old_size, uint64_t new_size,
                     struct tree_proof *out)
{
    struct feed_tree tree;
    int err = open_tree(&tree, db, feed_no, new_size);
    if (err == E_OK && old_size != 0 && old_size < feed_base(db, feed_no)) {
        err = E_INVALID;
    }
    return err != E_OK ? err : tree_consistency(&tree.reader, old_size, new_size, out);
}

int feed_published(struct db *db, int64_t feed_no, struct feed_checkpoint *out, struct buf *note)
{
    struct query *query = db_query(db, &sql_published);
    query_bind_int(query, "feed_no", feed_no);
    if (!query_next(query)) {
        int err = db_error(db, NULL);
        return err == E_OK ? E_NOT_FOUND : err;
    }
    struct view root = query_blob(query, 1);
    if (root.len != sizeof out->root.bytes) {
        query_end(query);
        return damaged_row(db);
    }
    out->size = (uint64_t)query_int(query, 0);
    out->signed_at_utc_ms = query_int(query, 2);
    memcpy(out->root.bytes, root.data, root.len);
    if (note != NULL) {
        buf_view(note, query_text(query, 3));
    }
    query_end(query);
    return E_OK;
}
