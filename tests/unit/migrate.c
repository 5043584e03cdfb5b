#include "store/migrate/migrate.h"

#include <check.h>
#include <stdlib.h>

#include "base/buf.h"

DB_SQL(sql_schema, "SELECT name, sql FROM sqlite_master ORDER BY name");

static char dir[64];
static char path[128];

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/passerelle-migrate-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/test.db", dir);
}

static void teardown(void)
{
    char command[160];
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

/* Every table and index, as they were made. */
static void schema_of(struct db *db, struct buf *out)
{
    ck_assert_int_eq(db_begin_read(db, NULL), E_OK);
    struct query *query = db_query(db, &sql_schema);
    while (query_next(query)) {
        buf_printf(out, "%.*s: %.*s\n", VIEW_FMT(query_text(query, 0)),
                   VIEW_FMT(query_text(query, 1)));
    }
    ck_assert_int_eq(db_end(db, NULL), E_OK);
}

START_TEST(migrations_are_applied_once)
{
    struct fault fault = FAULT_NONE;
    struct db *db = open_as(DB_CREATE);
    ck_assert_int_eq(migrate_check(db, NULL), E_CONFLICT);
    ck_assert_msg(migrate_run(db, &fault) == E_OK, "%s", fault.text);
    ck_assert_int_eq(migrate_run(db, NULL), E_OK);
    ck_assert_int_eq(migrate_check(db, NULL), E_OK);
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    ck_assert_int_eq(db_application_id(db), MIGRATE_APPLICATION_ID);
    ck_assert_int_eq(db_schema_version(db), (int64_t)migration_count);
    db_set_schema_version(db, (int64_t)migration_count + 1);
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    ck_assert_int_eq(migrate_run(db, &fault), E_FOREIGN);
    ck_assert_ptr_nonnull(strstr(fault.text, "newer"));

    fault = FAULT_NONE;
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    db_set_schema_version(db, 0);
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    ck_assert_int_eq(migrate_run(db, &fault), E_CORRUPT);

    fault = FAULT_NONE;
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
    db_set_application_id(db, 42);
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    ck_assert_int_eq(migrate_run(db, &fault), E_FOREIGN);
    ck_assert_ptr_nonnull(strstr(fault.text, "another program"));
    db_free(db);
}
END_TEST

/* A database of each earlier version is brought up to date, and is then as a new one is. */
START_TEST(every_version_goes_on)
{
    struct buf whole = BUF_INIT, now = BUF_INIT;
    struct fault fault = FAULT_NONE;
    struct db *db = open_as(DB_CREATE);
    ck_assert_int_eq(migrate_run(db, NULL), E_OK);
    schema_of(db, &whole);
    db_free(db);
    for (size_t version = 1; version < migration_count; version++) {
        teardown();
        setup();
        db = open_as(DB_CREATE);
        ck_assert_int_eq(db_begin(db, NULL), E_OK);
        db_set_application_id(db, MIGRATE_APPLICATION_ID);
        for (size_t i = 0; i < version; i++) {
            db_exec(db, migrations[i].sql);
        }
        db_set_schema_version(db, (int64_t)version);
        ck_assert_int_eq(db_commit(db, NULL), E_OK);
        fault = FAULT_NONE;
        ck_assert_int_eq(migrate_check(db, &fault), E_CONFLICT);
        ck_assert_ptr_nonnull(strstr(fault.text, "start the daemon once"));
        ck_assert_msg(migrate_run(db, &fault) == E_OK, "from %zu: %s", version, fault.text);
        buf_clear(&now);
        schema_of(db, &now);
        ck_assert_msg(view_equal(buf_content(&now), buf_content(&whole)), "from %zu", version);
        db_free(db);
    }
    buf_release(&whole);
    buf_release(&now);
}
END_TEST

/* They are applied in the order of their numbers. */
START_TEST(files_are_in_order)
{
    for (size_t i = 1; i < migration_count; i++) {
        ck_assert_msg(strncmp(migrations[i - 1].name, migrations[i].name, 4) < 0, "%s",
                      migrations[i].name);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("migrate");
    TCase *cases = tcase_create("migrate");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, migrations_are_applied_once);
    tcase_add_test(cases, every_version_goes_on);
    tcase_add_test(cases, files_are_in_order);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
