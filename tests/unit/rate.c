/* The rate of callers: exact for one, independent for many, bounded for all. */
#include <check.h>

#include "transport/connect/rate.h"

#define MS ((int64_t)1000000)

START_TEST(test_one)
{
    struct rates *rates = rates_new(7);
    struct view who = VIEW_LIT("key-1");
    int64_t now = 1000 * MS;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(rates_take(rates, who, 10, 5, now), 0);
    }
    ck_assert_int_eq(rates_take(rates, who, 10, 5, now), 100); /* nothing was taken */
    ck_assert_int_eq(rates_take(rates, who, 10, 5, now + 99 * MS), 1);
    ck_assert_int_eq(rates_take(rates, who, 10, 5, now + 100 * MS), 0);
    ck_assert_int_eq(rates_take(rates, who, 10, 5, now + 100 * MS), 100);
    ck_assert_int_eq(rates_take(rates, VIEW_LIT("key-2"), 10, 5, now), 0);
    ck_assert_int_eq(rates_take(rates, who, 0, 5, now), 0); /* no limit */
    /* After a long silence the burst is whole, and no more than that. */
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(rates_take(rates, who, 10, 5, now + 3600 * 1000 * MS), 0);
    }
    ck_assert_int_gt(rates_take(rates, who, 10, 5, now + 3600 * 1000 * MS), 0);
    ck_assert_uint_eq(rates_refused(rates), 4);
    rates_free(rates);
}
END_TEST

/* However calls are spread, a second lets `rate` through. */
START_TEST(test_rate)
{
    struct rates *rates = rates_new(1);
    int64_t taken = 0;
    for (int64_t at = 0; at < 10000 * MS; at += MS / 3) {
        taken += rates_take(rates, VIEW_LIT("x"), 250, 20, at) == 0;
    }
    ck_assert_int_ge(taken, 2500);
    ck_assert_int_le(taken, 2500 + 20);
    rates_free(rates);
}
END_TEST

/* A hundred thousand callers take nobody's limit away who goes on calling. */
START_TEST(test_crowd)
{
    struct rates *rates = rates_new(99);
    int64_t taken = 0;
    for (int64_t i = 0; i < 100000; i++) {
        int64_t now = i * MS / 10;
        char name[16];
        int len = snprintf(name, sizeof name, "%lld", (long long)i);
        ck_assert_int_eq(rates_take(rates, view_bytes(name, (size_t)len), 10, 2, now), 0);
        taken += rates_take(rates, VIEW_LIT("greedy"), 10, 100, now) == 0;
    }
    ck_assert_int_le(taken, 10 * 10 + 100);
    rates_free(rates);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rate");
    TCase *tcase = tcase_create("rate");
    tcase_add_test(tcase, test_one);
    tcase_add_test(tcase, test_rate);
    tcase_add_test(tcase, test_crowd);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
