/* Double-entry books: balances by (member, account). A document is posted whole, to both parties'
 * accounts, and its postings add up to 0 for each of them; so the trial balance is 0, always.
 * Debits are above 0, credits below. Not shared between threads. */
#ifndef CORE_BOOKS_BOOKS_H
#define CORE_BOOKS_BOOKS_H

#include "core/money/cents.h"

enum account {
    ACCOUNT_EMPLOYERS_RECEIVABLE, /* issuer: what employers owe it, gross */
    ACCOUNT_CARNETS_DEFERRED,     /* issuer: sold units that nobody used yet, net */
    ACCOUNT_PASS_SALES,           /* issuer: usage, subscriptions and used carnet units, net */
    ACCOUNT_HOSTS_PAYABLE,        /* issuer: what it owes hosts, gross */
    ACCOUNT_HOSTING_BOUGHT,       /* issuer: net */
    ACCOUNT_FEE_PAYABLE,          /* issuer: what it owes the operator, gross */
    ACCOUNT_FEE_EXPENSE,          /* issuer: net */
    ACCOUNT_SUBSIDY_RECEIVABLE,   /* issuer: what the operator owes it */
    ACCOUNT_SUBSIDY_INCOME,       /* issuer */
    ACCOUNT_ISSUERS_RECEIVABLE,   /* host: what issuers owe it, gross */
    ACCOUNT_HOSTING_SOLD,         /* host: net */
    ACCOUNT_FEE_RECEIVABLE,       /* operator: gross */
    ACCOUNT_FEE_INCOME,           /* operator: net */
    ACCOUNT_SUBSIDY_PAYABLE,      /* operator */
    ACCOUNT_SUBSIDY_PASSED_ON,    /* operator: the Region's money on its way */
    ACCOUNT_VAT_COLLECTED,        /* whoever sells */
    ACCOUNT_VAT_PAID,             /* whoever buys */
};
enum { ACCOUNT_COUNT = 17 };

struct posting {
    uint32_t member;
    enum account account;
    struct cents amount; /* debit above 0 */
};

struct books {
    struct cents *balances; /* [member][account] */
    struct cents *debits;   /* likewise: what was debited; credits are debits less the balance */
    uint32_t member_count;
};

/* "employers_receivable"; for reports. */
const char *account_name(enum account account);

void books_init(struct books *books, uint32_t member_count);
void books_release(struct books *books);
/* Adds them all. That they add up to 0 is asserted. E_OVERFLOW leaves the books unusable. */
must_check int books_post(struct books *books, const struct posting *postings, size_t count);
struct cents books_debits(const struct books *books, uint32_t member, enum account account);
struct cents books_balance(const struct books *books, uint32_t member, enum account account);
/* What the network owes the member: the accounts between members, added up. */
must_check int books_position(const struct books *books, uint32_t member, struct cents *out);
/* The sum of all balances of every member, which is 0 unless there is a bug. */
must_check int books_trial_balance(const struct books *books, struct cents *out);

#endif
