/* An invoice as a PDF/A-3b: the page that people read, and inside it the same invoice for machines
 * (Factur-X, profile EN 16931, file factur-x.xml). The same invoice gives the same bytes. */
#ifndef CORE_PAPER_FACTURX_H
#define CORE_PAPER_FACTURX_H

#include "base/buf.h"
#include "core/paper/invoice.h"

/* Appends. `cii` is what cii_write() made of the same invoice. A pro forma has no such file: its
 * PDF attaches nothing and says what it is. Check buf_error(). */
void facturx_write(const struct invoice *invoice, struct view cii, struct buf *out);

#endif
