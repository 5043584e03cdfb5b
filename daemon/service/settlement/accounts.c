/* A member's accounts over a fiscal year, made again from the closes for each part of a file that
 * is asked for. */
#include "service/settlement/accounts.h"

#include "core/payments/pain.h"
#include "service/settlement/compute.h"
#include "service/settlement/payments.h"
#include "service/settlement/settlement.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define FILE_IS(name) PASSERELLE__V1__ACCOUNTS_FILE__ACCOUNTS_FILE_##name
#define KIND_EMPLOYER PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE
enum { MONTHS_MAX = 24 }; /* of a fiscal year: the first one of a company may be long */

const char *accounts_member(struct service *service, struct call *call, const char *member_id)
{
    if (member_id[0] == '\0' && call->who.role == ROLE_MEMBER) {
        member_id = call->who.party;
    }
    if (scope_member(service, call, view_of(member_id)) != 0) {
        return NULL;
    }
    if (registry_member(service->db, call->arena, view_of(member_id)) == NULL) {
        call_fail(call, CODE_NOT_FOUND, "there is no member '%s'", member_id);
        return NULL;
    }
    return member_id;
}

/* ---- what is read ---- */

struct reading {
    struct db *db;
    struct arena *arena;
    const char *member_id;
    struct fec_carnet *carnets;
    size_t carnet_count;
    struct fec_payment *payments;
    size_t payment_count, payment_alloc;
};

DB_SQL(select_carnets, "SELECT c.record, e.employer_id FROM employer e "
                       "JOIN plan p ON p.employer_id = e.employer_id "
                       "JOIN carnet c ON c.plan_id = p.plan_id "
                       "WHERE e.issuer_member_id = :member_id ORDER BY c.carnet_id");

size_t accounts_carnets(struct db *db, struct arena *arena, struct view member_id,
                        struct fec_carnet **out)
{
    struct arena scratch = ARENA_INIT;
    struct fec_carnet *carnets = NULL;
    size_t count = 0;
    size_t alloc = 0;
    struct query *query = db_query(db, &select_carnets);
    query_bind_text(query, "member_id", member_id);
    while (query_next(query)) {
        struct day bought_on;
        arena_clear(&scratch);
        const Passerelle__V1__Carnet *carnet = wire_unpack_trusted(
            &passerelle__v1__carnet__descriptor, query_blob(query, 0), &scratch);
        if (carnet == NULL || carnet->units == 0 ||
            day_parse(view_of(carnet->bought_on), &bought_on) != E_OK) {
            continue;
        }
        if (count == alloc) {
            alloc = alloc == 0 ? 16 : alloc * 2;
            carnets = xrealloc(carnets, alloc, sizeof *carnets);
        }
        carnets[count++] =
            (struct fec_carnet){.carnet_id = arena_string(arena, view_of(carnet->carnet_id)),
                                .employer_id = arena_string(arena, query_text(query, 1)),
                                .price = CENTS(carnet->price_cents),
                                .units = carnet->units,
                                .last_day = carnet_last_day(bought_on, (int)carnet->valid_months),
                                .bought_on = bought_on};
    }
    query_end(query);
    arena_release(&scratch);
    *out = ARENA_ARRAY(arena, count, struct fec_carnet);
    if (count > 0) {
        memcpy(*out, carnets, count * sizeof *carnets);
    }
    free(carnets);
    return count;
}

DB_SQL(select_first, "SELECT MIN(month) FROM period");

bool accounts_first_month(struct db *db, struct month *out)
{
    struct query *query = db_query(db, &select_first);
    bool found = query_next(query) && !query_is_null(query, 0);
    if (found) {
        *out = (struct month){(int32_t)query_int(query, 0)};
    }
    query_end(query);
    return found;
}

static bool is_theirs(void *context, const struct document_head *document)
{
    const struct reading *r = context;
    return view_is(document->seller_member_id, r->member_id) ||
           (document->kind != KIND_EMPLOYER && view_is(document->buyer_id, r->member_id));
}

/* Only what concerns the member: a year of a large network would not fit. */
static const Passerelle__V1__SettlementDocument *
document_take(struct reading *r, const Passerelle__V1__SettlementDocument *whole)
{
    Passerelle__V1__SettlementDocument own = *whole;
    struct arena lists = ARENA_INIT;
    own.n_sites = own.n_positions = own.n_carried = own.n_carried_in = 0;
    own.n_transfers = own.n_carnet_uses = 0;
    struct map carnets;
    map_init(&carnets, 0);
    for (size_t i = 0; i < r->carnet_count; i++) {
        map_put(&carnets, view_of(r->carnets[i].carnet_id), r);
    }
    own.carnet_uses = ARENA_ARRAY(&lists, whole->n_carnet_uses, Passerelle__V1__CarnetUse *);
    for (size_t i = 0; i < whole->n_carnet_uses; i++) {
        if (map_get(&carnets, view_of(whole->carnet_uses[i]->carnet_id)) != NULL) {
            own.carnet_uses[own.n_carnet_uses++] = whole->carnet_uses[i];
        }
    }
    const ProtobufCMessage *copy = wire_clone(r->arena, &own.base);
    map_release(&carnets);
    arena_release(&lists);
    return (const void *)copy;
}

DB_SQL(select_terms, "SELECT terms FROM invoice_terms WHERE month = :month");

static int carnet_compare(const void *left, const void *right)
{
    const struct fec_carnet *a = left;
    const struct fec_carnet *b = right;
    int by_day = day_compare(a->bought_on, b->bought_on);
    return by_day != 0 ? by_day : strcmp(a->carnet_id, b->carnet_id);
}

/* The member's carnets that a close bills for its own month, as its cut has them. */
static void sold_take(struct reading *r, struct month month, struct fec_close *close)
{
    struct arena scratch = ARENA_INIT;
    struct map wanted;
    struct fec_carnet *sold = ARENA_ARRAY(r->arena, r->carnet_count, struct fec_carnet);
    map_init(&wanted, 0);
    struct query *query = db_query(r->db, &select_terms);
    query_bind_int(query, "month", month.number);
    const Passerelle__V1__InvoiceTerms *terms =
        query_next(query) ? wire_unpack_trusted(&passerelle__v1__invoice_terms__descriptor,
                                                query_blob(query, 0), &scratch)
                          : NULL;
    query_end(query);
    for (size_t i = 0; terms != NULL && i < terms->n_carnets; i++) {
        map_put(&wanted, view_of(terms->carnets[i]->carnet_id), r);
    }
    for (size_t i = 0; i < r->carnet_count; i++) {
        if (month_of(r->carnets[i].bought_on).number == month.number &&
            map_get(&wanted, view_of(r->carnets[i].carnet_id)) != NULL) {
            sold[close->sold_count++] = r->carnets[i];
        }
    }
    if (close->sold_count > 0) {
        qsort(sold, close->sold_count, sizeof *sold, carnet_compare);
    }
    close->sold = sold;
    map_release(&wanted);
    arena_release(&scratch);
}

DB_SQL(select_number, "SELECT number, sequence, recorded_number FROM invoice WHERE month = :month "
                      "AND kind = :kind AND seller_member_id = :seller AND buyer_id = :buyer "
                      "AND credit_note = :credit_note");

/* A pro forma has no number but that of the host's own invoice, once it came. */
static struct view number_of(struct reading *r, struct month month,
                             const Passerelle__V1__Document *document)
{
    struct view number = VIEW_NONE;
    struct query *query = db_query(r->db, &select_number);
    query_bind_int(query, "month", month.number);
    query_bind_int(query, "kind", document->kind);
    query_bind_text(query, "seller", view_of(document->seller_member_id));
    query_bind_text(query, "buyer", view_of(document->buyer_id));
    query_bind_int(query, "credit_note", document->credit_note);
    if (query_next(query)) {
        number = arena_copy(r->arena, query_text(query, query_int(query, 1) == 0 ? 2 : 0));
    }
    query_end(query);
    return number;
}

/* ---- money that moved ---- */

DB_SQL(select_bookings, "SELECT record FROM payment_booking WHERE payment_id = :payment_id "
                        "AND undone = 0 ORDER BY entry_key, place");

/* What a bank said of a payment; one that was refused before it was booked moved nothing. */
static void booking_take(struct reading *r, const Passerelle__V1__PaymentBooking *told,
                         const struct fec_payment *payment, bool incoming)
{
    bool moved =
        told->part || (told->after == PAYMENT_STATE(CONFIRMED) && told->before != told->after);
    bool back = told->after == PAYMENT_STATE(RETURNED) && told->before == PAYMENT_STATE(CONFIRMED);
    struct fec_payment taken = *payment;
    if ((!moved && !back) || day_parse(view_of(told->booked_on), &taken.booked) != E_OK) {
        return;
    }
    taken.reference = view_of(told->bank_reference);
    taken.amount = CENTS(incoming == moved ? told->cents : -told->cents);
    if (r->payment_count == r->payment_alloc) {
        r->payment_alloc = r->payment_alloc == 0 ? 64 : r->payment_alloc * 2;
        r->payments = xrealloc(r->payments, r->payment_alloc, sizeof *r->payments);
    }
    r->payments[r->payment_count++] = taken;
}

static void payment_take(struct reading *r, const struct fec_payment *payment, bool incoming)
{
    struct query *query = db_query(r->db, &select_bookings);
    query_bind_text(query, "payment_id", payment->end_to_end);
    while (query_next(query)) {
        const Passerelle__V1__PaymentBooking *told = wire_unpack_trusted(
            &passerelle__v1__payment_booking__descriptor, query_blob(query, 0), r->arena);
        if (told != NULL) {
            booking_take(r, told, payment, incoming);
        }
    }
    query_end(query);
}

static struct view siren_of(struct reading *r, const char *member_id)
{
    const Passerelle__V1__Member *member = registry_member(r->db, r->arena, view_of(member_id));
    return member == NULL ? VIEW_NONE : view_of(member->siren);
}

/* Of the member's transfers in a close, and of its employers' invoices and credit notes. */
static void payments_take(struct reading *r, struct month month,
                          const Passerelle__V1__SettlementDocument *whole,
                          const struct fec_close *close)
{
    for (size_t i = 0; i < whole->n_transfers; i++) {
        const Passerelle__V1__Transfer *transfer = whole->transfers[i];
        bool incoming = strcmp(transfer->to_member_id, r->member_id) == 0;
        if (!incoming && strcmp(transfer->from_member_id, r->member_id) != 0) {
            continue;
        }
        struct view from = siren_of(r, transfer->from_member_id);
        struct view to = siren_of(r, transfer->to_member_id);
        char *id = arena_alloc(r->arena, PAIN_ID_MAX + 1);
        if (from.len == 9 && to.len == 9) {
            const char *other = incoming ? transfer->from_member_id : transfer->to_member_id;
            pain_transfer_id(month, from, to, id);
            payment_take(r,
                         &(struct fec_payment){.end_to_end = view_of(id),
                                               .party_id = arena_string(r->arena, view_of(other))},
                         incoming);
        }
    }
    for (size_t i = 0; i < close->document->n_documents; i++) {
        const Passerelle__V1__Document *one = close->document->documents[i];
        if (one->kind == KIND_EMPLOYER && close->numbers[i].len > 0) {
            payment_take(r,
                         &(struct fec_payment){.end_to_end = close->numbers[i],
                                               .party_id = one->buyer_id,
                                               .employer = true},
                         !one->credit_note);
        }
    }
}

/* ---- closes ---- */

DB_SQL(select_closes, "SELECT p.month, p.closed_utc_ms, c.issued_on FROM period p "
                      "LEFT JOIN invoice_close c ON c.month = p.month "
                      "WHERE p.month <= :last ORDER BY p.month");

static size_t closes_take(struct reading *r, struct day to, struct fec_close **out)
{
    size_t count = 0;
    size_t alloc = 0;
    struct fec_close *closes = NULL;
    struct query *query = db_query(r->db, &select_closes);
    query_bind_int(query, "last", month_of(to).number);
    while (query_next(query)) {
        struct month month = {(int32_t)query_int(query, 0)};
        struct fec_close close = {.booked = month_last(month),
                                  .validated = day_of_instant(query_int(query, 1))};
        if (query_is_null(query, 2) || day_parse(query_text(query, 2), &close.issued) != E_OK) {
            close.issued = close.validated;
        }
        if (day_compare(close.booked, to) > 0) {
            continue; /* the fiscal year ends within a month */
        }
        struct arena scratch = ARENA_INIT;
        const Passerelle__V1__SettlementDocument *whole =
            settlement_some(r->db, month, is_theirs, r, &scratch);
        if (whole == NULL) {
            arena_release(&scratch);
            db_fail(r->db, E_CORRUPT, "a settlement document is not here: restore a backup");
            break;
        }
        close.document = document_take(r, whole);
        struct view *numbers = ARENA_ARRAY(r->arena, close.document->n_documents, struct view);
        for (size_t i = 0; i < close.document->n_documents; i++) {
            numbers[i] = number_of(r, month, close.document->documents[i]);
        }
        close.numbers = numbers;
        payments_take(r, month, whole, &close);
        sold_take(r, month, &close);
        arena_release(&scratch);
        if (count == alloc) {
            alloc = alloc == 0 ? 16 : alloc * 2;
            closes = xrealloc(closes, alloc, sizeof *closes);
        }
        closes[count++] = close;
    }
    query_end(query);
    *out = ARENA_ARRAY(r->arena, count, struct fec_close);
    if (count > 0) {
        memcpy(*out, closes, count * sizeof *closes);
    }
    free(closes);
    return count;
}

static bool party_find(void *context, const char *id, bool employer, struct fec_party *out)
{
    struct reading *r = context;
    const char *siren = NULL;
    const char *name = NULL;
    if (employer) {
        const Passerelle__V1__Employer *one = registry_employer(r->db, r->arena, view_of(id));
        siren = one == NULL ? NULL : one->siren;
        name = one == NULL ? NULL : one->legal_name;
    } else {
        const Passerelle__V1__Member *one = registry_member(r->db, r->arena, view_of(id));
        siren = one == NULL ? NULL : one->siren;
        name = one == NULL ? NULL : one->legal_name;
    }
    *out =
        (struct fec_party){view_of(siren == NULL || siren[0] == '\0' ? id : siren), view_of(name)};
    return name != NULL;
}

/* ---- GetAccounts ---- */

static int openings_take(struct reading *r, const struct fec_chart *chart, struct fec_opening *own,
                         size_t own_count, struct fec_input *input)
{
    struct fec_opening *all = ARENA_ARRAY(r->arena, own_count + 2, struct fec_opening);
    struct month first;
    size_t added = 0;
    for (size_t i = 0; i < own_count; i++) {
        all[i] = own[i];
    }
    int error = accounts_first_month(r->db, &first)
                    ? fec_openings_of_carnets(chart, r->carnets, r->carnet_count, first, own,
                                              own_count, all + own_count, &added)
                    : 0;
    input->openings = all;
    input->opening_count = own_count + added;
    return error;
}

static int accounts_make(struct service *service, struct call *call, const char *member_id,
                         struct day from, struct day to, struct fec *out, struct fault *fault)
{
    struct reading r = {.db = service->db, .arena = call->arena, .member_id = member_id};
    const Passerelle__V1__Member *member =
        registry_member(service->db, call->arena, view_of(member_id));
    struct fec_chart chart;
    struct fec_opening *own;
    struct fec_close *closes;
    size_t own_count;
    struct fec_input input = {.member_id = member_id,
                              .siren = view_of(member->siren),
                              .from = from,
                              .to = to,
                              .chart = &chart,
                              .context = &r,
                              .party = party_find};
    accounts_chart(r.db, r.arena, view_of(member_id), &chart, &own, &own_count);
    r.carnet_count = accounts_carnets(r.db, r.arena, view_of(member_id), &r.carnets);
    input.carnets = r.carnets;
    input.carnet_count = r.carnet_count;
    input.close_count = closes_take(&r, to, &closes);
    input.closes = closes;
    input.payments = r.payments;
    input.payment_count = r.payment_count;
    int error = db_error(r.db, fault);
    error = error == 0 ? openings_take(&r, &chart, own, own_count, &input) : error;
    error = error == 0 ? fec_make(&input, call->arena, out, fault) : error;
    free(r.payments);
    return error;
}

static char *file_name(struct arena *arena, const struct fec *fec,
                       Passerelle__V1__AccountsFile file)
{
    char name[FEC_NAME_MAX];
    char day[11];
    fec_name(fec, name);
    day_format(fec->to, day);
    return file == FILE_IS(TRIAL_BALANCE) ? arena_printf(arena, "balance-%s.csv", day)
           : file == FILE_IS(LEDGER)      ? arena_printf(arena, "grand-livre-%s.csv", day)
                                          : arena_printf(arena, "%s", name);
}

static void file_write(const struct fec *fec, Passerelle__V1__AccountsFile file,
                       struct arena *arena, struct buf *out)
{
    if (file == FILE_IS(TRIAL_BALANCE)) {
        fec_trial_balance(fec, arena, out);
    } else if (file == FILE_IS(LEDGER)) {
        fec_ledger(fec, arena, out);
    } else {
        fec_write(fec, out);
    }
}

static int part_answer(struct call *call, const struct fec *fec, const struct buf *file)
{
    const Passerelle__V1__GetAccountsRequest *request = (const void *)call->request;
    struct file_part part;
    if (call_part(call, buf_content(file), request->offset, &part) != 0) {
        return -1;
    }
    Passerelle__V1__GetAccountsResponse *response = call_respond(call);
    response->name = file_name(call->arena, fec, request->file);
    response->size = file->len;
    response->sha256 = wire_bytes(part.sha256);
    response->content = wire_bytes(part.content);
    response->entries = fec->entry_count;
    response->lines = (uint32_t)fec->line_count;
    for (size_t i = 0; i < fec->line_count; i++) {
        int64_t cents = fec->lines[i].amount.cents;
        response->debit_cents += cents > 0 ? cents : 0;
    }
    return 0;
}

/* None when they do not fit one answer. */
static void files_answer(struct call *call, const struct fec *fec, struct buf *scratch)
{
    enum { FILES_BYTES_MAX = 2 << 20 };
    static const Passerelle__V1__AccountsFile files[] = {FILE_IS(FEC), FILE_IS(TRIAL_BALANCE),
                                                         FILE_IS(LEDGER)};
    Passerelle__V1__GetAccountsResponse *response = (void *)call->response;
    size_t bytes = 0;
    response->files = ARENA_ARRAY(call->arena, ARRAY_LEN(files), Passerelle__V1__AccountsContent *);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        Passerelle__V1__AccountsContent *one =
            wire_new(call->arena, &passerelle__v1__accounts_content__descriptor);
        buf_clear(scratch);
        file_write(fec, files[i], call->arena, scratch);
        bytes += scratch->len;
        if (bytes > FILES_BYTES_MAX) {
            response->n_files = 0;
            return;
        }
        one->name = file_name(call->arena, fec, files[i]);
        one->content = wire_bytes(arena_copy(call->arena, buf_content(scratch)));
        response->files[response->n_files++] = one;
    }
}

DB_SQL(is_closed, "SELECT 1 FROM period WHERE month = :month");

static void open_months(struct db *db, struct call *call, struct day from, struct day to)
{
    Passerelle__V1__GetAccountsResponse *response = (void *)call->response;
    struct month first;
    struct month month = month_of(from);
    response->open_months = ARENA_ARRAY(call->arena, MONTHS_MAX + 1, char *);
    if (accounts_first_month(db, &first) && first.number > month.number) {
        month = first; /* what was before the network's first close is not awaited */
    }
    for (; day_compare(month_last(month), to) <= 0; month.number++) {
        struct query *query = db_query(db, &is_closed);
        query_bind_int(query, "month", month.number);
        if (!query_next(query)) {
            char text[8];
            month_format(month, text);
            response->open_months[response->n_open_months++] =
                arena_string(call->arena, view_of(text));
        }
        query_end(query);
    }
}

int accounts_get(struct service *service, struct call *call)
{
    const Passerelle__V1__GetAccountsRequest *request = (const void *)call->request;
    const char *member_id = accounts_member(service, call, request->member_id);
    struct fault fault = FAULT_NONE;
    struct day from;
    struct day to;
    struct fec fec;
    if (member_id == NULL) {
        return -1;
    }
    if (day_parse(view_of(request->from), &from) != E_OK ||
        day_parse(view_of(request->to), &to) != E_OK || day_compare(from, to) > 0 ||
        month_of(to).number - month_of(from).number >= MONTHS_MAX) {
        return call_violation(call, "to",
                              "write the first and the last day of a fiscal year of at most %d "
                              "months, as 2026-01-01 and 2026-12-31",
                              MONTHS_MAX);
    }
    struct month first;
    if (accounts_first_month(service->db, &first) && day_compare(to, month_first(first)) < 0) {
        char text[8];
        month_format(first, text);
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "these accounts begin with %s, the first month that was closed: ask for a "
                         "year that reaches it",
                         text);
    }
    if (request->file > FILE_IS(LEDGER)) {
        return call_violation(call, "file", "ask for FEC, TRIAL_BALANCE or LEDGER");
    }
    int error = accounts_make(service, call, member_id, from, to, &fec, &fault);
    if (error != 0) {
        fault_set(&fault, error, "the amounts of this member are too large to be added up");
        return call_fail_with(call, &fault);
    }
    struct buf file = BUF_INIT;
    file_write(&fec, request->file, call->arena, &file);
    error = part_answer(call, &fec, &file);
    if (error == 0 && request->every_file) {
        files_answer(call, &fec, &file);
    }
    buf_release(&file);
    if (error == 0) {
        open_months(service->db, call, from, to);
    }
    return error;
}
