#include "service/settlement/payments.h"

#include "core/payments/orders.h"
#include "base/map.h"
#include "service/journal.h"
#include "service/settlement/period.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define KIND_EMPLOYER PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE

/* ---- what is to be paid ---- */

const char *payments_account_at_close(const Passerelle__V1__InvoiceTerms *terms,
                                      const char *member_id)
{
    for (size_t i = 0; i < terms->n_accounts; i++) {
        if (strcmp(terms->accounts[i]->member_id, member_id) == 0) {
            return terms->accounts[i]->iban;
        }
    }
    return NULL;
}

struct view payments_siren(struct service *service, struct call *call,
                           const Passerelle__V1__InvoiceTerms *terms, const char *member_id)
{
    for (size_t i = 0; i < terms->n_members; i++) {
        if (strcmp(terms->members[i]->member_id, member_id) == 0) {
            return view_of(terms->members[i]->siren);
        }
    }
    const Passerelle__V1__Member *member =
        registry_member(service->db, call->arena, view_of(member_id));
    return member == NULL ? VIEW_NONE : view_of(member->siren);
}

static Passerelle__V1__Payment *payment_new(struct payments *payments, struct call *call)
{
    struct payment *payment = &payments->all[payments->count++];
    char month[8];
    month_format(payments->month, month);
    payment->told = wire_new(call->arena, &passerelle__v1__payment__descriptor);
    payment->told->month = arena_string(call->arena, view_of(month));
    payment->told->state = PAYMENT_STATE(TO_PAY);
    return payment->told;
}

static int transfers_take(struct service *service, struct call *call, struct payments *payments)
{
    const Passerelle__V1__SettlementDocument *document = payments->document;
    for (size_t i = 0; i < document->n_transfers; i++) {
        Passerelle__V1__Transfer *transfer = document->transfers[i];
        struct view from = payments_siren(service, call, payments->terms, transfer->from_member_id);
        struct view to = payments_siren(service, call, payments->terms, transfer->to_member_id);
        if (from.len != 9 || to.len != 9) {
            return call_fail(call, CODE_DATA_LOSS, "a transfer from %s to %s has no SIREN",
                             transfer->from_member_id, transfer->to_member_id);
        }
        Passerelle__V1__Payment *told = payment_new(payments, call);
        told->payment_id = arena_alloc(call->arena, PAIN_ID_MAX + 1);
        pain_transfer_id(payments->month, from, to, told->payment_id);
        told->kind = PAYMENT_KIND(TRANSFER);
        told->from_id = transfer->from_member_id;
        told->to_id = transfer->to_member_id;
        told->cents = transfer->cents;
        payments->all[payments->count - 1].transfer = transfer;
    }
    return 0;
}

static const Passerelle__V1__Employer *employer_of(const Passerelle__V1__InvoiceTerms *terms,
                                                   const char *employer_id)
{
    for (size_t i = 0; i < terms->n_employers; i++) {
        if (strcmp(terms->employers[i]->employer_id, employer_id) == 0) {
            return terms->employers[i];
        }
    }
    return NULL;
}

/* An employer owes what the invoices of a close leave after its credit notes. */
static void invoice_take(struct call *call, struct payments *payments, const struct payable *one,
                         int64_t open)
{
    const Passerelle__V1__Document *document = one->document;
    Passerelle__V1__Payment *told = payment_new(payments, call);
    char due[11];
    told->payment_id = wire_string(call->arena, view_of(one->number));
    told->from_id = document->buyer_id;
    told->to_id = document->seller_member_id;
    told->cents = open;
    if (document->credit_note) {
        told->kind = PAYMENT_KIND(REFUND);
        told->from_id = document->seller_member_id;
        told->to_id = document->buyer_id;
        told->cents = -open;
    } else {
        told->kind = PAYMENT_KIND(INVOICE);
        day_format(one->due, due);
        told->due_on = arena_string(call->arena, view_of(due));
    }
    if (document->kind != KIND_EMPLOYER) {
        told->kind = PAYMENT_KIND(NETTED);
        return;
    }
    struct payment *payment = &payments->all[payments->count - 1];
    payment->employer = employer_of(payments->terms, document->buyer_id);
    const Passerelle__V1__SepaMandate *mandate =
        payment->employer == NULL ? NULL : payment->employer->mandate;
    told->debited =
        told->kind == PAYMENT_KIND(INVOICE) && mandate != NULL && mandate->iban[0] != '\0';
    if (open == 0) {
        told->state = PAYMENT_STATE(CONFIRMED);
    }
}

static void invoices_take(struct call *call, struct payments *payments,
                          const struct payables *payables)
{
    struct orders_claim *claims = ARENA_ARRAY(call->arena, payables->count, struct orders_claim);
    int64_t *open = ARENA_ARRAY(call->arena, payables->count, int64_t);
    size_t *place = ARENA_ARRAY(call->arena, payables->count, size_t);
    size_t count = 0;
    for (size_t i = 0; i < payables->count; i++) {
        const struct payable *one = &payables->all[i];
        place[i] = count;
        if (one->document->kind == KIND_EMPLOYER) {
            claims[count] = (struct orders_claim){.issuer_id = one->document->seller_member_id,
                                                  .employer_id = view_of(one->document->buyer_id)};
            open[count++] = one->document->credit_note ? -one->cents.cents : one->cents.cents;
        }
    }
    orders_set_off(claims, count, open);
    for (size_t i = 0; i < payables->count; i++) {
        const struct payable *one = &payables->all[i];
        bool employer = one->document->kind == KIND_EMPLOYER;
        int64_t amount = one->document->credit_note ? -one->cents.cents : one->cents.cents;
        invoice_take(call, payments, one, employer ? open[place[i]] : amount);
    }
}

/* ---- where it stands ---- */

DB_SQL(select_payments,
       "SELECT payment_id, state, message_id, group_id, sent_iban, bank_reference, booked_on, "
       "return_reason, told_by_payee, part_cents FROM payment WHERE month = :month");

static void states_take(struct service *service, struct call *call, struct payments *payments)
{
    struct map by_id;
    map_init(&by_id, 0);
    for (size_t i = 0; i < payments->count; i++) {
        map_put(&by_id, view_of(payments->all[i].told->payment_id), &payments->all[i]);
    }
    struct query *query = db_query(service->db, &select_payments);
    query_bind_int(query, "month", payments->month.number);
    while (query_next(query)) {
        struct payment *payment = map_get(&by_id, query_text(query, 0));
        if (payment == NULL) {
            continue;
        }
        payment->told->state = (Passerelle__V1__PaymentState)query_int(query, 1);
        payment->told->message_id = wire_string(call->arena, query_text(query, 2));
        payment->group_id = arena_copy(call->arena, query_text(query, 3));
        payment->sent_iban = arena_copy(call->arena, query_text(query, 4));
        payment->told->bank_reference = wire_string(call->arena, query_text(query, 5));
        payment->told->booked_on = wire_string(call->arena, query_text(query, 6));
        payment->told->return_reason = wire_string(call->arena, query_text(query, 7));
        payment->told_by_payee = query_int(query, 8) != 0;
        payment->told->paid_cents = query_int(query, 9);
    }
    query_end(query);
    map_release(&by_id);
}

static bool lacks_more(const Passerelle__V1__Payment *a, const Passerelle__V1__Payment *b)
{
    static const int rank[] = {[PAYMENT_STATE(RETURNED)] = 0,
                               [PAYMENT_STATE(TO_PAY)] = 1,
                               [PAYMENT_STATE(SENT)] = 2,
                               [PAYMENT_STATE(CONFIRMED)] = 3};
    return rank[a->state] < rank[b->state];
}

/* The transfer that lacks most, of those from (or to) a member. */
static void worst_keep(struct map *map, const char *id, Passerelle__V1__Payment *told)
{
    const Passerelle__V1__Payment *before = map_get(map, view_of(id));
    if (before == NULL || lacks_more(told, before)) {
        map_put(map, view_of(id), told);
    }
}

/* An invoice between members is as far as the transfers of its month that its two sides take part
 * in: by what it lacks most. Where there is none, netting has paid it. */
static void netted_follow(struct payments *payments)
{
    struct map from, to;
    map_init(&from, 0);
    map_init(&to, 0);
    for (size_t i = 0; i < payments->document->n_transfers; i++) {
        Passerelle__V1__Payment *told = payments->all[i].told;
        worst_keep(&from, told->from_id, told);
        worst_keep(&to, told->to_id, told);
    }
    for (size_t i = payments->document->n_transfers; i < payments->count; i++) {
        Passerelle__V1__Payment *told = payments->all[i].told;
        if (told->kind != PAYMENT_KIND(NETTED)) {
            continue;
        }
        const Passerelle__V1__Payment *by[] = {map_get(&from, view_of(told->from_id)),
                                               map_get(&to, view_of(told->to_id))};
        told->state = PAYMENT_STATE(CONFIRMED);
        for (size_t k = 0; k < ARRAY_LEN(by); k++) {
            if (by[k] != NULL && lacks_more(by[k], told)) {
                told->state = by[k]->state;
            }
        }
    }
    map_release(&from);
    map_release(&to);
}

int payments_load(struct service *service, struct call *call, struct month month,
                  struct payments *out)
{
    struct payables payables;
    if (invoices_payable(service, call, month, &payables) != 0) {
        return -1;
    }
    *out = (struct payments){
        .month = month,
        .terms = payables.terms,
        .document = payables.document,
        .all = ARENA_ARRAY(call->arena, payables.document->n_transfers + payables.count,
                           struct payment),
    };
    if (transfers_take(service, call, out) != 0) {
        return -1;
    }
    invoices_take(call, out, &payables);
    states_take(service, call, out);
    netted_follow(out);
    for (size_t i = 0; i < out->count; i++) {
        Passerelle__V1__Payment *told = out->all[i].told;
        out->all[i].left = told->cents - told->paid_cents;
        told->paid_cents = told->state == PAYMENT_STATE(CONFIRMED) ? told->cents : told->paid_cents;
    }
    return 0;
}

DB_SQL(count_months, "SELECT COUNT(*) FROM invoice_close");
DB_SQL(select_months, "SELECT month FROM invoice_close ORDER BY month");
DB_SQL(select_unpaid, "SELECT month FROM invoice_close c WHERE NOT EXISTS (SELECT 1 FROM "
                      "period_paid p WHERE p.month = c.month) ORDER BY month");

static size_t months_read(struct db *db, const struct db_sql *sql, struct arena *arena,
                          struct month **out)
{
    struct query *query = db_query(db, &count_months);
    size_t max = query_next(query) ? (size_t)query_int(query, 0) : 0;
    size_t count = 0;
    query_end(query);
    *out = ARENA_ARRAY(arena, max, struct month);
    query = db_query(db, sql);
    while (count < max && query_next(query)) {
        (*out)[count++].number = (int32_t)query_int(query, 0);
    }
    query_end(query);
    return count;
}

size_t payments_months(struct db *db, struct arena *arena, struct month **out)
{
    return months_read(db, &select_months, arena, out);
}

size_t payments_unpaid_months(struct db *db, struct arena *arena, struct month **out)
{
    return months_read(db, &select_unpaid, arena, out);
}

/* ---- a month is paid ---- */

DB_SQL(select_paid, "SELECT paid_utc_ms FROM period_paid WHERE month = :month");

int64_t payments_paid_utc_ms(struct db *db, struct month month)
{
    struct query *query = db_query(db, &select_paid);
    query_bind_int(query, "month", month.number);
    int64_t paid_utc_ms = query_next(query) ? query_int(query, 0) : 0;
    query_end(query);
    return paid_utc_ms;
}

int payments_period(struct service *service, struct call *call, struct month month, bool *paid)
{
    struct payments payments;
    if (payments_load(service, call, month, &payments) != 0) {
        return -1;
    }
    *paid = true;
    for (size_t i = 0; i < payments.count; i++) {
        *paid = *paid && payments.all[i].told->state == PAYMENT_STATE(CONFIRMED);
    }
    if (*paid != (payments_paid_utc_ms(service->db, month) != 0)) {
        char text[8];
        month_format(month, text);
        Passerelle__V1__PeriodPaid entry = PASSERELLE__V1__PERIOD_PAID__INIT;
        entry.month = text;
        entry.paid = *paid;
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PERIOD_PAID, &entry.base);
    }
    return 0;
}

/* ---- ListPayments ---- */

bool payments_is_wanted(const struct wanted *wanted, const Passerelle__V1__Payment *told)
{
    const char *ids[] = {told->from_id, told->to_id};
    bool member = told->kind == PAYMENT_KIND(TRANSFER) || told->kind == PAYMENT_KIND(NETTED);
    for (size_t i = 0; i < ARRAY_LEN(ids) && !wanted->all; i++) {
        /* an employer's own side of an invoice; every other side is a member's */
        bool of_employer = !member && (i == 0) == (told->kind == PAYMENT_KIND(INVOICE));
        const char *id = of_employer ? wanted->employer_id : wanted->member_id;
        if (id != NULL && strcmp(id, ids[i]) == 0) {
            return true;
        }
    }
    return wanted->all;
}

int payments_list(struct service *service, struct call *call)
{
    const Passerelle__V1__ListPaymentsRequest *request = (const void *)call->request;
    struct wanted wanted;
    struct month one;
    struct month *months = &one;
    size_t month_count = 1;
    if (wanted_of(call, request->party_id, &wanted) != 0 ||
        (request->month[0] != '\0' && call_check_month(call, request->month, &one) != 0)) {
        return -1;
    }
    if (request->month[0] == '\0') {
        month_count = payments_months(service->db, call->arena, &months);
    }
    Passerelle__V1__ListPaymentsResponse *response = call_respond(call);
    size_t alloc = 0;
    for (size_t m = 0; m < month_count; m++) {
        struct payments payments;
        if (payments_load(service, call, months[m], &payments) != 0) {
            return -1;
        }
        Passerelle__V1__Payment **more =
            ARENA_ARRAY(call->arena, alloc + payments.count, Passerelle__V1__Payment *);
        if (response->n_payments > 0) {
            memcpy(more, response->payments, response->n_payments * sizeof *more);
        }
        response->payments = more;
        for (size_t i = 0; i < payments.count; i++) {
            Passerelle__V1__Payment *told = payments.all[i].told;
            bool asked =
                (request->state == PAYMENT_STATE(UNSPECIFIED) || request->state == told->state) &&
                (request->kind == PAYMENT_KIND(UNSPECIFIED) || request->kind == told->kind);
            if (asked && payments_is_wanted(&wanted, told)) {
                response->payments[response->n_payments++] = told;
            }
        }
        alloc = response->n_payments;
    }
    return 0;
}
