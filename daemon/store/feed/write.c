/* The cache of right edges. Undoing is a log of what each change replaced: the levels of a frontier
 * below the one that an append writes are left as they were, so one hash and the old time are all
 * that must be remembered to take an append back, newest first. */
#include "store/feed/feed.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"
#include "store/feed/row.h"

DB_SQL(sql_next_no, "SELECT coalesce(max(feed_no), 0) + 1 FROM feed");
DB_SQL(sql_make, "INSERT INTO feed (feed_no, name, origin, public_key, entry_bytes_max)"
                 " VALUES (:feed_no, :name, :origin, :public_key, :entry_bytes_max)");
DB_SQL(sql_append, "INSERT INTO entry (entry_id, appended_utc_ms, nodes, bytes)"
                   " VALUES (:entry_id, :appended_utc_ms, :nodes, :bytes)");
DB_SQL(sql_sign, "INSERT INTO checkpoint (feed_no, size, root, note, signed_at_utc_ms)"
                 " VALUES (:feed_no, :size, :root, :note, :at_utc_ms)"
                 " ON CONFLICT (feed_no) DO UPDATE SET size = excluded.size, root = excluded.root,"
                 " note = excluded.note, signed_at_utc_ms = excluded.signed_at_utc_ms");

struct change {
    struct feed *feed;
    bool made;              /* the feed was made */
    struct feed *based;     /* it began behind a snapshot: what it was, owned */
    struct feed_id *before; /* an epoch began: who it was, owned; with neither, an entry came */
    int64_t appended_utc_ms;
    unsigned level;
    struct tree_hash hash;
};

struct feeds {
    struct db *db;
    struct map by_name;
    struct change *changes; /* of this transaction, oldest first */
    size_t count;
    size_t alloc;
    uint64_t commits;
};

struct feeds *feeds_new(struct db *db)
{
    struct feeds *feeds = xcalloc(1, sizeof *feeds);
    feeds->db = db;
    map_init(&feeds->by_name, 0); /* names come from the operator */
    return feeds;
}

void feeds_free(struct feeds *feeds)
{
    if (feeds == NULL) {
        return;
    }
    size_t at = 0;
    for (const struct map_slot *slot; (slot = map_next(&feeds->by_name, &at)) != NULL;) {
        free(slot->value);
    }
    feeds_commit(feeds);
    map_release(&feeds->by_name);
    free(feeds->changes);
    free(feeds);
}

/* ---- marks ---- */

static struct change *note_change(struct feeds *feeds, struct feed *feed)
{
    assert(db_in_transaction(feeds->db));
    if (feeds->count == feeds->alloc) {
        feeds->alloc = feeds->alloc == 0 ? 256 : feeds->alloc * 2;
        feeds->changes = xrealloc(feeds->changes, feeds->alloc, sizeof *feeds->changes);
    }
    struct change *change = &feeds->changes[feeds->count++];
    *change = (struct change){.feed = feed};
    feed->changed_in = feeds->commits + 1;
    return change;
}

size_t feeds_mark(const struct feeds *feeds)
{
    return feeds->count;
}

void feeds_undo(struct feeds *feeds, size_t mark)
{
    assert(mark <= feeds->count);
    while (feeds->count > mark) {
        const struct change *change = &feeds->changes[--feeds->count];
        struct feed *feed = change->feed;
        if (change->made) {
            feed->exists = false;
            continue;
        }
        if (change->based != NULL) {
            *feed = *change->based;
            free(change->based);
            continue;
        }
        if (change->before != NULL) {
            feed->id = *change->before;
            free(change->before);
            continue;
        }
        feed->frontier.level[change->level] = change->hash;
        feed->frontier.size--;
        feed->size--;
        feed->appended_utc_ms = change->appended_utc_ms;
        assert(feed->size == feed->frontier.size);
    }
}

void feeds_commit(struct feeds *feeds)
{
    feeds->commits += feeds->count > 0;
    for (size_t i = 0; i < feeds->count; i++) {
        free(feeds->changes[i].before);
        free(feeds->changes[i].based);
    }
    feeds->count = 0;
}

void feeds_undo_all(struct feeds *feeds)
{
    feeds_undo(feeds, 0);
}

uint64_t feeds_commits(const struct feeds *feeds)
{
    return feeds->commits;
}

const struct feed *feeds_changed(const struct feeds *feeds, uint64_t since, size_t *at)
{
    for (const struct map_slot *slot; (slot = map_next(&feeds->by_name, at)) != NULL;) {
        const struct feed *feed = slot->value;
        if (feed->exists && feed->changed_in > since) {
            return feed;
        }
    }
    return NULL;
}

/* ---- feeds ---- */

static int load(struct feeds *feeds, const struct feed_id *id, struct feed *feed)
{
    struct feed_tree tree;
    struct feed_head head = feed_head(feeds->db, id->no);
    feed_tree_init(&tree, feeds->db, id->no);
    *feed = (struct feed){
        .id = *id, .size = head.size, .appended_utc_ms = head.appended_utc_ms, .exists = true};
    return tree_frontier_load(&tree.reader, head.size, &feed->frontier);
}

struct feed *feeds_get(struct feeds *feeds, struct view name)
{
    struct feed *feed = map_get(&feeds->by_name, name);
    if (feed != NULL) {
        return feed->exists ? feed : NULL;
    }
    struct feed_id id;
    if (feed_find(feeds->db, name, &id) != E_OK) {
        return NULL;
    }
    feed = xcalloc(1, sizeof *feed);
    if (load(feeds, &id, feed) != E_OK || db_error(feeds->db, NULL) != E_OK) {
        free(feed);
        return NULL;
    }
    map_put(&feeds->by_name, name, feed);
    return feed;
}

int feeds_make(struct feeds *feeds, const struct feed_id *id, struct feed **out,
               struct fault *fault)
{
    struct view name = view_of(id->name);
    assert(name.len > 0);
    assert(id->entry_bytes_max > 0);
    assert(id->entry_bytes_max <= FEED_ENTRY_MAX);
    if (feeds_get(feeds, name) != NULL) {
        return fault_set(fault, E_EXISTS, "there is already a feed %s", id->name);
    }
    struct query *query = db_query(feeds->db, &sql_next_no);
    int64_t no = query_next(query) ? query_int(query, 0) : 0;
    query_end(query);
    if (no > FEED_NO_MAX) {
        return fault_set(fault, E_LIMIT, "a database holds at most %lld feeds",
                         (long long)FEED_NO_MAX);
    }
    query = db_query(feeds->db, &sql_make);
    query_bind_int(query, "feed_no", no);
    query_bind_text(query, "name", name);
    query_bind_text(query, "origin", view_of(id->origin));
    query_bind_blob(query, "public_key", view_bytes(id->public_key, sizeof id->public_key));
    query_bind_int(query, "entry_bytes_max", (int64_t)id->entry_bytes_max);
    query_run(query);
    int err = db_error(feeds->db, fault);
    if (err != E_OK) {
        return err;
    }
    struct feed *feed = map_get(&feeds->by_name, name);
    if (feed == NULL) {
        feed = xcalloc(1, sizeof *feed);
        map_put(&feeds->by_name, name, feed);
    }
    *feed = (struct feed){.id = *id, .exists = true};
    feed->id.no = no;
    note_change(feeds, feed)->made = true;
    *out = feed;
    return E_OK;
}

/* ---- entries ---- */

static int append(struct feeds *feeds, struct feed *feed, struct view bytes, size_t bytes_max,
                  int64_t appended_utc_ms, uint64_t *seq, struct fault *fault)
{
    assert(feed->exists);
    assert(feed->size == feed->frontier.size);
    assert(appended_utc_ms >= feed->appended_utc_ms);
    if (bytes.len > bytes_max) {
        return fault_set(fault, E_LIMIT, "an entry of feed %s has at most %zu bytes, this one %zu",
                         feed->id.name, bytes_max, bytes.len);
    }
    if (feed->size == FEED_SEQ_MAX) {
        return fault_set(fault, E_LIMIT, "feed %s is full", feed->id.name);
    }
    struct change *change = note_change(feeds, feed);
    change->appended_utc_ms = feed->appended_utc_ms;
    change->level = (unsigned)__builtin_ctzll(~feed->size);
    change->hash = feed->frontier.level[change->level];

    struct tree_nodes nodes;
    struct tree_hash leaf = tree_leaf(bytes);
    tree_frontier_append(&feed->frontier, &leaf, &nodes);
    feed->size++;
    feed->appended_utc_ms = appended_utc_ms;

    struct query *query = db_query(feeds->db, &sql_append);
    query_bind_int(query, "entry_id", feed_entry_id(feed->id.no, feed->size));
    query_bind_int(query, "appended_utc_ms", appended_utc_ms);
    query_bind_blob(query, "nodes", view_bytes(nodes.hash, nodes.count * sizeof nodes.hash[0]));
    query_bind_blob(query, "bytes", bytes);
    query_run(query);
    int err = db_error(feeds->db, fault);
    if (err != E_OK) {
        feeds_undo(feeds, feeds->count - 1);
        return err;
    }
    *seq = feed->size;
    return E_OK;
}

int feed_append(struct feeds *feeds, struct feed *feed, struct view bytes, int64_t appended_utc_ms,
                uint64_t *seq, struct fault *fault)
{
    return append(feeds, feed, bytes, feed->id.entry_bytes_max, appended_utc_ms, seq, fault);
}

int feed_put(struct feeds *feeds, struct feed *feed, uint64_t seq, struct view bytes,
             int64_t appended_utc_ms, bool *added, struct fault *fault)
{
    unsigned long long number = seq;
    if (seq == 0 || seq > feed->size + 1) {
        return fault_set(fault, E_NOT_FOUND,
                         "feed %s: entry %llu came, but the entries from %llu on are missing",
                         feed->id.name, number, (unsigned long long)feed->size + 1);
    }
    if (seq == feed->size + 1) {
        if (appended_utc_ms < feed->appended_utc_ms) {
            return fault_set(fault, E_INVALID,
                             "feed %s: the time of entry %llu is before that of the one before it",
                             feed->id.name, number);
        }
        int err = append(feeds, feed, bytes, FEED_ENTRY_MAX, appended_utc_ms, &seq, fault);
        *added = err == E_OK;
        return err;
    }
    if (seq <= feed_base(feeds->db, feed->id.no)) {
        *added = false; /* the snapshot stands for it */
        return E_OK;
    }
    struct feed_entry entry = {0};
    struct query *query = feed_read(feeds->db, feed->id.no, seq, seq);
    bool found = feed_read_next(query, &entry);
    bool equal = found && view_equal(entry.bytes, bytes);
    query_end(query);
    int err = db_error(feeds->db, fault);
    if (err == E_OK && !found) {
        feed_damaged(feeds->db, (uint64_t)feed_entry_id(feed->id.no, seq));
        err = db_error(feeds->db, fault);
    }
    if (err == E_OK && !equal) {
        err = fault_set(fault, E_CONFLICT,
                        "feed %s: entry %llu is not the one recorded under that number: its writer "
                        "tells two stories",
                        feed->id.name, number);
    }
    if (err == E_OK) {
        *added = false;
    }
    return err;
}

DB_SQL(sql_put_base, "INSERT INTO feed_base (feed_no, size, root) VALUES (:feed_no, :size, :root) "
                     "ON CONFLICT (feed_no) DO UPDATE SET size = excluded.size, "
                     "root = excluded.root");
DB_SQL(sql_drop_entries, "DELETE FROM entry WHERE entry_id >= :from AND entry_id <= :to");

/* The record whose last node is the perfect subtree of that level; all below it are not known. */
static void put_edge(struct feeds *feeds, const struct feed *feed,
                     const struct tree_frontier *frontier, unsigned level, int64_t appended_utc_ms)
{
    struct tree_hash nodes[TREE_LEVELS] = {0};
    nodes[level] = frontier->level[level];
    struct query *query = db_query(feeds->db, &sql_append);
    query_bind_int(query, "entry_id", feed_entry_id(feed->id.no, frontier->size >> level << level));
    query_bind_int(query, "appended_utc_ms", appended_utc_ms);
    query_bind_blob(query, "nodes", view_bytes(nodes, (level + 1) * sizeof nodes[0]));
    query_bind_blob(query, "bytes", VIEW_LIT(""));
    query_run(query);
}

void feed_begin_at(struct feeds *feeds, struct feed *feed, const struct tree_frontier *frontier,
                   int64_t appended_utc_ms)
{
    assert(feed->exists);
    assert(feed->size < frontier->size);
    struct tree_hash root = tree_frontier_root(frontier);
    struct change *change = note_change(feeds, feed);
    change->based = xmalloc(sizeof *change->based);
    *change->based = *feed;
    struct query *drop = db_query(feeds->db, &sql_drop_entries);
    query_bind_int(drop, "from", feed_entry_id(feed->id.no, 1));
    query_bind_int(drop, "to", feed_entry_id(feed->id.no, FEED_SEQ_MAX));
    query_run(drop);
    for (unsigned level = 0; level < TREE_LEVELS; level++) {
        if ((frontier->size >> level & 1) != 0) {
            put_edge(feeds, feed, frontier, level, appended_utc_ms);
        }
    }
    struct query *query = db_query(feeds->db, &sql_put_base);
    query_bind_int(query, "feed_no", feed->id.no);
    query_bind_int(query, "size", (int64_t)frontier->size);
    query_bind_blob(query, "root", view_bytes(&root, sizeof root));
    query_run(query);
    feed->size = frontier->size;
    feed->frontier = *frontier;
    feed->appended_utc_ms = appended_utc_ms;
}

/* ---- checkpoints ---- */

int feed_publish(struct feeds *feeds, struct feed *feed, const struct ed25519_key *secret,
                 int64_t now_utc_ms, struct buf *note, struct fault *fault)
{
    struct feed_checkpoint last = {0};
    struct tree_hash root = tree_frontier_root(&feed->frontier);
    struct buf text = BUF_INIT;

    assert(memcmp(secret->public_key, feed->id.public_key, sizeof feed->id.public_key) == 0);
    int err = feed_published(feeds->db, feed->id.no, &last, &text);
    if (err != E_OK && err != E_NOT_FOUND) {
        db_error(feeds->db, fault);
        goto out;
    }
    bool before = err == E_OK;
    assert(last.size <= feed->size);
    if (before && last.size == feed->size) {
        assert(tree_hash_equal(&last.root, &root));
        buf_view(note, buf_content(&text));
        goto out;
    }

    struct note_key key;
    struct checkpoint head = {.size = feed->size, .root = root};
    snprintf(head.origin, sizeof head.origin, "%s", feed->id.origin);
    buf_clear(&text);
    err = note_key_init(&key, view_of(head.origin), NOTE_ED25519, feed->id.public_key);
    if (err == E_OK) {
        err = checkpoint_sign(&head, &key, secret, &text);
    }
    if (err != E_OK) {
        fault_set(fault, err, "feed %s cannot sign as \"%s\": %s", feed->id.name, head.origin,
                  err_text(err));
        goto out;
    }
    struct query *query = db_query(feeds->db, &sql_sign);
    query_bind_int(query, "feed_no", feed->id.no);
    query_bind_int(query, "size", (int64_t)feed->size);
    query_bind_blob(query, "root", view_bytes(root.bytes, sizeof root.bytes));
    query_bind_text(query, "note", buf_content(&text));
    query_bind_int(query, "at_utc_ms", now_utc_ms);
    query_run(query);
    err = db_error(feeds->db, fault);
    if (err == E_OK) {
        buf_view(note, buf_content(&text));
    }
out:
    buf_release(&text);
    return err;
}

DB_SQL(set_note, "UPDATE checkpoint SET note = :note WHERE feed_no = :feed_no AND size = :size");

void feed_cosigned(struct db *db, int64_t feed_no, uint64_t size, struct view note)
{
    struct query *query = db_query(db, &set_note);
    query_bind_text(query, "note", note);
    query_bind_int(query, "feed_no", feed_no);
    query_bind_int(query, "size", (int64_t)size);
    query_run(query);
}

DB_SQL(set_epoch, "UPDATE feed SET origin = :origin, public_key = :public_key "
                  "WHERE feed_no = :feed_no");
DB_SQL(forget_checkpoint, "DELETE FROM checkpoint WHERE feed_no = :feed_no");

void feed_begin_epoch(struct feeds *feeds, struct feed *feed, struct view origin,
                      const uint8_t public_key[static ED25519_PUBLIC_LEN])
{
    assert(feed->exists);
    assert(origin.len > 0 && origin.len <= NOTE_NAME_MAX);
    struct change *change = note_change(feeds, feed);
    change->before = xmalloc(sizeof *change->before);
    *change->before = feed->id;
    snprintf(feed->id.origin, sizeof feed->id.origin, "%.*s", VIEW_FMT(origin));
    memcpy(feed->id.public_key, public_key, sizeof feed->id.public_key);

    struct query *query = db_query(feeds->db, &set_epoch);
    query_bind_text(query, "origin", origin);
    query_bind_blob(query, "public_key", view_bytes(public_key, ED25519_PUBLIC_LEN));
    query_bind_int(query, "feed_no", feed->id.no);
    query_run(query);
    query = db_query(feeds->db, &forget_checkpoint);
    query_bind_int(query, "feed_no", feed->id.no);
    query_run(query);
}
