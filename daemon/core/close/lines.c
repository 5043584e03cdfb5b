/* A month's items are first counted by small keys of dense numbers, in one pass; only the counts, a
 * few thousand, become lines and are sorted. */
#include "core/close/lines.h"

#include <assert.h>

#include "core/close/tally.h"

/* Keys of the tallies. Numbers have 24 bits (names_max, row_count_max). */
enum { NUMBER_BITS = 24, NUMBER_MASK = (1 << NUMBER_BITS) - 1, SLOT_BITS = 2, VERSION_BITS = 5 };
_Static_assert(1 << SLOT_BITS == SLOT_COUNT, "a slot fits its bits");
_Static_assert(2 * NUMBER_BITS + SLOT_BITS + VERSION_BITS < 64, "site, issuer, version, slot");

void lines_release(struct lines *lines)
{
    free(lines->all);
    *lines = LINES_INIT;
}

static void line_add(struct lines *lines, struct line line)
{
    if (lines->count == lines->alloc) {
        lines->alloc = lines->alloc == 0 ? 256 : lines->alloc * 2;
        lines->all = xrealloc(lines->all, lines->alloc, sizeof(*lines->all));
    }
    lines->all[lines->count++] = line;
}

/* RULES 14: what units do not cover is charged: one unit as a half-day, two as a day. */
static bool charge_row(const struct item *item, uint32_t *row)
{
    int uncovered = item->units - item->units_covered;
    *row = item->row - (item->units > 0 && uncovered == 1 && item->slot == SLOT_DAY);
    return item->units == 0 || uncovered > 0;
}

static void charge_emit(struct lines *lines, const struct roster *roster, struct month month,
                        uint32_t employer, uint32_t row, int64_t quantity)
{
    line_add(lines, (struct line){
                        .document = DOCUMENT_EMPLOYER,
                        .kind = LINE_CHARGE,
                        .slot = (uint8_t)(row % SLOT_COUNT),
                        .party = employer,
                        .other = roster->employers[employer].issuer,
                        .month = month,
                        .subject = LINE_NO_SUBJECT,
                        .price = tariff_prices(&roster->tariff, row)->public_price,
                        .quantity = quantity,
                    });
}

static void charges_emit(struct lines *lines, const struct roster *roster, struct month month,
                         const struct tally *charges)
{
    size_t at = 0;
    uint64_t key;
    int64_t quantity;
    while (tally_next(charges, &at, &key, &quantity)) {
        charge_emit(lines, roster, month, (uint32_t)(key >> NUMBER_BITS),
                    (uint32_t)(key & NUMBER_MASK), quantity);
    }
}

/* RULES 15 and 16 for all items of one site, issuer, tariff version and slot. */
static void share_emit(struct lines *lines, const struct roster *roster, struct line line,
                       uint32_t host, uint32_t site, const struct prices *prices)
{
    uint32_t issuer = line.other;
    if (issuer != host) {
        line.document = DOCUMENT_HOST;
        line.kind = LINE_HOST;
        line.party = host;
        line.subject = site;
        line.price = prices->host_share;
        line_add(lines, line);
    }
    if (issuer == roster->operator_member) {
        return;
    }
    line.slot = LINE_NO_SLOT;
    line.subject = LINE_NO_SUBJECT;
    line.party = issuer;
    line.other = roster->operator_member;
    line.document = DOCUMENT_FEE;
    line.kind = LINE_FEE;
    line.price = prices->network_fee;
    line_add(lines, line);
    if (prices->subsidy.cents != 0) {
        line.document = DOCUMENT_SUBSIDY;
        line.kind = LINE_SUBSIDY;
        line.price = prices->subsidy;
        line_add(lines, line);
    }
}

static void shares_emit(struct lines *lines, const struct roster *roster, struct month month,
                        uint32_t first_version, const struct tally *shares)
{
    size_t at = 0;
    uint64_t key;
    int64_t quantity;
    while (tally_next(shares, &at, &key, &quantity)) {
        enum slot slot = (enum slot)(key & (SLOT_COUNT - 1));
        uint32_t version = (uint32_t)(key >> SLOT_BITS) & ((1 << VERSION_BITS) - 1);
        uint32_t issuer = (uint32_t)(key >> (SLOT_BITS + VERSION_BITS)) & NUMBER_MASK;
        uint32_t number = (uint32_t)(key >> (SLOT_BITS + VERSION_BITS + NUMBER_BITS));
        const struct site *site = &roster->sites[number];
        uint32_t row = tariff_row_number(&roster->tariff, first_version + version, site->category,
                                         site->zone, slot);
        struct line line = {
            .slot = (uint8_t)slot, .other = issuer, .month = month, .quantity = quantity};
        share_emit(lines, roster, line, site->member, number, tariff_prices(&roster->tariff, row));
    }
}

static void items_count(struct lines *lines, const struct roster *roster,
                        const struct rating *rating)
{
    const struct tariff *tariff = &roster->tariff;
    uint32_t version_rows = tariff->categories.count * ZONE_COUNT * SLOT_COUNT;
    int in_force = tariff_version_on(tariff, month_first(rating->month));
    uint32_t first_version = in_force < 0 ? 0 : (uint32_t)in_force;
    struct tally charges;
    struct tally shares;
    tally_init(&charges);
    tally_init(&shares);
    for (uint32_t i = 0; i < rating->item_count; i++) {
        const struct item *item = &rating->items[i];
        if (item->quantity == 0) {
            continue;
        }
        uint32_t employer = roster->plans[roster->holders[item->holder].plan].employer;
        uint32_t row;
        if (charge_row(item, &row)) {
            tally_add(&charges, (uint64_t)employer << NUMBER_BITS | row, item->quantity);
        }
        uint64_t key = (uint64_t)item->site << NUMBER_BITS | roster->employers[employer].issuer;
        uint32_t version = item->row / version_rows - first_version;
        assert(version < 1 << VERSION_BITS); /* a month has 31 days: at most so many versions */
        key = (key << VERSION_BITS | version) << SLOT_BITS | item->slot;
        tally_add(&shares, key, item->quantity);
    }
    charges_emit(lines, roster, rating->month, &charges);
    shares_emit(lines, roster, rating->month, first_version, &shares);
    tally_release(&charges);
    tally_release(&shares);
}

static struct line plan_line(const struct roster *roster, struct month month, uint32_t plan,
                             enum line_kind kind, struct cents price)
{
    uint32_t employer = roster->plans[plan].employer;
    return (struct line){.document = DOCUMENT_EMPLOYER,
                         .kind = (uint8_t)kind,
                         .slot = LINE_NO_SLOT,
                         .party = employer,
                         .other = roster->employers[employer].issuer,
                         .month = month,
                         .subject = plan,
                         .price = price,
                         .quantity = 1};
}

void lines_add_month(struct lines *lines, const struct roster *roster, const struct rating *rating)
{
    struct month month = rating->month;
    for (uint32_t i = 0; i < roster->carnet_ids.count; i++) {
        const struct carnet *carnet = &roster->carnets[i];
        if (month_of(carnet->bought_on).number == month.number) {
            line_add(lines, plan_line(roster, month, carnet->plan, LINE_CARNET, carnet->price));
        }
    }
    int64_t *holders = xcalloc(roster->plan_ids.count + 1u, sizeof(*holders));
    for (uint32_t i = 0; i < roster->holder_ids.count; i++) {
        const struct holder *holder = &roster->holders[i];
        if (day_compare(holder->active_from, holder->active_to) <= 0 &&
            day_compare(holder->active_from, month_last(month)) <= 0 &&
            day_compare(month_first(month), holder->active_to) <= 0) {
            holders[holder->plan]++;
        }
    }
    for (uint32_t i = 0; i < roster->plan_ids.count; i++) {
        const struct plan *plan = &roster->plans[i];
        if (plan->type == PLAN_SUBSCRIPTION && holders[i] > 0) {
            struct line line = plan_line(roster, month, i, LINE_SUBSCRIPTION, plan->monthly_fee);
            line.quantity = holders[i];
            line_add(lines, line);
        }
    }
    free(holders);
    items_count(lines, roster, rating);
}

size_t lines_of_item(const struct roster *roster, struct month month, const struct item *item,
                     struct line out[static LINES_OF_ITEM_MAX])
{
    struct lines lines = {.all = out, .alloc = LINES_OF_ITEM_MAX}; /* never more, so never moved */
    if (item->quantity == 0) {
        return 0;
    }
    uint32_t employer = roster->plans[roster->holders[item->holder].plan].employer;
    uint32_t row;
    if (charge_row(item, &row)) {
        charge_emit(&lines, roster, month, employer, row, item->quantity);
    }
    struct line line = {.slot = item->slot,
                        .other = roster->employers[employer].issuer,
                        .month = month,
                        .quantity = item->quantity};
    share_emit(&lines, roster, line, roster->sites[item->site].member, item->site,
               tariff_prices(&roster->tariff, item->row));
    return lines.count;
}

int lines_take_billed(struct lines *lines, const struct line *billed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct line line = billed[i];
        if (line.quantity <= 0) {
            return E_INVALID;
        }
        line.quantity = line.credit ? line.quantity : -line.quantity;
        line.credit = false;
        line_add(lines, line);
    }
    return 0;
}

static int numbers_compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int line_compare(const struct line *a, const struct line *b)
{
    const int orders[] = {
        numbers_compare(a->document, b->document),
        numbers_compare(a->party, b->party),
        numbers_compare(a->other, b->other),
        numbers_compare(a->credit, b->credit),
        a->month.number < b->month.number ? -1 : a->month.number > b->month.number,
        numbers_compare(a->kind, b->kind),
        numbers_compare(a->subject, b->subject),
        numbers_compare(a->slot, b->slot),
        cents_compare(a->price, b->price),
    };
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        if (orders[i] != 0) {
            return orders[i];
        }
    }
    return 0;
}

static int lines_order(const void *a, const void *b)
{
    return line_compare(a, b);
}

int lines_merge(struct lines *lines)
{
    if (lines->count == 0) {
        return 0;
    }
    qsort(lines->all, lines->count, sizeof(*lines->all), lines_order);
    size_t kept = 0;
    for (size_t i = 0; i < lines->count;) {
        struct line line = lines->all[i++];
        while (i < lines->count && line_compare(&line, &lines->all[i]) == 0) {
            if (__builtin_add_overflow(line.quantity, lines->all[i++].quantity, &line.quantity)) {
                return E_OVERFLOW;
            }
        }
        if (line.quantity < 0) {
            line.credit = true;
            line.quantity = -line.quantity;
        }
        if (line.quantity != 0) {
            lines->all[kept++] = line;
        }
    }
    lines->count = kept;
    qsort(lines->all, lines->count, sizeof(*lines->all), lines_order);
    return 0;
}
