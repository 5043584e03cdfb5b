/* Beside each invoice: what stands behind every line, for machines, as JSON. Host and fee invoices
 * name the visits. Employer invoices name references with which a dispute is opened, the first 16
 * bytes of the leaf hash of each check-in: a visit's id is a UUIDv7 and would tell the hour, which
 * no employer learns. */
#ifndef CORE_PAPER_EVIDENCE_H
#define CORE_PAPER_EVIDENCE_H

#include "base/buf.h"
#include "core/paper/invoice.h"

enum { EVIDENCE_LEN = 16 };

/* Of one line. Carnets and subscription fees have none. */
struct evidence {
    const uint8_t (*ids)[EVIDENCE_LEN]; /* ascending: their order tells nothing else */
    size_t count;
};

/* Appends the list. `lines` has one entry for each line of the invoice, in its order. Visits are
 * written as UUIDs, unless the buyer is an employer: then as 32 hex digits. Ends with a newline;
 * the same input gives the same bytes. Check buf_error(). */
void evidence_json(const struct invoice *invoice, bool employer, const struct evidence *lines,
                   struct buf *out);

#endif
