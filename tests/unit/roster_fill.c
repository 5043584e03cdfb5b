/* Records read from the reference files make the same roster as the reference's own loader: the
 * month without stays has its subscription fees and carnets. */
#include <check.h>
#include <stdlib.h>

#include "core/close/close.h"
#include "core/records/memory.h"
#include "core/records/roster_fill.h"
#include "tests/lib/reference.h"

static void refused(void *context, size_t line, const char *sentence)
{
    ck_abort_msg("%s:%zu: %s", (const char *)context, line, sentence);
}

static int fill(struct roster *roster, Passerelle__V1__Table table, const ProtobufCMessage *record,
                struct arena *arena, struct fault *fault)
{
    const Passerelle__V1__Holder *holder = (const void *)record;
    switch (table) {
    case PASSERELLE__V1__TABLE__TABLE_MEMBERS:
        return roster_fill_member(roster, (const void *)record, fault);
    case PASSERELLE__V1__TABLE__TABLE_TARIFFS:
        return roster_fill_tariff(roster, (const void *)record, fault);
    case PASSERELLE__V1__TABLE__TABLE_SITES:
        return roster_fill_site(roster, (const void *)record, arena, fault);
    case PASSERELLE__V1__TABLE__TABLE_EMPLOYERS:
        return roster_fill_employer(roster, (const void *)record, fault);
    case PASSERELLE__V1__TABLE__TABLE_PLANS:
        return roster_fill_plan(roster, (const void *)record, fault);
    case PASSERELLE__V1__TABLE__TABLE_CARNETS:
        return roster_fill_carnet(roster, (const void *)record, fault);
    default:
        return roster_fill_holder(roster, holder->holder_id, holder->plan_id, holder->active_from,
                                  holder->active_to, fault);
    }
}

START_TEST(the_reference_fills_a_roster)
{
    static const struct {
        Passerelle__V1__Table table;
        const char *file;
        size_t rows;
    } files[] = {
        {PASSERELLE__V1__TABLE__TABLE_MEMBERS, "members.csv", 84},
        {PASSERELLE__V1__TABLE__TABLE_TARIFFS, "tariffs.csv", 2},
        {PASSERELLE__V1__TABLE__TABLE_SITES, "sites.csv", 120},
        {PASSERELLE__V1__TABLE__TABLE_EMPLOYERS, "employers.csv", 64},
        {PASSERELLE__V1__TABLE__TABLE_PLANS, "plans.csv", 90},
        {PASSERELLE__V1__TABLE__TABLE_CARNETS, "carnets.csv", 52},
        {PASSERELLE__V1__TABLE__TABLE_HOLDERS, "holders.csv", 1739},
    };
    struct memory memory;
    struct roster roster;
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    memory_init(&memory, 5);
    roster_init(&roster, 5);
    char *bytes[ARRAY_LEN(files)];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        size_t len;
        bytes[i] = reference_file(REFERENCE_DIR, files[i].file, &len);
        ck_assert_int_eq(memory_read(&memory, files[i].table, view_bytes(bytes[i], len), refused,
                                     (void *)(uintptr_t)files[i].file, &fault),
                         E_OK);
        const struct memory_list *list = &memory.records[files[i].table];
        ck_assert_uint_eq(list->count, files[i].rows);
        for (size_t k = 0; k < list->count; k++) {
            ck_assert_msg(fill(&roster, files[i].table, list->items[k], &arena, &fault) == E_OK,
                          "%s: %s", files[i].file, fault.text);
        }
    }
    ck_assert_int_eq(roster_freeze(&roster, &fault), E_OK);
    ck_assert_uint_eq(roster.site_ids.count, 120);
    ck_assert_uint_eq(roster.holder_ids.count, 1739);
    struct month october;
    ck_assert_int_eq(month_parse(VIEW_LIT("2026-10"), &october), E_OK);
    ck_assert_int_eq(
        roster_check_tariff(&roster, month_first(october), month_last(october), &fault), E_OK);
    struct close_input input = {.month = october, .carry_minimum = CLOSE_CARRY_MINIMUM};
    struct close_result result = CLOSE_RESULT_INIT;
    ck_assert_int_eq(close_run(&result, &roster, &input, &fault), E_OK);
    ck_assert_int_eq(result.stays, 0);
    ck_assert_uint_gt(result.line_count, 0); /* fees and carnets of the month */
    close_result_release(&result);
    roster_release(&roster);
    memory_release(&memory);
    arena_release(&arena);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        free(bytes[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("roster_fill");
    TCase *cases = tcase_create("roster_fill");
    tcase_add_test(cases, the_reference_fills_a_roster);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
