/* The result of a close in the shape of RULES, "Shape of the result", followed by `transfers` and,
 * when there are any, `credit_notes` (amounts below 0). One space of indentation per level, a
 * newline at the end. There is one printing path: from the settlement document. */
#ifndef CORE_CLOSE_RESULT_JSON_H
#define CORE_CLOSE_RESULT_JSON_H

#include "base/buf.h"
#include "core/close/document.h"

/* Appends to `out`; check buf_error() when it has a maximum. */
void document_json(const Passerelle__V1__SettlementDocument *document, struct buf *out);
/* Makes the document and prints it. */
void close_result_json(const struct close_result *result, const struct roster *roster,
                       struct buf *out);

#endif
