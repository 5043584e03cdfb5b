#include "store/request/request.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/migrate/migrate.h"

static char path[64];
static struct db *db;

static void setup(void)
{
    struct fault fault = FAULT_NONE;
    snprintf(path, sizeof path, "/tmp/passerelle-request-XXXXXX");
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    close(file);
    ck_assert_msg(db_open(&db, &(struct db_options){.path = path, .mode = DB_CREATE}, &fault) ==
                          E_OK &&
                      migrate_run(db, &fault) == E_OK,
                  "%s", fault.text);
    ck_assert_int_eq(db_begin(db, NULL), E_OK);
}

static void teardown(void)
{
    ck_assert_int_eq(db_commit(db, NULL), E_OK);
    db_free(db);
    ck_assert_int_eq(remove(path), 0);
}

START_TEST(answers_are_given_again)
{
    static const struct {
        const char *caller;
        const char *id;
        const char *method;
        const char *bytes;
        enum request_state state;
    } rows[] = {
        {"desk-1", "r1", "CheckIn", "x", REQUEST_SAME},
        {"desk-1", "r1", "CheckIn", "y", REQUEST_OTHER},
        {"desk-1", "r1", "CheckOut", "x", REQUEST_OTHER},
        {"desk-2", "r1", "CheckIn", "x", REQUEST_NEW},
        {"desk-1", "r2", "CheckIn", "x", REQUEST_NEW},
        {"desk-", "1r1", "CheckIn", "x", REQUEST_NEW},
    };
    struct arena arena = ARENA_INIT;
    struct request_key key;
    request_key_init(&key, view_of("desk-1"), view_of("r1"), view_of("CheckIn"), view_of("x"));
    request_put(db, &key, view_of("welcome"), 1000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct view answer = VIEW_NONE;
        request_key_init(&key, view_of(rows[i].caller), view_of(rows[i].id),
                         view_of(rows[i].method), view_of(rows[i].bytes));
        ck_assert_msg(request_find(db, &key, &arena, &answer) == rows[i].state, "row %zu", i);
        ck_assert(view_is(answer, rows[i].state == REQUEST_SAME ? "welcome" : ""));
    }
    for (int i = 0; i < 10; i++) {
        char id[8];
        snprintf(id, sizeof id, "n%d", i);
        request_key_init(&key, view_of("desk-1"), view_of(id), view_of("CheckIn"), VIEW_NONE);
        request_put(db, &key, VIEW_NONE, 2000 + i);
    }
    ck_assert_int_eq(request_forget(db, 2005, 4), 4); /* the first one and three of these */
    ck_assert_int_eq(request_forget(db, 2005, 4), 2);
    ck_assert_int_eq(request_forget(db, 2005, 4), 0);
    arena_release(&arena);
}
END_TEST

/* The key of a UUIDv7 begins with its time, so that new ones lie side by side. */
START_TEST(keys_begin_with_their_time)
{
    struct request_key one, other;
    request_key_init(&one, view_of("desk-1"), VIEW_LIT("\1\2\3\4\5\6rest of it"), view_of("CheckIn"),
                     VIEW_NONE);
    request_key_init(&other, view_of("desk-2"), VIEW_LIT("\1\2\3\4\5\6rest of it"),
                     view_of("CheckIn"), VIEW_NONE);
    ck_assert_mem_eq(one.key, "\1\2\3\4\5\6", REQUEST_KEY_TIME_LEN);
    ck_assert_mem_eq(one.key, other.key, REQUEST_KEY_TIME_LEN);
    ck_assert_mem_ne(one.key, other.key, REQUEST_KEY_LEN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *cases = tcase_create("request");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, answers_are_given_again);
    tcase_add_test(cases, keys_begin_with_their_time);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
