/* Invoices of a close: frozen on the snapshot, numbered by the writer, recorded with the close in
 * one transaction. What an invoice is, core/invoices says. */
#ifndef SERVICE_SETTLEMENT_INVOICES_H
#define SERVICE_SETTLEMENT_INVOICES_H

#include "service/service.h"
#include "service/settlement/compute.h"

/* Parties and terms of a document as the views have them now, in the arena. */
Passerelle__V1__InvoiceTerms *invoices_terms(struct db *db,
                                             const Passerelle__V1__SettlementDocument *document,
                                             struct arena *arena);

/* Numbers the invoices of a prepared close, from what is recorded now: on the writer, in the
 * transaction that records the close. A fault names what an invoice lacks. */
must_check int invoices_number(struct service *service, struct arena *arena,
                               struct settlement *settlement, struct fault *fault);
/* Appends their entries and keeps terms and evidence. */
void invoices_record(struct service *service, struct call *call,
                     const struct settlement *settlement);

struct visit_keys {
    uint64_t *keys;
    size_t count;
};
/* An invoice, and the keys of the entries that began the visits behind each of its lines. */
struct invoice_visits {
    struct month month; /* of the close */
    const Passerelle__V1__Document *document;
    struct visit_keys *lines; /* in the order of the document */
};
/* Returns 0, or -1 after it failed the call: also when the caller may not see it. */
must_check int invoice_visits(struct service *service, struct call *call, const char *number,
                              struct invoice_visits *out);
/* How evidence names a visit, by its key: to an employer by the first half of the leaf's hash, to
 * others by its id. */
bool invoice_visit_id(struct db *db, uint64_t key, bool employer, uint8_t out[static 16]);

/* What an invoice of a close leaves to pay. */
struct payable {
    const Passerelle__V1__Document *document;
    const char *number;
    struct cents cents; /* BT-115; above or equal to 0 in a credit note too */
    struct day due;     /* of an invoice to an employer */
};
struct payables {
    const Passerelle__V1__SettlementDocument *document;
    const Passerelle__V1__InvoiceTerms *terms;
    struct payable *all; /* in the order of the settlement document; pro formas too */
    size_t count;
};
/* Of a closed month, in the call's arena. Returns 0, or -1 after it failed the call. */
must_check int invoices_payable(struct service *service, struct call *call, struct month month,
                                struct payables *out);

#endif
