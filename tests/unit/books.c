#include "core/books/books.h"

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attr.h"

enum { ISSUER, HOST, OPERATOR, MEMBERS };

static struct books books;

static void setup(void)
{
    books_init(&books, MEMBERS);
}

static void teardown(void)
{
    books_release(&books);
}

/* A host invoice of 100.00 net and 20.00 of VAT, in the accounts of both. */
static const struct posting host_invoice[] = {
    {ISSUER, ACCOUNT_HOSTING_BOUGHT, {10000}}, {ISSUER, ACCOUNT_VAT_PAID, {2000}},
    {ISSUER, ACCOUNT_HOSTS_PAYABLE, {-12000}}, {HOST, ACCOUNT_ISSUERS_RECEIVABLE, {12000}},
    {HOST, ACCOUNT_HOSTING_SOLD, {-10000}},    {HOST, ACCOUNT_VAT_COLLECTED, {-2000}},
};

static int64_t position(uint32_t member)
{
    struct cents out;
    ck_assert_int_eq(books_position(&books, member, &out), 0);
    return out.cents;
}

START_TEST(both_parties_see_what_is_owed)
{
    ck_assert_int_eq(books_post(&books, host_invoice, ARRAY_LEN(host_invoice)), 0);
    ck_assert_int_eq(position(HOST), 12000);
    ck_assert_int_eq(position(ISSUER), -12000);
    ck_assert_int_eq(position(OPERATOR), 0);
    ck_assert_int_eq(books_balance(&books, ISSUER, ACCOUNT_VAT_PAID).cents, 2000);
    ck_assert_int_eq(books_balance(&books, HOST, ACCOUNT_VAT_PAID).cents, 0);
}
END_TEST

/* A correction turns a balance back; what was debited stays told. */
START_TEST(debits_are_not_balances)
{
    const struct posting back[] = {
        {HOST, ACCOUNT_ISSUERS_RECEIVABLE, {-5000}},
        {HOST, ACCOUNT_HOSTING_SOLD, {5000}},
    };
    ck_assert_int_eq(books_post(&books, host_invoice, ARRAY_LEN(host_invoice)), 0);
    ck_assert_int_eq(books_post(&books, back, ARRAY_LEN(back)), 0);
    ck_assert_int_eq(books_balance(&books, HOST, ACCOUNT_ISSUERS_RECEIVABLE).cents, 7000);
    ck_assert_int_eq(books_debits(&books, HOST, ACCOUNT_ISSUERS_RECEIVABLE).cents, 12000);
    ck_assert_int_eq(books_debits(&books, HOST, ACCOUNT_HOSTING_SOLD).cents, 5000);
}
END_TEST

/* Whatever is posted: the trial balance is 0, and positions are what the accounts between members
 * add up to, in a sum of its own. */
START_TEST(random_postings_balance)
{
    uint64_t seed = 23;
    printf("random_postings_balance: seed %" PRIu64 "\n", seed);
    int64_t expected[MEMBERS][ACCOUNT_COUNT] = {0};
    for (int round = 0; round < 2000; round++) {
        struct posting postings[8];
        int64_t sum = 0;
        for (size_t i = 0; i < ARRAY_LEN(postings); i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            uint32_t member = (uint32_t)(seed >> 33) % MEMBERS;
            uint32_t account = (uint32_t)(seed >> 40) % ACCOUNT_COUNT;
            bool last = i + 1 == ARRAY_LEN(postings);
            int64_t cents = last ? -sum : (int64_t)(seed >> 44) - (INT64_C(1) << 19);
            postings[i] = (struct posting){member, (enum account)account, {cents}};
            expected[member][account] += cents;
            sum += cents;
        }
        ck_assert_int_eq(books_post(&books, postings, ARRAY_LEN(postings)), 0);
        struct cents trial;
        ck_assert_int_eq(books_trial_balance(&books, &trial), 0);
        ck_assert_int_eq(trial.cents, 0);
    }
    static const enum account between[] = {ACCOUNT_HOSTS_PAYABLE,      ACCOUNT_FEE_PAYABLE,
                                           ACCOUNT_SUBSIDY_RECEIVABLE, ACCOUNT_ISSUERS_RECEIVABLE,
                                           ACCOUNT_FEE_RECEIVABLE,     ACCOUNT_SUBSIDY_PAYABLE};
    for (uint32_t m = 0; m < MEMBERS; m++) {
        int64_t owed = 0;
        for (int a = 0; a < ACCOUNT_COUNT; a++) {
            ck_assert_int_eq(books_balance(&books, m, (enum account)a).cents, expected[m][a]);
        }
        for (size_t i = 0; i < ARRAY_LEN(between); i++) {
            owed += expected[m][between[i]];
        }
        ck_assert_int_eq(position(m), owed);
    }
}
END_TEST

START_TEST(one_sided_postings_stop_the_program)
{
    const struct posting gift = {HOST, ACCOUNT_ISSUERS_RECEIVABLE, {1}};
    ck_assert_int_eq(books_post(&books, &gift, 1), 0);
}
END_TEST

START_TEST(more_than_an_account_holds)
{
    const struct posting much[] = {
        {HOST, ACCOUNT_ISSUERS_RECEIVABLE, {INT64_MAX}},
        {HOST, ACCOUNT_HOSTING_SOLD, {-INT64_MAX}},
    };
    ck_assert_int_eq(books_post(&books, much, ARRAY_LEN(much)), 0);
    ck_assert_int_eq(books_post(&books, much, ARRAY_LEN(much)), E_OVERFLOW);
}
END_TEST

START_TEST(accounts_have_names_of_their_own)
{
    for (int a = 0; a < ACCOUNT_COUNT; a++) {
        for (int b = 0; b < a; b++) {
            ck_assert_str_ne(account_name((enum account)a), account_name((enum account)b));
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("books");
    TCase *cases = tcase_create("books");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, both_parties_see_what_is_owed);
    tcase_add_test(cases, debits_are_not_balances);
    tcase_add_test(cases, random_postings_balance);
    tcase_add_test(cases, more_than_an_account_holds);
    tcase_add_test(cases, accounts_have_names_of_their_own);
    if (getenv("CK_FORK") == NULL) { /* it ends its process */
        tcase_add_test_raise_signal(cases, one_sided_postings_stop_the_program, SIGABRT);
    }
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
