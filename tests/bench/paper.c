/* XML of invoices, beside the same bytes written by libxml2's writer from events in memory, in
 * turns. One line: ours_kb_per_s=200000 raw_kb_per_s=250000 */
#include <libxml/xmlreader.h>
#include <libxml/xmlwriter.h>

#include "base/env.h"
#include "core/paper/cii.h"
#include "core/paper/ubl.h"
#include "tests/paper/cases.h"

enum { TURNS = 40 };

enum event_kind { EVENT_START, EVENT_ATTRIBUTE, EVENT_TEXT, EVENT_END };

struct event {
    enum event_kind kind;
    char *name;
    char *value;
};

struct bench {
    struct event *events;
    size_t count, alloc;
    int64_t bytes, ours_ns, raw_ns;
};

static void event(struct bench *bench, enum event_kind kind, const xmlChar *name,
                  const xmlChar *value)
{
    if (bench->count == bench->alloc) {
        bench->alloc = bench->alloc == 0 ? 1024 : bench->alloc * 2;
        bench->events = xrealloc(bench->events, bench->alloc, sizeof *bench->events);
    }
    bench->events[bench->count++] =
        (struct event){kind, xstrdup(name == NULL ? "" : (const char *)name),
                       xstrdup(value == NULL ? "" : (const char *)value)};
}

static void forget(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++) {
        free(bench->events[i].name);
        free(bench->events[i].value);
    }
    bench->count = 0;
}

static void remember(struct bench *bench, const struct buf *bytes)
{
    xmlTextReaderPtr reader =
        xmlReaderForMemory(bytes->data, (int)bytes->len, "", NULL, XML_PARSE_HUGE);
    while (xmlTextReaderRead(reader) == 1) {
        switch (xmlTextReaderNodeType(reader)) {
        case XML_READER_TYPE_ELEMENT:
            event(bench, EVENT_START, xmlTextReaderConstName(reader), NULL);
            while (xmlTextReaderMoveToNextAttribute(reader) == 1) {
                event(bench, EVENT_ATTRIBUTE, xmlTextReaderConstName(reader),
                      xmlTextReaderConstValue(reader));
            }
            break;
        case XML_READER_TYPE_TEXT:
            event(bench, EVENT_TEXT, NULL, xmlTextReaderConstValue(reader));
            break;
        case XML_READER_TYPE_END_ELEMENT:
            event(bench, EVENT_END, NULL, NULL);
            break;
        default:
            break;
        }
    }
    xmlFreeTextReader(reader);
}

static size_t replay(const struct bench *bench)
{
    xmlBufferPtr out = xmlBufferCreate();
    xmlTextWriterPtr writer = xmlNewTextWriterMemory(out, 0);
    xmlTextWriterStartDocument(writer, NULL, "UTF-8", NULL);
    for (size_t i = 0; i < bench->count; i++) {
        const struct event *event = &bench->events[i];
        switch (event->kind) {
        case EVENT_START:
            xmlTextWriterStartElement(writer, BAD_CAST event->name);
            break;
        case EVENT_ATTRIBUTE:
            xmlTextWriterWriteAttribute(writer, BAD_CAST event->name, BAD_CAST event->value);
            break;
        case EVENT_TEXT:
            xmlTextWriterWriteString(writer, BAD_CAST event->value);
            break;
        case EVENT_END:
            xmlTextWriterEndElement(writer);
        }
    }
    xmlTextWriterEndDocument(writer);
    xmlFreeTextWriter(writer);
    size_t len = (size_t)xmlBufferLength(out);
    xmlBufferFree(out);
    return len;
}

static void measure(struct bench *bench, const struct invoice *invoice,
                    int (*write)(const struct invoice *, struct buf *))
{
    struct buf bytes = BUF_INIT;
    if (write(invoice, &bytes) != E_OK) {
        die("an invoice is not written");
    }
    remember(bench, &bytes);
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t start_ns = env_monotonic_ns(&env_system);
        struct buf again = BUF_INIT;
        int err = write(invoice, &again);
        buf_release(&again);
        int64_t middle_ns = env_monotonic_ns(&env_system);
        size_t len = replay(bench);
        bench->raw_ns += env_monotonic_ns(&env_system) - middle_ns;
        bench->ours_ns += middle_ns - start_ns;
        bench->bytes += (int64_t)len;
        if (err != E_OK || len != bytes.len) {
            die("the same invoice has other bytes: %zu against %zu", len, bytes.len);
        }
    }
    forget(bench);
    buf_release(&bytes);
}

static void each(void *context, const char *name, bool employer, const struct invoice *invoice,
                 const struct evidence *evidence)
{
    (void)name;
    (void)employer;
    (void)evidence;
    if (!invoice->pro_forma) {
        measure(context, invoice, cii_write);
        measure(context, invoice, ubl_write);
    }
}

int main(void)
{
    struct bench bench = {0};
    xmlInitParser();
    cases_each(each, &bench);
    free(bench.events);
    printf("ours_kb_per_s=%lld raw_kb_per_s=%lld\n",
           (long long)(bench.bytes * 1000000 / bench.ours_ns),
           (long long)(bench.bytes * 1000000 / bench.raw_ns));
    return 0;
}
