/* The steps of a close: rate each month that is due and gather its lines; merge them into
 * documents; post the documents; add up positions; carry small ones over; find the transfers. */
#include "core/close/close.h"

#include <assert.h>

#include "core/close/lines.h"

static const struct vat_rate no_vat = {0};

static const char *const document_words[] = {
    [DOCUMENT_EMPLOYER] = "invoice to employer",
    [DOCUMENT_HOST] = "self-billed invoice of host",
    [DOCUMENT_FEE] = "fee invoice to issuer",
    [DOCUMENT_SUBSIDY] = "subsidy statement of issuer",
};

/* Which carnet units are gone, while months are rated again. */
struct uses {
    struct carnet_use *all;
    size_t count;
};

/* RULES 19: what every closed month but this one took stays taken, so no unit is spent twice. */
static uint32_t *units_spent(const struct uses *uses, const struct roster *roster,
                             struct month month)
{
    uint32_t *spent = xcalloc(roster->carnet_ids.count + 1u, sizeof(*spent));
    for (size_t i = 0; i < uses->count; i++) {
        const struct carnet_use *use = &uses->all[i];
        assert(use->carnet < roster->carnet_ids.count);
        if (use->month.number != month.number &&
            __builtin_add_overflow(spent[use->carnet], use->units, &spent[use->carnet])) {
            spent[use->carnet] = UINT32_MAX;
        }
    }
    return spent;
}

static int uses_compare(const void *left, const void *right)
{
    const struct carnet_use *a = left;
    const struct carnet_use *b = right;
    if (a->month.number != b->month.number) {
        return a->month.number < b->month.number ? -1 : 1;
    }
    return a->carnet < b->carnet ? -1 : a->carnet > b->carnet;
}

static void uses_replace(struct uses *uses, const struct roster *roster,
                         const struct rating *rating)
{
    size_t kept = 0;
    for (size_t i = 0; i < uses->count; i++) {
        if (uses->all[i].month.number != rating->month.number) {
            uses->all[kept++] = uses->all[i];
        }
    }
    uint32_t carnets = roster->carnet_ids.count;
    uses->all = xrealloc(uses->all, kept + carnets + 1, sizeof(*uses->all));
    for (uint32_t i = 0; i < carnets; i++) {
        if (rating->carnet_units[i] > 0) {
            uses->all[kept++] = (struct carnet_use){rating->month, i, rating->carnet_units[i]};
        }
    }
    uses->count = kept;
    qsort(uses->all, uses->count, sizeof(*uses->all), uses_compare);
}

static int month_rate(struct rating *rating, struct lines *lines, struct uses *uses,
                      const struct roster *roster, struct month month, const struct stay *stays,
                      size_t count, struct fault *fault)
{
    uint32_t *spent = units_spent(uses, roster, month);
    int error = rating_run(rating, roster, month, stays, count, spent, fault);
    free(spent);
    if (error == 0) {
        lines_add_month(lines, roster, rating);
        uses_replace(uses, roster, rating);
    }
    return error;
}

static int correction_rate(struct lines *lines, struct uses *uses, const struct roster *roster,
                           const struct close_correction *correction, struct fault *fault)
{
    struct rating rating = RATING_INIT;
    int error = month_rate(&rating, lines, uses, roster, correction->month, correction->stays,
                           correction->stay_count, fault);
    rating_release(&rating);
    char month[8];
    month_format(correction->month, month);
    for (size_t i = 0; i < correction->billed_count && error == 0; i++) {
        if (correction->billed[i].month.number != correction->month.number) {
            error = fault_set(fault, E_INVALID,
                              "a line of another month was handed in as billed for %s", month);
        }
    }
    if (error == 0) {
        error = lines_take_billed(lines, correction->billed, correction->billed_count);
        if (error != 0) {
            fault_set(fault, error, "a line billed for %s has no quantity above 0", month);
        }
    }
    return error;
}

/* RULES 19: oldest month first. */
static int corrections_rate(struct close_result *result, struct lines *lines, struct uses *uses,
                            const struct roster *roster, const struct close_input *input,
                            struct fault *fault)
{
    int32_t before = INT32_MIN;
    for (size_t done = 0; done < input->correction_count; done++) {
        const struct close_correction *next = NULL;
        size_t same = 0;
        for (size_t i = 0; i < input->correction_count; i++) {
            const struct close_correction *one = &input->corrections[i];
            if (one->month.number > before &&
                (next == NULL || one->month.number < next->month.number)) {
                next = one;
            }
        }
        for (size_t i = 0; next != NULL && i < input->correction_count; i++) {
            same += input->corrections[i].month.number == next->month.number;
        }
        if (same != 1 || next->month.number >= input->month.number) {
            return fault_set(fault, E_INVALID, "a corrected month must come once and be earlier");
        }
        before = next->month.number;
        result->revised[result->revised_count++] = next->month;
        int error = correction_rate(lines, uses, roster, next, fault);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int items_sum(struct close_result *result, const struct roster *roster)
{
    const struct rating *rating = &result->rating;
    result->stays = (int64_t)rating->stay_count;
    result->units_used = rating->units_used;
    result->auto_closed = rating->auto_closed;
    result->cut_short = rating->cut_short;
    for (uint32_t i = 0; i < rating->item_count; i++) {
        const struct item *item = &rating->items[i];
        struct close_site *site = &result->sites[item->site];
        result->grace += (item->flags & FLAG_GRACE) != 0;
        result->outside_validity += (item->flags & FLAG_OUTSIDE_VALIDITY) != 0;
        result->overdraft += (item->flags & FLAG_OVERDRAFT) != 0;
        if (item->quantity == 0) {
            continue;
        }
        site->billed = true;
        if (item->slot == SLOT_HALF_DAY) {
            site->half_days++;
        } else if (item->slot == SLOT_DAY) {
            site->days++;
        } else {
            site->room_hours += item->quantity;
        }
        uint32_t employer = roster->plans[roster->holders[item->holder].plan].employer;
        if (roster->employers[employer].issuer != roster->sites[item->site].member) {
            struct cents share;
            const struct prices *prices = tariff_prices(&roster->tariff, item->row);
            if (cents_times(prices->host_share, item->quantity, &share) != 0 ||
                cents_accumulate(&site->host, share) != 0) {
                return E_OVERFLOW;
            }
        }
    }
    for (uint32_t i = 0; i < roster->site_ids.count; i++) {
        result->half_days += result->sites[i].half_days;
        result->days += result->sites[i].days;
        result->room_hours += result->sites[i].room_hours;
    }
    result->visit_days = result->half_days + result->days;
    return 0;
}

static struct vat_rate document_rate(const struct document *document, const struct roster *roster)
{
    switch (document->kind) {
    case DOCUMENT_HOST:
        return roster->members[document->party].vat;
    case DOCUMENT_SUBSIDY:
        return no_vat;
    default:
        return roster->members[document->other].vat;
    }
}

/* RULES 14: net of a line = quantity x price; VAT once, on the sum. */
static int document_sum(struct document *document, const struct line *lines,
                        const struct roster *roster)
{
    for (uint32_t i = 0; i < document->line_count; i++) {
        struct cents net;
        const struct line *line = &lines[document->line_first + i];
        assert(line->quantity > 0);
        if (cents_times(line->price, line->quantity, &net) != 0 ||
            cents_accumulate(&document->net, net) != 0) {
            return E_OVERFLOW;
        }
    }
    int error = cents_vat(document->net, document_rate(document, roster), &document->vat);
    return error != 0 ? error : cents_add(document->net, document->vat, &document->gross);
}

static bool same_document(const struct document *document, const struct line *line)
{
    return document->kind == line->document && document->credit == line->credit &&
           document->party == line->party && document->other == line->other;
}

static int documents_make(struct close_result *result, const struct roster *roster,
                          struct fault *fault)
{
    result->documents = xcalloc(result->line_count + 1u, sizeof(*result->documents));
    for (uint32_t i = 0; i < result->line_count; i++) {
        const struct line *line = &result->lines[i];
        struct document *last = &result->documents[result->document_count];
        if (result->document_count == 0 || !same_document(last - 1, line)) {
            *last = (struct document){.kind = line->document,
                                      .credit = line->credit,
                                      .party = line->party,
                                      .other = line->other,
                                      .line_first = i};
            result->document_count++;
        }
        result->documents[result->document_count - 1].line_count++;
    }
    for (uint32_t i = 0; i < result->document_count; i++) {
        struct document *document = &result->documents[i];
        int error = document_sum(document, result->lines, roster);
        if (error != 0) {
            const struct names *names =
                document->kind == DOCUMENT_EMPLOYER ? &roster->employer_ids : &roster->member_ids;
            return fault_set(fault, error,
                             "the %s %.*s adds up to more than can be counted: check the prices",
                             document_words[document->kind], VIEW_FMT(names->ids[document->party]));
        }
    }
    return 0;
}

/* How a document is booked: `net`, `vat` and `gross` accounts of who sells and who buys. The
 * buyer's mirror the seller's; an employer is nobody's books. */
static const struct {
    enum account owed, earned, owing, spent;
    bool party_sells;
} bookings[] = {
    [DOCUMENT_EMPLOYER] = {ACCOUNT_EMPLOYERS_RECEIVABLE, ACCOUNT_PASS_SALES, 0, 0, false},
    [DOCUMENT_HOST] = {ACCOUNT_ISSUERS_RECEIVABLE, ACCOUNT_HOSTING_SOLD, ACCOUNT_HOSTS_PAYABLE,
                       ACCOUNT_HOSTING_BOUGHT, true},
    [DOCUMENT_FEE] = {ACCOUNT_FEE_RECEIVABLE, ACCOUNT_FEE_INCOME, ACCOUNT_FEE_PAYABLE,
                      ACCOUNT_FEE_EXPENSE, false},
    [DOCUMENT_SUBSIDY] = {ACCOUNT_SUBSIDY_RECEIVABLE, ACCOUNT_SUBSIDY_INCOME,
                          ACCOUNT_SUBSIDY_PAYABLE, ACCOUNT_SUBSIDY_PASSED_ON, true},
};

static struct posting debit(uint32_t member, enum account account, int64_t cents)
{
    return (struct posting){member, account, CENTS(cents)};
}

static int document_post(struct books *books, const struct document *document,
                         const struct line *lines)
{
    int64_t sign = document->credit ? -1 : 1;
    int64_t net = sign * document->net.cents;
    int64_t vat = sign * document->vat.cents;
    int64_t gross = sign * document->gross.cents;
    bool party_sells = bookings[document->kind].party_sells;
    uint32_t seller = party_sells ? document->party : document->other;
    uint32_t buyer = party_sells ? document->other : document->party;
    int64_t carnets = 0; /* paid when bought, earned when used */
    for (uint32_t i = 0; i < document->line_count; i++) {
        const struct line *line = &lines[document->line_first + i];
        carnets += line->kind == LINE_CARNET ? sign * line->price.cents * line->quantity : 0;
    }
    struct posting sold[] = {
        debit(seller, bookings[document->kind].owed, gross),
        debit(seller, bookings[document->kind].earned, carnets - net),
        debit(seller, ACCOUNT_CARNETS_DEFERRED, -carnets),
        debit(seller, ACCOUNT_VAT_COLLECTED, -vat),
    };
    int error = books_post(books, sold, ARRAY_LEN(sold));
    if (error != 0 || document->kind == DOCUMENT_EMPLOYER) {
        return error;
    }
    struct posting bought[] = {
        debit(buyer, bookings[document->kind].owing, -gross),
        debit(buyer, bookings[document->kind].spent, net),
        debit(buyer, ACCOUNT_VAT_PAID, vat),
    };
    return books_post(books, bought, ARRAY_LEN(bought));
}

/* The part of a carnet's price that `used` units have earned. Rounding down on the running total
 * makes the parts of all months add up to the price when the last unit is used. */
static int carnet_earned(const struct carnet *carnet, int64_t used, struct cents *out)
{
    int error = cents_times(carnet->price, used, out);
    if (error == 0) {
        out->cents /= carnet->units;
    }
    return error;
}

static int carnets_post(struct books *books, const struct roster *roster,
                        const struct close_postings *postings)
{
    uint32_t count = roster->carnet_ids.count;
    int64_t *before = xcalloc(count + 1u, sizeof(*before));
    int64_t *after = xcalloc(count + 1u, sizeof(*after));
    for (size_t i = 0; i < postings->use_before_count; i++) {
        before[postings->uses_before[i].carnet] += postings->uses_before[i].units;
    }
    for (size_t i = 0; i < postings->use_after_count; i++) {
        after[postings->uses_after[i].carnet] += postings->uses_after[i].units;
    }
    int error = 0;
    for (uint32_t i = 0; i < count && error == 0; i++) {
        const struct carnet *carnet = &roster->carnets[i];
        struct cents had;
        struct cents has;
        error = carnet_earned(carnet, before[i], &had);
        if (error == 0) {
            error = carnet_earned(carnet, after[i], &has);
        }
        if (error == 0 && had.cents != has.cents) {
            uint32_t issuer = roster->employers[roster->plans[carnet->plan].employer].issuer;
            struct posting earned[] = {
                debit(issuer, ACCOUNT_CARNETS_DEFERRED, has.cents - had.cents),
                debit(issuer, ACCOUNT_PASS_SALES, had.cents - has.cents),
            };
            error = books_post(books, earned, ARRAY_LEN(earned));
        }
    }
    free(before);
    free(after);
    return error;
}

int close_post(struct books *books, const struct roster *roster,
               const struct close_postings *postings)
{
    int error = 0;
    for (uint32_t i = 0; i < postings->document_count && error == 0; i++) {
        error = document_post(books, &postings->documents[i], postings->lines);
    }
    return error == 0 ? carnets_post(books, roster, postings) : error;
}

/* RULES 17, over the documents themselves; the books must come to the same. */
static int positions_sum(struct close_result *result, const struct roster *roster)
{
    for (uint32_t i = 0; i < result->document_count; i++) {
        const struct document *document = &result->documents[i];
        if (document->kind == DOCUMENT_EMPLOYER) {
            continue;
        }
        bool party_gets = (document->kind != DOCUMENT_FEE) != document->credit;
        uint32_t gets = party_gets ? document->party : document->other;
        uint32_t owes = party_gets ? document->other : document->party;
        struct cents *position = &result->positions[owes];
        if (cents_accumulate(&result->positions[gets], document->gross) != 0 ||
            cents_sub(*position, document->gross, position) != 0) {
            return E_OVERFLOW;
        }
    }
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        struct cents booked;
        int error = books_position(&result->books, i, &booked);
        if (error != 0) {
            return error;
        }
        assert(booked.cents == result->positions[i].cents);
    }
    struct cents balance;
    int error = books_trial_balance(&result->books, &balance);
    assert(error != 0 || balance.cents == 0);
    return error;
}

/* RULES 19: what was carried over comes back to the member and leaves the operator. */
static int carried_return(struct close_result *result, const struct roster *roster)
{
    struct cents *operator_position = &result->positions[roster->operator_member];
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        struct cents carried = result->carried_in[i];
        if (i != roster->operator_member &&
            (cents_accumulate(&result->positions[i], carried) != 0 ||
             cents_sub(*operator_position, carried, operator_position) != 0)) {
            return E_OVERFLOW;
        }
    }
    return 0;
}

static int result_settle(struct close_result *result, const struct roster *roster,
                         const struct close_input *input)
{
    uint32_t members = roster->member_ids.count;
    int error = positions_sum(result, roster);
    if (error == 0) {
        error = carried_return(result, roster);
    }
    for (uint32_t i = 0; i < members; i++) {
        result->payable[i] = result->positions[i];
    }
    if (error == 0) {
        error = netting_carry(result->payable, result->carried, members, roster->operator_member,
                              input->carry_minimum);
    }
    for (uint32_t i = 0; i < members && error == 0; i++) {
        result->nonzero += result->payable[i].cents != 0;
        if (result->payable[i].cents > 0) {
            error = cents_accumulate(&result->paid, result->payable[i]);
        }
    }
    if (error == 0) {
        error = netting_transfers(result->payable, members, roster->operator_member, input->mode,
                                  result->transfers, &result->transfer_count);
    }
    assert(error != E_INVALID); /* every document moved its gross from one to another */
    return error;
}

static void result_prepare(struct close_result *result, const struct roster *roster,
                           const struct close_input *input)
{
    size_t members = roster->member_ids.count;
    *result = CLOSE_RESULT_INIT;
    result->month = input->month;
    result->mode = input->mode;
    result->revised = xcalloc(input->correction_count + 1, sizeof(*result->revised));
    result->carried_in = xcalloc(members + 1, sizeof(*result->carried_in));
    for (size_t i = 0; input->carried_in != NULL && i < members; i++) {
        result->carried_in[i] = input->carried_in[i];
    }
    result->sites = xcalloc(roster->site_ids.count + 1u, sizeof(*result->sites));
    result->positions = xcalloc(members + 1, sizeof(*result->positions));
    result->carried = xcalloc(members + 1, sizeof(*result->carried));
    result->payable = xcalloc(members + 1, sizeof(*result->payable));
    result->transfers = xcalloc(members + 1, sizeof(*result->transfers));
    books_init(&result->books, roster->member_ids.count);
}

/* Rates every month that is due; the lines and the carnet units go to the result. */
static int months_rate(struct close_result *result, const struct roster *roster,
                       const struct close_input *input, struct fault *fault)
{
    struct lines lines = LINES_INIT;
    struct uses uses = {.count = input->carnet_use_count};
    uses.all = xmalloc((uses.count + 1) * sizeof(*uses.all));
    for (size_t i = 0; i < uses.count; i++) {
        uses.all[i] = input->carnet_uses[i];
    }
    int error = corrections_rate(result, &lines, &uses, roster, input, fault);
    if (error == 0 && !input->late_only) {
        error = month_rate(&result->rating, &lines, &uses, roster, input->month, input->stays,
                           input->stay_count, fault);
    }
    if (error == 0) {
        error = lines_merge(&lines);
    }
    if (error == 0 && lines.count > UINT32_MAX / 2) {
        error = E_LIMIT;
    }
    result->carnet_uses = uses.all;
    result->carnet_use_count = uses.count;
    result->lines = lines.all;
    result->line_count = (uint32_t)lines.count;
    return error;
}

int close_run(struct close_result *result, const struct roster *roster,
              const struct close_input *input, struct fault *fault)
{
    result_prepare(result, roster, input);
    int error = months_rate(result, roster, input, fault);
    if (error == 0) {
        error = items_sum(result, roster);
    }
    if (error == 0) {
        error = documents_make(result, roster, fault);
    }
    if (error == 0) {
        struct close_postings postings = {
            .documents = result->documents,
            .document_count = result->document_count,
            .lines = result->lines,
            .uses_before = input->carnet_uses,
            .use_before_count = input->carnet_use_count,
            .uses_after = result->carnet_uses,
            .use_after_count = result->carnet_use_count,
        };
        error = close_post(&result->books, roster, &postings);
    }
    if (error == 0) {
        error = result_settle(result, roster, input);
    }
    if (error != 0) {
        fault_set(fault, error,
                  "the amounts of this month are too large to be added up: check the "
                  "prices");
    }
    return error;
}

void close_result_release(struct close_result *result)
{
    rating_release(&result->rating);
    books_release(&result->books);
    free(result->sites);
    free(result->lines);
    free(result->documents);
    free(result->revised);
    free(result->carried_in);
    free(result->carnet_uses);
    free(result->positions);
    free(result->carried);
    free(result->payable);
    free(result->transfers);
    *result = CLOSE_RESULT_INIT;
}
