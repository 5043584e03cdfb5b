#include "store/person/person.h"

#include <check.h>
#include <stdlib.h>

#include "store/migrate/migrate.h"

static char path[64];
static struct db *db;
static struct arena arena;

static void setup(void)
{
    struct fault fault = FAULT_NONE;
    snprintf(path, sizeof path, "/tmp/passerelle-person-XXXXXX");
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    arena_init(&arena);
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
    arena_release(&arena);
    ck_assert_int_eq(remove(path), 0);
}

START_TEST(put_changed_and_forgotten)
{
    struct person out;
    char zoe[] = "Zoé", name[] = "L'Hermite", mail[] = "zoe@example.org", centre[] = "R&D";
    ck_assert(!person_get(db, &arena, VIEW_LIT("h1"), &out));
    ck_assert_str_eq(out.given_name, "");
    person_put(db, VIEW_LIT("h1"), &(struct person){zoe, name, mail, centre});
    person_put(db, VIEW_LIT("h2"), &(struct person){zoe, name, mail, centre});
    person_put(db, VIEW_LIT("h1"), &(struct person){zoe, centre, mail, name});
    ck_assert(person_get(db, &arena, VIEW_LIT("h1"), &out));
    ck_assert_str_eq(out.given_name, zoe);
    ck_assert_str_eq(out.family_name, centre);
    ck_assert_str_eq(out.email, mail);
    ck_assert_str_eq(out.cost_centre, name);
    ck_assert(person_erase(db, VIEW_LIT("h1")));
    ck_assert(!person_erase(db, VIEW_LIT("h1")));
    ck_assert(!person_get(db, &arena, VIEW_LIT("h1"), &out));
    ck_assert_str_eq(out.cost_centre, "");
    ck_assert(person_get(db, &arena, VIEW_LIT("h2"), &out));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("person");
    TCase *cases = tcase_create("person");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, put_changed_and_forgotten);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
