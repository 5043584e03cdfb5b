/* What invoices of a close are made from besides its settlement document, frozen: members and their
 * accounts, employers, names of sites, carnets sold. The hub reads them from its views at the cut,
 * the audit from the feeds up to the cut, and both get the same canonical message; its SHA-256
 * stands in the entry that numbers the invoices. So an address that changes later changes no
 * invoice, entries stay short, and nothing is told twice in `books`. Pure; any thread. */
#ifndef CORE_INVOICES_TERMS_H
#define CORE_INVOICES_TERMS_H

#include "core/paper/make.h"

/* Where the records are found; NULL for what is not there. What is returned is copied. */
struct terms_source {
    void *context;
    const Passerelle__V1__Member *(*member)(void *context, const char *member_id);
    const Passerelle__V1__BankAccount *(*account)(void *context, const char *member_id);
    const Passerelle__V1__Employer *(*employer)(void *context, const char *employer_id);
    const Passerelle__V1__Site *(*site)(void *context, const char *site_id);
    /* Calls `each` for every carnet of the plan, in any order. */
    void (*carnets)(void *context, const char *plan_id,
                    void (*each)(void *to, const Passerelle__V1__Carnet *carnet), void *to);
};

/* The terms, in the arena. What the source lacks is left out: paper_invoice() names it. */
Passerelle__V1__InvoiceTerms *terms_gather(const Passerelle__V1__SettlementDocument *document,
                                           const struct terms_source *source, struct arena *arena);

/* A book of the terms; the context must outlive it. */
struct terms_book {
    const Passerelle__V1__InvoiceTerms *terms;
    bool pro_forma; /* the document at hand gets no number, whatever mandates say */
};
struct paper_book terms_book(struct terms_book *context);

#endif
