/* An invoice as a page for people: HTML 5, French, prints on A4 with the heads of the table on each
 * page, no script, nothing loaded from anywhere. The same invoice gives the same bytes. */
#ifndef CORE_PAPER_HTML_H
#define CORE_PAPER_HTML_H

#include "base/buf.h"
#include "core/paper/invoice.h"

/* Appends. Check buf_error(). A pro forma too: it says so in large letters. */
void html_write(const struct invoice *invoice, struct buf *out);

#endif
