#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "lib/scratch.h"
#include "store/feed/feed.h"
#include "store/migrate/migrate.h"

DB_SQL(sql_remove, "DELETE FROM entry WHERE entry_id = :entry_id");

static char dir[128];
static struct db *db;
static struct feeds *feeds;
static struct ed25519_key secret;
static struct env env;
static struct env_test env_context = {.seed = 7};

static void setup(void)
{
    char path[160];
    struct fault fault = FAULT_NONE;
    scratch_make(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/test.db", dir);
    int err = db_open(&db, &(struct db_options){.path = path, .mode = DB_CREATE}, &fault);
    ck_assert_msg(err == E_OK, "%s", fault.text);
    ck_assert_msg(migrate_run(db, &fault) == E_OK, "%s", fault.text);
    feeds = feeds_new(db);
    env_test_init(&env, &env_context);
    ed25519_key_make(&secret, &env);
}

static void teardown(void)
{
    char command[192];
    feeds_free(feeds);
    db_free(db);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static void begin(void)
{
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
}

static void commit(void)
{
    struct fault fault = FAULT_NONE;
    int err = db_commit(db, &fault);
    ck_assert_msg(err == E_OK, "%s", fault.text);
    feeds_commit(feeds);
}

static struct feed *make(const char *name)
{
    struct feed *feed = NULL;
    struct feed_id id = {.entry_bytes_max = FEED_SITE_ENTRY_MAX};
    snprintf(id.name, sizeof id.name, "%s", name);
    snprintf(id.origin, sizeof id.origin, "example.org/%s", name);
    memcpy(id.public_key, secret.public_key, sizeof id.public_key);
    ck_assert_int_eq(feeds_make(feeds, &id, &feed, NULL), E_OK);
    return feed;
}

/* What stands at a number: made from it, so that no test needs to remember. */
static struct view content(const char *name, uint64_t seq)
{
    static char text[64];
    int len = snprintf(text, sizeof text, "%s entry %llu", name, (unsigned long long)seq);
    return (struct view){text, (size_t)len};
}

static void append(struct feed *feed, int64_t at)
{
    uint64_t seq = 0;
    uint64_t expected = feed->size + 1;
    int err = feed_append(feeds, feed, content(feed->id.name, expected), at, &seq, NULL);
    ck_assert_int_eq(err, E_OK);
    ck_assert_uint_eq(seq, expected);
}

/* The model: RFC 6962's definition, by recursion. */
static struct tree_hash model(const char *name, uint64_t from, uint64_t to)
{
    if (to == from) {
        return tree_empty();
    }
    if (to - from == 1) {
        return tree_leaf(content(name, to));
    }
    uint64_t half = 1;
    while (half * 2 < to - from) {
        half *= 2;
    }
    struct tree_hash left = model(name, from, from + half);
    struct tree_hash right = model(name, from + half, to);
    return tree_node(&left, &right);
}

static void assert_root(struct feed *feed)
{
    struct tree_hash expected = model(feed->id.name, 0, feed->size);
    struct tree_hash edge = tree_frontier_root(&feed->frontier);
    struct tree_hash stored;
    ck_assert_int_eq(feed_root(db, feed->id.no, feed->size, &stored), E_OK);
    ck_assert(tree_hash_equal(&edge, &expected));
    ck_assert(tree_hash_equal(&stored, &expected));
}

START_TEST(entries_come_back)
{
    struct fault fault = FAULT_NONE;
    begin();
    ck_assert_ptr_null(feeds_get(feeds, view_of("site-1")));
    struct feed *other = make("net");
    struct feed *feed = make("site-1");
    ck_assert_int_eq(feed->id.no, 2);
    struct feed *twice = NULL;
    ck_assert_int_eq(feeds_make(feeds, &feed->id, &twice, &fault), E_EXISTS);
    for (int i = 0; i < 21; i++) {
        append(feed, 1000 + i);
    }
    append(other, 5);
    commit();

    begin();
    ck_assert_uint_eq(feed_head(db, feed->id.no).size, 21);
    ck_assert_int_eq(feed_head(db, feed->id.no).appended_utc_ms, 1020);
    struct feed_entry entry;
    struct query *read = feed_read(db, feed->id.no, 20, UINT64_MAX);
    for (uint64_t seq = 20; seq <= 21; seq++) {
        ck_assert(feed_read_next(read, &entry));
        ck_assert_uint_eq(entry.seq, seq);
        ck_assert(view_equal(entry.bytes, content("site-1", seq)));
        struct tree_hash leaf = tree_leaf(entry.bytes);
        ck_assert(tree_hash_equal(&leaf, &entry.leaf));
    }
    ck_assert(!feed_read_next(read, &entry)); /* and nothing of the next feed */
    struct feed_id id;
    struct query *list = feed_list(db);
    ck_assert(feed_list_next(list, &id));
    ck_assert_str_eq(id.name, "net");
    ck_assert(feed_list_next(list, &id));
    ck_assert_str_eq(id.origin, "example.org/site-1");
    ck_assert(!feed_list_next(list, &id));
    static char large[FEED_SITE_ENTRY_MAX + 1];
    uint64_t seq = 0;
    ck_assert_int_eq(feed_append(feeds, feed, view_bytes(large, sizeof large), 2000, &seq, &fault),
                     E_LIMIT);
    ck_assert_int_eq(
        feed_append(feeds, feed, view_bytes(large, FEED_SITE_ENTRY_MAX), 2000, &seq, NULL), E_OK);
    commit();
}
END_TEST

/* Appends, marks, undoes at random; after each step the cache, a cache read anew and the model
 * agree. */
START_TEST(undo_restores_the_edge)
{
    uint64_t random = 0;
    env_random(&env, &random, sizeof random);
    begin();
    struct feed *feed = make("a");
    struct feed *second = make("b");
    commit();
    for (int round = 0; round < 60; round++) {
        begin();
        size_t marks[3];
        uint64_t sizes[3];
        int depth = 0;
        for (int step = 0; step < 20; step++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            unsigned dice = (unsigned)(random >> 33) % 8;
            if (dice == 0 && depth < 3) {
                db_savepoint(db);
                sizes[depth] = feed->size;
                marks[depth++] = feeds_mark(feeds);
            } else if (dice == 1 && depth > 0) {
                db_savepoint_undo(db);
                feeds_undo(feeds, marks[--depth]);
                ck_assert_uint_eq(feed->size, sizes[depth]);
            } else if (dice == 2 && depth > 0) {
                db_savepoint_keep(db);
                depth--;
            } else {
                append(dice == 3 ? second : feed, round * 100 + step);
            }
        }
        while (depth-- > 0) {
            db_savepoint_keep(db);
        }
        assert_root(feed);
        assert_root(second);
        if (round % 3 == 0) {
            db_end(db, NULL);
            feeds_undo_all(feeds);
        } else {
            commit();
        }
        begin();
        ck_assert_uint_eq(feed_head(db, feed->id.no).size, feed->size);
        ck_assert_int_eq(feed_head(db, feed->id.no).appended_utc_ms, feed->appended_utc_ms);
        assert_root(feed);
        struct fault fault = FAULT_NONE;
        ck_assert_msg(feed_verify(db, &feed->id, 1, &fault) == E_OK, "%s", fault.text);
        db_end(db, NULL);
        if (round % 7 == 0) { /* a restart */
            feeds_free(feeds);
            feeds = feeds_new(db);
            begin();
            feed = feeds_get(feeds, view_of("a"));
            second = feeds_get(feeds, view_of("b"));
            db_end(db, NULL);
            ck_assert_ptr_nonnull(feed);
        }
    }
    ck_assert_uint_gt(feed->size, 100);

    begin();
    db_savepoint(db);
    size_t mark = feeds_mark(feeds);
    make("c");
    db_savepoint_undo(db);
    feeds_undo(feeds, mark);
    ck_assert_ptr_null(feeds_get(feeds, view_of("c")));
    append(make("c"), 1);
    commit();
    ck_assert_uint_eq(feeds_get(feeds, view_of("c"))->size, 1);
}
END_TEST

START_TEST(proofs_verify)
{
    enum { SIZE = 70 };
    begin();
    struct feed *feed = make("site-1");
    for (int i = 0; i < SIZE; i++) {
        append(feed, i);
    }
    struct tree_proof proof;
    for (uint64_t size = 1; size <= SIZE; size += 3) {
        struct tree_hash root = model("site-1", 0, size);
        for (uint64_t seq = 1; seq <= size; seq++) {
            struct tree_hash leaf = tree_leaf(content("site-1", seq));
            ck_assert_int_eq(feed_inclusion(db, feed->id.no, seq, size, &proof), E_OK);
            ck_assert_int_eq(
                tree_check_inclusion(&leaf, seq - 1, size, &root, proof.hash, proof.count), E_OK);
        }
        for (uint64_t old = 0; old <= size; old++) {
            struct tree_hash before = model("site-1", 0, old);
            ck_assert_int_eq(feed_consistency(db, feed->id.no, old, size, &proof), E_OK);
            ck_assert_int_eq(
                tree_check_consistency(old, &before, size, &root, proof.hash, proof.count), E_OK);
        }
    }
    ck_assert_int_eq(feed_inclusion(db, feed->id.no, 0, SIZE, &proof), E_INVALID);
    ck_assert_int_eq(feed_inclusion(db, feed->id.no, 6, 5, &proof), E_INVALID);
    ck_assert_int_eq(feed_inclusion(db, feed->id.no, 1, SIZE + 1, &proof), E_INVALID);
    ck_assert_int_eq(feed_consistency(db, feed->id.no, 3, SIZE + 1, &proof), E_INVALID);
    commit();
}
END_TEST

START_TEST(put_takes_equal_and_refuses_other)
{
    static const struct {
        uint64_t seq;
        const char *text;
        int64_t at;
        int err;
        bool added;
    } rows[] = {
        {2, "two", 10, E_NOT_FOUND, false}, {0, "none", 10, E_NOT_FOUND, false},
        {1, "one", 10, E_OK, true},         {1, "one", 10, E_OK, false},
        {1, "uno", 10, E_CONFLICT, false},  {2, "two", 9, E_INVALID, false},
        {2, "two", 10, E_OK, true},         {1, "one", 10, E_OK, false},
        {4, "four", 10, E_NOT_FOUND, false}, {3, "", 11, E_OK, true},
        {3, "", 11, E_OK, false},
    };
    begin();
    struct feed *feed = make("site-1");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault = FAULT_NONE;
        bool added = false;
        int err = feed_put(feeds, feed, rows[i].seq, view_of(rows[i].text), rows[i].at, &added,
                           &fault);
        ck_assert_msg(err == rows[i].err, "row %zu: %d %s", i, err, fault.text);
        ck_assert_int_eq(added, rows[i].added);
        ck_assert_int_eq(fault.code, err);
    }
    ck_assert_uint_eq(feed->size, 3);
    commit();
}
END_TEST

START_TEST(checkpoints_are_signed_once)
{
    struct buf first = BUF_INIT;
    struct buf second = BUF_INIT;
    struct buf stored = BUF_INIT;
    struct feed_checkpoint last;
    struct checkpoint opened;
    struct note_key key;
    begin();
    struct feed *feed = make("site-1");
    ck_assert_int_eq(feed_published(db, feed->id.no, &last, NULL), E_NOT_FOUND);
    append(feed, 1);
    append(feed, 2);
    ck_assert_int_eq(feed_publish(feeds, feed, &secret, 50, &first, NULL), E_OK);
    ck_assert_int_eq(feed_publish(feeds, feed, &secret, 60, &second, NULL), E_OK);
    ck_assert(view_equal(buf_content(&first), buf_content(&second)));
    append(feed, 3);
    ck_assert_int_eq(feed_published(db, feed->id.no, &last, &stored), E_OK);
    ck_assert_uint_eq(last.size, 2); /* sequenced and integrated are 3, published is 2 */
    ck_assert_int_eq(last.signed_at_utc_ms, 50);
    ck_assert(view_equal(buf_content(&first), buf_content(&stored)));
    buf_clear(&second);
    ck_assert_int_eq(feed_publish(feeds, feed, &secret, 70, &second, NULL), E_OK);
    ck_assert_int_eq(note_key_init(&key, view_of(feed->id.origin), NOTE_ED25519, secret.public_key),
                     E_OK);
    ck_assert_int_eq(checkpoint_open(buf_content(&second), &key, &opened, NULL, NULL), E_OK);
    struct tree_hash root = model("site-1", 0, 3);
    ck_assert_uint_eq(opened.size, 3);
    ck_assert(tree_hash_equal(&opened.root, &root));
    commit();
    buf_release(&first);
    buf_release(&second);
    buf_release(&stored);
}
END_TEST

/* Damage each thing in turn: the sentence names the feed and the entry. */
/* A new epoch signs under another name and key from the size that is there; undone, nothing was. */
START_TEST(an_epoch_begins_and_is_undone)
{
    struct ed25519_key other;
    ed25519_key_make(&other, &env);
    begin();
    struct feed *feed = make("a");
    append(feed, 1);
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct fault fault = FAULT_NONE;
    struct feed_id was = feed->id;
    ck_assert_int_eq(feed_publish(feeds, feed, &secret, 5, &first, &fault), E_OK);
    commit();

    begin();
    db_savepoint(db);
    size_t mark = feeds_mark(feeds);
    feed_begin_epoch(feeds, feed, view_of("passerelle.example/n/a/00c0ffee"), other.public_key);
    append(feed, 2);
    ck_assert_int_eq(feed_publish(feeds, feed, &other, 6, &second, &fault), E_OK);
    ck_assert(view_starts(buf_content(&second), "passerelle.example/n/a/00c0ffee\n2\n"));
    db_savepoint_undo(db);
    feeds_undo(feeds, mark);
    ck_assert_str_eq(feed->id.origin, was.origin);
    ck_assert_mem_eq(feed->id.public_key, was.public_key, ED25519_PUBLIC_LEN);
    buf_clear(&second);
    ck_assert_int_eq(feed_publish(feeds, feed, &secret, 7, &second, &fault), E_OK);
    ck_assert(view_equal(buf_content(&first), buf_content(&second)));

    feed_begin_epoch(feeds, feed, view_of("passerelle.example/n/a/00c0ffee"), other.public_key);
    commit();
    feeds_free(feeds); /* a restart knows it too */
    feeds = feeds_new(db);
    begin();
    feed = feeds_get(feeds, view_of("a"));
    buf_clear(&second);
    ck_assert_int_eq(feed_publish(feeds, feed, &other, 8, &second, &fault), E_OK);
    ck_assert(view_starts(buf_content(&second), "passerelle.example/n/a/00c0ffee\n1\n"));
    commit();
    buf_release(&first);
    buf_release(&second);
}
END_TEST

START_TEST(verify_names_the_first_wrong_entry)
{
    static const struct {
        const char *sql;
        const char *expected;
    } rows[] = {
        {"UPDATE entry SET bytes = 'x' WHERE entry_id & 255 >= 7", "site-1, entry 7: its bytes"},
        {"DELETE FROM entry WHERE entry_id & 255 = 4", "site-1, entry 4: it is missing"},
        {"UPDATE entry SET appended_utc_ms = 0 WHERE entry_id & 255 = 9",
         "site-1, entry 9: its time"},
        {"UPDATE entry SET nodes = nodes || '1' WHERE entry_id & 255 = 2",
         "site-1, entry 2: the tree"},
        {"UPDATE checkpoint SET root = bad FROM (SELECT substr(nodes, 1, 32) AS bad FROM entry)",
         "site-1, entry 10: the root"},
        {"DELETE FROM entry WHERE entry_id & 255 >= 10", "site-1, entry 10: it is missing, though"},
    };
    struct buf note = BUF_INIT;
    begin();
    struct feed *feed = make("site-1");
    for (int i = 0; i < 10; i++) {
        append(feed, 1 + i);
    }
    ck_assert_int_eq(feed_publish(feeds, feed, &secret, 50, &note, NULL), E_OK);
    append(feed, 20);
    commit();
    buf_release(&note);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault = FAULT_NONE;
        begin();
        db_exec(db, rows[i].sql);
        ck_assert_int_eq(feed_verify(db, &feed->id, 1, &fault), E_CORRUPT);
        ck_assert_msg(strstr(fault.text, rows[i].expected) != NULL, "%zu: %s", i, fault.text);
        db_end(db, NULL);
    }
    begin();
    for (uint64_t from = 1; from <= 12; from++) {
        ck_assert_int_eq(feed_verify(db, &feed->id, from, NULL), E_OK);
    }
    struct query *query = db_query(db, &sql_remove); /* what a proof reads is missing */
    query_bind_int(query, "entry_id", (int64_t)1 << FEED_SEQ_BITS | 8);
    query_run(query);
    struct tree_proof proof;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(feed_inclusion(db, feed->id.no, 9, 9, &proof), E_CORRUPT);
    ck_assert_int_eq(db_end(db, &fault), E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(fault.text, "entry 8"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed");
    TCase *tc = tcase_create("feed");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, entries_come_back);
    tcase_add_test(tc, undo_restores_the_edge);
    tcase_add_test(tc, proofs_verify);
    tcase_add_test(tc, put_takes_equal_and_refuses_other);
    tcase_add_test(tc, checkpoints_are_signed_once);
    tcase_add_test(tc, an_epoch_begins_and_is_undone);
    tcase_add_test(tc, verify_names_the_first_wrong_entry);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
