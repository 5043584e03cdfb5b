#include "core/books/books.h"

#include <assert.h>

#include "base/arena.h"

static const struct {
    const char *name;
    bool between_members;
} accounts[] = {
    [ACCOUNT_EMPLOYERS_RECEIVABLE] = {"employers_receivable", false},
    [ACCOUNT_CARNETS_DEFERRED] = {"carnets_deferred", false},
    [ACCOUNT_PASS_SALES] = {"pass_sales", false},
    [ACCOUNT_HOSTS_PAYABLE] = {"hosts_payable", true},
    [ACCOUNT_HOSTING_BOUGHT] = {"hosting_bought", false},
    [ACCOUNT_FEE_PAYABLE] = {"fee_payable", true},
    [ACCOUNT_FEE_EXPENSE] = {"fee_expense", false},
    [ACCOUNT_SUBSIDY_RECEIVABLE] = {"subsidy_receivable", true},
    [ACCOUNT_SUBSIDY_INCOME] = {"subsidy_income", false},
    [ACCOUNT_ISSUERS_RECEIVABLE] = {"issuers_receivable", true},
    [ACCOUNT_HOSTING_SOLD] = {"hosting_sold", false},
    [ACCOUNT_FEE_RECEIVABLE] = {"fee_receivable", true},
    [ACCOUNT_FEE_INCOME] = {"fee_income", false},
    [ACCOUNT_SUBSIDY_PAYABLE] = {"subsidy_payable", true},
    [ACCOUNT_SUBSIDY_PASSED_ON] = {"subsidy_passed_on", false},
    [ACCOUNT_VAT_COLLECTED] = {"vat_collected", false},
    [ACCOUNT_VAT_PAID] = {"vat_paid", false},
};
_Static_assert(ARRAY_LEN(accounts) == ACCOUNT_COUNT, "every account has a row");

const char *account_name(enum account account)
{
    return accounts[account].name;
}

void books_init(struct books *books, uint32_t member_count)
{
    books->member_count = member_count;
    books->balances = xcalloc((size_t)member_count * ACCOUNT_COUNT + 1, sizeof(*books->balances));
    books->debits = xcalloc((size_t)member_count * ACCOUNT_COUNT + 1, sizeof(*books->debits));
}

void books_release(struct books *books)
{
    free(books->balances);
    free(books->debits);
    *books = (struct books){0};
}

int books_post(struct books *books, const struct posting *postings, size_t count)
{
    struct cents sum = CENTS(0);
    for (size_t i = 0; i < count; i++) {
        assert(postings[i].member < books->member_count);
        size_t at = (size_t)postings[i].member * ACCOUNT_COUNT + (size_t)postings[i].account;
        int error = cents_accumulate(&sum, postings[i].amount);
        if (error == 0) {
            error = cents_accumulate(&books->balances[at], postings[i].amount);
        }
        if (error == 0 && postings[i].amount.cents > 0) {
            error = cents_accumulate(&books->debits[at], postings[i].amount);
        }
        if (error != 0) {
            return error;
        }
    }
    assert(sum.cents == 0);
    return 0;
}

struct cents books_debits(const struct books *books, uint32_t member, enum account account)
{
    assert(member < books->member_count);
    return books->debits[(size_t)member * ACCOUNT_COUNT + (size_t)account];
}

struct cents books_balance(const struct books *books, uint32_t member, enum account account)
{
    assert(member < books->member_count);
    return books->balances[(size_t)member * ACCOUNT_COUNT + (size_t)account];
}

int books_position(const struct books *books, uint32_t member, struct cents *out)
{
    struct cents sum = CENTS(0);
    for (int i = 0; i < ACCOUNT_COUNT; i++) {
        if (accounts[i].between_members) {
            int error = cents_accumulate(&sum, books_balance(books, member, (enum account)i));
            if (error != 0) {
                return error;
            }
        }
    }
    *out = sum;
    return 0;
}

int books_trial_balance(const struct books *books, struct cents *out)
{
    struct cents sum = CENTS(0);
    for (size_t i = 0; i < (size_t)books->member_count * ACCOUNT_COUNT; i++) {
        int error = cents_accumulate(&sum, books->balances[i]);
        if (error != 0) {
            return error;
        }
    }
    *out = sum;
    return 0;
}
