#include "service/settlement/bookings.h"

#include "service/journal.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum { BOOKINGS_PER_ENTRY = 100 }; /* of at most 600 bytes each */

_Static_assert((int)PAYMENT_STATE(TO_PAY) == PAYMENT_TO_PAY + 1 &&
                   (int)PAYMENT_STATE(RETURNED) == PAYMENT_RETURNED + 1,
               "states are those of the contract, from 1");
_Static_assert((int)PASSERELLE__V1__PAYMENT_RULE__PAYMENT_RULE_GROUP == MATCH_GROUP + 1,
               "rules too");

/* ---- all that may be paid ---- */

static void account_add(struct payment_book *book, const char *iban, const char *member_id)
{
    struct bank_account *account = ARENA_NEW(book->call->arena, struct bank_account);
    *account = (struct bank_account){arena_string(book->call->arena, view_of(iban)),
                                     arena_string(book->call->arena, view_of(member_id))};
    if (iban[0] != '\0' && map_get(&book->accounts, view_of(iban)) == NULL) {
        map_put(&book->accounts, view_of(iban), account);
    }
}

static bool account_take(void *context, const ProtobufCMessage *record)
{
    const Passerelle__V1__BankAccount *account = (const void *)record;
    account_add(context, account->iban, account->member_id);
    return true;
}

void payment_book_release(struct payment_book *book)
{
    map_release(&book->accounts);
}

int payment_book_load(struct service *service, struct call *call, struct payment_book *out)
{
    struct month *months;
    *out = (struct payment_book){.service = service, .call = call};
    map_init(&out->accounts, 0);
    size_t count = payments_months(service->db, call->arena, &months);
    out->months = ARENA_ARRAY(call->arena, count, struct payments);
    registry_walk(service->db, REGISTRY_ACCOUNTS, account_take, out);
    while (out->month_count < count) {
        struct payments *payments = &out->months[out->month_count];
        if (payments_load(service, call, months[out->month_count], payments) != 0) {
            return -1;
        }
        out->month_count++;
        for (size_t i = 0; i < payments->terms->n_accounts; i++) {
            const Passerelle__V1__BankAccount *then = payments->terms->accounts[i];
            account_add(out, then->iban, then->member_id);
        }
    }
    return 0;
}

struct payment *payment_book_find(const struct payment_book *book, const char *payment_id)
{
    for (size_t m = 0; m < book->month_count; m++) {
        for (size_t i = 0; i < book->months[m].count; i++) {
            struct payment *payment = &book->months[m].all[i];
            if (strcmp(payment->told->payment_id, payment_id) == 0) {
                return payment;
            }
        }
    }
    return NULL;
}

bool payment_is_side(const struct payment *payment, const char *member_id, bool *incoming)
{
    const Passerelle__V1__Payment *told = payment->told;
    bool pays = told->kind == PAYMENT_KIND(TRANSFER) || told->kind == PAYMENT_KIND(REFUND);
    bool gets = told->kind == PAYMENT_KIND(TRANSFER) || told->kind == PAYMENT_KIND(INVOICE);
    *incoming = gets && strcmp(told->to_id, member_id) == 0;
    return told->cents > 0 && (*incoming || (pays && strcmp(told->from_id, member_id) == 0));
}

bool payment_is_believed(const struct call *call, const struct payment *payment, bool incoming)
{
    return scope_is_operator(call) || incoming || payment->transfer == NULL;
}

/* ---- what is written ---- */

DB_SQL(put_booking, "INSERT INTO bank_booking (booking_id, member_id, booked_on, ignored, record) "
                    "VALUES (:booking_id, :member_id, :booked_on, 0, :record) "
                    "ON CONFLICT (booking_id) DO UPDATE SET record = excluded.record");

void booking_keep(struct service *service, struct call *call,
                  const Passerelle__V1__Booking *booking)
{
    struct query *query = db_query(service->db, &put_booking);
    query_bind_text(query, "booking_id", view_of(booking->booking_id));
    query_bind_text(query, "member_id", view_of(booking->member_id));
    query_bind_text(query, "booked_on", view_of(booking->booked_on));
    query_bind_blob(query, "record", wire_pack_arena(call->arena, &booking->base));
    query_run(query);
}

void bookings_append(struct service *service, struct call *call,
                     Passerelle__V1__PaymentBooking **bookings, size_t count)
{
    for (size_t first = 0; first < count; first += BOOKINGS_PER_ENTRY) {
        Passerelle__V1__PaymentsBooked booked = PASSERELLE__V1__PAYMENTS_BOOKED__INIT;
        booked.bookings = bookings + first;
        booked.n_bookings = count - first < BOOKINGS_PER_ENTRY ? count - first : BOOKINGS_PER_ENTRY;
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PAYMENTS_BOOKED, &booked.base);
    }
}

int bookings_settle(struct service *service, struct call *call,
                    Passerelle__V1__PaymentBooking *const *bookings, size_t count,
                    char **paid_months, size_t *paid_count)
{
    for (size_t i = 0; i < count; i++) {
        struct month month;
        bool done = false;
        bool paid;
        for (size_t k = 0; k < i && !done; k++) {
            done = strcmp(bookings[k]->month, bookings[i]->month) == 0;
        }
        if (done || month_parse(view_of(bookings[i]->month), &month) != E_OK) {
            continue;
        }
        bool before = payments_paid_utc_ms(service->db, month) != 0;
        if (payments_period(service, call, month, &paid) != 0) {
            return -1;
        }
        if (paid && !before && paid_months != NULL) {
            paid_months[(*paid_count)++] = bookings[i]->month;
        }
    }
    return 0;
}
