/* The thread for long reads at its end: callers that are cut late may still submit. */
#include "process/worker.h"

#include <check.h>
#include <stdlib.h>

static int refuse(struct service *service, struct call *call)
{
    (void)service;
    return call_fail(call, CODE_NOT_FOUND, "there is nothing");
}

static void done(struct call *call)
{
    ++*(atomic_int *)call->owner;
}

static const struct method slow = {.service = "Test", .name = "Slow", .slow = true,
                                   .decide = refuse};

START_TEST(test_refuses_after_stop)
{
    struct node node = {.env = &env_system};
    struct fault fault = FAULT_NONE;
    struct arena arena = ARENA_INIT;
    struct worker *worker = NULL;
    atomic_int ended = 0;
    struct call late = {.method = &slow, .arena = &arena, .deadline_ns = 1, .done = done,
                        .owner = &ended};
    struct call after = {.method = &slow, .arena = &arena, .done = done, .owner = &ended};

    ck_assert_int_eq(worker_start(&worker, &node, NULL, NULL, 4, &fault), E_OK);
    worker_submit(worker, &late);
    worker_stop(worker);
    ck_assert_int_eq(ended, 1);
    ck_assert_int_eq(late.error.code, CODE_DEADLINE_EXCEEDED);
    worker_submit(worker, &after);
    ck_assert_int_eq(ended, 2);
    ck_assert_int_eq(after.error.code, CODE_UNAVAILABLE);
    ck_assert_str_eq(after.error.message, "the server is stopping; try again in some seconds");
    ck_assert_uint_eq(worker_queued(worker), 0);
    worker_free(worker);
    arena_release(&arena);
}
END_TEST

static atomic_bool held, release;

static void hold(struct call *call)
{
    atomic_store(&held, true);
    while (!atomic_load(&release)) {
    }
    done(call);
}

/* One core may be busy with other things: what waits behind it is not left there. Long reads are,
 * so that some thread is free for what sites push. */
START_TEST(test_takes_over_what_waits)
{
    static const struct method bulk = {.service = "Test", .name = "Bulk", .bulk = true,
                                       .decide = refuse};
    struct node node = {.env = &env_system};
    struct fault fault = FAULT_NONE;
    struct arena arenas[5] = {ARENA_INIT, ARENA_INIT, ARENA_INIT, ARENA_INIT, ARENA_INIT};
    struct worker *workers[2];
    struct call calls[5];
    atomic_int ended[5] = {0};
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(worker_start(&workers[i], &node, NULL, NULL, 4, &fault), E_OK);
    }
    worker_share(workers, 2);
    for (int i = 0; i < 5; i++) {
        calls[i] = (struct call){.method = i == 0 || i == 3 ? &slow : &bulk, .arena = &arenas[i],
                                 .deadline_ns = 1, .done = i == 0 ? hold : done,
                                 .owner = &ended[i]};
    }
    worker_submit(workers[0], &calls[0]);
    while (!atomic_load(&held)) {
    }
    for (int i = 1; i < 5; i++) { /* two in bulk and a read behind it; then one for the other */
        worker_submit(workers[i == 4], &calls[i]);
    }
    while (ended[1] + ended[2] + ended[4] < 3) {
    }
    ck_assert_uint_eq(worker_queued(workers[0]), 1);
    ck_assert_int_eq(ended[0] + ended[3], 0);
    atomic_store(&release, true);
    for (int i = 0; i < 2; i++) {
        worker_stop(workers[i]);
    }
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(ended[i], 1);
        arena_release(&arenas[i]);
    }
    for (int i = 0; i < 2; i++) {
        worker_free(workers[i]);
    }
}
END_TEST

/* Waits for the other, as one thread alone could not. */
static void meet(void *context)
{
    atomic_int *here = context;
    while (atomic_load(here) == 0) {
    }
    atomic_store(here, 2);
}

START_TEST(test_has_help_of_another_thread)
{
    atomic_int here = 0;
    struct helper *helper = worker_help_begin(meet, &here);
    ck_assert_ptr_nonnull(helper);
    atomic_store(&here, 1);
    worker_help_end(helper);
    ck_assert_int_eq(here, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("worker");
    TCase *tcase = tcase_create("end");
    tcase_add_test(tcase, test_refuses_after_stop);
    tcase_add_test(tcase, test_takes_over_what_waits);
    tcase_add_test(tcase, test_has_help_of_another_thread);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
