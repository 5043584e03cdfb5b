/* Fewest transfers. A set of k positions that adds up to 0 needs at most k - 1 transfers, and a set
 * that cannot be split into parts that add up to 0 needs no fewer. So the fewest transfers are n
 * minus the largest number of zero-sum parts into which the positions can be split, and that number
 * follows from all subsets by dynamic programming.
 *
 * Above NETTING_EXACT_MAX the steps are, as long as too many positions are left: pairs of opposite
 * amounts, triples that add up to 0, then the largest debtor pays the largest creditor, which
 * brings at least one of them to 0. The last 20 are settled exactly. */
#include "core/netting/netting.h"

#include <assert.h>

#include "base/arena.h"

/* 21 of them still fit an int64_t with room to spare. */
static const int64_t amount_max = (int64_t)1 << 57;
/* Looking for triples is quadratic: past this many positions it is left out. */
enum { TRIPLES_MAX = 4096 };

struct side {
    int64_t cents;
    uint32_t member;
};

struct settling {
    struct side *open; /* positions that are not 0 yet */
    uint32_t count;
    struct transfer *transfers;
    uint32_t transfer_count;
};

int netting_carry(struct cents *positions, struct cents *carried, uint32_t count,
                  uint32_t operator_member, struct cents minimum)
{
    struct cents total = CENTS(0);
    for (uint32_t i = 0; i < count; i++) {
        bool small = i != operator_member && positions[i].cents > -minimum.cents &&
                     positions[i].cents < minimum.cents;
        carried[i] = small ? positions[i] : CENTS(0);
        int error = cents_accumulate(&total, carried[i]);
        if (error != 0) {
            return error;
        }
    }
    int error = cents_accumulate(&positions[operator_member], total);
    for (uint32_t i = 0; i < count && error == 0; i++) {
        positions[i].cents -= carried[i].cents;
    }
    return error;
}

static void transfer_add(struct settling *settling, uint32_t from, uint32_t to, int64_t cents)
{
    assert(cents > 0 && from != to);
    settling->transfers[settling->transfer_count++] =
        (struct transfer){.from = from, .to = to, .amount = CENTS(cents)};
}

/* As much as brings one of the two to 0. */
static void sides_settle(struct settling *settling, struct side *debtor, struct side *creditor)
{
    assert(debtor->cents < 0 && creditor->cents > 0);
    int64_t amount = -debtor->cents < creditor->cents ? -debtor->cents : creditor->cents;
    transfer_add(settling, debtor->member, creditor->member, amount);
    debtor->cents += amount;
    creditor->cents -= amount;
}

static void settled_drop(struct settling *settling)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < settling->count; i++) {
        if (settling->open[i].cents != 0) {
            settling->open[kept++] = settling->open[i];
        }
    }
    settling->count = kept;
}

/* A zero-sum group: debtors and creditors in turn, each transfer closes one of them, the last both.
 */
static void group_settle(struct settling *settling, struct side **group, uint32_t count)
{
    uint32_t debtor = 0;
    uint32_t creditor = 0;
    for (;;) {
        while (debtor < count && group[debtor]->cents >= 0) {
            debtor++;
        }
        while (creditor < count && group[creditor]->cents <= 0) {
            creditor++;
        }
        if (debtor == count) {
            assert(creditor == count);
            return;
        }
        sides_settle(settling, group[debtor], group[creditor]);
    }
}

static void exact_settle(struct settling *settling)
{
    uint32_t n = settling->count;
    assert(n <= NETTING_EXACT_MAX);
    size_t size = (size_t)1 << n;
    int64_t *sums = xcalloc(size, sizeof(*sums));
    uint8_t *parts = xcalloc(size, sizeof(*parts)); /* the most zero-sum parts within the subset */
    for (size_t set = 1; set < size; set++) {
        uint32_t lowest = (uint32_t)__builtin_ctzl(set);
        sums[set] = sums[set & (set - 1)] + settling->open[lowest].cents;
        uint8_t most = 0;
        for (size_t rest = set; rest != 0; rest &= rest - 1) {
            uint8_t without = parts[set & ~(rest & -rest)];
            most = without > most ? without : most;
        }
        parts[set] = (uint8_t)(most + (sums[set] == 0));
    }
    assert(sums[size - 1] == 0);
    struct side *group[NETTING_EXACT_MAX];
    uint32_t group_count = 0;
    for (size_t set = size - 1; set != 0;) {
        uint32_t i = 0; /* the first whose removal loses nothing */
        while ((set >> i & 1) == 0 ||
               parts[set & ~((size_t)1 << i)] + (sums[set] == 0) != parts[set]) {
            i++;
        }
        group[group_count++] = &settling->open[i];
        set &= ~((size_t)1 << i);
        if (sums[set] == 0) {
            group_settle(settling, group, group_count);
            group_count = 0;
        }
    }
    free(sums);
    free(parts);
    settled_drop(settling);
    assert(settling->count == 0);
}

static int sides_by_size(const void *left, const void *right)
{
    const struct side *a = left;
    const struct side *b = right;
    if (a->cents != b->cents) {
        return a->cents < b->cents ? -1 : 1;
    }
    return a->member < b->member ? -1 : a->member > b->member;
}

/* Pairs of opposite amounts: the two ends of the sorted list walk towards each other. */
static void pairs_settle(struct settling *settling)
{
    qsort(settling->open, settling->count, sizeof(*settling->open), sides_by_size);
    uint32_t low = 0;
    uint32_t high = settling->count - 1;
    while (low < high) {
        struct side *debtor = &settling->open[low];
        struct side *creditor = &settling->open[high];
        int64_t sum = debtor->cents + creditor->cents;
        if (sum == 0) {
            sides_settle(settling, debtor, creditor);
        }
        low += sum <= 0;
        high -= sum >= 0;
    }
    settled_drop(settling);
}

static bool triple_settle(struct settling *settling, uint32_t first)
{
    struct side *open = settling->open;
    uint32_t low = first + 1;
    uint32_t high = settling->count - 1;
    while (low < high) {
        int64_t sum = open[first].cents + open[low].cents + open[high].cents;
        if (sum == 0) {
            group_settle(settling, (struct side *[]){&open[first], &open[low], &open[high]}, 3);
            return true;
        }
        low += sum < 0;
        high -= sum > 0;
    }
    return false;
}

/* Triples that add up to 0. What is settled is dropped at once, so the list stays sorted. */
static void triples_settle(struct settling *settling)
{
    for (uint32_t first = 0; settling->count > NETTING_EXACT_MAX && first + 2 < settling->count;) {
        if (triple_settle(settling, first)) {
            settled_drop(settling);
        } else {
            first++;
        }
    }
}

/* The largest debtor pays the largest creditor: the ends of the sorted list. What is left of one of
 * them moves inwards to its place. */
static void largest_settle(struct settling *settling)
{
    struct side *open = settling->open;
    uint32_t last = settling->count - 1;
    sides_settle(settling, &open[0], &open[last]);
    for (uint32_t i = 0; i < last && sides_by_size(&open[i], &open[i + 1]) > 0; i++) {
        struct side swap = open[i];
        open[i] = open[i + 1];
        open[i + 1] = swap;
    }
    for (uint32_t i = last; i > 0 && sides_by_size(&open[i - 1], &open[i]) > 0; i--) {
        struct side swap = open[i];
        open[i] = open[i - 1];
        open[i - 1] = swap;
    }
    settled_drop(settling);
}

static int sides_by_member(const void *left, const void *right)
{
    const struct side *a = left;
    const struct side *b = right;
    return a->member < b->member ? -1 : a->member > b->member;
}

static void direct_settle(struct settling *settling)
{
    if (settling->count > NETTING_EXACT_MAX) {
        pairs_settle(settling);
        if (settling->count <= TRIPLES_MAX) {
            triples_settle(settling);
        }
        while (settling->count > NETTING_EXACT_MAX) {
            largest_settle(settling);
        }
        qsort(settling->open, settling->count, sizeof(*settling->open), sides_by_member);
    }
    exact_settle(settling);
}

static void operator_settle(struct settling *settling, uint32_t operator_member)
{
    for (uint32_t i = 0; i < settling->count; i++) {
        const struct side *side = &settling->open[i];
        if (side->member == operator_member) {
            continue;
        }
        if (side->cents < 0) {
            transfer_add(settling, side->member, operator_member, -side->cents);
        } else {
            transfer_add(settling, operator_member, side->member, side->cents);
        }
    }
}

static int transfers_compare(const void *left, const void *right)
{
    const struct transfer *a = left;
    const struct transfer *b = right;
    if (a->from != b->from) {
        return a->from < b->from ? -1 : 1;
    }
    return a->to < b->to ? -1 : a->to > b->to;
}

int netting_transfers(const struct cents *positions, uint32_t count, uint32_t operator_member,
                      enum netting_mode mode, struct transfer *transfers, uint32_t *transfer_count)
{
    struct settling settling = {.transfers = transfers};
    settling.open = xmalloc((count + 1u) * sizeof(*settling.open));
    struct cents total = CENTS(0);
    int error = 0;
    for (uint32_t i = 0; i < count && error == 0; i++) {
        if (positions[i].cents > amount_max || positions[i].cents < -amount_max) {
            error = E_OVERFLOW;
        } else if (positions[i].cents != 0) {
            settling.open[settling.count++] = (struct side){positions[i].cents, i};
        }
        if (error == 0) {
            error = cents_accumulate(&total, positions[i]);
        }
    }
    if (error == 0 && total.cents != 0) {
        error = E_INVALID;
    }
    if (error == 0) {
        if (mode == NETTING_OPERATOR) {
            operator_settle(&settling, operator_member);
        } else {
            direct_settle(&settling);
        }
        qsort(transfers, settling.transfer_count, sizeof(*transfers), transfers_compare);
        *transfer_count = settling.transfer_count;
    }
    free(settling.open);
    return error;
}
