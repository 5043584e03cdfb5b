/* From a document of a close to the invoice that stands on paper: who sells and buys, how it is
 * paid, which law is cited. Amounts are the close's, and are checked again here. The same input
 * gives the same invoice for ever, so what the book tells must be what it was when the month was
 * closed. Pure; any thread. */
#ifndef CORE_PAPER_MAKE_H
#define CORE_PAPER_MAKE_H

#include "base/arena.h"
#include "core/paper/invoice.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"

/* A member as its invoices need it. */
struct paper_member {
    const Passerelle__V1__Member *member;
    const Passerelle__V1__BankAccount *account; /* NULL: none on record */
    struct view sepa_creditor_id;               /* ICS; empty: it debits nobody */
    bool mandate; /* it lets issuers write its invoices (CGI 289 I-2, CIBS L. 216-33) */
    struct day mandate_signed_on;
    uint32_t mandate_contest_days; /* in which it may contest one */
    bool mandate_revoked;
    struct day mandate_revoked_on; /* from this day on there is none */
};

/* The records that documents name. Each function returns NULL (false) for what is not there; what
 * it returns is borrowed and must outlive the invoice. */
struct paper_book {
    void *context;
    bool (*member)(void *context, const char *member_id, struct paper_member *out);
    const Passerelle__V1__Employer *(*employer)(void *context, const char *employer_id);
    const Passerelle__V1__Site *(*site)(void *context, const char *site_id);
    /* The carnets of a plan, from i = 0 to the first NULL. */
    const Passerelle__V1__Carnet *(*carnet)(void *context, const char *plan_id, size_t i);
};

/* What the close does not say. */
struct paper_terms {
    struct view number; /* BT-1, of series.h; not looked at for a pro forma */
    struct day issued;  /* BT-2 */
    int due_days;       /* BT-9 is so many days later */
    const struct invoice_reference *preceding; /* BG-3: of a credit note, at least one */
    size_t preceding_count;
};
#define PAPER_DUE_DAYS 30 /* L. 441-10 of the Code de commerce, unless agreed otherwise */

/* Whether the document is an invoice that is ours to number: not a subsidy statement, and not a
 * host invoice without a mandate on that day, which becomes a pro forma. E_NOT_FOUND: the book
 * lacks the supplier. */
must_check int paper_is_numbered(const Passerelle__V1__Document *document,
                                 const struct paper_book *book, struct day issued, bool *out,
                                 struct fault *fault);

/* Fills *out; its texts are in the arena, in the book or in the terms. E_NOT_FOUND: the book lacks
 * what the document names; E_CORRUPT: sums do not add up; E_CONFLICT: the seller's VAT regime is no
 * longer that of the close; E_INVALID: a subsidy statement, a credit note without a reference, a
 * number that no invoice may bear. */
must_check int paper_invoice(const Passerelle__V1__Document *document,
                             const struct paper_terms *terms, const struct paper_book *book,
                             struct arena *arena, struct invoice *out, struct fault *fault);

#endif
