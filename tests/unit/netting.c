#include "core/netting/netting.h"

#include <check.h>
#include <inttypes.h>

enum { MAX = 64 };

static uint64_t seed;
static uint32_t roll(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(seed >> 33) % below;
}

/* Transfers are positive, sorted, between different members, and bring every position to 0. */
static void settles(const struct cents *positions, uint32_t count, const struct transfer *transfers,
                    uint32_t transfer_count)
{
    int64_t left[MAX];
    for (uint32_t i = 0; i < count; i++) {
        left[i] = positions[i].cents;
    }
    for (uint32_t i = 0; i < transfer_count; i++) {
        ck_assert_int_gt(transfers[i].amount.cents, 0);
        ck_assert_uint_ne(transfers[i].from, transfers[i].to);
        left[transfers[i].from] += transfers[i].amount.cents;
        left[transfers[i].to] -= transfers[i].amount.cents;
    }
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(left[i], 0);
    }
}

/* The fewest transfers by trying: the first open position is settled against each one of the other
 * sign, whole. Some optimal solution always has this form. */
static uint32_t fewest(int64_t *left, uint32_t count)
{
    uint32_t first = 0;
    while (first < count && left[first] == 0) {
        first++;
    }
    if (first == count) {
        return 0;
    }
    uint32_t best = UINT32_MAX;
    int64_t had = left[first];
    for (uint32_t i = first + 1; i < count; i++) {
        if (left[i] != 0 && (left[i] < 0) != (had < 0)) {
            left[i] += had;
            left[first] = 0;
            uint32_t here = 1 + fewest(left, count);
            best = here < best ? here : best;
            left[first] = had;
            left[i] -= had;
        }
    }
    return best;
}

static uint32_t positions_random(struct cents *positions, uint32_t count, uint32_t below)
{
    int64_t sum = 0;
    uint32_t nonzero = 0;
    for (uint32_t i = 0; i + 1 < count; i++) {
        positions[i] = CENTS((int64_t)roll(2 * below) - below);
        sum += positions[i].cents;
    }
    positions[count - 1] = CENTS(-sum);
    for (uint32_t i = 0; i < count; i++) {
        nonzero += positions[i].cents != 0;
    }
    return nonzero;
}

START_TEST(direct_is_fewest)
{
    seed = 17;
    printf("direct_is_fewest: seed %" PRIu64 "\n", seed);
    for (int round = 0; round < 1500; round++) {
        struct cents positions[MAX];
        struct transfer transfers[MAX];
        int64_t left[MAX];
        uint32_t count = 1 + roll(8), made;
        positions_random(positions, count, 1 + roll(6));
        for (uint32_t i = 0; i < count; i++) {
            left[i] = positions[i].cents;
        }
        ck_assert_int_eq(netting_transfers(positions, count, 0, NETTING_DIRECT, transfers, &made),
                         0);
        settles(positions, count, transfers, made);
        ck_assert_uint_eq(made, fewest(left, count));
    }
}
END_TEST

/* Every way to put -2..2 on five members. */
START_TEST(direct_exhaustive)
{
    for (int code = 0; code < 625; code++) {
        struct cents positions[5];
        struct transfer transfers[5];
        int64_t left[5], sum = 0;
        uint32_t made;
        for (int i = 0, rest = code; i < 4; i++, rest /= 5) {
            positions[i] = CENTS(rest % 5 - 2);
            sum += positions[i].cents;
        }
        positions[4] = CENTS(-sum);
        for (uint32_t i = 0; i < 5; i++) {
            left[i] = positions[i].cents;
        }
        ck_assert_int_eq(netting_transfers(positions, 5, 0, NETTING_DIRECT, transfers, &made), 0);
        settles(positions, 5, transfers, made);
        ck_assert_uint_eq(made, fewest(left, 5));
    }
}
END_TEST

START_TEST(direct_of_many)
{
    seed = 18;
    printf("direct_of_many: seed %" PRIu64 "\n", seed);
    for (int round = 0; round < 12; round++) {
        struct cents positions[MAX];
        struct transfer transfers[MAX], again[MAX];
        uint32_t made, made_again;
        uint32_t nonzero = positions_random(positions, MAX, round < 6 ? 40 : 1000000);
        ck_assert_int_eq(netting_transfers(positions, MAX, 0, NETTING_DIRECT, transfers, &made), 0);
        ck_assert_int_eq(netting_transfers(positions, MAX, 0, NETTING_DIRECT, again, &made_again),
                         0);
        ck_assert_uint_eq(made, made_again);
        ck_assert_int_eq(memcmp(transfers, again, made * sizeof(*transfers)), 0);
        settles(positions, MAX, transfers, made);
        ck_assert_uint_lt(made, nonzero);
    }
    /* twenty groups of three and two pairs: pairs and triples find them all */
    struct cents positions[MAX];
    struct transfer transfers[MAX];
    uint32_t made;
    for (uint32_t i = 0; i < 20; i++) {
        int64_t size = (int64_t)1 << (i + 2);
        positions[3 * i] = CENTS(-3 * size);
        positions[3 * i + 1] = CENTS(size);
        positions[3 * i + 2] = CENTS(2 * size + (i == 19));
    }
    positions[59].cents -= 1;
    positions[60] = CENTS(7777777777);
    positions[61] = CENTS(-7777777777);
    positions[62] = CENTS(-8888888888);
    positions[63] = CENTS(8888888888);
    ck_assert_int_eq(netting_transfers(positions, MAX, 0, NETTING_DIRECT, transfers, &made), 0);
    settles(positions, MAX, transfers, made);
    ck_assert_uint_le(made, 42);
}
END_TEST

START_TEST(through_operator)
{
    const struct cents positions[] = {CENTS(-300), CENTS(-500), CENTS(0), CENTS(800)};
    struct transfer transfers[4];
    uint32_t made;
    ck_assert_int_eq(netting_transfers(positions, 4, 1, NETTING_OPERATOR, transfers, &made), 0);
    ck_assert_uint_eq(made, 2);
    ck_assert(transfers[0].from == 0 && transfers[0].to == 1 && transfers[0].amount.cents == 300);
    ck_assert(transfers[1].from == 1 && transfers[1].to == 3 && transfers[1].amount.cents == 800);
}
END_TEST

START_TEST(carry_over)
{
    static const struct {
        int64_t had, carried;
    } rows[] = {{499, 499}, {-499, -499}, {500, 0}, {-500, 0}, {0, 0}, {1, 1}, {INT64_MIN + 1, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cents positions[] = {CENTS(10), CENTS(rows[i].had)};
        struct cents carried[2];
        ck_assert_int_eq(netting_carry(positions, carried, 2, 0, CENTS(500)), 0);
        ck_assert_int_eq(carried[1].cents, rows[i].carried);
        ck_assert_int_eq(carried[0].cents, 0); /* the operator's own small position stays */
        ck_assert_int_eq(positions[1].cents, rows[i].had - rows[i].carried);
        ck_assert_int_eq(positions[0].cents, 10 + rows[i].carried);
    }
    struct cents full[] = {CENTS(INT64_MAX), CENTS(1)}, carried[2];
    ck_assert_int_eq(netting_carry(full, carried, 2, 0, CENTS(500)), E_OVERFLOW);
    struct cents vast[] = {CENTS(INT64_MAX), CENTS(INT64_MAX), CENTS(5)};
    struct cents kept[3];
    ck_assert_int_eq(netting_carry(vast, kept, 3, 2, CENTS(INT64_MAX)), 0);
}
END_TEST

START_TEST(refused)
{
    struct transfer transfers[3];
    uint32_t made;
    const struct cents uneven[] = {CENTS(1), CENTS(-2)};
    const struct cents vast[] = {CENTS(INT64_MAX), CENTS(-INT64_MAX)};
    const struct cents none[] = {CENTS(0)};
    ck_assert_int_eq(netting_transfers(uneven, 2, 0, NETTING_DIRECT, transfers, &made), E_INVALID);
    ck_assert_int_eq(netting_transfers(vast, 2, 0, NETTING_DIRECT, transfers, &made), E_OVERFLOW);
    ck_assert_int_eq(netting_transfers(none, 1, 0, NETTING_DIRECT, transfers, &made), 0);
    ck_assert_uint_eq(made, 0);
    ck_assert_int_eq(netting_transfers(none, 0, 0, NETTING_OPERATOR, transfers, &made), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("netting");
    TCase *cases = tcase_create("netting");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, direct_is_fewest);
    tcase_add_test(cases, direct_exhaustive);
    tcase_add_test(cases, direct_of_many);
    tcase_add_test(cases, through_operator);
    tcase_add_test(cases, carry_over);
    tcase_add_test(cases, refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
