/* A file that is PDF/A-3b (ISO 19005-3): pages in one embedded font, sRGB, XMP, perhaps one
 * attached file. Nothing is compressed, and dates and ids come from the content, so that the same
 * pages give the same bytes on every machine and with every library. Private to paper/. */
#ifndef CORE_PAPER_PDF_H
#define CORE_PAPER_PDF_H

#include "base/buf.h"
#include "core/day/day.h"
#include "core/paper/page.h"

struct pdf_info {
    struct view title;
    struct view author;
    struct day made;
    struct view attached; /* the CII of a Factur-X; empty: nothing is attached */
};

/* Appends the file. Check buf_error(). */
void pdf_write(const struct pages *pages, const struct pdf_info *info, struct buf *out);

/* Private parts: the sRGB profile (ICC.1:2010, version 4.2), and the XMP packet. */
void icc_srgb(struct buf *out);
void xmp_packet(const struct pdf_info *info, struct buf *out);

#endif
