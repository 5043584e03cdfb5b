#include "core/invoices/numbering.h"

#include "base/map.h"
#include "core/entry/entry.h"
#include "core/paper/cii.h"
#include "core/paper/series.h"
#include "crypt/sha256.h"
#include "wire/pack.h"

#define KIND_HOST PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_HOST_INVOICE
#define KIND_SUBSIDY PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_SUBSIDY_STATEMENT

enum {
    PART_BYTES_MAX = 32768,
    /* Of one credit note, the latest: what one document holds has its end. */
    PRECEDING_MAX = 400,
};
_Static_assert(PART_BYTES_MAX + PRECEDING_MAX * 64 < ENTRY_BYTES_MAX - 4096, "a part fits");

/* ---- one invoice ---- */

int numbered_invoice(const Passerelle__V1__Document *document,
                     const Passerelle__V1__NumberedInvoice *numbered, struct month month,
                     struct day issued, const Passerelle__V1__InvoiceTerms *terms,
                     struct arena *arena, struct invoice *out, struct fault *fault)
{
    struct terms_book context = {terms, numbered->pro_forma};
    struct paper_book book = terms_book(&context);
    struct invoice_reference *preceding =
        ARENA_ARRAY(arena, numbered->n_preceding, struct invoice_reference);
    for (size_t i = 0; i < numbered->n_preceding; i++) {
        preceding[i].number = view_of(numbered->preceding[i]->number);
        if (day_parse(view_of(numbered->preceding[i]->issued_on), &preceding[i].issued) != E_OK) {
            return fault_set(fault, E_CORRUPT, "%s names an invoice without a day of issue",
                             numbered->number);
        }
    }
    struct paper_terms how = {
        .number = view_of(numbered->number),
        .issued = issued,
        .due_days = PAPER_DUE_DAYS,
        .preceding = preceding,
        .preceding_count = numbered->n_preceding,
    };
    int error = paper_invoice(document, &how, &book, arena, out, fault);
    if (error == E_OK && out->pro_forma) {
        /* By the month of the close: two closes may bill the same true month. */
        char *reference = arena_alloc(arena, SERIES_TEXT_MAX + 1);
        series_pro_forma(out->seller.siren, out->buyer.siren, month, document->credit_note,
                         reference);
        out->number = view_of(reference);
    }
    return error;
}

/* ---- all of a close ---- */

struct numbering {
    const struct numbering_source *source;
    struct arena *arena;
    struct arena scratch; /* of one invoice */
    struct buf cii;
    struct map last; /* by series: uint32_t */
    struct fault *fault;
    const Passerelle__V1__InvoiceTerms *terms;
    struct month month;
    struct day issued;
    Passerelle__V1__NumberedInvoice *credit; /* being filled */
};

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Ascending, each once. */
static void months_fill(struct numbering *n, const Passerelle__V1__Document *document,
                        Passerelle__V1__NumberedInvoice *out)
{
    char **months = ARENA_ARRAY(n->arena, document->n_lines, char *);
    size_t count = 0;
    for (size_t i = 0; i < document->n_lines; i++) {
        if (count == 0 || strcmp(months[count - 1], document->lines[i]->month) != 0) {
            months[count++] = document->lines[i]->month;
        }
    }
    if (count > 0) {
        qsort(months, count, sizeof *months, by_text);
    }
    for (size_t i = 0; i < count; i++) {
        if (out->n_months == 0 || strcmp(months[out->n_months - 1], months[i]) != 0) {
            months[out->n_months++] = months[i];
        }
    }
    out->months = months;
}

static bool shares_month(const Passerelle__V1__NumberedInvoice *a,
                         const Passerelle__V1__NumberedInvoice *b)
{
    for (size_t i = 0; i < a->n_months; i++) {
        for (size_t k = 0; k < b->n_months; k++) {
            if (strcmp(a->months[i], b->months[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void refer(struct numbering *n, const char *number, const char *issued_on)
{
    Passerelle__V1__NumberedInvoice *credit = n->credit;
    Passerelle__V1__InvoiceReference *one =
        wire_new(n->arena, &passerelle__v1__invoice_reference__descriptor);
    one->number = wire_string(n->arena, view_of(number));
    one->issued_on = wire_string(n->arena, view_of(issued_on));
    if (credit->preceding == NULL) {
        credit->preceding =
            ARENA_ARRAY(n->arena, PRECEDING_MAX, Passerelle__V1__InvoiceReference *);
    }
    if (credit->n_preceding == PRECEDING_MAX) {
        memmove(credit->preceding, credit->preceding + 1,
                (PRECEDING_MAX - 1) * sizeof(credit->preceding[0]));
        credit->n_preceding--;
    }
    credit->preceding[credit->n_preceding++] = one;
}

static void issued_take(void *to, const char *number, const char *issued_on,
                        const Passerelle__V1__NumberedInvoice *invoice)
{
    struct numbering *n = to;
    if (shares_month(n->credit, invoice)) {
        refer(n, number, issued_on);
    }
}

static int sirens_find(struct numbering *n, const Passerelle__V1__Document *document,
                       struct view *seller, struct view *buyer)
{
    struct terms_book context = {n->terms, false};
    struct paper_book book = terms_book(&context);
    struct paper_member member;
    *seller = *buyer = VIEW_NONE;
    if (book.member(&context, document->seller_member_id, &member)) {
        *seller = view_of(member.member->siren);
    }
    const Passerelle__V1__Employer *employer =
        document->kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE
            ? book.employer(&context, document->buyer_id)
            : NULL;
    if (employer != NULL) {
        *buyer = view_of(employer->siren);
    } else if (book.member(&context, document->buyer_id, &member)) {
        *buyer = view_of(member.member->siren);
    }
    enum { SIREN_LEN = 9 };
    if (seller->len != SIREN_LEN || buyer->len != SIREN_LEN) {
        return fault_set(
            n->fault, E_INVALID, "%s has no SIREN, and no invoice can be without: record it",
            seller->len != SIREN_LEN ? document->seller_member_id : document->buyer_id);
    }
    return E_OK;
}

/* A month that was closed before invoices had numbers is named by its settlement. */
static void refer_to_settlement(struct numbering *n, struct view seller, struct view buyer)
{
    struct month month;
    char number[SERIES_TEXT_MAX + 1];
    char day[11];
    for (size_t i = 0; i < n->credit->n_months; i++) {
        if (month_parse(view_of(n->credit->months[i]), &month) == E_OK) {
            series_pro_forma(seller, buyer, month, false, number);
            day_format(month_last(month), day);
            refer(n, number, day);
        }
    }
}

static int number_give(struct numbering *n, const Passerelle__V1__Document *document,
                       struct view seller, struct view buyer, Passerelle__V1__NumberedInvoice *out)
{
    char name[SERIES_TEXT_MAX + 1];
    char *number = arena_alloc(n->arena, SERIES_TEXT_MAX + 1);
    out->number = number;
    if (out->pro_forma) {
        series_pro_forma(seller, buyer, n->month, document->credit_note, number);
        return E_OK;
    }
    series_name(document->kind, document->credit_note, seller, buyer, n->issued, name);
    uint32_t *last = map_get(&n->last, view_of(name));
    if (last == NULL) {
        last = ARENA_NEW(n->arena, uint32_t);
        *last = n->source->last(n->source->context, name);
        map_put(&n->last, view_of(name), last);
    }
    int error = series_next(*last, last, n->fault);
    if (error == E_OK) {
        series_number(name, *last, number);
    }
    return error;
}

static int cii_hash(struct numbering *n, const Passerelle__V1__Document *document,
                    Passerelle__V1__NumberedInvoice *out)
{
    struct invoice invoice;
    arena_clear(&n->scratch);
    int error = numbered_invoice(document, out, n->month, n->issued, n->terms, &n->scratch,
                                 &invoice, n->fault);
    if (error != E_OK || out->pro_forma) {
        return error;
    }
    buf_clear(&n->cii);
    error = cii_write(&invoice, &n->cii);
    if (error != E_OK) {
        return fault_set(n->fault, error, "the invoice %s cannot be written", out->number);
    }
    uint8_t *hash = arena_alloc(n->arena, SHA256_LEN);
    sha256(buf_content(&n->cii), hash);
    out->cii_sha256 = wire_bytes(view_bytes(hash, SHA256_LEN));
    return E_OK;
}

static int number_one(struct numbering *n, const Passerelle__V1__Document *document,
                      Passerelle__V1__NumberedInvoice **made)
{
    struct view seller, buyer;
    bool is_numbered;
    struct terms_book context = {n->terms, false};
    struct paper_book book = terms_book(&context);
    Passerelle__V1__NumberedInvoice *out =
        wire_new(n->arena, &passerelle__v1__numbered_invoice__descriptor);
    *made = out;
    out->kind = document->kind;
    out->seller_member_id = document->seller_member_id;
    out->buyer_id = document->buyer_id;
    out->credit_note = document->credit_note;
    months_fill(n, document, out);
    int error = sirens_find(n, document, &seller, &buyer);
    if (error == E_OK) {
        error = paper_is_numbered(document, &book, n->issued, &is_numbered, n->fault);
    }
    if (error != E_OK) {
        return error;
    }
    if (document->credit_note && is_numbered) {
        n->credit = out;
        n->source->issued(n->source->context, document, issued_take, n);
        if (out->n_preceding == 0 && document->kind == KIND_HOST) {
            is_numbered = false;
        } else if (out->n_preceding == 0) {
            refer_to_settlement(n, seller, buyer);
        }
    }
    out->pro_forma = !is_numbered;
    error = number_give(n, document, seller, buyer, out);
    return error == E_OK ? cii_hash(n, document, out) : error;
}

/* A list of parts that grows. */
struct parts {
    Passerelle__V1__InvoicesNumbered **all;
    size_t count;
    size_t bytes; /* of the last */
    size_t alloc; /* of the last one's invoices */
};

static Passerelle__V1__InvoicesNumbered *part_begin(struct parts *parts, char *month,
                                                    char *issued_on, struct view terms_sha256,
                                                    struct arena *arena)
{
    Passerelle__V1__InvoicesNumbered *part =
        wire_new(arena, &passerelle__v1__invoices_numbered__descriptor);
    Passerelle__V1__InvoicesNumbered **more =
        ARENA_ARRAY(arena, parts->count + 1, Passerelle__V1__InvoicesNumbered *);
    if (parts->count > 0) {
        memcpy(more, parts->all, parts->count * sizeof *more);
    }
    part->month = month;
    part->issued_on = issued_on;
    part->terms_sha256 = wire_bytes(terms_sha256);
    parts->all = more;
    parts->all[parts->count++] = part;
    parts->bytes = 0;
    parts->alloc = 0;
    return part;
}

static void part_add(Passerelle__V1__InvoicesNumbered *part, struct parts *parts,
                     Passerelle__V1__NumberedInvoice *one, size_t bytes, struct arena *arena)
{
    if (part->n_invoices == parts->alloc) {
        parts->alloc = parts->alloc == 0 ? 32 : parts->alloc * 2;
        Passerelle__V1__NumberedInvoice **more =
            ARENA_ARRAY(arena, parts->alloc, Passerelle__V1__NumberedInvoice *);
        if (part->n_invoices > 0) {
            memcpy(more, part->invoices, part->n_invoices * sizeof *more);
        }
        part->invoices = more;
    }
    part->invoices[part->n_invoices++] = one;
    parts->bytes += bytes;
}

int numbering_run(const Passerelle__V1__SettlementDocument *document,
                  const Passerelle__V1__InvoiceTerms *terms, struct day issued,
                  const struct numbering_source *source, uint64_t seed, struct arena *arena,
                  Passerelle__V1__InvoicesNumbered ***out, size_t *part_count, struct fault *fault)
{
    struct numbering n = {.source = source,
                          .arena = arena,
                          .cii = BUF_INIT,
                          .fault = fault,
                          .terms = terms,
                          .issued = issued};
    struct parts parts = {0};
    char day[11];
    uint8_t *hash = arena_alloc(arena, SHA256_LEN);
    int error = month_parse(view_of(document->month), &n.month);
    if (error != E_OK) {
        return fault_set(fault, E_CORRUPT, "a settlement document is of no month");
    }
    arena_init(&n.scratch);
    map_init(&n.last, seed);
    day_format(issued, day);
    sha256(wire_pack_arena(arena, &terms->base), hash);
    struct view terms_sha256 = view_bytes(hash, SHA256_LEN);
    char *issued_on = arena_string(arena, view_of(day));
    Passerelle__V1__InvoicesNumbered *part =
        part_begin(&parts, document->month, issued_on, terms_sha256, arena);
    for (size_t i = 0; i < document->n_documents && error == E_OK; i++) {
        Passerelle__V1__NumberedInvoice *one;
        if (document->documents[i]->kind == KIND_SUBSIDY) {
            continue;
        }
        error = number_one(&n, document->documents[i], &one);
        if (error == E_OK) {
            size_t bytes = protobuf_c_message_get_packed_size(&one->base) + 4;
            if (part->n_invoices > 0 && parts.bytes + bytes > PART_BYTES_MAX) {
                part = part_begin(&parts, document->month, issued_on, terms_sha256, arena);
            }
            part_add(part, &parts, one, bytes, arena);
        }
    }
    map_release(&n.last);
    arena_release(&n.scratch);
    buf_release(&n.cii);
    *out = parts.all;
    *part_count = parts.count;
    return error;
}
