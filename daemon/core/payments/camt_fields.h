/* What the elements of a statement mean, without XML: the reader calls these with the path of each
 * element below Stmt or Ntfctn ("Ntry/Amt"). Private to payments/. */
#ifndef CORE_PAYMENTS_CAMT_FIELDS_H
#define CORE_PAYMENTS_CAMT_FIELDS_H

#include "core/payments/camt.h"

struct camt_reading {
    struct arena *arena;
    struct fault *fault;
    struct camt out; /* entries: from malloc() */
    size_t alloc;
    int error; /* sticky: the reader stops when it is set */
    /* Of the statement, of its booking, of its payment. */
    struct view account, statement;
    struct camt_entry booking, payment;
    bool has_amount, payment_has_side, reversal;
    struct view reference, debtor_iban, creditor_iban, debtor, creditor;
    size_t booking_first; /* in out.entries: the first payment of the present booking */
};

/* Sets the error, unless there is one already. */
void camt_fail(struct camt_reading *r, int code, const char *fmt, ...) printf_like(3, 4);
/* A Stmt or Ntfctn begins. */
void camt_report(struct camt_reading *r);
/* An element begins; whether its text is wanted. */
bool camt_open(struct camt_reading *r, struct view path);
/* It ends: its text, if that was wanted, without spaces around; `foreign`: Ccy is not EUR. */
void camt_text(struct camt_reading *r, struct view path, struct view text, bool foreign);
void camt_close(struct camt_reading *r, struct view path);

#endif
