/* From closes and payments to entries. Everything up to the end of the year is drafted the same
 * way; then what lies before the year folds into its opening entry, and the rest is put in order
 * and numbered. */
#include <assert.h>

#include "base/map.h"
#include "core/fec/fec.h"
#include "core/fec/sums.h"
#include "core/paper/french.h"

struct entry {
    enum fec_journal journal;
    struct day day, validated, piece_day;
    struct view piece, label;
    size_t first; /* in lines */
    size_t count;
    size_t place;
};

/* Units that the visits of one month took from one carnet. */
struct use {
    size_t carnet;
    struct month month;
    uint32_t units;
};

/* A document between members, until netting takes it off the accounts. */
struct owed {
    enum fec_key key;
    struct fec_party party;
    int64_t cents;
};

struct making {
    const struct fec_input *input;
    struct arena *arena;
    struct fault *fault;
    struct entry *entries;
    size_t entry_count, entry_alloc;
    struct fec_line *lines;
    size_t line_count, line_alloc;
    struct cents debits; /* of everything: when it fits, no sum of parts can overflow */
    int error;           /* sticky */
    struct owed *owed;   /* of the present close */
    size_t owed_count;
    struct use *uses;
    size_t use_count, use_alloc;
};

static int wrong(struct making *m, int code, const char *sentence)
{
    if (m->error == E_OK) {
        m->error = fault_set(m->fault, code, "%s", sentence);
    }
    return m->error;
}

/* ---- entries ---- */

static void entry_begin(struct making *m, enum fec_journal journal, struct day day,
                        struct day validated, struct view piece, struct day piece_day,
                        const char *label)
{
    if (m->entry_count == m->entry_alloc) {
        m->entry_alloc = m->entry_alloc == 0 ? 64 : m->entry_alloc * 2;
        m->entries = xrealloc(m->entries, m->entry_alloc, sizeof *m->entries);
    }
    struct entry *entry = &m->entries[m->entry_count];
    *entry = (struct entry){journal,        day,           validated, piece_day,     piece,
                            view_of(label), m->line_count, 0,         m->entry_count};
}

static void line_add(struct making *m, const struct fec_line *line)
{
    if (line->amount.cents == 0 || m->error != E_OK) {
        return;
    }
    if (m->line_count == m->line_alloc) {
        m->line_alloc = m->line_alloc == 0 ? 256 : m->line_alloc * 2;
        m->lines = xrealloc(m->lines, m->line_alloc, sizeof *m->lines);
    }
    m->lines[m->line_count++] = *line;
    if (line->amount.cents > 0 && cents_accumulate(&m->debits, line->amount) != E_OK) {
        wrong(m, E_OVERFLOW, "the amounts of this member are too large to be added up");
    }
}

static void debit(struct making *m, enum fec_key key, const struct fec_party *aux, int64_t cents)
{
    const struct fec_account *account = &m->input->chart->accounts[key];
    struct fec_line line = {
        .account = account->number, .account_label = account->label, .amount = CENTS(cents)};
    if (aux != NULL) {
        line.aux = aux->number;
        line.aux_label = aux->name;
    }
    line_add(m, &line);
}

/* An entry without a line is none. */
static void entry_end(struct making *m)
{
    struct entry *entry = &m->entries[m->entry_count];
    struct cents sum = CENTS(0);
    int err = E_OK;
    entry->count = m->line_count - entry->first;
    for (size_t i = entry->first; i < m->line_count && err == E_OK; i++) {
        err = cents_accumulate(&sum, m->lines[i].amount);
    }
    if (err != E_OK || sum.cents != 0) {
        wrong(m, E_CORRUPT, "a document of the close does not add up");
    }
    m->entry_count += entry->count > 0;
}

static struct fec_party party_of(struct making *m, const char *id, bool employer)
{
    struct fec_party out = {0};
    if (!m->input->party(m->input->context, id, employer, &out) || out.number.len == 0 ||
        out.name.len == 0) {
        if (m->error == E_OK) {
            m->error = fault_set(m->fault, E_NOT_FOUND, "%s %s is not known, or has no name",
                                 employer ? "employer" : "member", id);
        }
        out = (struct fec_party){VIEW_LIT("?"), VIEW_LIT("?")};
    }
    return out;
}

/* ---- documents ---- */

#define KIND(k) PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_##k

/* What a close is about, while its documents are booked. */
struct booking {
    const struct fec_close *close;
    char month[FRENCH_TEXT_MAX]; /* "octobre 2026" */
    char code[8];                /* "2026-10" */
};

static struct view piece_of(struct making *m, const struct booking *b, size_t i, const char *other)
{
    if (b->close->numbers[i].len > 0) {
        return b->close->numbers[i];
    }
    return view_of(arena_printf(m->arena, "%s-%s-%s", "ATTENTE", b->code, other));
}

static int64_t carnets_sold(struct making *m, const Passerelle__V1__Document *document)
{
    struct cents sum = CENTS(0);
    for (size_t i = 0; i < document->n_lines; i++) {
        const Passerelle__V1__DocumentLine *line = document->lines[i];
        struct cents net;
        if (line->kind == PASSERELLE__V1__LINE_KIND__LINE_KIND_CARNET &&
            (cents_times(CENTS(line->price_cents), line->quantity, &net) != E_OK ||
             cents_accumulate(&sum, net) != E_OK)) {
            wrong(m, E_OVERFLOW, "the carnets of an invoice are too large to be added up");
        }
    }
    return sum.cents;
}

static void owe(struct making *m, enum fec_key key, const struct fec_party *party, int64_t cents)
{
    debit(m, key, party, cents);
    m->owed[m->owed_count++] = (struct owed){key, *party, cents};
}

/* Money for carnets: up to `net` of them since `*paid`, which is gross. The VAT of an invoice is
 * that of its sum, so each takes what it adds to the sum of those before it. */
static void book_carnets_money(struct making *m, const struct booking *b,
                               const Passerelle__V1__Document *document,
                               const struct fec_party *buyer, struct view piece, struct day day,
                               struct day piece_day, int64_t net, int64_t *paid)
{
    struct vat_rate rate = {(int32_t)document->vat_basis_points};
    struct cents vat;
    if (m->error != E_OK) {
        return;
    }
    if (cents_vat(CENTS(net), rate, &vat) != E_OK) {
        wrong(m, E_CORRUPT, "the VAT of a document of the close is out of range");
        return;
    }
    const char *label = arena_printf(m->arena, "Carnets payés à l'achat, %.*s, %.*s",
                                     VIEW_FMT(piece), VIEW_FMT(buyer->name));
    entry_begin(m, JOURNAL_BANK, day, b->close->validated, piece, piece_day, label);
    debit(m, FEC_CARNETS_PAID, NULL, net + vat.cents - *paid);
    debit(m, FEC_EMPLOYERS, buyer, *paid - net - vat.cents);
    entry_end(m);
    *paid = net + vat.cents;
}

/* What carnets cost was paid when they were bought (BT-113 of the invoice); a credit note gives
 * nothing back by itself. */
static void book_carnets_paid(struct making *m, const struct booking *b,
                              const Passerelle__V1__Document *document,
                              const struct fec_party *buyer, struct view piece, int64_t carnets)
{
    const struct fec_close *close = b->close;
    int64_t net = 0;
    int64_t paid = 0;
    for (size_t i = 0; i < close->sold_count && carnets > 0; i++) {
        const struct fec_carnet *sold = &close->sold[i];
        if (strcmp(sold->employer_id, document->buyer_id) != 0 ||
            sold->price.cents > carnets - net) {
            continue;
        }
        /* a year that begins within the month has the whole close */
        bool before = day_compare(sold->bought_on, m->input->from) < 0 &&
                      day_compare(close->booked, m->input->from) >= 0;
        net += sold->price.cents;
        book_carnets_money(m, b, document, buyer, view_of(sold->carnet_id),
                           before ? m->input->from : sold->bought_on, sold->bought_on, net, &paid);
    }
    if (carnets > net) {
        book_carnets_money(m, b, document, buyer, piece, close->booked, close->issued, carnets,
                           &paid);
    }
}

/* Amounts of credit notes are below 0 in the document: debits become credits by themselves. */
static void book_sold(struct making *m, const struct booking *b, size_t i, enum fec_key owed,
                      enum fec_key earned)
{
    const Passerelle__V1__Document *document = b->close->document->documents[i];
    bool employer = document->kind == KIND(EMPLOYER_INVOICE);
    struct fec_party buyer = party_of(m, document->buyer_id, employer);
    struct view piece = piece_of(m, b, i, document->buyer_id);
    int64_t carnets = employer ? carnets_sold(m, document) : 0;
    const char *label =
        arena_printf(m->arena, "%s %.*s, %.*s", document->credit_note ? "Avoir" : "Facture",
                     VIEW_FMT(piece), VIEW_FMT(buyer.name));
    entry_begin(m, JOURNAL_SALES, b->close->booked, b->close->validated, piece, b->close->issued,
                label);
    if (employer) {
        debit(m, owed, &buyer, document->gross_cents);
    } else {
        owe(m, owed, &buyer, document->gross_cents);
    }
    debit(m, earned, NULL, carnets - document->net_cents);
    debit(m, FEC_CARNETS, NULL, -carnets);
    debit(m, FEC_VAT_COLLECTED, NULL, -document->vat_cents);
    entry_end(m);
    book_carnets_paid(m, b, document, &buyer, piece, carnets);
}

static void book_bought(struct making *m, const struct booking *b, size_t i, enum fec_key owing,
                        enum fec_key spent)
{
    const Passerelle__V1__Document *document = b->close->document->documents[i];
    struct fec_party seller = party_of(m, document->seller_member_id, false);
    struct view piece = piece_of(m, b, i, document->seller_member_id);
    const char *label =
        arena_printf(m->arena, "%s %.*s, %.*s", document->credit_note ? "Avoir" : "Facture",
                     VIEW_FMT(piece), VIEW_FMT(seller.name));
    entry_begin(m, JOURNAL_BOUGHT, b->close->booked, b->close->validated, piece, b->close->issued,
                label);
    debit(m, spent, NULL, document->net_cents);
    debit(m, FEC_VAT_PAID, NULL, document->vat_cents);
    owe(m, owing, &seller, -document->gross_cents);
    entry_end(m);
}

/* `got`: by an issuer; else passed on by the operator. */
static void book_subsidy(struct making *m, const struct booking *b,
                         const Passerelle__V1__Document *document, bool got, const char *other)
{
    struct view piece = view_of(arena_printf(m->arena, "SUBV-%s-%s", b->code, other));
    const char *label = arena_printf(m->arena, "Subvention de la Région, %s, %s", b->month, other);
    entry_begin(m, JOURNAL_OTHER, b->close->booked, b->close->validated, piece, b->close->issued,
                label);
    debit(m, got ? FEC_NETWORK : FEC_SUBSIDY_PASSED, NULL, document->gross_cents);
    debit(m, got ? FEC_SUBSIDY : FEC_NETWORK, NULL, -document->gross_cents);
    entry_end(m);
}

static void book_document(struct making *m, const struct booking *b, size_t i)
{
    const Passerelle__V1__Document *document = b->close->document->documents[i];
    bool sells = strcmp(document->seller_member_id, m->input->member_id) == 0;
    bool buys = document->kind != KIND(EMPLOYER_INVOICE) &&
                strcmp(document->buyer_id, m->input->member_id) == 0;
    if (!sells && !buys) {
        return;
    }
    switch (document->kind) {
    case KIND(EMPLOYER_INVOICE):
        book_sold(m, b, i, FEC_EMPLOYERS, FEC_SALES);
        break;
    case KIND(HOST_INVOICE):
        if (sells) {
            book_sold(m, b, i, FEC_ISSUERS, FEC_HOSTING_SOLD);
        } else {
            book_bought(m, b, i, FEC_HOSTS, FEC_HOSTING_BOUGHT);
        }
        break;
    case KIND(FEE_INVOICE):
        if (sells) {
            book_sold(m, b, i, FEC_ISSUERS, FEC_FEE_SOLD);
        } else {
            book_bought(m, b, i, FEC_OPERATOR, FEC_FEE_BOUGHT);
        }
        break;
    case KIND(SUBSIDY_STATEMENT): /* from the operator to the issuer */
        book_subsidy(m, b, document, buys, document->buyer_id);
        break;
    default:
        wrong(m, E_CORRUPT, "a document of the close is of no known kind");
    }
}

/* Netting: what this close made members owe each other becomes one amount. */
static void book_netting(struct making *m, const struct booking *b)
{
    const char *label = arena_printf(m->arena, "Compensation, règlement de %s", b->month);
    struct view piece = view_of(arena_printf(m->arena, "COMP-%s", b->code));
    struct cents moved = CENTS(0);
    entry_begin(m, JOURNAL_OTHER, b->close->booked, b->close->validated, piece, b->close->issued,
                label);
    for (size_t i = 0; i < m->owed_count && m->error == E_OK; i++) {
        debit(m, m->owed[i].key, &m->owed[i].party, -m->owed[i].cents);
        if (cents_accumulate(&moved, CENTS(m->owed[i].cents)) != E_OK) {
            wrong(m, E_OVERFLOW, "the amounts of this member are too large to be added up");
        }
    }
    debit(m, FEC_NETWORK, NULL, moved.cents);
    entry_end(m);
}

/* ---- carnets ---- */

/* What the months of this close took replaces what earlier closes said of them. */
static int uses_replace(struct making *m, const Passerelle__V1__SettlementDocument *document,
                        const struct map *carnets)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->use_count; i++) {
        char month[8];
        bool again = false;
        month_format(m->uses[i].month, month);
        again = strcmp(month, document->month) == 0;
        for (size_t k = 0; k < document->n_revised_months; k++) {
            again = again || strcmp(month, document->revised_months[k]) == 0;
        }
        if (!again) {
            m->uses[kept++] = m->uses[i];
        }
    }
    m->use_count = kept;
    for (size_t i = 0; i < document->n_carnet_uses; i++) {
        const Passerelle__V1__CarnetUse *use = document->carnet_uses[i];
        const struct fec_carnet *carnet = map_get(carnets, view_of(use->carnet_id));
        struct month month;
        if (carnet == NULL) {
            continue; /* another member's */
        }
        if (month_parse(view_of(use->month), &month) != E_OK) {
            return wrong(m, E_CORRUPT, "a close tells of carnet units in no month");
        }
        if (m->use_count == m->use_alloc) {
            m->use_alloc = m->use_alloc == 0 ? 64 : m->use_alloc * 2;
            m->uses = xrealloc(m->uses, m->use_alloc, sizeof *m->uses);
        }
        m->uses[m->use_count++] =
            (struct use){(size_t)(carnet - m->input->carnets), month, use->units};
    }
    return E_OK;
}

/* Of a carnet's price: what its used units earned, rounded down on the running total, so that all
 * parts add up to the price; and what its last day left unused. */
struct earned {
    int64_t used, expired;
};

static int earned_of(const struct fec_carnet *carnet, int64_t units, bool over, struct earned *out)
{
    struct cents used;
    int64_t all = units < carnet->units ? units : carnet->units;
    int err = cents_times(carnet->price, all, &used);
    if (err == E_OK) {
        out->used = used.cents / carnet->units;
        out->expired = over ? carnet->price.cents - out->used : 0;
    }
    return err;
}

static void book_carnets(struct making *m, const struct booking *b, struct month month,
                         struct earned *before)
{
    int64_t *units = xcalloc(m->input->carnet_count + 1, sizeof *units);
    for (size_t i = 0; i < m->use_count; i++) {
        units[m->uses[i].carnet] += m->uses[i].units;
    }
    for (size_t i = 0; i < m->input->carnet_count && m->error == E_OK; i++) {
        const struct fec_carnet *carnet = &m->input->carnets[i];
        struct earned now;
        bool over = day_compare(carnet->last_day, month_last(month)) <= 0;
        if (earned_of(carnet, units[i], over, &now) != E_OK) {
            wrong(m, E_OVERFLOW, "the price of a carnet is too large to be parted");
            break;
        }
        int64_t used = now.used - before[i].used;
        int64_t expired = now.expired - before[i].expired;
        const char *label =
            arena_printf(m->arena, "Carnet %s, %s", carnet->carnet_id,
                         expired != 0 ? "unités utilisées et expirées" : "unités utilisées");
        entry_begin(m, JOURNAL_OTHER, b->close->booked, b->close->validated,
                    view_of(carnet->carnet_id), b->close->booked, label);
        debit(m, FEC_CARNETS, NULL, used + expired);
        debit(m, FEC_SALES, NULL, -used);
        debit(m, FEC_CARNETS_EXPIRED, NULL, -expired);
        entry_end(m);
        before[i] = now;
    }
    free(units);
}

/* ---- closes, payments ---- */

static int close_check(struct making *m, const struct fec_close *close, struct month before,
                       struct month *month)
{
    if (month_parse(view_of(close->document->month), month) != E_OK ||
        month->number <= before.number) {
        return wrong(m, E_INVALID, "closes must be handed in by month, each once");
    }
    if (day_compare(close->validated, close->booked) < 0 ||
        day_compare(close->booked, m->input->to) > 0) {
        return wrong(m, E_INVALID,
                     "a close is booked on a day of the year or before, and validated no earlier");
    }
    return E_OK;
}

static void book_closes(struct making *m)
{
    struct earned *earned = xcalloc(m->input->carnet_count + 1, sizeof *earned);
    struct month month = {INT32_MIN};
    struct map carnets;
    map_init(&carnets, 0);
    for (size_t i = 0; i < m->input->carnet_count; i++) {
        map_put(&carnets, view_of(m->input->carnets[i].carnet_id),
                (void *)(uintptr_t)&m->input->carnets[i]);
    }
    for (size_t i = 0; i < m->input->close_count && m->error == E_OK; i++) {
        const struct fec_close *close = &m->input->closes[i];
        const Passerelle__V1__SettlementDocument *document = close->document;
        struct booking b = {.close = close};
        if (close_check(m, close, month, &month) != E_OK) {
            break;
        }
        if (i == 0) { /* what expired before the first close was never in these books */
            for (size_t k = 0; k < m->input->carnet_count; k++) {
                const struct fec_carnet *carnet = &m->input->carnets[k];
                if (day_compare(carnet->last_day, month_first(month)) < 0) {
                    earned[k].expired = carnet->price.cents;
                }
            }
        }
        french_month(month, b.month);
        month_format(month, b.code);
        m->owed = xcalloc(document->n_documents + 1, sizeof *m->owed);
        m->owed_count = 0;
        for (size_t k = 0; k < document->n_documents && m->error == E_OK; k++) {
            book_document(m, &b, k);
        }
        book_netting(m, &b);
        free(m->owed);
        if (m->error == E_OK && uses_replace(m, document, &carnets) == E_OK) {
            book_carnets(m, &b, month, earned);
        }
    }
    map_release(&carnets);
    free(earned);
}

static void book_payments(struct making *m)
{
    for (size_t i = 0; i < m->input->payment_count && m->error == E_OK; i++) {
        const struct fec_payment *payment = &m->input->payments[i];
        bool in = payment->amount.cents > 0;
        if (day_compare(payment->booked, m->input->to) > 0) {
            continue;
        }
        struct fec_party party = party_of(m, payment->party_id, payment->employer);
        struct view piece = payment->reference.len > 0 ? payment->reference : payment->end_to_end;
        if (piece.len == 0) {
            piece = VIEW_LIT("RELEVE");
        }
        const char *label =
            arena_printf(m->arena, "%s %.*s, %.*s", in ? "Encaissement" : "Paiement",
                         VIEW_FMT(payment->end_to_end), VIEW_FMT(party.name));
        entry_begin(m, JOURNAL_BANK, payment->booked, payment->booked, piece, payment->booked,
                    label);
        debit(m, FEC_BANK, NULL, payment->amount.cents);
        debit(m, payment->employer ? FEC_EMPLOYERS : FEC_NETWORK, payment->employer ? &party : NULL,
              -payment->amount.cents);
        entry_end(m);
    }
}

static void book_openings(struct making *m)
{
    struct cents sum = CENTS(0);
    struct day before = day_plus(m->input->from, -1);
    entry_begin(m, JOURNAL_OPENING, before, before, VIEW_LIT("AN"), before, "");
    for (size_t i = 0; i < m->input->opening_count && m->error == E_OK; i++) {
        const struct fec_opening *opening = &m->input->openings[i];
        struct fec_line line = {.account = opening->account,
                                .account_label = opening->label,
                                .aux = opening->aux,
                                .aux_label = opening->aux_label,
                                .amount = opening->amount};
        if (cents_accumulate(&sum, opening->amount) != E_OK) {
            wrong(m, E_OVERFLOW, "the opening balances are too large to be added up");
        }
        line_add(m, &line);
    }
    if (m->error == E_OK && sum.cents != 0) {
        wrong(m, E_INVALID, "the opening balances do not add up to 0: check debits and credits");
    }
    if (m->error == E_OK) {
        entry_end(m);
    }
}

/* ---- the year ---- */

static int entry_compare(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    bool first = a->journal == JOURNAL_OPENING;
    if (first != (b->journal == JOURNAL_OPENING)) {
        return first ? -1 : 1;
    }
    int by_day = day_compare(a->validated, b->validated);
    by_day = by_day != 0 ? by_day : day_compare(a->day, b->day);
    if (by_day != 0) {
        return by_day;
    }
    if (a->journal != b->journal) {
        return a->journal < b->journal ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Balances of classes 1 to 5, and what classes 6 and 7 came to, as the first entry. */
static void open_year(struct making *m, struct fec_line *before, size_t count)
{
    struct fec_sum *sums;
    struct day first = m->input->from;
    int64_t result = 0;
    size_t sum_count = fec_sums(before, count, m->arena, &sums);
    entry_begin(m, JOURNAL_OPENING, first, first, VIEW_LIT("AN"), first, "À nouveaux");
    for (size_t i = 0; i < sum_count; i++) {
        struct cents balance = CENTS(sums[i].debits.cents - sums[i].credits.cents);
        if (sums[i].account.data[0] >= '6') {
            result += balance.cents;
            continue;
        }
        struct fec_line line = {.account = sums[i].account,
                                .account_label = sums[i].account_label,
                                .aux = sums[i].aux,
                                .aux_label = sums[i].aux_label,
                                .amount = balance};
        line_add(m, &line);
    }
    debit(m, result > 0 ? FEC_LOSS : FEC_PROFIT, NULL, result);
    entry_end(m);
}

static void put_in_order(struct making *m, struct fec *out)
{
    struct fec_line *old = ARENA_ARRAY(m->arena, m->line_count, struct fec_line);
    size_t old_count = 0;
    size_t kept = 0;
    for (size_t i = 0; i < m->entry_count; i++) {
        const struct entry *entry = &m->entries[i];
        if (day_compare(entry->day, m->input->from) >= 0) {
            m->entries[kept++] = *entry;
            continue;
        }
        for (size_t k = 0; k < entry->count; k++) {
            old[old_count++] = m->lines[entry->first + k];
        }
    }
    m->entry_count = kept;
    open_year(m, old, old_count);
    qsort(m->entries, m->entry_count, sizeof *m->entries, entry_compare);
    *out = (struct fec){.siren = m->input->siren, .from = m->input->from, .to = m->input->to};
    out->lines = ARENA_ARRAY(m->arena, m->line_count, struct fec_line);
    for (size_t i = 0; i < m->entry_count && m->error == E_OK; i++) {
        const struct entry *entry = &m->entries[i];
        out->entry_count++;
        for (size_t k = 0; k < entry->count; k++) {
            struct fec_line *line = &out->lines[out->line_count++];
            *line = m->lines[entry->first + k];
            line->journal = entry->journal;
            line->entry = out->entry_count;
            line->day = entry->day;
            line->piece = entry->piece;
            line->piece_day = entry->piece_day;
            line->label = entry->label;
            line->validated = entry->validated;
        }
    }
}

int fec_make(const struct fec_input *input, struct arena *arena, struct fec *out,
             struct fault *fault)
{
    struct making m = {.input = input, .arena = arena, .fault = fault};
    struct fec made = {0};
    assert(day_compare(input->from, input->to) <= 0);
    book_openings(&m);
    if (m.error == E_OK) {
        book_closes(&m);
    }
    book_payments(&m);
    if (m.error == E_OK) {
        put_in_order(&m, &made);
    }
    if (m.error == E_OK) {
        *out = made;
    }
    free(m.entries);
    free(m.lines);
    free(m.uses);
    return m.error;
}
