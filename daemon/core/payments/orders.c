#include "core/payments/orders.h"

#include <assert.h>

#include "core/ident/ident.h"
#include "core/paper/french.h"
#include "core/payments/latin.h"

static const char *const left_texts[] = {
    [LEFT_NO_IBAN_PAYER] = "who pays has no IBAN on record: enter it (member put --account-iban)",
    [LEFT_NO_IBAN_PAYEE] =
        "who is paid has no IBAN on record: enter it (member put --account-iban)",
    [LEFT_NO_CREDITOR_ID] = "the issuer has no SEPA creditor id: enter it, or ask for a transfer",
    [LEFT_NO_MANDATE] = "the employer has no mandate that SEPA takes: ask for one, or a transfer",
    [LEFT_NO_NAME] = "its name has no letter that SEPA takes: give it one in Latin letters",
    [LEFT_TOO_LARGE] = "SEPA carries at most 999,999,999.99 EUR at once: pay it in parts",
    [LEFT_CREDIT] = "the credit note is above what the employer owes: pay the rest back",
};

const char *left_out_text(enum left_out reason)
{
    static_assert(ARRAY_LEN(left_texts) == LEFT_OUT_COUNT, "each reason has its sentence");
    return left_texts[reason];
}

/* What is gathered: payments of all files, in the order in which they came. */
struct order {
    const char *owner_id;
    struct orders_member owner;
    struct pain_payment payment;
    size_t place;
};

struct gathering {
    const struct orders_terms *terms;
    bool (*member)(void *context, const char *id, struct orders_member *out);
    void *context;
    struct arena *arena;
    struct fault *fault;
    struct order *orders;
    size_t count;
    struct orders *out;
};

static struct gathering gathering_new(const struct orders_terms *terms, struct arena *arena,
                                      size_t max, struct orders *out, struct fault *fault)
{
    *out = (struct orders){.left = ARENA_ARRAY(arena, max, struct orders_left)};
    return (struct gathering){.terms = terms,
                              .arena = arena,
                              .fault = fault,
                              .orders = ARENA_ARRAY(arena, max, struct order),
                              .out = out};
}

static int find(const struct gathering *g, const char *id, struct orders_member *out)
{
    *out = (struct orders_member){0};
    if (!g->member(g->context, id, out)) {
        return fault_set(g->fault, E_NOT_FOUND, "member %s is not known", id);
    }
    if (!g->terms->addresses) {
        out->party.town = VIEW_NONE;
    }
    return E_OK;
}

static void leave_out(struct gathering *g, enum left_out reason, struct view from, struct view to,
                      const struct pain_payment *payment)
{
    g->out->left[g->out->left_count++] =
        (struct orders_left){payment->end_to_end, from, to, payment->amount, reason};
}

static bool has_name(const struct gathering *g, struct view name)
{
    struct view text = latin_text(g->arena, name, PAIN_NAME_MAX);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '.' && text.data[i] != ' ') {
            return true;
        }
    }
    return false;
}

/* What both kinds of payment need; true when it can be written. */
static bool fits(const struct gathering *g, const struct orders_member *owner,
                 const struct pain_payment *payment, enum left_out *reason)
{
    if (!has_name(g, owner->party.name) || !has_name(g, payment->party.name)) {
        *reason = LEFT_NO_NAME;
        return false;
    }
    *reason = LEFT_TOO_LARGE;
    return payment->amount.cents <= PAIN_AMOUNT_MAX.cents;
}

static void keep(struct gathering *g, const char *owner_id, const struct orders_member *owner,
                 const struct pain_payment *payment)
{
    g->orders[g->count] = (struct order){owner_id, *owner, *payment, g->count};
    g->count++;
}

static int order_compare(const void *left, const void *right)
{
    const struct order *a = left;
    const struct order *b = right;
    int by_owner = view_compare(view_of(a->owner_id), view_of(b->owner_id));
    return by_owner != 0 ? by_owner : a->place < b->place ? -1 : a->place > b->place;
}

/* One file for each owner. */
static int files_make(struct gathering *g, enum pain_kind kind)
{
    struct orders *out = g->out;
    struct pain_payment *payments = ARENA_ARRAY(g->arena, g->count, struct pain_payment);
    out->files = ARENA_ARRAY(g->arena, g->count, struct orders_file);
    qsort(g->orders, g->count, sizeof *g->orders, order_compare);
    for (size_t i = 0; i < g->count; i++) {
        const struct order *order = &g->orders[i];
        payments[i] = order->payment;
        if (i == 0 || strcmp(g->orders[i - 1].owner_id, order->owner_id) != 0) {
            struct orders_file *made = &out->files[out->file_count++];
            made->party_id = view_of(order->owner_id);
            made->file = (struct pain_file){.kind = kind,
                                            .version = g->terms->version,
                                            .created_utc_ms = g->terms->created_utc_ms,
                                            .wanted = g->terms->wanted,
                                            .owner = order->owner.party,
                                            .creditor_id = order->owner.creditor_id,
                                            .b2b = g->terms->b2b,
                                            .payments = &payments[i]};
            pain_message_id(kind, g->terms->network, made->party_id, g->terms->month, g->terms->run,
                            made->file.message_id);
        }
        struct pain_file *file = &out->files[out->file_count - 1].file;
        file->count++;
        if (cents_accumulate(&file->sum, order->payment.amount) != E_OK) {
            return fault_set(g->fault, E_OVERFLOW,
                             "the payments of %s add up to more than can be counted",
                             order->owner_id);
        }
    }
    return E_OK;
}

static int take_transfer(struct gathering *g, const Passerelle__V1__Transfer *transfer)
{
    struct orders_member from;
    struct orders_member to;
    int err = find(g, transfer->from_member_id, &from);
    err = err == E_OK ? find(g, transfer->to_member_id, &to) : err;
    if (err != E_OK) {
        return err;
    }
    if (ident_siren(from.siren, NULL) != E_OK || ident_siren(to.siren, NULL) != E_OK ||
        transfer->cents <= 0) {
        return fault_set(g->fault, E_CORRUPT,
                         "the transfer from %s to %s has no SIREN or no amount",
                         transfer->from_member_id, transfer->to_member_id);
    }
    char month[FRENCH_TEXT_MAX];
    char *id = arena_alloc(g->arena, PAIN_ID_MAX + 1);
    pain_transfer_id(g->terms->month, from.siren, to.siren, id);
    french_month(g->terms->month, month);
    struct pain_payment payment = {
        .end_to_end = view_of(id),
        .amount = CENTS(transfer->cents),
        .party = to.party,
        .text = view_of(arena_printf(g->arena, "Reglement mensuel %s, %s", month, id)),
    };
    enum left_out reason;
    if (from.party.iban.len == 0) {
        reason = LEFT_NO_IBAN_PAYER;
    } else if (to.party.iban.len == 0) {
        reason = LEFT_NO_IBAN_PAYEE;
    } else if (fits(g, &from, &payment, &reason)) {
        keep(g, transfer->from_member_id, &from, &payment);
        return E_OK;
    }
    leave_out(g, reason, view_of(transfer->from_member_id), view_of(transfer->to_member_id),
              &payment);
    return E_OK;
}

int orders_transfers(const Passerelle__V1__SettlementDocument *document,
                     const struct orders_terms *terms,
                     bool (*member)(void *context, const char *id, struct orders_member *out),
                     void *context, struct arena *arena, struct orders *out, struct fault *fault)
{
    struct gathering g = gathering_new(terms, arena, document->n_transfers, out, fault);
    g.member = member;
    g.context = context;
    for (size_t i = 0; i < document->n_transfers; i++) {
        int err = take_transfer(&g, document->transfers[i]);
        if (err != E_OK) {
            return err;
        }
    }
    return files_make(&g, PAIN_TRANSFERS);
}

/* ---- direct debits ---- */

static bool same_parties(const struct orders_claim *a, const struct orders_claim *b)
{
    return strcmp(a->issuer_id, b->issuer_id) == 0 && view_equal(a->employer_id, b->employer_id);
}

void orders_set_off(const struct orders_claim *claims, size_t count, int64_t *open)
{
    for (size_t c = 0; c < count; c++) {
        for (size_t i = 0; i < count && open[c] < 0; i++) {
            if (open[i] > 0 && same_parties(&claims[c], &claims[i])) {
                int64_t part = open[i] < -open[c] ? open[i] : -open[c];
                open[i] -= part;
                open[c] += part;
            }
        }
    }
}

/* Whether the mandate was used, before this run or further up in it. */
static bool used_before(const struct gathering *g, const struct orders_claim *claim)
{
    for (size_t i = 0; i < g->count; i++) {
        if (strcmp(g->orders[i].owner_id, claim->issuer_id) == 0 &&
            view_equal(g->orders[i].payment.mandate, claim->mandate)) {
            return true;
        }
    }
    return claim->debited;
}

static int take_claim(struct gathering *g, const struct orders_claim *claim, int64_t open)
{
    struct orders_member issuer;
    int err = find(g, claim->issuer_id, &issuer);
    if (err != E_OK || open == 0) {
        return err;
    }
    struct pain_payment payment = {
        .end_to_end = claim->number,
        .amount = CENTS(open),
        .party = claim->employer,
        .text = view_of(arena_printf(g->arena, "Facture %.*s", VIEW_FMT(claim->number))),
        .mandate = claim->mandate,
        .signed_on = claim->signed_on,
    };
    if (!g->terms->addresses) {
        payment.party.town = VIEW_NONE;
    }
    enum left_out reason;
    if (open < 0) {
        reason = LEFT_CREDIT;
    } else if (issuer.party.iban.len == 0) {
        reason = LEFT_NO_IBAN_PAYEE;
    } else if (issuer.creditor_id.len == 0) {
        reason = LEFT_NO_CREDITOR_ID;
    } else if (ident_mandate(claim->mandate, NULL) != E_OK || claim->employer.iban.len == 0) {
        reason = LEFT_NO_MANDATE;
    } else if (fits(g, &issuer, &payment, &reason)) {
        payment.first = !used_before(g, claim);
        keep(g, claim->issuer_id, &issuer, &payment);
        return E_OK;
    }
    leave_out(g, reason, claim->employer_id, view_of(claim->issuer_id), &payment);
    return E_OK;
}

int orders_debits(const struct orders_claim *claims, size_t count, const struct orders_terms *terms,
                  bool (*member)(void *context, const char *id, struct orders_member *out),
                  void *context, struct arena *arena, struct orders *out, struct fault *fault)
{
    struct gathering g = gathering_new(terms, arena, count, out, fault);
    g.member = member;
    g.context = context;
    int64_t *open = ARENA_ARRAY(arena, count, int64_t);
    for (size_t i = 0; i < count; i++) {
        open[i] = claims[i].amount.cents;
    }
    orders_set_off(claims, count, open);
    for (size_t i = 0; i < count; i++) {
        int err = take_claim(&g, &claims[i], open[i]);
        if (err != E_OK) {
            return err;
        }
    }
    return files_make(&g, PAIN_DEBITS);
}
