/* CSV as a French spreadsheet opens it: UTF-8 with a mark, ';' between fields, decimal comma, CR
 * LF. What would be read as a formula gets a quote in front. Pure; any thread. */
#ifndef CORE_CSV_EXCEL_H
#define CORE_CSV_EXCEL_H

#include "base/buf.h"

/* The mark, once, at the beginning. */
void excel_begin(struct buf *out);
/* A field, in quotes where it must be, with ';' behind. */
void excel_text(struct buf *out, struct view text);
/* "-1234,56;" */
void excel_cents(struct buf *out, int64_t cents);
/* Ends the row: the ';' behind its last field becomes CR LF. */
void excel_end(struct buf *out);

#endif
