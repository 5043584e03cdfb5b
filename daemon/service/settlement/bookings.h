/* All that may be paid, over the closed months, and what is written of a booking: by banks'
 * statements and by hand alike. Inside the caller's transaction; texts are in the call's arena.
 * Functions that return int return 0, or -1 after they failed the call. */
#ifndef SERVICE_SETTLEMENT_BOOKINGS_H
#define SERVICE_SETTLEMENT_BOOKINGS_H

#include "base/map.h"
#include "core/payments/match.h"
#include "service/settlement/payments.h"

/* The contract counts states from 1. */
static inline enum payment_state payment_state_of(Passerelle__V1__PaymentState state)
{
    return (enum payment_state)(state - 1);
}
static inline Passerelle__V1__PaymentState payment_state_told(enum payment_state state)
{
    return (Passerelle__V1__PaymentState)(state + 1);
}

struct bank_account {
    const char *iban;
    const char *member_id;
};
/* The payments of all closed months, and whose which account is or was. */
struct payment_book {
    struct service *service;
    struct call *call;
    struct payments *months;
    size_t month_count;
    struct map accounts; /* by IBAN: struct bank_account */
};
/* To be released in every case. */
must_check int payment_book_load(struct service *service, struct call *call,
                                 struct payment_book *out);
void payment_book_release(struct payment_book *book);
/* NULL: there is no such payment. */
struct payment *payment_book_find(const struct payment_book *book, const char *payment_id);

/* The member's side of a payment: whether it is one of the two, and gets the money. */
bool payment_is_side(const struct payment *payment, const char *member_id, bool *incoming);
/* A member is believed when it says that it got its money, not that it has paid: what it owes, and
 * whether its visitors are let in, hangs on that. */
bool payment_is_believed(const struct call *call, const struct payment *payment, bool incoming);
#define PAYMENT_NOT_BELIEVED "the member that gets this transfer confirms it, or an operator"

/* Keeps the booking itself, which stands in no feed since it names strangers. */
void booking_keep(struct service *service, struct call *call,
                  const Passerelle__V1__Booking *booking);
/* Writes what bookings say of payments into `books`. */
void bookings_append(struct service *service, struct call *call,
                     Passerelle__V1__PaymentBooking **bookings, size_t count);
/* The months of bookings that were appended: paid, or no longer. Those that are paid now and were
 * not before are added to `paid_months`, unless that is NULL. */
must_check int bookings_settle(struct service *service, struct call *call,
                               Passerelle__V1__PaymentBooking *const *bookings, size_t count,
                               char **paid_months, size_t *paid_count);

#endif
