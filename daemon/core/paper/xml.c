#include "core/paper/xml.h"

#include <inttypes.h>

#include "base/buf.h"
#include "core/paper/letters.h"

/* Never fails: the buffer keeps its error for xml_end(), and libxml2 would print of one. */
static int write_bytes(void *context, const char *bytes, int len)
{
    buf_add(context, bytes, (size_t)len);
    return len;
}

static int write_nothing(void *context)
{
    (void)context;
    return 0;
}

static void check(struct xml *xml, int result)
{
    xml->failed = xml->failed || result < 0;
}

void xml_begin(struct xml *xml, struct buf *out, struct buf *scratch)
{
    *xml = (struct xml){.out = out, .text = scratch};
    xmlOutputBufferPtr output = xmlOutputBufferCreateIO(write_bytes, write_nothing, out, NULL);
    xml->writer = output == NULL ? NULL : xmlNewTextWriter(output);
    if (xml->writer == NULL) {
        xmlOutputBufferClose(output);
        xml->failed = true;
        return;
    }
    check(xml, xmlTextWriterStartDocument(xml->writer, NULL, "UTF-8", NULL));
}

int xml_end(struct xml *xml)
{
    if (!xml->failed) {
        check(xml, xmlTextWriterEndDocument(xml->writer));
    }
    xmlFreeTextWriter(xml->writer); /* flushes */
    xml->writer = NULL;
    int err = buf_error(xml->out);
    return err != E_OK ? err : xml->failed ? E_INTERNAL : E_OK;
}

void xml_comment(struct xml *xml, struct view text)
{
    if (xml->failed || text.len == 0) {
        return;
    }
    buf_clear(xml->text);
    letters_clean(xml->text, text);
    check(xml, xmlTextWriterWriteComment(xml->writer, BAD_CAST xml->text->data));
}

void xml_open(struct xml *xml, const char *name)
{
    if (!xml->failed) {
        check(xml, xmlTextWriterStartElement(xml->writer, BAD_CAST name));
    }
}

void xml_close(struct xml *xml)
{
    if (!xml->failed) {
        check(xml, xmlTextWriterEndElement(xml->writer));
    }
}

void xml_attribute(struct xml *xml, const char *name, const char *value)
{
    if (!xml->failed) {
        check(xml, xmlTextWriterWriteAttribute(xml->writer, BAD_CAST name, BAD_CAST value));
    }
}

void xml_leaf_with(struct xml *xml, const char *name, const char *attribute, const char *value,
                   struct view text)
{
    if (xml->failed || text.len == 0) {
        return;
    }
    buf_clear(xml->text);
    letters_clean(xml->text, text);
    xml_open(xml, name);
    if (attribute != NULL) {
        xml_attribute(xml, attribute, value);
    }
    if (!xml->failed) {
        check(xml, xmlTextWriterWriteString(xml->writer, BAD_CAST xml->text->data));
    }
    xml_close(xml);
}

void xml_leaf(struct xml *xml, const char *name, struct view text)
{
    xml_leaf_with(xml, name, NULL, NULL, text);
}

void xml_amount(struct xml *xml, const char *name, struct cents amount)
{
    char text[32];
    cents_format(amount, text);
    xml_leaf(xml, name, view_of(text));
}

void xml_money(struct xml *xml, const char *name, struct cents amount)
{
    char text[32];
    cents_format(amount, text);
    xml_leaf_with(xml, name, "currencyID", "EUR", view_of(text));
}

void xml_rate(struct xml *xml, const char *name, struct vat_rate rate)
{
    char text[16];
    int whole = rate.basis_points / 100;
    int part = rate.basis_points % 100;
    if (part == 0) {
        snprintf(text, sizeof text, "%d", whole);
    } else if (part % 10 == 0) {
        snprintf(text, sizeof text, "%d.%d", whole, part / 10);
    } else {
        snprintf(text, sizeof text, "%d.%02d", whole, part);
    }
    xml_leaf(xml, name, view_of(text));
}

void xml_number(struct xml *xml, const char *name, int64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, number);
    xml_leaf(xml, name, view_of(text));
}
