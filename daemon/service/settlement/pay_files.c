/* ExportPayments: files for banks. What a file holds is recorded in `books` before it leaves, and
 * the file is made from that record, so that asking again gives the same bytes and the same message
 * id, which a bank takes once. Accounts are those on record now; where one is another than at the
 * close, two operators must want it, and the file begins with both. */
#include <assert.h>

#include "core/payments/orders.h"
#include "crypt/sha256.h"
#include "service/contracts.h"
#include "service/journal.h"
#include "service/settlement/payments.h"
#include "service/settlement/period.h"
#include "service/settlement/settlement.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum {
    ORDERS_PER_ENTRY = 40, /* of at most 1.4 KiB each */
    RUNS_MAX = 999,
    DAYS_AHEAD = 2,
    DAYS_AHEAD_MAX = 400,
};

struct export
{
    struct service *service;
    struct call *call;
    const Passerelle__V1__ExportPaymentsRequest *request;
    struct payments payments;
    struct orders_terms terms;
    const char *network_id;
    Passerelle__V1__PaymentsSent **made; /* new ones, whole */
    size_t made_count;
    struct sha256 changes; /* over what is paid to another account than at the close */
    size_t change_count;
    Passerelle__V1__ExportPaymentsResponse *response;
};

/* ---- the records of files ---- */

DB_SQL(select_last_run, "SELECT MAX(run) FROM payment_run WHERE month = :month AND kind = :kind "
                        "AND party_id = :party_id");
DB_SQL(select_run, "SELECT record FROM payment_run WHERE month = :month AND kind = :kind "
                   "AND party_id = :party_id AND run = :run ORDER BY entry_key");

static unsigned last_run(struct export *e, const char *party_id)
{
    struct query *query = db_query(e->service->db, &select_last_run);
    query_bind_int(query, "month", e->payments.month.number);
    query_bind_int(query, "kind", e->request->kind);
    query_bind_text(query, "party_id", view_of(party_id));
    unsigned run =
        query_next(query) && !query_is_null(query, 0) ? (unsigned)query_int(query, 0) : 0;
    query_end(query);
    return run;
}

/* The record of a file, its parts put together; NULL after the call failed. */
static Passerelle__V1__PaymentsSent *run_read(struct export *e, const char *party_id, unsigned run)
{
    struct arena *arena = e->call->arena;
    Passerelle__V1__PaymentsSent *whole = NULL;
    struct query *query = db_query(e->service->db, &select_run);
    query_bind_int(query, "month", e->payments.month.number);
    query_bind_int(query, "kind", e->request->kind);
    query_bind_text(query, "party_id", view_of(party_id));
    query_bind_int(query, "run", run);
    while (query_next(query)) {
        Passerelle__V1__PaymentsSent *part = wire_unpack_trusted(
            &passerelle__v1__payments_sent__descriptor, query_blob(query, 0), arena);
        if (part == NULL || whole == NULL) {
            whole = part;
            continue;
        }
        Passerelle__V1__PaymentOrder **orders =
            ARENA_ARRAY(arena, whole->n_orders + part->n_orders, Passerelle__V1__PaymentOrder *);
        memcpy(orders, whole->orders, whole->n_orders * sizeof *orders);
        memcpy(orders + whole->n_orders, part->orders, part->n_orders * sizeof *orders);
        whole->orders = orders;
        whole->n_orders += part->n_orders;
    }
    query_end(query);
    if (whole == NULL) {
        call_fail(e->call, CODE_DATA_LOSS,
                  "the record of a file for %s cannot be read: restore a "
                  "backup",
                  party_id);
    }
    return whole;
}

/* ---- a record as a file ---- */

static struct pain_party pain_party_of(const Passerelle__V1__PaymentParty *party)
{
    return (struct pain_party){.name = view_of(party->name),
                               .iban = view_of(party->iban),
                               .bic = view_of(party->bic),
                               .street = view_of(party->address),
                               .postcode = view_of(party->postcode),
                               .town = view_of(party->city),
                               .country = view_of(party->country)};
}

static void change_tell(const Passerelle__V1__PaymentParty *party,
                        Passerelle__V1__PaymentFile *file, struct buf *note)
{
    for (size_t i = 0; i < file->n_changed; i++) {
        if (strcmp(file->changed[i]->iban, party->iban) == 0) {
            return;
        }
    }
    if (party->iban_at_close[0] != '\0') {
        file->changed[file->n_changed++] = (Passerelle__V1__PaymentParty *)(uintptr_t)party;
        buf_printf(note, " %s (at the close: %s)", party->iban, party->iban_at_close);
    }
}

static int file_add(struct export *e, const Passerelle__V1__PaymentsSent *sent, bool repeated)
{
    struct arena *arena = e->call->arena;
    struct buf note = BUF_INIT;
    struct buf xml = BUF_INIT;
    struct pain_payment *payments = ARENA_ARRAY(arena, sent->n_orders, struct pain_payment);
    Passerelle__V1__PaymentFile *out = wire_new(arena, &passerelle__v1__payment_file__descriptor);
    struct pain_file file = {
        .kind = sent->kind == PAYMENT_KIND(TRANSFER) ? PAIN_TRANSFERS : PAIN_DEBITS,
        .version = e->terms.version,
        .created_utc_ms = sent->created_utc_ms,
        .owner = pain_party_of(sent->owner),
        .creditor_id = view_of(sent->creditor_id),
        .b2b = sent->b2b,
        .payments = payments,
        .count = sent->n_orders,
    };
    snprintf(file.message_id, sizeof file.message_id, "%s", sent->message_id);
    out->changed = ARENA_ARRAY(arena, sent->n_orders + 1, Passerelle__V1__PaymentParty *);
    change_tell(sent->owner, out, &note);
    bool whole = day_parse(view_of(sent->wanted_on), &file.wanted) == E_OK;
    for (size_t i = 0; i < sent->n_orders; i++) {
        const Passerelle__V1__PaymentOrder *order = sent->orders[i];
        payments[i] = (struct pain_payment){.end_to_end = view_of(order->payment_id),
                                            .amount = CENTS(order->cents),
                                            .party = pain_party_of(order->party),
                                            .text = view_of(order->text),
                                            .mandate = view_of(order->mandate_id),
                                            .first = order->first};
        whole = whole &&
                (order->mandate_id[0] == '\0' ||
                 day_parse(view_of(order->signed_on), &payments[i].signed_on) == E_OK) &&
                cents_accumulate(&file.sum, payments[i].amount) == E_OK;
        change_tell(order->party, out, &note);
    }
    if (out->n_changed > 0) {
        file.note = view_of(arena_printf(arena, " IBAN changed since the close, used here:%.*s ",
                                         VIEW_FMT(buf_content(&note))));
    }
    if (!whole || pain_write(&file, &xml) != E_OK) {
        buf_release(&note);
        buf_release(&xml);
        return call_fail(e->call, CODE_DATA_LOSS,
                         "the record of the file %s cannot be written: "
                         "restore a backup",
                         sent->message_id);
    }
    out->party_id = sent->party_id;
    out->message_id = sent->message_id;
    out->name = arena_printf(arena, "%s-%s-%u.%s.xml", sent->party_id, sent->month, sent->run,
                             pain_schema(file.kind, file.version));
    out->payments = (uint32_t)sent->n_orders;
    out->cents = file.sum.cents;
    out->wanted_on = sent->wanted_on;
    out->repeated_run = repeated;
    out->content = wire_bytes(arena_copy(arena, buf_content(&xml)));
    e->response->files[e->response->n_files++] = out;
    buf_release(&note);
    buf_release(&xml);
    return 0;
}

/* ---- from payments to a record ---- */

static bool member_of(void *context, const char *id, struct orders_member *out)
{
    struct export *e = context;
    struct db *db = e->service->db;
    const Passerelle__V1__Member *member = registry_member(db, e->call->arena, view_of(id));
    const Passerelle__V1__BankAccount *account = registry_account(db, e->call->arena, view_of(id));
    if (member == NULL) {
        return false;
    }
    *out = (struct orders_member){
        .party = {.name = view_of(member->legal_name),
                  .street = view_of(member->address),
                  .postcode = view_of(member->postcode),
                  .town = view_of(member->city),
                  .country = view_of(member->country)},
        .siren = payments_siren(e->service, e->call, e->payments.terms, id),
        .creditor_id = view_of(member->sepa_creditor_id),
    };
    if (account != NULL) {
        out->party.iban = view_of(account->iban);
        out->party.bic = view_of(account->bic);
    }
    return true;
}

/* `at_close` NULL: nothing is known of then. */
static Passerelle__V1__PaymentParty *party_new(struct export *e, const struct pain_party *party,
                                               const char *at_close)
{
    struct arena *arena = e->call->arena;
    Passerelle__V1__PaymentParty *out = wire_new(arena, &passerelle__v1__payment_party__descriptor);
    out->name = wire_string(arena, party->name);
    out->iban = wire_string(arena, party->iban);
    out->bic = wire_string(arena, party->bic);
    if (e->terms.addresses) {
        out->address = wire_string(arena, party->street);
        out->postcode = wire_string(arena, party->postcode);
        out->city = wire_string(arena, party->town);
        out->country = wire_string(arena, party->country);
    }
    if (at_close != NULL && !view_is(party->iban, at_close)) {
        out->iban_at_close = wire_string(arena, view_of(at_close[0] == '\0' ? "none" : at_close));
        sha256_add(&e->changes, out->iban, strlen(out->iban) + 1);
        e->change_count++;
    }
    return out;
}

/* The account of a member at the close: "" when it had none, NULL when the terms do not name it. */
static const char *account_at_close(const struct export *e, const char *member_id)
{
    const Passerelle__V1__InvoiceTerms *terms = e->payments.terms;
    for (size_t i = 0; i < terms->n_members; i++) {
        if (strcmp(terms->members[i]->member_id, member_id) == 0) {
            const char *iban = payments_account_at_close(terms, member_id);
            return iban == NULL ? "" : iban;
        }
    }
    return NULL;
}

static const struct payment *payment_of(const struct export *e, struct view id)
{
    for (size_t i = 0; i < e->payments.count; i++) {
        if (view_is(id, e->payments.all[i].told->payment_id)) {
            return &e->payments.all[i];
        }
    }
    return NULL;
}

static void record_make(struct export *e, const struct orders_file *orders, unsigned run)
{
    struct arena *arena = e->call->arena;
    const struct pain_file *file = &orders->file;
    Passerelle__V1__PaymentsSent *sent =
        wire_new(arena, &passerelle__v1__payments_sent__descriptor);
    char day[11];
    sent->month = e->request->month;
    sent->kind = e->request->kind;
    sent->party_id = wire_string(arena, orders->party_id);
    sent->run = run;
    sent->message_id = arena_string(arena, view_of(file->message_id));
    sent->created_utc_ms = file->created_utc_ms;
    day_format(file->wanted, day);
    sent->wanted_on = arena_string(arena, view_of(day));
    sent->b2b = file->kind == PAIN_DEBITS && file->b2b;
    sent->owner = party_new(e, &file->owner, account_at_close(e, sent->party_id));
    if (file->kind == PAIN_DEBITS) {
        sent->creditor_id = wire_string(arena, file->creditor_id);
    }
    sent->orders = ARENA_ARRAY(arena, file->count, Passerelle__V1__PaymentOrder *);
    for (size_t i = 0; i < file->count; i++) {
        const struct pain_payment *payment = &file->payments[i];
        const struct payment *of = payment_of(e, payment->end_to_end);
        const char *at_close = NULL;
        assert(of != NULL); /* the file was made of these payments */
        if (of->transfer != NULL) {
            at_close = account_at_close(e, of->transfer->to_member_id);
        } else if (of->employer != NULL) {
            at_close = of->employer->mandate == NULL ? "" : of->employer->mandate->iban;
        }
        Passerelle__V1__PaymentOrder *order =
            wire_new(arena, &passerelle__v1__payment_order__descriptor);
        char group[PAIN_ID_MAX + 1];
        pain_group_id(file, payment, group);
        order->payment_id = wire_string(arena, payment->end_to_end);
        order->cents = payment->amount.cents;
        order->party = party_new(e, &payment->party, at_close);
        order->text = wire_string(arena, payment->text);
        order->group_id = arena_string(arena, view_of(group));
        if (payment->mandate.len > 0) {
            order->mandate_id = wire_string(arena, payment->mandate);
            day_format(payment->signed_on, day);
            order->signed_on = arena_string(arena, view_of(day));
            order->first = payment->first;
        }
        sha256_add(&e->changes, order->payment_id, strlen(order->payment_id) + 1);
        sent->orders[sent->n_orders++] = order;
    }
    e->made[e->made_count++] = sent;
}

DB_SQL(select_mandate, "SELECT 1 FROM payment_mandate WHERE party_id = :party_id "
                       "AND mandate_id = :mandate_id");

static bool is_debited(struct export *e, const char *issuer_id, const char *mandate_id)
{
    struct query *query = db_query(e->service->db, &select_mandate);
    query_bind_text(query, "party_id", view_of(issuer_id));
    query_bind_text(query, "mandate_id", view_of(mandate_id));
    bool found = query_next(query);
    query_end(query);
    return found;
}

static struct orders_claim claim_of(struct export *e, const struct payment *payment)
{
    const Passerelle__V1__Payment *told = payment->told;
    const Passerelle__V1__Employer *employer =
        registry_employer(e->service->db, e->call->arena, view_of(told->from_id));
    struct orders_claim claim = {
        .issuer_id = told->to_id,
        .employer_id = view_of(told->from_id),
        .number = view_of(told->payment_id),
        .amount = CENTS(payment->left),
    };
    if (employer != NULL) {
        claim.employer = (struct pain_party){.name = view_of(employer->legal_name),
                                             .street = view_of(employer->address),
                                             .postcode = view_of(employer->postcode),
                                             .town = view_of(employer->city),
                                             .country = view_of(employer->country)};
    }
    if (employer != NULL && employer->mandate != NULL &&
        day_parse(view_of(employer->mandate->signed_on), &claim.signed_on) == E_OK) {
        claim.employer.iban = view_of(employer->mandate->iban);
        claim.employer.bic = view_of(employer->mandate->bic);
        claim.mandate = view_of(employer->mandate->mandate_id);
        claim.debited = is_debited(e, told->to_id, employer->mandate->mandate_id);
    }
    return claim;
}

static const char *owner_of(const Passerelle__V1__Payment *told)
{
    return told->kind == PAYMENT_KIND(TRANSFER) ? told->from_id : told->to_id;
}

/* Whether it belongs into a file of this kind, and nobody has sent it. */
static bool is_due(const struct export *e, const Passerelle__V1__Payment *told)
{
    bool open = told->state == PAYMENT_STATE(TO_PAY) || told->state == PAYMENT_STATE(RETURNED);
    return open && told->kind == e->request->kind &&
           (told->kind == PAYMENT_KIND(TRANSFER) || told->debited);
}

static void left_add(struct export *e, const struct orders *orders)
{
    struct arena *arena = e->call->arena;
    for (size_t i = 0; i < orders->left_count; i++) {
        const struct orders_left *left = &orders->left[i];
        Passerelle__V1__PaymentLeft *out =
            wire_new(arena, &passerelle__v1__payment_left__descriptor);
        out->payment_id = wire_string(arena, left->end_to_end);
        out->from_id = wire_string(arena, left->from);
        out->to_id = wire_string(arena, left->to);
        out->cents = left->amount.cents;
        out->reason = arena_string(arena, view_of(left_out_text(left->reason)));
        e->response->left_out[e->response->n_left_out++] = out;
    }
}

/* A new file of what the member has not sent, if there is any. */
static int run_make(struct export *e, const char *party_id, unsigned run)
{
    struct arena *arena = e->call->arena;
    Passerelle__V1__SettlementDocument part = *e->payments.document;
    struct orders_claim *claims = ARENA_ARRAY(arena, e->payments.count, struct orders_claim);
    size_t count = 0;
    struct orders orders = {0};
    struct fault fault = FAULT_NONE;
    part.transfers = ARENA_ARRAY(arena, part.n_transfers, Passerelle__V1__Transfer *);
    part.n_transfers = 0;
    for (size_t i = 0; i < e->payments.count; i++) {
        const struct payment *payment = &e->payments.all[i];
        if (!is_due(e, payment->told) || strcmp(owner_of(payment->told), party_id) != 0) {
            continue;
        }
        if (payment->transfer != NULL) {
            Passerelle__V1__Transfer *transfer = ARENA_NEW(arena, Passerelle__V1__Transfer);
            *transfer = *payment->transfer;
            transfer->cents = payment->left;
            part.transfers[part.n_transfers++] = transfer;
        } else {
            claims[count++] = claim_of(e, payment);
        }
    }
    if (run > RUNS_MAX) {
        return call_fail(e->call, CODE_RESOURCE_EXHAUSTED, "%s has %d files of %s already",
                         party_id, RUNS_MAX, e->request->month);
    }
    e->terms.run = run;
    int err = e->request->kind == PAYMENT_KIND(TRANSFER)
                  ? orders_transfers(&part, &e->terms, member_of, e, arena, &orders, &fault)
                  : orders_debits(claims, count, &e->terms, member_of, e, arena, &orders, &fault);
    if (err != E_OK) {
        return call_fail_with(e->call, &fault);
    }
    left_add(e, &orders);
    for (size_t i = 0; i < orders.file_count; i++) {
        record_make(e, &orders.files[i], run);
    }
    return 0;
}

static int party_take(struct export *e, const char *party_id)
{
    unsigned last = last_run(e, party_id);
    size_t made = e->made_count;
    if ((last == 0 || e->request->again) && run_make(e, party_id, last + 1) != 0) {
        return -1;
    }
    if (last == 0 || e->made_count > made) {
        return 0; /* apply() writes it */
    }
    const Passerelle__V1__PaymentsSent *sent = run_read(e, party_id, last);
    return sent == NULL ? -1 : file_add(e, sent, true);
}

static int strings_compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int parties_take(struct export *e, const char *only)
{
    const char **parties = ARENA_ARRAY(e->call->arena, e->payments.count, const char *);
    size_t count = 0;
    for (size_t i = 0; i < e->payments.count; i++) {
        const Passerelle__V1__Payment *told = e->payments.all[i].told;
        bool ours = told->kind == e->request->kind && told->cents > 0 &&
                    (told->kind == PAYMENT_KIND(TRANSFER) || told->debited);
        if (ours && (only[0] == '\0' || strcmp(only, owner_of(told)) == 0)) {
            parties[count++] = owner_of(told);
        }
    }
    if (count > 0) {
        qsort(parties, count, sizeof *parties, strings_compare);
    }
    e->made = ARENA_ARRAY(e->call->arena, count, Passerelle__V1__PaymentsSent *);
    e->response->files = ARENA_ARRAY(e->call->arena, count, Passerelle__V1__PaymentFile *);
    e->response->left_out = ARENA_ARRAY(e->call->arena, count, Passerelle__V1__PaymentLeft *);
    for (size_t i = 0; i < count; i++) {
        if ((i == 0 || strcmp(parties[i - 1], parties[i]) != 0) && party_take(e, parties[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Banks do not work on Saturdays and Sundays. */
static struct day working_day(struct day day)
{
    while (day_weekday(day) >= SATURDAY) {
        day = day_plus(day, 1);
    }
    return day;
}

static int terms_take(struct export *e)
{
    const Passerelle__V1__ExportPaymentsRequest *request = e->request;
    struct day today = day_of_instant(service_now(e->service));
    struct registry_network network = registry_network(e->service->db, e->call->arena);
    e->terms = (struct orders_terms){
        .network = view_of(network.network_id),
        .month = e->payments.month,
        .version = request->version == PASSERELLE__V1__PAYMENT_VERSION__PAYMENT_VERSION_V2009
                       ? PAIN_2009
                       : PAIN_2019,
        .created_utc_ms = service_now(e->service),
        .wanted = working_day(day_plus(today, DAYS_AHEAD)),
        .b2b = request->b2b,
        .addresses = request->addresses,
    };
    if (request->wanted_on[0] == '\0') {
        return 0;
    }
    if (day_parse(view_of(request->wanted_on), &e->terms.wanted) != E_OK ||
        day_compare(e->terms.wanted, today) < 0 ||
        day_compare(e->terms.wanted, day_plus(today, DAYS_AHEAD_MAX)) > 0) {
        return call_violation(e->call, "wanted_on", "write a day as 2026-11-12, from today on");
    }
    return 0;
}

int export_payments_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__ExportPaymentsRequest *request = (const void *)call->request;
    struct export *e = ARENA_NEW(call->arena, struct export);
    const char *party = request->party_id;
    struct month month;
    *e = (struct export){.service = service, .call = call, .request = request};
    sha256_init(&e->changes);
    if (!scope_is_operator(call)) {
        party = party[0] == '\0' ? call->who.party : party;
        if (scope_member(service, call, view_of(party)) != 0) {
            return -1;
        }
    }
    if (call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    if (request->kind != PAYMENT_KIND(TRANSFER) && request->kind != PAYMENT_KIND(INVOICE)) {
        return call_violation(call, "kind", "ask for TRANSFER, or for INVOICE (direct debits)");
    }
    if (payments_load(service, call, month, &e->payments) != 0 || terms_take(e) != 0) {
        return -1;
    }
    e->response = call_respond(call);
    call->decision = e;
    return parties_take(e, party);
}

/* ---- apply ---- */

static void record_append(struct service *service, struct call *call,
                          const Passerelle__V1__PaymentsSent *sent)
{
    for (size_t first = 0; first < sent->n_orders; first += ORDERS_PER_ENTRY) {
        size_t left = sent->n_orders - first;
        Passerelle__V1__PaymentsSent part = *sent;
        part.orders = sent->orders + first;
        part.n_orders = left < ORDERS_PER_ENTRY ? left : ORDERS_PER_ENTRY;
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PAYMENTS_SENT, &part.base);
    }
}

/* The wish to pay these, to these accounts: another account since is another wish. */
static struct view changes_digest(struct export *e)
{
    uint8_t *digest = arena_alloc(e->call->arena, SHA256_LEN);
    struct view command = command_digest(e->call);
    sha256_add(&e->changes, command.data, command.len);
    sha256_end(&e->changes, digest);
    return view_bytes(digest, SHA256_LEN);
}

static int file_compare(const void *left, const void *right)
{
    return strcmp((*(Passerelle__V1__PaymentFile *const *)left)->party_id,
                  (*(Passerelle__V1__PaymentFile *const *)right)->party_id);
}

int export_payments_apply(struct service *service, struct call *call)
{
    struct export *e = call->decision;
    const char *approved_by;
    if (e->change_count > 0) {
        const char *waits = approval_ask(
            service, call, changes_digest(e),
            arena_printf(call->arena,
                         "Payments of %s with %zu IBAN that changed since its close: look at "
                         "`member list` before you agree.",
                         e->request->month, e->change_count),
            &approved_by);
        if (waits != NULL) {
            e->response->approval_id = wire_string(call->arena, view_of(waits));
            return 0;
        }
    }
    for (size_t i = 0; i < e->made_count; i++) {
        record_append(service, call, e->made[i]);
        if (file_add(e, e->made[i], false) != 0) {
            return -1;
        }
    }
    if (e->response->n_files > 0) {
        qsort(e->response->files, e->response->n_files, sizeof *e->response->files, file_compare);
    }
    return 0;
}
