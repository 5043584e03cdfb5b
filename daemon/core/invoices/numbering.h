/* Documents of a close become invoices: numbers without gaps, what credit notes refer to, the hash
 * of each CII. A pure function of the settlement document, its terms, the day of issue and what was
 * numbered before: the hub runs it when it closes a month, the audit runs it again. Any thread. */
#ifndef CORE_INVOICES_NUMBERING_H
#define CORE_INVOICES_NUMBERING_H

#include "core/invoices/terms.h"
#include "passerelle/v1/entries.pb-c.h"

/* What was numbered before. */
struct numbering_source {
    void *context;
    /* The last number of a series; 0: none. */
    uint32_t (*last)(void *context, const char *series);
    /* Calls `each` for the invoices, no credit notes, of the same kind and parties that earlier
     * closes hold, in the order of their issue. A pro forma counts as the host's own invoice, once
     * that one is recorded. */
    void (*issued)(void *context, const Passerelle__V1__Document *document,
                   void (*each)(void *to, const char *number, const char *issued_on,
                                const Passerelle__V1__NumberedInvoice *invoice),
                   void *to);
};

/* The entries that number the invoices of a close, in the arena: at least one, each short enough.
 * A host invoice without a mandate is a pro forma; so is its credit note when no invoice that it
 * could name has come. Any other credit note without one corrects a month that was closed before
 * invoices had numbers, and names its settlement. `seed` is of a hash table. Errors are those of
 * paper_invoice() and series_next(). */
must_check int numbering_run(const Passerelle__V1__SettlementDocument *document,
                             const Passerelle__V1__InvoiceTerms *terms, struct day issued,
                             const struct numbering_source *source, uint64_t seed,
                             struct arena *arena, Passerelle__V1__InvoicesNumbered ***parts,
                             size_t *part_count, struct fault *fault);

/* The invoice as it was numbered, for every form. `month` is that of the close. */
must_check int numbered_invoice(const Passerelle__V1__Document *document,
                                const Passerelle__V1__NumberedInvoice *numbered, struct month month,
                                struct day issued, const Passerelle__V1__InvoiceTerms *terms,
                                struct arena *arena, struct invoice *out, struct fault *fault);

#endif
