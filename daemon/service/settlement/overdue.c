/* Invoices of employers that are past their day, and the reminders that were sent for them. */
#include "core/payments/letter.h"
#include "service/journal.h"
#include "service/settlement/payments.h"
#include "wire/pack.h"

enum { REMINDER_DAYS = 7 }; /* between two letters: somebody has to read and pay */

static int overdue_compare(const void *left, const void *right)
{
    const struct overdue *a = left;
    const struct overdue *b = right;
    return a->days_late != b->days_late
               ? (a->days_late < b->days_late) - (a->days_late > b->days_late)
               : strcmp(a->payment.told->payment_id, b->payment.told->payment_id);
}

int overdue_load(struct service *service, struct call *call, struct overdue **out, size_t *count)
{
    struct month *months;
    struct day today = day_of_instant(service_now(service));
    size_t month_count = payments_unpaid_months(service->db, call->arena, &months);
    *out = NULL;
    *count = 0;
    for (size_t m = 0; m < month_count; m++) {
        struct payments payments;
        if (payments_load(service, call, months[m], &payments) != 0) {
            return -1;
        }
        struct overdue *more = ARENA_ARRAY(call->arena, *count + payments.count, struct overdue);
        if (*count > 0) {
            memcpy(more, *out, *count * sizeof *more);
        }
        *out = more;
        for (size_t i = 0; i < payments.count; i++) {
            const Passerelle__V1__Payment *told = payments.all[i].told;
            struct day due;
            if (told->kind == PAYMENT_KIND(INVOICE) && told->state != PAYMENT_STATE(CONFIRMED) &&
                day_parse(view_of(told->due_on), &due) == E_OK && day_compare(due, today) < 0) {
                more[(*count)++] =
                    (struct overdue){payments.all[i], months[m], today.number - due.number};
            }
        }
    }
    if (*count > 0) {
        qsort(*out, *count, sizeof **out, overdue_compare);
    }
    return 0;
}

DB_SQL(select_reminder,
       "SELECT level, sent_on FROM payment_reminder WHERE payment_id = :payment_id "
       "ORDER BY level DESC LIMIT 1");
DB_SQL(select_sent_on, "SELECT sent_on FROM payment_reminder WHERE payment_id = :payment_id "
                       "AND level = :level");
DB_SQL(select_suspended, "SELECT 1 FROM employer_suspension WHERE employer_id = :employer_id");

/* The last reminder; 0: none. */
static uint32_t reminded(struct service *service, struct arena *arena, const char *payment_id,
                         char **sent_on)
{
    uint32_t level = 0;
    struct query *query = db_query(service->db, &select_reminder);
    query_bind_text(query, "payment_id", view_of(payment_id));
    *sent_on = wire_string(arena, VIEW_NONE);
    if (query_next(query)) {
        level = (uint32_t)query_int(query, 0);
        *sent_on = wire_string(arena, query_text(query, 1));
    }
    query_end(query);
    return level;
}

static bool is_suspended(struct service *service, const char *employer_id)
{
    struct query *query = db_query(service->db, &select_suspended);
    query_bind_text(query, "employer_id", view_of(employer_id));
    bool suspended = query_next(query);
    query_end(query);
    return suspended;
}

int overdue_list(struct service *service, struct call *call)
{
    const Passerelle__V1__ListOverdueRequest *request = (const void *)call->request;
    struct wanted wanted;
    struct overdue *all;
    size_t count;
    if (wanted_of(call, request->party_id, &wanted) != 0 ||
        overdue_load(service, call, &all, &count) != 0) {
        return -1;
    }
    Passerelle__V1__ListOverdueResponse *response = call_respond(call);
    response->invoices = ARENA_ARRAY(call->arena, count, Passerelle__V1__Overdue *);
    for (size_t i = 0; i < count; i++) {
        const Passerelle__V1__Payment *told = all[i].payment.told;
        if (!payments_is_wanted(&wanted, told)) {
            continue;
        }
        Passerelle__V1__Overdue *out = wire_new(call->arena, &passerelle__v1__overdue__descriptor);
        out->payment_id = told->payment_id;
        out->month = told->month;
        out->from_id = told->from_id;
        if (all[i].payment.employer != NULL) {
            out->from_name = all[i].payment.employer->legal_name;
        }
        out->to_id = told->to_id;
        out->cents = all[i].payment.left;
        out->due_on = told->due_on;
        out->days_late = (uint32_t)all[i].days_late;
        out->state = told->state;
        out->reminders = reminded(service, call->arena, told->payment_id, &out->reminded_on);
        out->suspended = is_suspended(service, told->from_id);
        response->invoices[response->n_invoices++] = out;
    }
    return 0;
}

/* ---- RemindPayment ---- */

struct reminder {
    const struct overdue *overdue;
    struct letter letter;
    bool again; /* recorded before */
};

static const Passerelle__V1__Member *member_of(const Passerelle__V1__InvoiceTerms *terms,
                                               const char *member_id)
{
    for (size_t i = 0; i < terms->n_members; i++) {
        if (strcmp(terms->members[i]->member_id, member_id) == 0) {
            return terms->members[i];
        }
    }
    return NULL;
}

DB_SQL(select_issued, "SELECT issued_on FROM invoice WHERE number = :number");

static int letter_make(struct service *service, struct call *call, struct reminder *reminder)
{
    const struct overdue *overdue = reminder->overdue;
    const Passerelle__V1__Payment *told = overdue->payment.told;
    const Passerelle__V1__Employer *employer = overdue->payment.employer;
    struct letter *letter = &reminder->letter;
    struct payments payments;
    if (payments_load(service, call, overdue->month, &payments) != 0) {
        return -1;
    }
    const Passerelle__V1__Member *issuer = member_of(payments.terms, told->to_id);
    const char *iban = payments_account_at_close(payments.terms, told->to_id);
    struct query *query = db_query(service->db, &select_issued);
    query_bind_text(query, "number", view_of(told->payment_id));
    bool whole = employer != NULL && issuer != NULL && query_next(query) &&
                 day_parse(query_text(query, 0), &letter->issued) == E_OK &&
                 day_parse(view_of(told->due_on), &letter->due) == E_OK;
    query_end(query);
    if (!whole) {
        return call_fail(call, CODE_DATA_LOSS, "the parties of %s are not there: restore a backup",
                         told->payment_id);
    }
    letter->from = (struct letter_party){view_of(issuer->legal_name), view_of(issuer->address),
                                         view_of(issuer->postcode), view_of(issuer->city)};
    letter->to = (struct letter_party){view_of(employer->legal_name), view_of(employer->address),
                                       view_of(employer->postcode), view_of(employer->city)};
    letter->number = view_of(told->payment_id);
    letter->amount = CENTS(overdue->payment.left);
    letter->iban = view_of(iban);
    letter->debit_failed = told->state == PAYMENT_STATE(RETURNED);
    return 0;
}

static int level_take(struct service *service, struct call *call, uint32_t wanted,
                      struct reminder *reminder)
{
    const char *payment_id = reminder->overdue->payment.told->payment_id;
    struct day today = day_of_instant(service_now(service));
    struct day last;
    char *sent_on;
    uint32_t level = reminded(service, call->arena, payment_id, &sent_on);
    if (wanted > 0) {
        struct query *query = db_query(service->db, &select_sent_on);
        query_bind_text(query, "payment_id", view_of(payment_id));
        query_bind_int(query, "level", wanted);
        reminder->again =
            query_next(query) && day_parse(query_text(query, 0), &reminder->letter.written) == E_OK;
        query_end(query);
        reminder->letter.level = wanted;
        return reminder->again ? 0
                               : call_fail(call, CODE_NOT_FOUND,
                                           "no reminder %u was sent for %s: leave --level out for "
                                           "the next one",
                                           wanted, payment_id);
    }
    if (level >= LETTER_LEVEL_MAX) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the formal demand for %s was sent on %s: a court is next", payment_id,
                         sent_on);
    }
    if (level > 0 && day_parse(view_of(sent_on), &last) == E_OK &&
        today.number - last.number < REMINDER_DAYS) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "a reminder for %s was sent on %s: wait %d days, or print it again with "
                         "--level %u",
                         payment_id, sent_on, REMINDER_DAYS, level);
    }
    reminder->letter.level = level + 1;
    reminder->letter.written = today;
    return 0;
}

int remind_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__RemindPaymentRequest *request = (const void *)call->request;
    struct reminder *reminder = ARENA_NEW(call->arena, struct reminder);
    struct wanted wanted;
    struct overdue *all;
    size_t count;
    if (wanted_of(call, "", &wanted) != 0 || overdue_load(service, call, &all, &count) != 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const Passerelle__V1__Payment *told = all[i].payment.told;
        if (strcmp(told->payment_id, request->payment_id) == 0 &&
            payments_is_wanted(&wanted, told)) {
            reminder->overdue = &all[i];
        }
    }
    if (reminder->overdue == NULL) {
        return call_fail(call, CODE_NOT_FOUND,
                         "%s is no invoice of yours that is past its day: `passerelle payment "
                         "overdue` names them",
                         request->payment_id);
    }
    if (level_take(service, call, request->level, reminder) != 0 ||
        letter_make(service, call, reminder) != 0) {
        return -1;
    }
    call->decision = reminder;
    return 0;
}

int remind_apply(struct service *service, struct call *call)
{
    const struct reminder *reminder = call->decision;
    const Passerelle__V1__Payment *told = reminder->overdue->payment.told;
    Passerelle__V1__RemindPaymentResponse *response = call_respond(call);
    struct buf text = BUF_INIT;
    char day[11];
    day_format(reminder->letter.written, day);
    response->level = reminder->letter.level;
    response->sent_on = arena_string(call->arena, view_of(day));
    letter_text(&reminder->letter, &text);
    response->text = wire_string(call->arena, buf_content(&text));
    buf_clear(&text);
    letter_html(&reminder->letter, &text);
    response->html = wire_string(call->arena, buf_content(&text));
    buf_release(&text);
    if (!reminder->again) {
        Passerelle__V1__ReminderSent sent = PASSERELLE__V1__REMINDER_SENT__INIT;
        sent.payment_id = told->payment_id;
        sent.month = told->month;
        sent.level = response->level;
        sent.sent_on = response->sent_on;
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_REMINDER_SENT, &sent.base);
    }
    return 0;
}
