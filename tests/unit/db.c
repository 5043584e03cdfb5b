#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "lib/scratch.h"
#include "store/db/db.h"

DB_SQL(sql_add, "INSERT INTO t (id, name, bytes) VALUES (:id, :name, :bytes)");
DB_SQL(sql_all, "SELECT id, name, bytes FROM t ORDER BY id");
DB_SQL(sql_delete, "DELETE FROM t WHERE id >= :from");
DB_SQL(sql_reuse, "SELECT :b, :a, :b");

static char dir[128];
static char path[256];

static void setup(void)
{
    scratch_make(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/test.db", dir);
}

static void teardown(void)
{
    char command[192];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static struct db *open_as(enum db_mode mode)
{
    struct db *db = NULL;
    struct fault fault = FAULT_NONE;
    int err = db_open(&db, &(struct db_options){.path = path, .mode = mode}, &fault);
    ck_assert_msg(err == E_OK, "%s", fault.text);
    return db;
}

static struct db *with_table(void)
{
    struct db *db = open_as(DB_CREATE);
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    db_exec(db, "CREATE TABLE t (id @rowid, name text, bytes blob)");
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    return db;
}

static void add(struct db *db, int64_t id, const char *name)
{
    struct query *query = db_query(db, &sql_add);
    query_bind_int(query, "id", id);
    query_bind_text(query, "name", view_of(name));
    query_bind_blob(query, "bytes", VIEW_LIT("a\0b"));
    query_run(query);
}

/* The ids in the table, as "1 2 3 ". */
static const char *ids(struct db *db)
{
    static char text[256];
    size_t len = 0;
    text[0] = '\0';
    struct query *query = db_query(db, &sql_all);
    while (query_next(query)) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%lld ",
                                (long long)query_int(query, 0));
    }
    return text;
}

START_TEST(text_for_each_engine)
{
    static const struct {
        const char *sql;
        const char *sqlite;
        const char *postgres;
    } rows[] = {
        {"SELECT :a, :b_2, :a", "SELECT :a, :b_2, :a", "SELECT $1, $2, $1"},
        {"SELECT ':a', \":a\", 'it''s :b' -- :a\n, :b /* :a */", NULL,
         "SELECT ':a', \":a\", 'it''s :b' -- :a\n, $1 /* :a */"},
        {"SELECT :a::bigint", NULL, "SELECT $1::bigint"},
        {"CREATE TABLE t (id @rowid, x blob)", "CREATE TABLE t (id INTEGER PRIMARY KEY, x blob)",
         "CREATE TABLE t (id bigint PRIMARY KEY, x blob)"},
        {"SELECT x FROM t WHERE @row(x) >= :a", "SELECT x FROM t WHERE rowid >= :a",
         "SELECT x FROM t WHERE x >= $1"},
        {"", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT;
        db_sql_for_postgres(rows[i].sql, &out);
        ck_assert_msg(view_is(buf_content(&out), rows[i].postgres), "%s", out.data);
        buf_clear(&out);
        db_sql_for_sqlite(rows[i].sql, &out);
        const char *expected = rows[i].sqlite == NULL ? rows[i].sql : rows[i].sqlite;
        ck_assert_msg(view_is(buf_content(&out), expected), "%s", out.data);
        buf_release(&out);
    }
}
END_TEST

START_TEST(statements_can_be_walked)
{
    bool found = false;
    for (const struct db_sql *sql = db_sql_first(); sql < db_sql_end(); sql++) {
        ck_assert_ptr_nonnull(sql->text);
        found |= sql == &sql_add;
    }
    ck_assert(found);
}
END_TEST

START_TEST(values_round_trip)
{
    struct db *db = with_table();
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    struct query *query = db_query(db, &sql_add);
    query_bind_blob(query, "bytes", VIEW_LIT("a\0b")); /* any order */
    query_bind_int(query, "id", INT64_MIN);
    ck_assert_int_eq(query_run(query), 1); /* name was left out: NULL */
    add(db, 7, "");
    query = db_query(db, &sql_all);
    ck_assert(query_next(query));
    ck_assert(query_int(query, 0) == INT64_MIN);
    ck_assert(query_is_null(query, 1));
    ck_assert(view_equal(query_blob(query, 2), VIEW_LIT("a\0b")));
    ck_assert(query_next(query));
    ck_assert(!query_is_null(query, 1));
    ck_assert_uint_eq(query_text(query, 1).len, 0);
    query_end(query);
    query = db_query(db, &sql_reuse);
    query_bind_int(query, "a", 1);
    query_bind_int(query, "b", 2);
    ck_assert(query_next(query));
    ck_assert(query_int(query, 0) == 2 && query_int(query, 1) == 1 && query_int(query, 2) == 2);
    ck_assert(!query_next(query));
    query = db_query(db, &sql_delete);
    query_bind_int(query, "from", 0);
    ck_assert_int_eq(query_run(query), 1);
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    db_free(db);
}
END_TEST

START_TEST(the_first_error_sticks_and_undo_forgets)
{
    struct fault fault = FAULT_NONE;
    struct db *db = with_table();
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    add(db, 1, "kept");
    db_savepoint(db);
    add(db, 2, "undone");
    db_savepoint(db);
    add(db, 1, "twice");
    ck_assert_int_eq(db_error(db, NULL), E_CONFLICT);
    add(db, 3, "never");
    db_savepoint(db); /* only counted */
    db_savepoint_undo(db);
    ck_assert_int_eq(db_error(db, NULL), E_CONFLICT);
    db_savepoint_keep(db); /* the failure passes on to the one around */
    ck_assert_int_eq(db_error(db, NULL), E_CONFLICT);
    db_savepoint_undo(db);
    ck_assert_int_eq(db_error(db, NULL), E_OK);
    ck_assert_str_eq(ids(db), "1 ");
    db_savepoint(db);
    add(db, 4, "kept");
    db_savepoint_keep(db);
    ck_assert_int_eq(db_commit(db, NULL), E_OK);

    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    add(db, 5, "lost");
    ck_assert_int_eq(db_fail(db, E_CORRUPT, "row %d is odd", 5), E_CORRUPT);
    ck_assert_int_eq(db_commit(db, &fault), E_CORRUPT);
    ck_assert_str_eq(fault.text, "row 5 is odd");
    ck_assert_int_eq(db_begin_read(db, NULL), E_OK);
    ck_assert_str_eq(ids(db), "1 4 ");
    ck_assert_int_eq(db_end(db, NULL), E_OK);
    db_free(db);
}
END_TEST

START_TEST(indexes_are_dropped_and_made_again)
{
    struct db *db = with_table();
    struct buf again = BUF_INIT, rest = BUF_INIT;
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    db_exec(db, "CREATE INDEX t_name ON t (name); CREATE INDEX t_bytes ON t (bytes) WHERE id > 3");
    db_drop_indexes(db, "t", "t_name", &again);
    ck_assert_str_eq(again.data, "CREATE INDEX t_bytes ON t (bytes) WHERE id > 3;");
    db_drop_indexes(db, "t", "t_name", &rest);
    ck_assert_uint_eq(rest.len, 0);
    add(db, 7, "seven");
    db_exec(db, again.data);
    db_drop_indexes(db, "t", NULL, &rest);
    ck_assert_str_eq(rest.data, "CREATE INDEX t_name ON t (name);"
                                "CREATE INDEX t_bytes ON t (bytes) WHERE id > 3;");
    ck_assert_str_eq(ids(db), "7 ");
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    buf_release(&again);
    buf_release(&rest);
    db_free(db);
}
END_TEST

START_TEST(a_log_is_emptied)
{
    struct db *db = with_table();
    struct db *reader = open_as(DB_READ);
    ck_assert(!db_wants_empty_log(db));
    ck_assert_int_eq(db_begin_read(reader, NULL), E_OK);
    ck_assert_str_eq(ids(reader), "");
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    add(db, 1, "new");
    db_want_empty_log(db);
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    ck_assert_int_eq(db_empty_log(db, NULL), E_OK);
    ck_assert(db_wants_empty_log(db)); /* it is being read, and nobody waited */
    ck_assert_str_eq(ids(reader), "");
    ck_assert_int_eq(db_end(reader, NULL), E_OK);
    ck_assert_int_eq(db_empty_log(db, NULL), E_OK);
    ck_assert(!db_wants_empty_log(db));
    ck_assert_int_eq((int)db_wal_frames(db), 0);
    char log[sizeof path + 4];
    struct stat log_stat;
    snprintf(log, sizeof log, "%s-wal", path);
    ck_assert_int_eq(stat(log, &log_stat), 0);
    ck_assert_int_eq((int)log_stat.st_size, 0);
    ck_assert_int_eq(db_begin_read(reader, NULL), E_OK);
    ck_assert_str_eq(ids(reader), "1 ");
    ck_assert_int_eq(db_end(reader, NULL), E_OK);
    db_free(reader);
    db_free(db);
}
END_TEST

START_TEST(readers_see_one_state)
{
    struct db *db = with_table();
    struct db *reader = open_as(DB_READ);
    ck_assert_int_eq(db_begin_read(reader, NULL), E_OK);
    ck_assert_str_eq(ids(reader), "");
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    add(db, 1, "new");
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    ck_assert_int_gt((int)db_wal_frames(db), 0);
    ck_assert_str_eq(ids(reader), "");
    int64_t left = -1;
    ck_assert_int_eq(db_checkpoint(db, &left, NULL), E_OK);
    ck_assert_int_gt((int)left, 0); /* what the reader does not see yet stays in the WAL */
    ck_assert_int_eq(db_end(reader, NULL), E_OK);
    ck_assert_int_eq(db_checkpoint(db, &left, NULL), E_OK);
    ck_assert_int_eq((int)left, 0);
    ck_assert_int_eq(db_begin_read(reader, NULL), E_OK);
    ck_assert_str_eq(ids(reader), "1 ");
    add(reader, 2, "refused");
    ck_assert_int_eq(db_end(reader, NULL), E_DENIED);
    db_free(reader);

    char copy[192];
    snprintf(copy, sizeof copy, "%s/copy.db", dir);
    ck_assert_int_eq(db_copy_to(db, copy, NULL), E_OK);
    db_free(db);
    snprintf(path, sizeof path, "%s", copy);
    db = open_as(DB_READ);
    ck_assert_int_eq(db_check_pages(db, NULL), E_OK);
    ck_assert_int_eq(db_begin_read(db, NULL), E_OK);
    ck_assert_str_eq(ids(db), "1 ");
    ck_assert_int_eq(db_end(db, NULL), E_OK);
    db_free(db);
}
END_TEST

/* As a daemon meets tables whose definition was damaged. */
DB_SQL(sql_damaged, "SELECT id, nbme FROM t");

START_TEST(tables_that_do_not_fit_are_damage)
{
    struct db *db = with_table();
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    ck_assert(!query_next(db_query(db, &sql_damaged)));
    ck_assert_int_eq(db_error(db, &fault), E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(fault.text, "no such column: nbme"));
    ck_assert_ptr_nonnull(strstr(fault.text, "restore a backup"));
    ck_assert_int_eq(db_end(db, NULL), E_CORRUPT);
    db_free(db);
}
END_TEST

DB_SQL(sql_fill, "INSERT INTO t (id, name) WITH RECURSIVE n (i) AS (SELECT :first UNION ALL "
                 "SELECT i + 1 FROM n WHERE i < :last) SELECT i, hex(i) || hex(zeroblob(1000)) FROM n");
DB_SQL(sql_rename, "UPDATE t SET name = 'again' || substr(name, 6) WHERE id % 7 = 0");
DB_SQL(sql_sum, "SELECT COUNT(*), SUM(length(name)), SUM(name LIKE 'again%') FROM t");

static void assert_sums(struct db *db, int64_t rows, int64_t bytes, int64_t again)
{
    struct query *query = db_query(db, &sql_sum);
    ck_assert(query_next(query));
    ck_assert_int_eq(query_int(query, 0), rows);
    ck_assert_int_eq(query_int(query, 1), bytes);
    ck_assert_int_eq(query_int(query, 2), again);
    query_end(query);
}

static void fill(struct db *db, int64_t first, int64_t last)
{
    struct query *query = db_query(db, &sql_fill);
    query_bind_int(query, "first", first);
    query_bind_int(query, "last", last);
    ck_assert_int_eq(query_run(query), last - first + 1);
}

/* Pages go to the log and come back from it before they are synced. */
START_TEST(transactions_larger_than_the_cache)
{
    struct db *db = NULL;
    db_free(with_table());
    ck_assert_int_eq(
        db_open(&db, &(struct db_options){.path = path, .mode = DB_WRITE, .cache_kib = 40}, NULL),
        E_OK);
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    fill(db, 1000, 1999);
    query_run(db_query(db, &sql_rename));
    assert_sums(db, 1000, 2008000, 143);
    db_savepoint(db);
    fill(db, 2000, 2999);
    db_savepoint_undo(db);
    assert_sums(db, 1000, 2008000, 143);
    db_end(db, NULL);
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    assert_sums(db, 0, 0, 0);
    fill(db, 1000, 1999);
    query_run(db_query(db, &sql_rename));
    ck_assert_int_eq(db_commit(db, NULL), E_OK);

    struct db *reader = open_as(DB_READ);
    ck_assert_int_eq(db_begin_read(reader, NULL), E_OK);
    assert_sums(reader, 1000, 2008000, 143);
    ck_assert_int_eq(db_end(reader, NULL), E_OK);
    ck_assert_int_eq(db_check_pages(reader, NULL), E_OK);
    db_free(reader);
    db_free(db);
}
END_TEST

START_TEST(a_second_writer_waits_then_is_told)
{
    struct fault fault = FAULT_NONE;
    struct db *first = with_table();
    struct db *second = NULL;
    ck_assert_int_eq(
        db_open(&second, &(struct db_options){.path = path, .mode = DB_WRITE, .busy_ms = 1}, NULL),
        E_OK);
    ck_assert_int_eq(db_begin(first, NULL), E_OK);
    ck_assert_int_eq(db_begin(second, &fault), E_BUSY);
    ck_assert_ptr_nonnull(strstr(fault.text, "another process"));
    db_end(first, NULL);
    db_free(first);
    db_free(second);
}
END_TEST

START_TEST(opening_refuses_with_a_sentence)
{
    struct fault fault = FAULT_NONE;
    struct db *db = NULL;
    struct db_options options = {.path = path, .mode = DB_WRITE};
    ck_assert_int_eq(db_open(&db, &options, &fault), E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(fault.text, path));
    FILE *file = fopen(path, "w");
    fputs("This is a letter to the prefect and no database, however long it gets to be. Still "
          "none, not even with another line of it, or two.",
          file);
    fclose(file);
    fault = FAULT_NONE;
    ck_assert_int_eq(db_open(&db, &options, &fault), E_FOREIGN);
    ck_assert_ptr_null(db);
}
END_TEST

START_TEST(damage_is_found)
{
    struct fault fault = FAULT_NONE;
    struct db *db = with_table();
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    for (int64_t i = 0; i < 2000; i++) {
        add(db, i, "a row long enough to fill some pages of the file");
    }
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    ck_assert_int_eq(db_check_pages(db, NULL), E_OK);
    db_free(db);
    FILE *file = fopen(path, "r+");
    fseek(file, 4096L * 10, SEEK_SET);
    for (int i = 0; i < 4096; i++) {
        fputc('!', file);
    }
    fclose(file);
    db = open_as(DB_WRITE);
    ck_assert_int_eq(db_check_pages(db, &fault), E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(fault.text, "restore a backup"));
    db_free(db);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db");
    TCase *tc = tcase_create("db");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, text_for_each_engine);
    tcase_add_test(tc, tables_that_do_not_fit_are_damage);
    tcase_add_test(tc, statements_can_be_walked);
    tcase_add_test(tc, values_round_trip);
    tcase_add_test(tc, the_first_error_sticks_and_undo_forgets);
    tcase_add_test(tc, indexes_are_dropped_and_made_again);
    tcase_add_test(tc, a_log_is_emptied);
    tcase_add_test(tc, readers_see_one_state);
    tcase_add_test(tc, transactions_larger_than_the_cache);
    tcase_add_test(tc, a_second_writer_waits_then_is_told);
    tcase_add_test(tc, opening_refuses_with_a_sentence);
    tcase_add_test(tc, damage_is_found);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
