/* The table of codes against Connect's protocol page ("Error codes"), and call_fail. */
#include "service/method.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    enum code code;
    const char *name;
    int http_status;
} protocol[] = {
    {CODE_CANCELED, "canceled", 499},
    {CODE_UNKNOWN, "unknown", 500},
    {CODE_INVALID_ARGUMENT, "invalid_argument", 400},
    {CODE_DEADLINE_EXCEEDED, "deadline_exceeded", 504},
    {CODE_NOT_FOUND, "not_found", 404},
    {CODE_ALREADY_EXISTS, "already_exists", 409},
    {CODE_PERMISSION_DENIED, "permission_denied", 403},
    {CODE_RESOURCE_EXHAUSTED, "resource_exhausted", 429},
    {CODE_FAILED_PRECONDITION, "failed_precondition", 400},
    {CODE_ABORTED, "aborted", 409},
    {CODE_OUT_OF_RANGE, "out_of_range", 400},
    {CODE_UNIMPLEMENTED, "unimplemented", 501},
    {CODE_INTERNAL, "internal", 500},
    {CODE_UNAVAILABLE, "unavailable", 503},
    {CODE_DATA_LOSS, "data_loss", 500},
    {CODE_UNAUTHENTICATED, "unauthenticated", 401},
};

START_TEST(codes_are_those_of_the_protocol)
{
    ck_assert_str_eq(code_name(protocol[_i].code), protocol[_i].name);
    ck_assert_int_eq(code_http_status(protocol[_i].code), protocol[_i].http_status);
}
END_TEST

START_TEST(each_failure_has_a_code)
{
    ck_assert_int_eq(code_of_err(E_OK), CODE_OK);
    for (int err = E_INVALID; err >= E_INTERNAL; err--) {
        ck_assert_int_ne(code_of_err(err), CODE_OK);
        ck_assert_int_ne(code_of_err(err), CODE_UNKNOWN);
    }
    ck_assert_int_eq(code_of_err(-999), CODE_UNKNOWN);
}
END_TEST

START_TEST(the_first_failure_counts)
{
    struct arena arena = ARENA_INIT;
    struct call call = {.arena = &arena};
    struct fault fault = FAULT_NONE;
    fault_set(&fault, E_NOT_FOUND, "no site %s", "s-1");
    ck_assert_int_eq(call_fail_with(&call, &fault), -1);
    ck_assert_int_eq(call_fail(&call, CODE_INTERNAL, "later"), -1);
    ck_assert_int_eq(call.error.code, CODE_NOT_FOUND);
    ck_assert_str_eq(call.error.message, "no site s-1");
    arena_release(&arena);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("method");
    tcase_add_loop_test(cases, codes_are_those_of_the_protocol, 0, (int)ARRAY_LEN(protocol));
    tcase_add_test(cases, each_failure_has_a_code);
    tcase_add_test(cases, the_first_failure_counts);
    Suite *suite = suite_create("method");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
