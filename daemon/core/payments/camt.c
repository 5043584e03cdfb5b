/* A stream of SAX events: no tree is built, and the callbacks that would load something refuse. An
 * element is known by its path below Stmt or Ntfctn; what no field has is passed over. */
#include "core/payments/camt.h"

#include <assert.h>
#include <libxml/parser.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/text.h"
#include "core/payments/camt_fields.h"
#include "crypt/sha256.h"

enum { CHUNK = 65536, PATH_BYTES_MAX = 512, KEY_BYTES = 16 };

#define NAMESPACE "urn:iso:std:iso:20022:tech:xsd:camt.05"

struct reader {
    struct camt_reading r;
    xmlParserCtxtPtr parser;
    int depth;
    bool root_seen, in_report;
    bool wanted;  /* text of the present element */
    bool foreign; /* its currency is not EUR */
    bool ending;  /* all bytes are in: libxml2 now tells of a tag that was cut as if it were one */
    struct buf path; /* "Ntry/Amt" */
    struct buf text;
    size_t element_ends[CAMT_DEPTH_MAX]; /* lengths of path */
};

static void stop(struct reader *reader, int code, const char *sentence)
{
    camt_fail(&reader->r, code, "%s", sentence);
    xmlStopParser(reader->parser);
}

static bool stopped(struct reader *reader)
{
    if (reader->r.error != E_OK) {
        xmlStopParser(reader->parser);
    }
    return reader->r.error != E_OK || reader->ending;
}

/* ---- events ---- */

static void check_root(struct reader *reader, const char *name, const char *uri)
{
    struct camt_reading *r = &reader->r;
    struct view space = view_of(uri);
    size_t known = sizeof NAMESPACE - 1;
    uint64_t version = 0;
    reader->root_seen = true;
    if (strcmp(name, "Document") != 0 || !view_starts(space, NAMESPACE) || space.len <= known ||
        (space.data[known] != '3' && space.data[known] != '4')) {
        camt_fail(r, E_FOREIGN,
                  "this is no account statement: camt.053 or camt.054 is wanted, and the file says "
                  "%.80s",
                  uri == NULL ? name : uri);
        return;
    }
    r->out.notification = space.data[known] == '4';
    struct view number = view_slice(space, known + 6, space.len);
    if (!view_starts(view_slice(space, known + 1, space.len), ".001.") || number.len != 2 ||
        text_u64(view_slice(number, number.data[0] == '0', 2), &version) != E_OK || version < 2 ||
        version > 8) {
        camt_fail(r, E_UNSUPPORTED,
                  "%.80s is not a version that is read: ask the bank for camt.053.001.02 to .08",
                  uri);
        return;
    }
    r->out.version = (int)version;
}

/* Document, its message, its groups: levels 1 to 3. */
static void frame_open(struct reader *reader, const char *element, const char *uri)
{
    bool notification;
    if (reader->depth == 1) {
        check_root(reader, element, uri);
    }
    notification = reader->r.out.notification;
    if (reader->depth == 2 &&
        strcmp(element, notification ? "BkToCstmrDbtCdtNtfctn" : "BkToCstmrStmt") != 0) {
        camt_fail(&reader->r, E_FOREIGN,
                  "below Document stands %.40s: this is no account statement", element);
    }
    if (reader->depth == 3) {
        reader->in_report = strcmp(element, notification ? "Ntfctn" : "Stmt") == 0;
        camt_report(&reader->r);
    }
}

/* Every attribute has five pointers: name, prefix, namespace, and its value from the fourth on, up
 * to the fifth. */
static bool is_foreign(int count, const xmlChar **attributes)
{
    bool foreign = false;
    for (int i = 0; i < count; i++) {
        const xmlChar **attribute = &attributes[(ptrdiff_t)5 * i];
        struct view value = view_bytes(attribute[3], (size_t)(attribute[4] - attribute[3]));
        foreign =
            foreign || (strcmp((const char *)attribute[0], "Ccy") == 0 && !view_is(value, "EUR"));
    }
    return foreign;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int spaces, const xmlChar **declared, int count, int defaulted,
                     const xmlChar **attributes)
{
    struct reader *reader = context;
    const char *element = (const char *)name;
    (void)prefix;
    (void)spaces;
    (void)declared;
    (void)defaulted;
    if (stopped(reader)) {
        return;
    }
    if (reader->depth >= CAMT_DEPTH_MAX) {
        stop(reader, E_INVALID, "elements stand deeper than in any statement");
        return;
    }
    reader->element_ends[reader->depth++] = reader->path.len;
    buf_clear(&reader->text);
    reader->wanted = false;
    if (!reader->in_report || reader->depth <= 3) {
        frame_open(reader, element, (const char *)uri);
        reader->wanted = reader->depth == 4 && strcmp(element, "MsgId") == 0;
        return;
    }
    if (reader->depth > 4) {
        buf_byte(&reader->path, '/');
    }
    buf_text(&reader->path, element);
    if (buf_error(&reader->path) != E_OK) {
        stop(reader, E_INVALID, "the name of an element is longer than in any statement");
        return;
    }
    reader->wanted = camt_open(&reader->r, buf_content(&reader->path));
    reader->foreign = is_foreign(count, attributes);
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct reader *reader = context;
    struct view text = view_trim(buf_content(&reader->text));
    struct view path = buf_content(&reader->path);
    (void)name;
    (void)prefix;
    (void)uri;
    if (stopped(reader)) {
        return;
    }
    if (reader->in_report && reader->depth > 3) {
        if (reader->wanted) {
            camt_text(&reader->r, path, text, reader->foreign);
        }
        camt_close(&reader->r, path);
    } else if (reader->wanted) {
        reader->r.out.message_id = arena_copy(reader->r.arena, text);
    }
    reader->wanted = false;
    reader->depth--;
    reader->in_report = reader->in_report && reader->depth > 2;
    buf_truncate(&reader->path, reader->element_ends[reader->depth]);
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct reader *reader = context;
    if (reader->wanted && !stopped(reader)) {
        buf_add(&reader->text, text, (size_t)len);
        if (buf_error(&reader->text) != E_OK) {
            stop(reader, E_INVALID, "a text is longer than in any statement");
        }
    }
}

/* A document type is where entities would come from. */
static void on_doctype(void *context, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    stop(context, E_INVALID,
         "the file has a document type (DOCTYPE), which no bank writes: it could load entities, so "
         "it is refused");
}

static xmlParserInputPtr on_resolve(void *context, const xmlChar *public_id,
                                    const xmlChar *system_id)
{
    on_doctype(context, NULL, public_id, system_id);
    return NULL;
}

static void on_error(void *context, const xmlError *error)
{
    (void)context; /* asked for at the end; nothing is printed */
    (void)error;
}

/* libxml2 2.12 made the parameter const. */
#if LIBXML_VERSION >= 21200
#define ON_ERROR on_error
#else
static void on_error_before_2_12(void *context, xmlErrorPtr error)
{
    on_error(context, error);
}
#define ON_ERROR on_error_before_2_12
#endif

/* ---- the whole file ---- */

static void parse(struct reader *reader, struct view file)
{
    xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .cdataBlock = on_text,
        .internalSubset = on_doctype,
        .externalSubset = on_doctype,
        .resolveEntity = on_resolve,
        .serror = ON_ERROR,
    };
    reader->parser = xmlCreatePushParserCtxt(&handler, reader, NULL, 0, NULL);
    assert(reader->parser != NULL); /* no memory */
    xmlCtxtUseOptions(reader->parser, XML_PARSE_NONET);
    int wrong = XML_ERR_OK;
    for (size_t at = 0; at < file.len && wrong == XML_ERR_OK && reader->r.error == E_OK;
         at += CHUNK) {
        size_t len = file.len - at < CHUNK ? file.len - at : CHUNK;
        wrong = xmlParseChunk(reader->parser, file.data + at, (int)len, 0);
    }
    if (wrong == XML_ERR_OK && reader->r.error == E_OK) {
        reader->ending = true;
        wrong = xmlParseChunk(reader->parser, NULL, 0, 1);
    }
    int line = reader->parser->input == NULL ? 0 : reader->parser->input->line;
    if (reader->r.error == E_OK &&
        (wrong != XML_ERR_OK || reader->depth > 0 || !reader->root_seen)) {
        if (wrong == XML_ERR_UNDECLARED_ENTITY || wrong == XML_WAR_UNDECLARED_ENTITY) {
            camt_fail(&reader->r, E_INVALID, "line %d names an entity: a statement has none", line);
        } else if (file.len == 0) {
            camt_fail(&reader->r, E_INVALID, "the file is empty: fetch it from the bank again");
        } else if (reader->ending) {
            camt_fail(&reader->r, E_INVALID,
                      "the file is cut short at line %d: fetch it from the bank again", line);
        } else {
            camt_fail(&reader->r, E_INVALID,
                      "line %d is not well-formed XML: is this the file of the bank?", line);
        }
    }
    xmlFreeParserCtxt(reader->parser);
}

static void hash_part(struct sha256 *hash, struct view part)
{
    sha256_add(hash, part.data, part.len);
    sha256_add(hash, "", 1);
}

/* The bank's reference names a booking in statement and notification alike. Where it gives none,
 * the statement's own id has to tell equal payments apart. */
static void key_base(const struct camt_entry *entry, uint8_t out[static SHA256_LEN])
{
    char numbers[80];
    struct sha256 hash;
    snprintf(numbers, sizeof numbers, "%d %lld %d", entry->booked.number,
             (long long)entry->amount.cents, entry->credit);
    sha256_init(&hash);
    hash_part(&hash, entry->account);
    hash_part(&hash, entry->bank_reference);
    hash_part(&hash, entry->bank_reference.len > 0 ? VIEW_NONE : entry->statement);
    hash_part(&hash, entry->end_to_end);
    hash_part(&hash, entry->iban);
    hash_part(&hash, view_of(numbers));
    sha256_end(&hash, out);
}

/* Equal entries of one file are told apart by their order. */
static void keys_make(struct camt *camt)
{
    struct map seen;
    map_init(&seen, 0);
    for (size_t i = 0; i < camt->count; i++) {
        struct camt_entry *entry = &camt->entries[i];
        uint8_t hash[SHA256_LEN];
        key_base(entry, hash);
        struct camt_entry *before = map_put(&seen, view_bytes(hash, SHA256_LEN), entry);
        if (before != NULL) {
            struct sha256 again;
            sha256_init(&again);
            sha256_add(&again, hash, SHA256_LEN);
            sha256_add(&again, before->key, sizeof before->key - 1);
            sha256_end(&again, hash);
        }
        text_to_hex(hash, KEY_BYTES, entry->key);
    }
    map_release(&seen);
}

int camt_read(struct view file, struct arena *arena, struct camt *out, struct fault *fault)
{
    if (file.len > CAMT_BYTES_MAX) {
        return fault_set(fault, E_LIMIT, "the file is larger than %d MiB: import it in parts",
                         CAMT_BYTES_MAX >> 20);
    }
    struct reader reader = {.r = {.arena = arena, .fault = fault},
                            .path = BUF_INIT_MAX(PATH_BYTES_MAX),
                            .text = BUF_INIT_MAX(CAMT_TEXT_MAX)};
    struct camt_reading *r = &reader.r;
    parse(&reader, file);
    if (r->error == E_OK) {
        struct camt_entry *entries = ARENA_ARRAY(arena, r->out.count, struct camt_entry);
        for (size_t i = 0; i < r->out.count; i++) {
            entries[i] = r->out.entries[i];
        }
        *out = r->out;
        out->entries = entries;
        keys_make(out);
    }
    free(r->out.entries);
    buf_release(&reader.path);
    buf_release(&reader.text);
    return r->error;
}
