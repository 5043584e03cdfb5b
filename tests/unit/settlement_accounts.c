#include "settlement_accounts.h"

#include <check.h>

#include "base/text.h"
#include "core/fec/check.h"
#include "core/fec/fec.h"
#include "crypt/sha256.h"
#include "passerelle/v1/entries.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "stride.h"
#include "wire/pack.h"

#define FILE_IS(name) PASSERELLE__V1__ACCOUNTS_FILE__ACCOUNTS_FILE_##name

static struct principal operator_of(void)
{
    return network_who(ROLE_OPERATOR, "olive");
}

static const struct call *ask(struct network *network, struct principal who, const char *member_id,
                              int year, Passerelle__V1__AccountsFile file, size_t offset)
{
    Passerelle__V1__GetAccountsRequest *request =
        network_new(network, &passerelle__v1__get_accounts_request__descriptor);
    request->member_id = arena_string(&network->arena, view_of(member_id));
    request->from = arena_printf(&network->arena, "%d-01-01", year);
    request->to = arena_printf(&network->arena, "%d-12-31", year);
    request->file = file;
    request->offset = offset;
    return network_call(network, who, "SettlementService", "GetAccounts", &request->base);
}

static const Passerelle__V1__GetAccountsResponse *
get(struct network *network, const char *member_id, int year, Passerelle__V1__AccountsFile file)
{
    const struct call *call = ask(network, operator_of(), member_id, year, file, 0);
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    const Passerelle__V1__GetAccountsResponse *response = (const void *)call->response;
    uint8_t hash[SHA256_LEN];
    ck_assert_uint_eq(response->content.len, response->size);
    sha256(wire_view(response->content), hash);
    ck_assert(view_equal(view_bytes(hash, sizeof hash), wire_view(response->sha256)));
    return response;
}

static void keep(void *context, const struct fec_finding *finding)
{
    *(struct fec_finding *)context = *finding;
}

/* "1234,56", "-0,05" */
static int64_t amount(struct view text)
{
    bool below = text.len > 0 && text.data[0] == '-';
    uint64_t whole = 0;
    uint64_t part = 0;
    struct view rest = view_slice(text, below, text.len);
    struct view euros;
    ck_assert(view_cut(&rest, ',', &euros) && text_u64(euros, &whole) == E_OK && rest.len == 2);
    part = (uint64_t)(rest.data[0] - '0') * 10 + (uint64_t)(rest.data[1] - '0');
    int64_t cents = (int64_t)(whole * 100 + part);
    return below ? -cents : cents;
}

/* A cell of a row that has no quotes, counted from its end. */
static struct view cell_from_end(struct view row, size_t place)
{
    size_t to = row.len;
    for (; place > 0; place--) {
        while (to > 0 && row.data[to - 1] != ';') {
            to--;
        }
        to--;
    }
    size_t from = to;
    while (from > 0 && row.data[from - 1] != ';') {
        from--;
    }
    return view_slice(row, from, to);
}

/* The balance of all auxiliary accounts of an account, from a trial balance. */
static int64_t balance_of(struct view csv, const char *account)
{
    int64_t sum = 0;
    struct view row;
    while (view_cut(&csv, '\n', &row)) {
        if (view_starts(row, account)) {
            sum += amount(cell_from_end(view_slice(row, 0, row.len - 1), 0));
        }
    }
    return sum;
}

static struct view last_row(struct view csv)
{
    struct view row = VIEW_NONE;
    struct view next;
    while (view_cut(&csv, '\n', &next)) {
        row = next.len > 0 ? view_slice(next, 0, next.len - 1) : row;
    }
    return row;
}

static size_t rows_of(struct view csv)
{
    size_t rows = 0;
    for (size_t i = 0; i < csv.len; i++) {
        rows += csv.data[i] == '\n';
    }
    return rows;
}

/* One year of one member: no rule broken, three files of one sum. Returns the trial balance. */
static struct view year_holds(struct network *network, const char *member_id, int year)
{
    const Passerelle__V1__GetAccountsResponse *fec = get(network, member_id, year, FILE_IS(FEC));
    struct view balance = wire_view(get(network, member_id, year, FILE_IS(TRIAL_BALANCE))->content);
    struct view ledger = wire_view(get(network, member_id, year, FILE_IS(LEDGER))->content);
    struct fec_finding found = {0};
    struct fec_report report;
    fec_check(wire_view(fec->content), view_of(fec->name), keep, &found, &report);
    ck_assert_msg(report.findings == 0, "%s %d: line %zu: %s", member_id, year, found.line,
                  found.text);
    ck_assert_uint_eq(report.lines, fec->lines);
    ck_assert_uint_eq(report.entries, fec->entries);
    ck_assert_int_eq(report.debits.cents, report.credits.cents);
    ck_assert_int_eq(report.debits.cents, fec->debit_cents);
    struct view total = last_row(balance);
    ck_assert(view_starts(total, "Total;"));
    ck_assert_int_eq(amount(cell_from_end(total, 2)), fec->debit_cents);
    ck_assert_int_eq(amount(cell_from_end(total, 1)), fec->debit_cents);
    ck_assert_uint_eq(rows_of(ledger), fec->lines + 1);
    return balance;
}

/* What the closes booked on one account of a member, debit above 0. */
static int64_t closes_booked(struct network *network, const char *member_id, struct month first,
                             int count, const char *account)
{
    int64_t sum = 0;
    for (int i = 0; i < count; i++) {
        char text[8];
        month_format((struct month){first.number + i}, text);
        Passerelle__V1__GetTrialBalanceRequest *request =
            network_new(network, &passerelle__v1__get_trial_balance_request__descriptor);
        request->month = arena_string(&network->arena, view_of(text));
        request->member_id = arena_string(&network->arena, view_of(member_id));
        const Passerelle__V1__GetTrialBalanceResponse *told = network_must(
            network, operator_of(), "SettlementService", "GetTrialBalance", &request->base);
        for (size_t k = 0; k < told->n_accounts; k++) {
            if (strcmp(told->accounts[k]->account, account) == 0) {
                sum += told->accounts[k]->debit_cents - told->accounts[k]->credit_cents;
            }
        }
    }
    return sum;
}

/* Sales, costs and VAT of the years are those of the closes. */
static void equals_closes(struct network *network, const char *member_id, struct month first,
                          int count, const struct view *balances, size_t years)
{
    static const struct {
        const char *number, *account;
        bool stays; /* a balance goes on in the next year */
    } same[] = {{"706000", "pass_sales", false},     {"611000", "hosting_bought", false},
                {"622800", "fee_expense", false},    {"706100", "hosting_sold", false},
                {"740000", "subsidy_income", false}, {"445710", "vat_collected", true},
                {"445660", "vat_paid", true}};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        int64_t booked = 0;
        for (size_t y = same[i].stays ? years - 1 : 0; y < years; y++) {
            booked += balance_of(balances[y], same[i].number);
        }
        int64_t wanted = closes_booked(network, member_id, first, count, same[i].account);
        ck_assert_msg(booked == wanted, "%s %s: %lld, not %lld", member_id, same[i].account,
                      (long long)booked, (long long)wanted);
    }
}

/* ---- charts ---- */

static const Passerelle__V1__GetChartResponse *chart_get(struct network *network,
                                                         struct principal who, const char *id)
{
    Passerelle__V1__GetChartRequest *request =
        network_new(network, &passerelle__v1__get_chart_request__descriptor);
    request->member_id = arena_string(&network->arena, view_of(id));
    return network_must(network, who, "SettlementService", "GetChart", &request->base);
}

static const struct call *chart_put(struct network *network, struct principal who,
                                    const Passerelle__V1__Chart *chart)
{
    Passerelle__V1__PutChartRequest *request =
        network_new(network, &passerelle__v1__put_chart_request__descriptor);
    request->request_id = network_request_id(network);
    request->chart = (Passerelle__V1__Chart *)wire_clone(&network->arena, &chart->base);
    return network_call(network, who, "SettlementService", "PutChart", &request->base);
}

static Passerelle__V1__LineVerdict verdict_of(const struct call *call)
{
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    return ((const Passerelle__V1__PutChartResponse *)(const void *)call->response)->verdict;
}

static void refused(const struct call *call, const char *says)
{
    ck_assert_int_eq(call->error.code, CODE_INVALID_ARGUMENT);
    ck_assert_msg(strstr(call->error.message, says) != NULL, "%s", call->error.message);
}

static Passerelle__V1__OpeningBalance *opening(struct network *network, const char *account,
                                               int64_t cents)
{
    Passerelle__V1__OpeningBalance *out =
        network_new(network, &passerelle__v1__opening_balance__descriptor);
    out->account = arena_string(&network->arena, view_of(account));
    out->label = arena_string(&network->arena, VIEW_LIT("Report"));
    out->amount_cents = cents;
    return out;
}

/* The member maps its sales elsewhere and tells what stood on its accounts; then it is so. */
static void charts_are_used(struct network *network, const char *id, int year)
{
    struct principal member = network_who(ROLE_MEMBER, id);
    const Passerelle__V1__GetChartResponse *before = chart_get(network, member, "");
    Passerelle__V1__Chart *chart = before->chart;
    int64_t sales = balance_of(year_holds(network, id, year), "706000");
    ck_assert_uint_eq(chart->n_accounts, FEC_KEY_COUNT);
    ck_assert_uint_eq(before->n_added, 2);
    ck_assert_str_eq(before->added[1]->account, "487000");
    ck_assert_int_lt(before->added[1]->amount_cents, 0);
    ck_assert_int_ne(sales, 0);
    chart->accounts[FEC_SALES]->account = arena_string(&network->arena, VIEW_LIT("7061TL"));
    ck_assert_int_eq(verdict_of(chart_put(network, member, chart)),
                     PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_ADDED);
    ck_assert_int_eq(verdict_of(chart_put(network, member, chart)),
                     PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED);
    struct view balance = year_holds(network, id, year);
    ck_assert_int_eq(balance_of(balance, "706000"), 0);
    ck_assert_int_eq(balance_of(balance, "7061TL"), sales);
    ck_assert_int_eq(balance_of(balance, "101000"), 0);
    Passerelle__V1__OpeningBalance *told[] = {opening(network, "512000", 4200),
                                              opening(network, "101000", -4000),
                                              opening(network, "487000", -200)};
    chart->openings = told;
    chart->n_openings = ARRAY_LEN(told);
    ck_assert_int_eq(verdict_of(chart_put(network, member, chart)),
                     PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_CHANGED);
    ck_assert_int_eq(balance_of(year_holds(network, id, year), "101000"), -4000);
    ck_assert_uint_eq(chart_get(network, member, id)->n_added, 0);
    /* what cannot be */
    chart->n_openings = 2;
    refused(chart_put(network, member, chart), "are 2.00 EUR, not 0");
    chart->n_openings = 0;
    chart->accounts[FEC_BANK]->account = arena_string(&network->arena, VIEW_LIT("51"));
    refused(chart_put(network, member, chart), "'51' is no account");
    chart->accounts[FEC_BANK] = chart->accounts[FEC_SALES];
    refused(chart_put(network, member, chart), "sales stands there twice");
    chart->n_accounts = 0;
    chart->member_id = arena_string(&network->arena, VIEW_LIT("m999"));
    refused(chart_put(network, operator_of(), chart), "there is no member m999");
    ck_assert_int_eq(chart_put(network, member, chart)->error.code, CODE_PERMISSION_DENIED);
}

/* ---- money that moved ---- */

static void booked(struct network *network, const char *booking, const char *payment, int64_t cents,
                   Passerelle__V1__PaymentState before, Passerelle__V1__PaymentState after)
{
    Passerelle__V1__PaymentBooking one = PASSERELLE__V1__PAYMENT_BOOKING__INIT;
    Passerelle__V1__PaymentBooking *all[] = {&one};
    Passerelle__V1__PaymentsBooked entry = PASSERELLE__V1__PAYMENTS_BOOKED__INIT;
    one.booking_id = arena_string(&network->arena, view_of(booking));
    one.payment_id = arena_string(&network->arena, view_of(payment));
    one.month = arena_string(&network->arena, VIEW_LIT("2026-12"));
    one.booked_on = arena_string(&network->arena, VIEW_LIT("2027-02-03"));
    one.bank_reference = arena_string(&network->arena, VIEW_LIT("BQ-77"));
    one.cents = cents;
    one.before = before;
    one.after = after;
    entry.bookings = all;
    entry.n_bookings = 1;
    recorded_begin(network);
    recorded_append_entry(network, "books", PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PAYMENTS_BOOKED,
                          &entry.base);
    recorded_commit(network);
}

/* A payment of a kind that the member gets (or, below 0, makes) in December's close. */
static const Passerelle__V1__Payment *payment_of(struct network *network, const char *id,
                                                 Passerelle__V1__PaymentKind kind)
{
    Passerelle__V1__ListPaymentsRequest *request =
        network_new(network, &passerelle__v1__list_payments_request__descriptor);
    request->month = arena_string(&network->arena, VIEW_LIT("2026-12"));
    request->party_id = arena_string(&network->arena, view_of(id));
    const Passerelle__V1__ListPaymentsResponse *all =
        network_must(network, operator_of(), "SettlementService", "ListPayments", &request->base);
    for (size_t i = 0; i < all->n_payments; i++) {
        const Passerelle__V1__Payment *one = all->payments[i];
        bool own = strcmp(one->from_id, id) == 0 || strcmp(one->to_id, id) == 0;
        if (own && one->kind == kind && one->cents > 0) {
            return one;
        }
    }
    return NULL;
}

#define STATE(name) PASSERELLE__V1__PAYMENT_STATE__PAYMENT_STATE_##name

/* Confirmed, it stands at the bank and is owed no longer; returned, it is owed again; refused
 * before it was booked, or a match undone, nothing happened. */
static void payments_are_booked(struct network *network, const char *id, int year,
                                Passerelle__V1__PaymentKind kind, const char *owed)
{
    const Passerelle__V1__Payment *payment = payment_of(network, id, kind);
    ck_assert_ptr_nonnull(payment);
    struct view before = year_holds(network, id, year);
    int64_t bank = balance_of(before, "512000");
    int64_t owes = balance_of(before, owed);
    int64_t cents = strcmp(payment->to_id, id) == 0 ? payment->cents : -payment->cents;
    booked(network, "b-0", payment->payment_id, payment->cents, STATE(SENT), STATE(RETURNED));
    ck_assert_int_eq(balance_of(year_holds(network, id, year), "512000"), bank);
    booked(network, "b-1", payment->payment_id, payment->cents, STATE(RETURNED), STATE(CONFIRMED));
    struct view after = year_holds(network, id, year);
    ck_assert_int_eq(balance_of(after, "512000"), bank + cents);
    ck_assert_int_eq(balance_of(after, owed), owes - cents);
    booked(network, "b-2", payment->payment_id, payment->cents, STATE(CONFIRMED), STATE(RETURNED));
    ck_assert_int_eq(balance_of(year_holds(network, id, year), "512000"), bank);
    Passerelle__V1__BookingUndone undone = PASSERELLE__V1__BOOKING_UNDONE__INIT;
    undone.booking_id = arena_string(&network->arena, VIEW_LIT("b-2"));
    recorded_begin(network);
    recorded_append_entry(network, "books", PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_BOOKING_UNDONE,
                          &undone.base);
    recorded_commit(network);
    ck_assert_int_eq(balance_of(year_holds(network, id, year), "512000"), bank + cents);
    ck_assert_ptr_nonnull(strstr((const char *)get(network, id, year, FILE_IS(FEC))->content.data,
                                 "\tBQ-77\t20270203\t"));
}

/* ---- scope and parts ---- */

/* One answer has what three have. */
static void files_at_once(struct network *network, const char *own)
{
    static const Passerelle__V1__AccountsFile files[] = {FILE_IS(FEC), FILE_IS(TRIAL_BALANCE),
                                                         FILE_IS(LEDGER)};
    Passerelle__V1__GetAccountsRequest *request =
        network_new(network, &passerelle__v1__get_accounts_request__descriptor);
    request->from = arena_string(&network->arena, VIEW_LIT("2026-01-01"));
    request->to = arena_string(&network->arena, VIEW_LIT("2026-12-31"));
    request->every_file = true;
    const Passerelle__V1__GetAccountsResponse *all = network_must(
        network, network_who(ROLE_MEMBER, own), "SettlementService", "GetAccounts", &request->base);
    ck_assert_uint_eq(all->n_files, ARRAY_LEN(files));
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const Passerelle__V1__GetAccountsResponse *one = get(network, own, 2026, files[i]);
        ck_assert_uint_eq(one->n_files, 0);
        ck_assert_str_eq(all->files[i]->name, one->name);
        ck_assert(view_equal(wire_view(all->files[i]->content), wire_view(one->content)));
    }
}

static void asked_wrongly(struct network *network, const char *own, const char *other)
{
    struct principal member = network_who(ROLE_MEMBER, own);
    const struct call *call = ask(network, member, other, 2026, FILE_IS(FEC), 0);
    ck_assert_int_eq(call->error.code, CODE_PERMISSION_DENIED);
    call = ask(network, operator_of(), "m999", 2026, FILE_IS(FEC), 0);
    ck_assert_int_eq(call->error.code, CODE_NOT_FOUND);
    call = ask(network, operator_of(), own, 1789, FILE_IS(FEC), 0);
    ck_assert_int_eq(call->error.code, CODE_INVALID_ARGUMENT);
    call = ask(network, operator_of(), own, 2019, FILE_IS(FEC), 0); /* before the first close */
    ck_assert_int_eq(call->error.code, CODE_FAILED_PRECONDITION);
    const Passerelle__V1__GetAccountsResponse *whole = get(network, own, 2026, FILE_IS(LEDGER));
    call = ask(network, member, "", 2026, FILE_IS(LEDGER), 100);
    ck_assert_int_eq(call->error.code, CODE_OK);
    const Passerelle__V1__GetAccountsResponse *rest = (const void *)call->response;
    ck_assert(view_equal(wire_view(rest->content),
                         view_slice(wire_view(whole->content), 100, whole->size)));
    ck_assert_uint_eq(rest->size, whole->size);
    call = ask(network, member, own, 2026, FILE_IS(LEDGER), whole->size + 1);
    ck_assert_int_eq(call->error.code, CODE_INVALID_ARGUMENT);
}

void accounts_hold(struct network *network, struct month first, int count)
{
    Passerelle__V1__ListMembersRequest *request =
        network_new(network, &passerelle__v1__list_members_request__descriptor);
    const Passerelle__V1__ListMembersResponse *members =
        network_must(network, operator_of(), "NetworkService", "ListMembers", &request->base);
    const char *issuer = NULL;
    int year;
    int month;
    int day;
    day_split(month_first(first), &year, &month, &day);
    for (size_t i = 0; i < members->n_members; i += 4 * stride()) {
        const char *id = members->members[i]->member_id;
        struct view balances[] = {year_holds(network, id, year), year_holds(network, id, year + 1)};
        equals_closes(network, id, first, count, balances, ARRAY_LEN(balances));
        /* What a year ends with opens the next one. */
        const Passerelle__V1__GetAccountsResponse *fec = get(network, id, year + 1, FILE_IS(FEC));
        bool has = balance_of(balances[0], "4") != 0 || balance_of(balances[0], "5") != 0;
        ck_assert_msg(!has || strstr((const char *)fec->content.data, "\r\nAN\t") != NULL,
                      "%s opens with nothing", id);
        ck_assert_uint_eq(fec->n_open_months, 2); /* November and December */
        ck_assert_str_eq(fec->open_months[0], "2027-11");
        issuer = issuer == NULL && balance_of(balances[1], "706000") != 0 &&
                         chart_get(network, operator_of(), id)->n_added > 0
                     ? id
                     : issuer;
    }
    ck_assert_ptr_nonnull(issuer);
    files_at_once(network, issuer);
    asked_wrongly(network, issuer, strcmp(issuer, "m001") == 0 ? "m002" : "m001");
    payments_are_booked(network, issuer, year + 1,
                        PASSERELLE__V1__PAYMENT_KIND__PAYMENT_KIND_TRANSFER, "467000");
    payments_are_booked(network, issuer, year + 1,
                        PASSERELLE__V1__PAYMENT_KIND__PAYMENT_KIND_INVOICE, "411000");
    charts_are_used(network, issuer, year + 1);
}
