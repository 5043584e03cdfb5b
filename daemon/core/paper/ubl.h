/* An invoice as OASIS UBL 2.1, bound to EN 16931: the root is Invoice for types 380 and 389,
 * CreditNote for 381 and 261 (BR-CL-01). The same invoice gives the same bytes for ever. */
#ifndef CORE_PAPER_UBL_H
#define CORE_PAPER_UBL_H

#include "base/buf.h"
#include "core/paper/invoice.h"

/* Appends. Errors as cii_write(). */
must_check int ubl_write(const struct invoice *invoice, struct buf *out);

#endif
