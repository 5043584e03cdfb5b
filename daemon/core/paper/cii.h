/* An invoice as UN/CEFACT Cross Industry Invoice D22B, profile EN 16931: the canonical form, and
 * what a Factur-X carries. The same invoice gives the same bytes for ever. */
#ifndef CORE_PAPER_CII_H
#define CORE_PAPER_CII_H

#include "base/buf.h"
#include "core/paper/invoice.h"

/* Makes libxml2 ready for several threads; once, before the first of them starts. */
void paper_start(void);

/* Appends. E_UNSUPPORTED: a pro forma is no invoice and has no XML; E_LIMIT: the buffer's maximum;
 * E_INTERNAL: libxml2. */
must_check int cii_write(const struct invoice *invoice, struct buf *out);

#endif
