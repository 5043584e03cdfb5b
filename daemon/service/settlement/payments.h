/* What a close leaves to pay, and where each payment stands: transfers and invoices of its
 * settlement document, with what `books` says of files for banks and of bookings. Inside the
 * caller's transaction; texts are in the call's arena. Functions return 0, or -1 after they failed
 * the call. */
#ifndef SERVICE_SETTLEMENT_PAYMENTS_H
#define SERVICE_SETTLEMENT_PAYMENTS_H

#include "passerelle/v1/settlement.pb-c.h"
#include "service/settlement/invoices.h"
#include "service/settlement/settlement.h"

#define PAYMENT_KIND(name) PASSERELLE__V1__PAYMENT_KIND__PAYMENT_KIND_##name
#define PAYMENT_STATE(name) PASSERELLE__V1__PAYMENT_STATE__PAYMENT_STATE_##name

struct payment {
    Passerelle__V1__Payment *told;            /* as ListPayments tells it */
    const Passerelle__V1__Transfer *transfer; /* NULL: an invoice */
    const Passerelle__V1__Employer
        *employer;         /* of the invoice, as at the close; NULL: a transfer */
    struct view group_id;  /* of the file in which it was sent last */
    struct view sent_iban; /* of the other side, in that file */
    int64_t left;          /* without what was paid in part: what one more booking pays */
    bool told_by_payee;    /* its last booking */
};
struct payments {
    struct month month;
    const Passerelle__V1__InvoiceTerms *terms;
    const Passerelle__V1__SettlementDocument *document;
    struct payment *all; /* transfers, then invoices in the order of the document */
    size_t count;
};

/* Those of a closed month. */
must_check int payments_load(struct service *service, struct call *call, struct month month,
                             struct payments *out);
/* The closed months whose invoices have numbers, ascending. */
size_t payments_months(struct db *db, struct arena *arena, struct month **out);
/* Those of them that are not paid. */
size_t payments_unpaid_months(struct db *db, struct arena *arena, struct month **out);
/* Whether one side of the payment is a party of theirs. */
bool payments_is_wanted(const struct wanted *wanted, const Passerelle__V1__Payment *payment);

/* An employer's invoice that is past its day. */
struct overdue {
    struct payment payment; /* kind INVOICE, not confirmed */
    struct month month;
    int days_late; /* above 0 */
};
/* All of them, by day. */
must_check int overdue_load(struct service *service, struct call *call, struct overdue **out,
                            size_t *count);

/* Whether FollowUp has anything to look at: cheap, for the clock. */
bool follow_up_is_wanted(struct service *service);

/* Records whether the month is paid, when that has changed. *paid tells what it is now. On the
 * writer, after what changed its payments was appended. */
must_check int payments_period(struct service *service, struct call *call, struct month month,
                               bool *paid);
/* When the month was paid, UTC ms; 0: it is not. */
int64_t payments_paid_utc_ms(struct db *db, struct month month);

/* A member's account as the terms of a close have it; NULL: it had none. */
const char *payments_account_at_close(const Passerelle__V1__InvoiceTerms *terms,
                                      const char *member_id);
/* SIREN of a member: of the terms, else as it is now; empty when nobody knows it. */
struct view payments_siren(struct service *service, struct call *call,
                           const Passerelle__V1__InvoiceTerms *terms, const char *member_id);

#endif
