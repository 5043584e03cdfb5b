/* Invoices as they are asked for: made again from what was frozen, and compared with the hash in
 * `books` before they leave. */
#include "base/text.h"
#include "core/invoices/numbering.h"
#include "core/paper/cii.h"
#include "core/paper/evidence.h"
#include "core/paper/facturx.h"
#include "core/paper/html.h"
#include "core/paper/series.h"
#include "core/paper/ubl.h"
#include "crypt/sha256.h"
#include "service/journal.h"
#include "service/settlement/compute.h"
#include "service/settlement/invoices.h"
#include "service/settlement/period.h"
#include "service/settlement/settlement.h"
#include "store/feed/feed.h"
#include "wire/pack.h"

#define FORMAT(name) PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_##name
#define KIND_EMPLOYER PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE
#define KIND_SUBSIDY PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_SUBSIDY_STATEMENT
enum {
    /* Of a page. An invoice whose files are larger ends it, without those that are over it: one by
     * one they are asked for by GetInvoice. */
    PAGE_BYTES_MAX = 4 << 20,
    FORMATS_MAX = 8,
};

/* One numbered invoice as its projection has it. */
struct kept {
    const Passerelle__V1__NumberedInvoice *numbered;
    const char *recorded_number;
    const char *recorded_on;
};

/* All that a close left for its invoices. */
struct shelf {
    struct service *service;
    struct call *call;
    struct month month;
    struct day issued;
    struct query *stored;
    struct view packed; /* the settlement document: a large month's is read where it lies */
    const Passerelle__V1__InvoiceTerms *terms;
    /* Of one invoice, to be used again. */
    struct arena scratch;
    struct buf cii, file;
};

DB_SQL(select_close, "SELECT issued_on, terms_sha256 FROM invoice_close WHERE month = :month");
DB_SQL(select_terms, "SELECT terms FROM invoice_terms WHERE month = :month");
DB_SQL(select_kept, "SELECT record, recorded_number, recorded_on FROM invoice "
                    "WHERE month = :month AND kind = :kind AND seller_member_id = :seller AND "
                    "buyer_id = :buyer AND credit_note = :credit_note");

static int damaged(struct call *call, const char *what)
{
    return call_fail(call, CODE_DATA_LOSS, "%s: restore a backup", what);
}

static int terms_load(struct shelf *shelf)
{
    struct arena *arena = shelf->call->arena;
    struct view wanted = VIEW_NONE;
    uint8_t found[SHA256_LEN];
    char month[8];
    month_format(shelf->month, month);
    struct query *query = db_query(shelf->service->db, &select_close);
    query_bind_int(query, "month", shelf->month.number);
    bool numbered = query_next(query);
    if (numbered && day_parse(query_text(query, 0), &shelf->issued) == E_OK) {
        wanted = arena_copy(arena, query_blob(query, 1));
    }
    query_end(query);
    if (!numbered) {
        return call_fail(shelf->call, CODE_FAILED_PRECONDITION,
                         "%s was closed before invoices had numbers: its documents stand in "
                         "`period documents`",
                         month);
    }
    query = db_query(shelf->service->db, &select_terms);
    query_bind_int(query, "month", shelf->month.number);
    if (query_next(query)) {
        sha256(query_blob(query, 0), found);
        if (view_equal(view_bytes(found, sizeof found), wanted)) {
            shelf->terms = wire_unpack_trusted(&passerelle__v1__invoice_terms__descriptor,
                                               query_blob(query, 0), arena);
        }
    }
    query_end(query);
    return shelf->terms != NULL
               ? 0
               : damaged(shelf->call, "what the invoices of this month were made from is not what "
                                      "its close recorded");
}

static void shelf_release(struct shelf *shelf)
{
    if (shelf->stored != NULL) {
        query_end(shelf->stored);
    }
    arena_release(&shelf->scratch);
    buf_release(&shelf->cii);
    buf_release(&shelf->file);
}

/* Release in every case. */
static int shelf_open(struct service *service, struct call *call, struct month month,
                      struct shelf *out)
{
    *out = (struct shelf){.service = service, .call = call, .month = month};
    out->stored = settlement_packed(service->db, month, &out->packed);
    if (out->packed.len == 0) {
        char text[8];
        month_format(month, text);
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "%s is not closed: its invoices exist once it is", text);
    }
    return terms_load(out);
}

/* The row of a document; fails the call when it is not there. */
static int kept_find(const struct shelf *shelf, const struct document_head *head, struct kept *out)
{
    struct arena *arena = shelf->call->arena;
    *out = (struct kept){0};
    struct query *query = db_query(shelf->service->db, &select_kept);
    query_bind_int(query, "month", shelf->month.number);
    query_bind_int(query, "kind", head->kind);
    query_bind_text(query, "seller", head->seller_member_id);
    query_bind_text(query, "buyer", head->buyer_id);
    query_bind_int(query, "credit_note", head->credit_note);
    if (query_next(query)) {
        out->numbered = wire_unpack_trusted(&passerelle__v1__numbered_invoice__descriptor,
                                            query_blob(query, 0), arena);
        out->recorded_number = arena_string(arena, query_text(query, 1));
        out->recorded_on = arena_string(arena, query_text(query, 2));
    }
    query_end(query);
    return out->numbered != NULL ? 0 : damaged(shelf->call, "an invoice of this month has no row");
}

/* ---- evidence ---- */

DB_SQL(select_keys, "SELECT keys FROM invoice_evidence WHERE month = :month AND place = :place");
DB_SQL(select_visit, "SELECT visit_id FROM visit WHERE visit_key = :key");

bool invoice_visit_id(struct db *db, uint64_t key, bool employer, uint8_t out[static EVIDENCE_LEN])
{
    bool found = false;
    if (employer) {
        struct feed_entry entry;
        uint64_t seq = key & ((UINT64_C(1) << FEED_SEQ_BITS) - 1);
        struct query *read = feed_read(db, (int64_t)(key >> FEED_SEQ_BITS), seq, seq);
        found = feed_read_next(read, &entry);
        if (found) {
            memcpy(out, &entry.leaf, EVIDENCE_LEN);
            query_end(read);
        }
        return found;
    }
    struct query *query = db_query(db, &select_visit);
    query_bind_int(query, "key", (int64_t)key);
    if (query_next(query)) {
        struct view id = query_blob(query, 0);
        found = id.len == EVIDENCE_LEN;
        if (found) {
            memcpy(out, id.data, EVIDENCE_LEN);
        }
    }
    query_end(query);
    return found;
}

static int ids_compare(const void *left, const void *right)
{
    return memcmp(left, right, EVIDENCE_LEN);
}

static uint64_t number_take(struct view *rest, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes && i < rest->len; i++) {
        number = number << 8 | (uint8_t)rest->data[i];
    }
    *rest = view_slice(*rest, bytes < rest->len ? bytes : rest->len, rest->len);
    return number;
}

/* The keys behind each line of a document. */
static int keys_load(struct shelf *shelf, size_t place, size_t line_count, struct arena *arena,
                     struct visit_keys **out)
{
    enum { KEY_LEN = 8 };
    struct query *query = db_query(shelf->service->db, &select_keys);
    query_bind_int(query, "month", shelf->month.number);
    query_bind_int(query, "place", (int64_t)place);
    struct view rest = query_next(query) ? arena_copy(arena, query_blob(query, 0)) : VIEW_NONE;
    query_end(query);
    struct visit_keys *lines = ARENA_ARRAY(arena, line_count + 1, struct visit_keys);
    for (size_t i = 0; i < line_count; i++) {
        size_t count = (size_t)number_take(&rest, 4);
        if (count > rest.len / KEY_LEN) {
            return damaged(shelf->call, "the evidence of an invoice is cut off");
        }
        lines[i].keys = ARENA_ARRAY(arena, count + 1, uint64_t);
        lines[i].count = count;
        for (size_t k = 0; k < count; k++) {
            lines[i].keys[k] = number_take(&rest, KEY_LEN);
        }
    }
    *out = lines;
    return 0;
}

static int evidence_load(struct shelf *shelf, size_t place, const struct invoice *invoice,
                         bool employer, struct arena *arena, struct evidence *lines)
{
    struct visit_keys *keys;
    if (keys_load(shelf, place, invoice->line_count, arena, &keys) != 0) {
        return -1;
    }
    for (size_t i = 0; i < invoice->line_count; i++) {
        uint8_t(*ids)[EVIDENCE_LEN] = arena_array(arena, keys[i].count, sizeof *ids);
        size_t found = 0;
        for (size_t k = 0; k < keys[i].count; k++) {
            found += invoice_visit_id(shelf->service->db, keys[i].keys[k], employer, ids[found]);
        }
        if (found > 0) {
            qsort(ids, found, sizeof *ids, ids_compare);
        }
        size_t kept = 0;
        for (size_t k = 0; k < found; k++) {
            if (kept == 0 || memcmp(ids[kept - 1], ids[k], EVIDENCE_LEN) != 0) {
                memmove(ids[kept++], ids[k], EVIDENCE_LEN);
            }
        }
        lines[i] = (struct evidence){(const uint8_t(*)[EVIDENCE_LEN])ids, kept};
    }
    return 0;
}

/* ---- files ---- */

static int file_write(struct shelf *shelf, const struct document_head *head,
                      const struct invoice *invoice, Passerelle__V1__InvoiceFormat format)
{
    struct arena *scratch = &shelf->scratch;
    struct buf *out = &shelf->file;
    struct view cii = buf_content(&shelf->cii);
    switch (format) {
    case FORMAT(CII):
        buf_view(out, cii);
        return 0;
    case FORMAT(UBL):
        return invoice->pro_forma || ubl_write(invoice, out) == E_OK
                   ? 0
                   : call_fail(shelf->call, CODE_INTERNAL, "%.*s cannot be written as UBL",
                               VIEW_FMT(invoice->number));
    case FORMAT(HTML):
        html_write(invoice, out);
        return 0;
    case FORMAT(PDF):
        facturx_write(invoice, cii, out);
        return 0;
    default: {
        bool employer = head->kind == KIND_EMPLOYER;
        struct evidence *lines = ARENA_ARRAY(scratch, invoice->line_count, struct evidence);
        if (evidence_load(shelf, head->place, invoice, employer, scratch, lines) != 0) {
            return -1;
        }
        evidence_json(invoice, employer, lines, out);
        return 0;
    }
    }
}

/* One file at least; none behind those that have `bytes_max` together. */
static int files_write(struct shelf *shelf, const struct document_head *head,
                       const struct invoice *invoice, const Passerelle__V1__InvoiceFormat *formats,
                       size_t format_count, size_t bytes_max, Passerelle__V1__Invoice *out)
{
    struct arena *arena = shelf->call->arena;
    uint8_t hash[SHA256_LEN];
    int error = 0;
    buf_clear(&shelf->cii);
    if (!invoice->pro_forma) {
        int failed = cii_write(invoice, &shelf->cii);
        sha256(buf_content(&shelf->cii), hash);
        if (failed != E_OK ||
            !view_equal(view_bytes(hash, sizeof hash), wire_view(out->cii_sha256))) {
            error = damaged(shelf->call,
                            arena_printf(arena, "%s is not what its close recorded", out->number));
        }
    }
    out->files = ARENA_ARRAY(arena, format_count, Passerelle__V1__InvoiceFile *);
    size_t bytes = 0;
    for (size_t i = 0; i < format_count && error == 0 && bytes <= bytes_max; i++) {
        bool is_xml = formats[i] == FORMAT(CII) || formats[i] == FORMAT(UBL);
        if (is_xml && invoice->pro_forma) {
            continue;
        }
        buf_clear(&shelf->file);
        error = file_write(shelf, head, invoice, formats[i]);
        Passerelle__V1__InvoiceFile *one =
            wire_new(arena, &passerelle__v1__invoice_file__descriptor);
        one->format = formats[i];
        one->content = wire_bytes(arena_copy(arena, buf_content(&shelf->file)));
        out->files[out->n_files++] = one;
        bytes += one->content.len;
    }
    return error;
}

static char *day_string(struct arena *arena, struct day day)
{
    char text[11];
    day_format(day, text);
    return arena_string(arena, view_of(text));
}

/* The invoice of a document, with its files. NULL after the call failed. */
static Passerelle__V1__Invoice *invoice_make(struct shelf *shelf, const struct document_head *head,
                                             const struct kept *kept,
                                             const Passerelle__V1__InvoiceFormat *formats,
                                             size_t format_count, size_t bytes_max)
{
    struct arena *arena = shelf->call->arena;
    struct arena *scratch = &shelf->scratch;
    arena_clear(scratch);
    const Passerelle__V1__NumberedInvoice *numbered = kept->numbered;
    const Passerelle__V1__Document *document = document_of_head(head, scratch);
    struct invoice made;
    struct fault fault = FAULT_NONE;
    if (document == NULL) {
        damaged(shelf->call, "a document of this month cannot be read");
        return NULL;
    }
    if (numbered_invoice(document, numbered, shelf->month, shelf->issued, shelf->terms, scratch,
                         &made, &fault) != E_OK) {
        call_fail_with(shelf->call, &fault);
        return NULL;
    }
    Passerelle__V1__Invoice *out = wire_new(arena, &passerelle__v1__invoice__descriptor);
    char month[8];
    month_format(shelf->month, month);
    out->number = wire_string(arena, made.number);
    out->month = arena_string(arena, view_of(month));
    out->kind = numbered->kind;
    out->credit_note = numbered->credit_note;
    out->pro_forma = numbered->pro_forma;
    out->type_code = (uint32_t)made.type;
    out->seller_member_id = numbered->seller_member_id;
    out->seller_name = wire_string(arena, made.seller.name);
    out->buyer_id = numbered->buyer_id;
    out->buyer_name = wire_string(arena, made.buyer.name);
    out->issued_on = day_string(arena, made.issued);
    if (!invoice_is_credit(&made)) {
        out->due_on = day_string(arena, made.due);
    }
    out->net_cents = made.net.cents;
    out->vat_cents = made.vat.cents;
    out->gross_cents = made.gross.cents;
    out->paid_cents = made.paid.cents;
    out->payable_cents = made.payable.cents;
    out->months = numbered->months;
    out->n_months = numbered->n_months;
    out->preceding = ARENA_ARRAY(arena, numbered->n_preceding, char *);
    for (size_t i = 0; i < numbered->n_preceding; i++) {
        out->preceding[out->n_preceding++] = numbered->preceding[i]->number;
    }
    out->cii_sha256 = numbered->cii_sha256;
    out->recorded_number = wire_string(arena, view_of(kept->recorded_number));
    out->recorded_on = wire_string(arena, view_of(kept->recorded_on));
    return format_count == 0 ||
                   files_write(shelf, head, &made, formats, format_count, bytes_max, out) == 0
               ? out
               : NULL;
}

static int formats_check(struct call *call, const Passerelle__V1__InvoiceFormat *formats,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (formats[i] < FORMAT(CII) || formats[i] > FORMAT(EVIDENCE) || count > FORMATS_MAX) {
            return call_violation(call, "formats", "ask for CII, UBL, HTML, PDF, EVIDENCE");
        }
    }
    return 0;
}

static int payables_fill(struct shelf *shelf, struct payables *out)
{
    struct call *call = shelf->call;
    const Passerelle__V1__SettlementDocument *whole = wire_unpack_trusted(
        &passerelle__v1__settlement_document__descriptor, shelf->packed, call->arena);
    if (whole == NULL) {
        return damaged(call, "the settlement document of this month cannot be read");
    }
    *out = (struct payables){
        .document = whole,
        .terms = shelf->terms,
        .all = ARENA_ARRAY(call->arena, whole->n_documents, struct payable),
    };
    struct document_reader reader = document_reader_of(shelf->packed);
    struct document_head head;
    struct kept kept;
    while (document_reader_next(&reader, &head)) {
        if (head.kind == KIND_SUBSIDY) {
            continue;
        }
        if (kept_find(shelf, &head, &kept) != 0) {
            return -1;
        }
        const Passerelle__V1__Document *document = whole->documents[head.place];
        struct payable *one = &out->all[out->count++];
        *one = (struct payable){
            .document = document,
            .number = kept.numbered->number,
            .cents = CENTS(document->credit_note ? -document->gross_cents : document->gross_cents),
        };
        if (document->kind != KIND_EMPLOYER) {
            continue; /* only employers pay carnets before */
        }
        struct invoice made;
        struct fault fault = FAULT_NONE;
        if (numbered_invoice(document, kept.numbered, shelf->month, shelf->issued, shelf->terms,
                             call->arena, &made, &fault) != E_OK) {
            return call_fail_with(call, &fault);
        }
        one->cents = made.payable;
        one->due = made.due;
    }
    return 0;
}

int invoices_payable(struct service *service, struct call *call, struct month month,
                     struct payables *out)
{
    struct shelf shelf;
    int failed = shelf_open(service, call, month, &shelf);
    failed = failed == 0 ? payables_fill(&shelf, out) : failed;
    shelf_release(&shelf);
    return failed;
}

/* ---- ListInvoices ---- */

static void response_add(struct arena *arena, Passerelle__V1__ListInvoicesResponse *response,
                         size_t *alloc, Passerelle__V1__Invoice *one)
{
    if (response->n_invoices == *alloc) {
        *alloc = *alloc == 0 ? 64 : *alloc * 2;
        Passerelle__V1__Invoice **more = ARENA_ARRAY(arena, *alloc, Passerelle__V1__Invoice *);
        if (response->n_invoices > 0) {
            memcpy(more, response->invoices, response->n_invoices * sizeof *more);
        }
        response->invoices = more;
    }
    response->invoices[response->n_invoices++] = one;
}

static int page_fill(struct shelf *shelf, struct wanted *wanted, uint64_t from)
{
    struct call *call = shelf->call;
    const Passerelle__V1__ListInvoicesRequest *request = (const void *)call->request;
    Passerelle__V1__ListInvoicesResponse *response = call_respond(call);
    struct document_reader reader = document_reader_of(shelf->packed);
    struct document_head head;
    struct kept kept;
    size_t bytes = 0;
    size_t alloc = 0;
    while (document_reader_next(&reader, &head)) {
        if (head.kind == KIND_SUBSIDY || !document_is_wanted(wanted, &head)) {
            continue;
        }
        uint32_t nth = response->total++;
        if (head.place < from || nth < request->first ||
            (request->count > 0 && nth - request->first >= request->count) ||
            response->next_page_token[0] != '\0') {
            continue;
        }
        if (bytes > PAGE_BYTES_MAX) {
            response->next_page_token = arena_printf(call->arena, "%zu", head.place);
            continue;
        }
        if (kept_find(shelf, &head, &kept) != 0) {
            return -1;
        }
        Passerelle__V1__Invoice *one =
            invoice_make(shelf, &head, &kept, request->formats, request->n_formats,
                         PAGE_BYTES_MAX);
        if (one == NULL) {
            return -1;
        }
        bytes += protobuf_c_message_get_packed_size(&one->base);
        response_add(call->arena, response, &alloc, one);
    }
    return 0;
}

int invoices_list(struct service *service, struct call *call)
{
    const Passerelle__V1__ListInvoicesRequest *request = (const void *)call->request;
    struct month month;
    struct wanted wanted;
    struct shelf shelf;
    uint64_t from = 0;
    if (call_check_month(call, request->month, &month) != 0 ||
        formats_check(call, request->formats, request->n_formats) != 0 ||
        wanted_of(call, request->party_id, &wanted) != 0) {
        return -1;
    }
    if (request->page_token[0] != '\0' && text_u64(view_of(request->page_token), &from) != E_OK) {
        return call_violation(call, "page_token", "give the token of the last answer as it was");
    }
    int failed = shelf_open(service, call, month, &shelf);
    failed = failed == 0 ? page_fill(&shelf, &wanted, from) : failed;
    shelf_release(&shelf);
    return failed;
}

/* ---- GetInvoice ---- */

DB_SQL(select_by_number, "SELECT month, record FROM invoice WHERE number = :number");

static bool is_of_number(const Passerelle__V1__NumberedInvoice *numbered,
                         const struct document_head *head)
{
    return numbered->kind == head->kind && numbered->credit_note == head->credit_note &&
           view_is(head->seller_member_id, numbered->seller_member_id) &&
           view_is(head->buyer_id, numbered->buyer_id);
}

/* The close and the document of a number, if the caller may see it; fails the call otherwise. The
 * shelf is to be released in every case. */
static int find(struct service *service, struct call *call, const char *number, struct shelf *shelf,
                struct document_head *head, struct kept *kept)
{
    struct wanted wanted;
    const Passerelle__V1__NumberedInvoice *numbered = NULL;
    struct month month = {0};
    *shelf = (struct shelf){0};
    if (wanted_of(call, "", &wanted) != 0) {
        return -1;
    }
    struct query *query = db_query(service->db, &select_by_number);
    query_bind_text(query, "number", view_of(number));
    if (query_next(query)) {
        month.number = (int32_t)query_int(query, 0);
        numbered = wire_unpack_trusted(&passerelle__v1__numbered_invoice__descriptor,
                                       query_blob(query, 1), call->arena);
    }
    query_end(query);
    if (numbered != NULL && shelf_open(service, call, month, shelf) != 0) {
        return -1;
    }
    struct document_reader reader =
        document_reader_of(numbered != NULL ? shelf->packed : VIEW_NONE);
    while (document_reader_next(&reader, head)) {
        if (is_of_number(numbered, head) && document_is_wanted(&wanted, head)) {
            return kept_find(shelf, head, kept);
        }
    }
    return call_fail(call, CODE_NOT_FOUND,
                     "there is no invoice %s among yours: `passerelle invoice list MONTH` names "
                     "them",
                     number);
}

int invoice_visits(struct service *service, struct call *call, const char *number,
                   struct invoice_visits *out)
{
    struct shelf shelf;
    struct document_head head;
    struct kept kept;
    int failed = find(service, call, number, &shelf, &head, &kept);
    if (failed == 0) {
        *out = (struct invoice_visits){.month = shelf.month,
                                       .document = document_of_head(&head, call->arena)};
        failed = out->document == NULL
                     ? damaged(call, "the settlement document cannot be read")
                     : keys_load(&shelf, head.place, out->document->n_lines, call->arena,
                                 &out->lines);
    }
    shelf_release(&shelf);
    return failed;
}

int invoice_get(struct service *service, struct call *call)
{
    const Passerelle__V1__GetInvoiceRequest *request = (const void *)call->request;
    struct shelf shelf;
    struct document_head head;
    struct kept kept;
    Passerelle__V1__Invoice *invoice = NULL;
    if (formats_check(call, request->formats, request->n_formats) != 0) {
        return -1;
    }
    if (find(service, call, request->number, &shelf, &head, &kept) == 0) {
        invoice = invoice_make(&shelf, &head, &kept, request->formats, request->n_formats,
                               SIZE_MAX);
    }
    shelf_release(&shelf);
    if (invoice == NULL) {
        return -1;
    }
    Passerelle__V1__GetInvoiceResponse *response = call_respond(call);
    response->invoice = invoice;
    return 0;
}

/* ---- RecordInvoice ---- */

/* BR-FR-01 and BR-FR-02: a credit note will have to name it. */
static bool can_be_number(const char *text)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "+-_/";
    size_t len = strlen(text);
    return len >= 1 && len <= SERIES_TEXT_MAX && strspn(text, allowed) == len;
}

int invoice_record_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__RecordInvoiceRequest *request = (const void *)call->request;
    struct shelf shelf;
    struct document_head head;
    struct kept kept;
    struct day issued;
    Passerelle__V1__Invoice *pro_forma = NULL;
    if (find(service, call, request->pro_forma, &shelf, &head, &kept) == 0) {
        pro_forma = invoice_make(&shelf, &head, &kept, NULL, 0, 0);
    }
    shelf_release(&shelf);
    if (pro_forma == NULL) {
        return -1;
    }
    if (!kept.numbered->pro_forma) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "%s is an invoice already: only a pro forma waits for the host's own",
                         request->pro_forma);
    }
    if (call->who.role == ROLE_MEMBER && strcmp(pro_forma->buyer_id, call->who.party) != 0) {
        return call_fail(call, CODE_PERMISSION_DENIED,
                         "the issuer that gets the host's invoice records it");
    }
    if (kept.recorded_number[0] != '\0') {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the host's invoice %s of %s was recorded for it already",
                         kept.recorded_number, kept.recorded_on);
    }
    if (!can_be_number(request->number)) {
        return call_violation(call, "number",
                              "write the host's number with 1 to %d letters, digits, '+', '-', "
                              "'_' or '/'",
                              SERIES_TEXT_MAX);
    }
    if (day_parse(view_of(request->issued_on), &issued) != E_OK ||
        day_compare(issued, month_first(shelf.month)) < 0 ||
        day_compare(issued, day_of_instant(service_now(service))) > 0) {
        return call_violation(call, "issued_on",
                              "write the invoice's day as 2026-11-05, from the month that it "
                              "bills up to today");
    }
    if (request->gross_cents != pro_forma->gross_cents) {
        return call_violation(call, "gross_cents",
                              "the pro forma says %lld cents: ask the host to correct its "
                              "invoice, or dispute the visits",
                              (long long)pro_forma->gross_cents);
    }
    call->decision = pro_forma;
    return 0;
}

int invoice_record_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__RecordInvoiceRequest *request = (const void *)call->request;
    Passerelle__V1__RecordInvoiceResponse *response = call_respond(call);
    response->invoice = call->decision;
    response->invoice->recorded_number = request->number;
    response->invoice->recorded_on = request->issued_on;
    Passerelle__V1__InvoiceRecorded recorded = PASSERELLE__V1__INVOICE_RECORDED__INIT;
    recorded.pro_forma = request->pro_forma;
    recorded.number = request->number;
    recorded.issued_on = request->issued_on;
    recorded.gross_cents = request->gross_cents;
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_INVOICE_RECORDED, &recorded.base);
    return 0;
}
