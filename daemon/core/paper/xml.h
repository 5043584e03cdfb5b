/* A thin way to write XML with libxml2's writer into a buffer: UTF-8, no white space between
 * elements, the same calls give the same bytes. Keeps its first error; after it calls do nothing.
 * Private to paper/ and payments/. Not shared between threads; the program calls xmlInitParser()
 * once before it starts any. */
#ifndef CORE_PAPER_XML_H
#define CORE_PAPER_XML_H

#include <libxml/xmlwriter.h>

#include "core/paper/invoice.h"

struct buf;

struct xml {
    xmlTextWriterPtr writer;
    struct buf *out;  /* what was written */
    struct buf *text; /* NUL-terminated, cleaned content of one element */
    bool failed;
};

/* Starts the document. Appends to `out`; `scratch` is the caller's, to be used again and again. */
void xml_begin(struct xml *xml, struct buf *out, struct buf *scratch);
/* Ends it: E_LIMIT when the buffer was too small, E_INTERNAL when libxml2 failed. */
must_check int xml_end(struct xml *xml);

/* <!--text-->; nothing at all when the text is empty. It holds no "--". */
void xml_comment(struct xml *xml, struct view text);
void xml_open(struct xml *xml, const char *name);
void xml_close(struct xml *xml);
void xml_attribute(struct xml *xml, const char *name, const char *value);
/* <name>text</name>; nothing at all when the text is empty. */
void xml_leaf(struct xml *xml, const char *name, struct view text);
/* The same with one attribute. */
void xml_leaf_with(struct xml *xml, const char *name, const char *attribute, const char *value,
                   struct view text);
/* An amount, "1234.56". */
void xml_amount(struct xml *xml, const char *name, struct cents amount);
/* The same with its currency: currencyID="EUR". */
void xml_money(struct xml *xml, const char *name, struct cents amount);
/* A rate in percent: "20", "5.5". */
void xml_rate(struct xml *xml, const char *name, struct vat_rate rate);
void xml_number(struct xml *xml, const char *name, int64_t number);

#endif
