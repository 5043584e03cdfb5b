#include "store/migrate/migrate.h"

#include <check.h>
#include <stdlib.h>

#include "lib/scratch.h"

static char dir[128];
static char path[160];

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
    struct fault fault = FAULT_NONE;
    for (size_t version = 1; version < migration_count; version++) {
        teardown();
        setup();
        struct db *db = open_as(DB_CREATE);
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
        ck_assert_msg(migrate_verify(db, &fault) == E_OK, "from %zu: %s", version, fault.text);
        db_free(db);
    }
}
END_TEST

/* What its version says is not what is there: found before anything is read or written. */
START_TEST(tables_are_looked_at_one_by_one)
{
    static const struct {
        const char *change, *words;
    } rows[] = {
        {"DROP TABLE visit", "\"visit\" of the database"},
        {"DROP TABLE activation", "\"activation\" of the database"},
        {"DROP INDEX activation_code", "\"activation_code\" of the database"},
        {"ALTER TABLE pass RENAME COLUMN state TO stat", "\"pass\" of the database"},
        {"ALTER TABLE entry ADD COLUMN note text", "\"entry\" of the database"},
        {"CREATE TABLE aaa (x)", "\"aaa\", which is not ours"},
        {"CREATE TABLE zzz (x)", "\"zzz\", which is not ours"},
        {"CREATE INDEX mine ON entry (bytes)", "\"mine\", which is not ours"},
        {"CREATE TRIGGER more AFTER INSERT ON entry BEGIN DELETE FROM visit; END",
         "\"more\", which is not ours"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault = FAULT_NONE;
        struct db *db = open_as(DB_CREATE);
        ck_assert_int_eq(migrate_run(db, NULL), E_OK);
        ck_assert_int_eq(migrate_verify(db, NULL), E_OK);
        ck_assert_int_eq(db_begin(db, NULL), E_OK);
        db_exec(db, rows[i].change);
        ck_assert_msg(db_commit(db, &fault) == E_OK, "%s: %s", rows[i].change, fault.text);
        ck_assert_int_eq(migrate_run(db, NULL), E_OK); /* the version alone does not tell */
        ck_assert_int_eq(migrate_verify(db, &fault), E_CORRUPT);
        ck_assert_msg(strstr(fault.text, rows[i].words) != NULL, "%s", fault.text);
        ck_assert_ptr_nonnull(strstr(fault.text, "restore a backup"));
        db_free(db);
        teardown();
        setup();
    }
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
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, migrations_are_applied_once);
    tcase_add_test(cases, every_version_goes_on);
    tcase_add_test(cases, tables_are_looked_at_one_by_one);
    tcase_add_test(cases, files_are_in_order);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
