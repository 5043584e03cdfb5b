#include <check.h>
#include <stdlib.h>

#include "core/money/cents.h"

START_TEST(arithmetic_is_checked)
{
    struct cents out = CENTS(42);
    ck_assert_int_eq(cents_add(CENTS(INT64_MAX), CENTS(1), &out), E_OVERFLOW);
    ck_assert_int_eq(cents_add(CENTS(INT64_MIN), CENTS(-1), &out), E_OVERFLOW);
    ck_assert_int_eq(cents_sub(CENTS(INT64_MIN), CENTS(1), &out), E_OVERFLOW);
    ck_assert_int_eq(cents_sub(CENTS(0), CENTS(INT64_MIN), &out), E_OVERFLOW);
    ck_assert_int_eq(cents_times(CENTS(INT64_MAX / 2 + 1), 2, &out), E_OVERFLOW);
    ck_assert_int_eq(cents_times(CENTS(INT64_MIN), -1, &out), E_OVERFLOW);
    ck_assert_int_eq(out.cents, 42);
    struct cents sum = CENTS(INT64_MAX - 1);
    ck_assert_int_eq(cents_accumulate(&sum, CENTS(1)), E_OK);
    ck_assert_int_eq(sum.cents, INT64_MAX);
    ck_assert_int_eq(cents_accumulate(&sum, CENTS(1)), E_OVERFLOW);
    ck_assert_int_eq(sum.cents, INT64_MAX);
    ck_assert_int_eq(cents_sub(CENTS(-5), CENTS(7), &out), E_OK);
    ck_assert_int_eq(out.cents, -12);
    ck_assert_int_eq(cents_times(CENTS(-1150), 3, &out), E_OK);
    ck_assert_int_eq(out.cents, -3450);
    ck_assert_int_lt(cents_compare(CENTS(INT64_MIN), CENTS(INT64_MAX)), 0);
    ck_assert_int_gt(cents_compare(CENTS(1), CENTS(0)), 0);
    ck_assert_int_eq(cents_compare(CENTS(-3), CENTS(-3)), 0);
}
END_TEST

/* Counts up instead of dividing: the result is the greatest r with 20000 r <= 2 n bp + 10000. */
static int64_t vat_slow(int64_t net, int64_t basis_points)
{
    int64_t twice = 2 * (net < 0 ? -net : net) * basis_points;
    int64_t result = 0;
    while (20000 * (result + 1) <= twice + 10000) {
        result++;
    }
    return net < 0 ? -result : result;
}

START_TEST(vat_rounds_half_away_from_zero)
{
    static const int32_t rates[] = {0, 1, 210, 250, 550, 850, 1000, 2000, 3333, 5000, 9999, 10000};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        for (int64_t net = -3000; net <= 3000; net++) {
            struct cents vat;
            ck_assert_int_eq(cents_vat(CENTS(net), (struct vat_rate){rates[i]}, &vat), E_OK);
            ck_assert_msg(vat.cents == vat_slow(net, rates[i]), "%lld at %d: %lld",
                          (long long)net, rates[i], (long long)vat.cents);
        }
    }
    static const struct {
        int64_t net;
        int32_t rate;
        int64_t vat;
    } rows[] = {
        {12, 2000, 2},       {13, 2000, 3},        {-13, 2000, -3},  {1, 5000, 1},
        {-1, 5000, -1},      {10, 550, 1},         {9, 550, 0},      {164000, 2000, 32800},
        {INT64_MAX, 10000, INT64_MAX},             {INT64_MIN, 10000, INT64_MIN},
        {INT64_MAX, 2000, 1844674407370955161},    {INT64_MIN, 2000, -1844674407370955162},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cents vat;
        struct vat_rate rate = {rows[i].rate};
        ck_assert_int_eq(cents_vat(CENTS(rows[i].net), rate, &vat), E_OK);
        ck_assert_int_eq(vat.cents, rows[i].vat);
    }
    struct cents untouched = CENTS(42);
    ck_assert_int_eq(cents_vat(CENTS(1), (struct vat_rate){-1}, &untouched), E_INVALID);
    ck_assert_int_eq(cents_vat(CENTS(1), (struct vat_rate){10001}, &untouched), E_INVALID);
    ck_assert_int_eq(untouched.cents, 42);
}
END_TEST

START_TEST(cents_are_read_and_shown)
{
    static const struct {
        const char *text;
        int err;
        int64_t value;
    } rows[] = {
        {"0", E_OK, 0},          {"164000", E_OK, 164000},
        {"-1", E_INVALID, 42},   {"12.34", E_INVALID, 42},
        {"", E_INVALID, 42},     {"007", E_INVALID, 42},
        {"9223372036854775807", E_OK, INT64_MAX},
        {"9223372036854775808", E_OVERFLOW, 42},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cents out = CENTS(42);
        ck_assert_int_eq(cents_parse(view_of(rows[i].text), &out), rows[i].err);
        ck_assert_int_eq(out.cents, rows[i].value);
    }
    static const struct {
        int64_t value;
        const char *text;
    } shown[] = {
        {0, "0.00"},         {5, "0.05"},       {-5, "-0.05"},
        {-1234, "-12.34"},   {1640000, "16400.00"},
        {INT64_MAX, "92233720368547758.07"},
        {INT64_MIN, "-92233720368547758.08"},
    };
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        char text[32];
        cents_format(CENTS(shown[i].value), text);
        ck_assert_str_eq(text, shown[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("money");
    TCase *cases = tcase_create("money");
    tcase_add_test(cases, arithmetic_is_checked);
    tcase_add_test(cases, vat_rounds_half_away_from_zero);
    tcase_add_test(cases, cents_are_read_and_shown);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
