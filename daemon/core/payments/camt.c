/* A stream of SAX events: no tree is built, and the callbacks that would load something refuse. An
 * element is known by its path below Stmt or Ntfctn; what no row names is passed over. */
#include "core/payments/camt.h"

#include <assert.h>
#include <libxml/parser.h>
#include <stdarg.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/text.h"
#include "crypt/sha256.h"

enum { CHUNK = 65536, PATH_MAX_BYTES = 512, KEY_BYTES = 16 };

#define NAMESPACE "urn:iso:std:iso:20022:tech:xsd:camt.05"

struct reading {
    struct arena *arena;
    struct fault *fault;
    struct camt out;
    xmlParserCtxtPtr parser;
    int error;
    size_t alloc;
    int depth;
    bool wanted; /* text of the present element */
    bool amount_is_foreign;
    struct buf path; /* "Ntry/Amt", below Stmt */
    struct buf text;
    size_t element_ends[CAMT_DEPTH_MAX]; /* lengths of path */
    bool in_report;
    bool root_seen;
    bool ending; /* all bytes are in: libxml2 now tells of a tag that was cut as if it were one */
    /* Of the statement, of its entry, of its payment. */
    struct view account, statement;
    struct camt_entry booking, payment;
    bool has_amount, payment_has_side, reversal;
    struct view reference, debtor_iban, creditor_iban, debtor, creditor;
    size_t booking_first; /* in out.entries: the first payment of the present booking */
};

static int fail(struct reading *r, int code, const char *fmt, ...) printf_like(3, 4);

static int fail(struct reading *r, int code, const char *fmt, ...)
{
    if (r->error == E_OK) {
        char text[256];
        va_list args;
        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        r->error = fault_set(r->fault, code, "%s", text);
        xmlStopParser(r->parser);
    }
    return code;
}

static struct view keep(struct reading *r, struct view text)
{
    return arena_copy(r->arena, text);
}

/* ---- values ---- */

/* "1234.5": digits, at most two decimals that are not 0. */
static void take_amount(struct reading *r, struct view text, struct cents *out)
{
    size_t point = view_find(text, '.');
    struct view whole = view_slice(text, 0, point);
    struct view part = view_slice(text, point + (point < text.len), text.len);
    int64_t cents = 0;
    bool good = whole.len > 0 && whole.len <= 16 && part.len <= 5;
    for (size_t i = 0; good && i < whole.len; i++) {
        good = whole.data[i] >= '0' && whole.data[i] <= '9';
        cents = cents * 10 + (whole.data[i] - '0');
    }
    for (size_t i = 0; good && i < 2; i++) {
        char digit = i < part.len ? part.data[i] : '0';
        good = digit >= '0' && digit <= '9';
        cents = cents * 10 + (digit - '0');
    }
    for (size_t i = 2; good && i < part.len; i++) {
        good = part.data[i] == '0';
    }
    if (!good) {
        fail(r, E_INVALID, "'%.*s' is no amount in EUR: ask the bank for the file again",
             (int)(text.len < 40 ? text.len : 40), text.data);
        return;
    }
    out->cents = cents;
}

/* A date, or the date of a time as the bank writes it, whatever its zone. */
static void take_day(struct reading *r, struct view text, struct day *out)
{
    bool time = text.len > 10 && (text.data[10] == 'T' || text.data[10] == '+' ||
                                  text.data[10] == '-' || text.data[10] == 'Z');
    if ((text.len != 10 && !time) || day_parse(view_slice(text, 0, 10), out) != E_OK) {
        fail(r, E_INVALID, "'%.*s' is no day: ask the bank for the file again",
             (int)(text.len < 40 ? text.len : 40), text.data);
    }
}

static void take_side(struct reading *r, struct view text, bool *credit)
{
    if (!view_is(text, "CRDT") && !view_is(text, "DBIT")) {
        fail(r, E_INVALID, "an entry is neither credit (CRDT) nor debit (DBIT)");
    }
    *credit = view_is(text, "CRDT");
}

/* ---- the fields that are read ---- */

enum field {
    FIELD_STATEMENT,
    FIELD_ACCOUNT,
    FIELD_ENTRY_REFERENCE,
    FIELD_ENTRY_AMOUNT,
    FIELD_ENTRY_SIDE,
    FIELD_REVERSAL,
    FIELD_STATUS,
    FIELD_BOOKED,
    FIELD_VALUED,
    FIELD_ENTRY_BANK,
    FIELD_GROUP,
    FIELD_PAYMENT_BANK,
    FIELD_PAYMENT_GROUP,
    FIELD_END_TO_END,
    FIELD_PAYMENT_AMOUNT,
    FIELD_PAYMENT_SIDE,
    FIELD_DEBTOR,
    FIELD_DEBTOR_IBAN,
    FIELD_CREDITOR,
    FIELD_CREDITOR_IBAN,
    FIELD_TEXT,
    FIELD_RETURN,
};

#define DETAILS "Ntry/NtryDtls/TxDtls/"
static const struct {
    const char *path;
    enum field field;
} fields[] = {
    {"Id", FIELD_STATEMENT},
    {"Acct/Id/IBAN", FIELD_ACCOUNT},
    {"Ntry/NtryRef", FIELD_ENTRY_REFERENCE},
    {"Ntry/Amt", FIELD_ENTRY_AMOUNT},
    {"Ntry/CdtDbtInd", FIELD_ENTRY_SIDE},
    {"Ntry/RvslInd", FIELD_REVERSAL},
    {"Ntry/Sts", FIELD_STATUS},
    {"Ntry/Sts/Cd", FIELD_STATUS}, /* .07 and later */
    {"Ntry/BookgDt/Dt", FIELD_BOOKED},
    {"Ntry/BookgDt/DtTm", FIELD_BOOKED},
    {"Ntry/ValDt/Dt", FIELD_VALUED},
    {"Ntry/ValDt/DtTm", FIELD_VALUED},
    {"Ntry/AcctSvcrRef", FIELD_ENTRY_BANK},
    {"Ntry/NtryDtls/Btch/PmtInfId", FIELD_GROUP},
    {DETAILS "Refs/AcctSvcrRef", FIELD_PAYMENT_BANK},
    {DETAILS "Refs/PmtInfId", FIELD_PAYMENT_GROUP},
    {DETAILS "Refs/EndToEndId", FIELD_END_TO_END},
    {DETAILS "AmtDtls/TxAmt/Amt", FIELD_PAYMENT_AMOUNT}, /* .02 and .03 */
    {DETAILS "Amt", FIELD_PAYMENT_AMOUNT},
    {DETAILS "CdtDbtInd", FIELD_PAYMENT_SIDE},
    {DETAILS "RltdPties/Dbtr/Nm", FIELD_DEBTOR},
    {DETAILS "RltdPties/Dbtr/Pty/Nm", FIELD_DEBTOR}, /* .07 and later */
    {DETAILS "RltdPties/DbtrAcct/Id/IBAN", FIELD_DEBTOR_IBAN},
    {DETAILS "RltdPties/Cdtr/Nm", FIELD_CREDITOR},
    {DETAILS "RltdPties/Cdtr/Pty/Nm", FIELD_CREDITOR},
    {DETAILS "RltdPties/CdtrAcct/Id/IBAN", FIELD_CREDITOR_IBAN},
    {DETAILS "RmtInf/Ustrd", FIELD_TEXT},
    {DETAILS "RtrInf/Rsn/Cd", FIELD_RETURN},
};

static void first_of(struct reading *r, struct view *out, struct view text)
{
    if (out->len == 0) {
        *out = keep(r, text);
    }
}

static void take(struct reading *r, enum field field, struct view text)
{
    struct camt_entry *booking = &r->booking;
    struct camt_entry *payment = &r->payment;
    switch (field) {
    case FIELD_STATEMENT:
        r->statement = keep(r, text);
        break;
    case FIELD_ACCOUNT:
        r->account = keep(r, text);
        break;
    case FIELD_ENTRY_REFERENCE:
        first_of(r, &r->reference, text);
        break;
    case FIELD_ENTRY_AMOUNT:
        r->has_amount = true;
        take_amount(r, text, &booking->amount);
        break;
    case FIELD_ENTRY_SIDE:
        take_side(r, text, &booking->credit);
        break;
    case FIELD_REVERSAL:
        r->reversal = view_is(text, "true") || view_is(text, "1");
        break;
    case FIELD_STATUS:
        booking->pending = !view_is(text, "BOOK");
        break;
    case FIELD_BOOKED:
        take_day(r, text, &booking->booked);
        break;
    case FIELD_VALUED:
        take_day(r, text, &booking->valued);
        break;
    case FIELD_ENTRY_BANK:
        booking->bank_reference = keep(r, text);
        break;
    case FIELD_GROUP:
        booking->payment_group = keep(r, text);
        break;
    case FIELD_PAYMENT_BANK:
        payment->bank_reference = keep(r, text);
        break;
    case FIELD_PAYMENT_GROUP:
        payment->payment_group = keep(r, text);
        break;
    case FIELD_END_TO_END:
        payment->end_to_end = view_is(text, "NOTPROVIDED") ? VIEW_NONE : keep(r, text);
        break;
    case FIELD_PAYMENT_AMOUNT:
        if (payment->amount.cents == 0) { /* the first is in the account's currency */
            take_amount(r, text, &payment->amount);
        }
        break;
    case FIELD_PAYMENT_SIDE:
        r->payment_has_side = true;
        take_side(r, text, &payment->credit);
        break;
    case FIELD_DEBTOR:
        r->debtor = keep(r, text);
        break;
    case FIELD_DEBTOR_IBAN:
        r->debtor_iban = keep(r, text);
        break;
    case FIELD_CREDITOR:
        r->creditor = keep(r, text);
        break;
    case FIELD_CREDITOR_IBAN:
        r->creditor_iban = keep(r, text);
        break;
    case FIELD_TEXT:
        first_of(r, &payment->text, text);
        break;
    case FIELD_RETURN:
        first_of(r, &payment->return_reason, text);
        break;
    }
}

/* ---- bookings and payments ---- */

static void payment_begin(struct reading *r)
{
    r->payment = (struct camt_entry){0};
    r->payment_has_side = false;
    r->debtor = r->creditor = r->debtor_iban = r->creditor_iban = VIEW_NONE;
}

static void entry_add(struct reading *r)
{
    if (r->out.count >= CAMT_ENTRIES_MAX) {
        fail(r, E_LIMIT, "more than %d entries: import the file in parts", CAMT_ENTRIES_MAX);
        return;
    }
    if (r->out.count == r->alloc) {
        r->alloc = r->alloc == 0 ? 64 : r->alloc * 2;
        r->out.entries = xrealloc(r->out.entries, r->alloc, sizeof *r->out.entries);
    }
    r->out.entries[r->out.count++] = r->payment;
}

/* A payment that came back: the bank gives a reason, or says that the booking is a reversal. The
 * parties then are those of the payment itself, so the other side is whichever account is not ours.
 */
static void payment_end(struct reading *r)
{
    struct camt_entry *payment = &r->payment;
    bool debtor_is_us = r->debtor_iban.len > 0 && view_equal(r->debtor_iban, r->account);
    bool creditor_is_us = r->creditor_iban.len > 0 && view_equal(r->creditor_iban, r->account);
    payment->returned = payment->return_reason.len > 0;
    if (!r->payment_has_side) {
        payment->credit = r->booking.credit;
    }
    bool other_is_debtor =
        debtor_is_us != creditor_is_us ? creditor_is_us : payment->credit != payment->returned;
    payment->iban = other_is_debtor ? r->debtor_iban : r->creditor_iban;
    payment->name = other_is_debtor ? r->debtor : r->creditor;
    entry_add(r);
}

static void booking_begin(struct reading *r)
{
    r->booking = (struct camt_entry){0};
    r->has_amount = false;
    r->reversal = false;
    r->reference = VIEW_NONE;
    r->booking_first = r->out.count;
    payment_begin(r);
}

/* What stands on the booking comes last in some versions, so that its payments get it here. */
static void booking_end(struct reading *r)
{
    struct camt_entry *booking = &r->booking;
    size_t first = r->booking_first;
    if (!r->has_amount) {
        fail(r, E_INVALID, "an entry has no amount: ask the bank for the file again");
        return;
    }
    if (booking->booked.number == 0) {
        booking->booked = booking->valued;
    }
    if (booking->booked.number == 0 && !booking->pending) {
        fail(r, E_INVALID, "an entry has no day: ask the bank for the file again");
        return;
    }
    if (r->out.count == first) {
        r->payment = *booking;
        entry_add(r);
    }
    for (size_t i = first; i < r->out.count; i++) {
        struct camt_entry *entry = &r->out.entries[i];
        bool alone = r->out.count == first + 1;
        entry->account = r->account;
        entry->statement = r->statement;
        entry->booked = booking->booked;
        entry->valued = booking->valued.number == 0 ? booking->booked : booking->valued;
        entry->pending = booking->pending;
        entry->returned = entry->returned || r->reversal;
        if (entry->bank_reference.len == 0) {
            entry->bank_reference =
                booking->bank_reference.len > 0 ? booking->bank_reference : r->reference;
        }
        if (entry->payment_group.len == 0) {
            entry->payment_group = booking->payment_group;
        }
        if (alone && entry->amount.cents == 0) {
            entry->amount = booking->amount;
        }
    }
}

/* ---- events ---- */

static void check_root(struct reading *r, const char *name, const char *uri)
{
    r->root_seen = true;
    struct view space = view_of(uri);
    size_t known = sizeof NAMESPACE - 1;
    uint64_t version = 0;
    if (strcmp(name, "Document") != 0 || !view_starts(space, NAMESPACE) || space.len <= known ||
        (space.data[known] != '3' && space.data[known] != '4')) {
        fail(
            r, E_FOREIGN,
            "this is no account statement: camt.053 or camt.054 is wanted, and the file says %.80s",
            uri == NULL ? name : uri);
        return;
    }
    r->out.notification = space.data[known] == '4';
    struct view number = view_slice(space, known + 6, space.len);
    if (!view_starts(view_slice(space, known + 1, space.len), ".001.") || number.len != 2 ||
        text_u64(view_slice(number, number.data[0] == '0', 2), &version) != E_OK || version < 2 ||
        version > 8) {
        fail(r, E_UNSUPPORTED,
             "%.80s is not a version that is read: ask the bank for camt.053.001.02 to .08", uri);
        return;
    }
    r->out.version = (int)version;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int spaces, const xmlChar **declared, int count, int defaulted,
                     const xmlChar **attributes)
{
    struct reading *r = context;
    const char *element = (const char *)name;
    (void)prefix;
    (void)spaces;
    (void)declared;
    (void)defaulted;
    if (r->depth >= CAMT_DEPTH_MAX) {
        fail(r, E_INVALID, "elements stand deeper than in any statement");
        return;
    }
    if (r->ending) {
        return;
    }
    if (!r->root_seen) {
        check_root(r, element, (const char *)uri);
    }
    if (r->error != E_OK) {
        return;
    }
    r->element_ends[r->depth++] = r->path.len;
    if (r->depth == 2 &&
        strcmp(element, r->out.notification ? "BkToCstmrDbtCdtNtfctn" : "BkToCstmrStmt") != 0) {
        fail(r, E_FOREIGN, "below Document stands %.40s: this is no account statement", element);
        return;
    }
    if (r->depth == 3) {
        r->in_report = strcmp(element, r->out.notification ? "Ntfctn" : "Stmt") == 0;
        r->account = r->statement = VIEW_NONE;
    }
    r->wanted = false;
    if (!r->in_report || r->depth <= 3) {
        r->wanted = r->depth == 4 && strcmp(element, "MsgId") == 0;
        buf_clear(&r->text);
        return;
    }
    if (r->path.len + strlen(element) + 2 > PATH_MAX_BYTES) {
        fail(r, E_INVALID, "the name of an element is longer than in any statement");
        return;
    }
    if (r->depth > 4) {
        buf_byte(&r->path, '/');
    }
    buf_text(&r->path, element);
    struct view path = buf_content(&r->path);
    if (view_is(path, "Ntry")) {
        booking_begin(r);
    } else if (view_is(path, "Ntry/NtryDtls/TxDtls")) {
        payment_begin(r);
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        r->wanted = r->wanted || view_is(path, fields[i].path);
    }
    buf_clear(&r->text);
    r->amount_is_foreign = false;
    for (int i = 0; i < count; i++) {
        struct view value = view_bytes(attributes[5 * i + 3],
                                       (size_t)(attributes[5 * i + 4] - attributes[5 * i + 3]));
        r->amount_is_foreign = r->amount_is_foreign ||
                               (strcmp((const char *)attributes[(ptrdiff_t)5 * i], "Ccy") == 0 &&
                                !view_is(value, "EUR"));
    }
}

static void field_end(struct reading *r, struct view path)
{
    for (size_t i = 0; i < ARRAY_LEN(fields) && r->error == E_OK; i++) {
        enum field field = fields[i].field;
        struct view text = view_trim(buf_content(&r->text));
        if (!view_is(path, fields[i].path)) {
            continue;
        }
        if (field == FIELD_STATUS && text.len == 0) {
            return; /* the wrapper of Cd */
        }
        if (field == FIELD_PAYMENT_AMOUNT && r->amount_is_foreign) {
            return; /* that of the payer; what the account got stands on the entry */
        }
        if (field == FIELD_ENTRY_AMOUNT && r->amount_is_foreign) {
            fail(r, E_INVALID, "an entry is not in EUR: accounts in another currency are not read");
            return;
        }
        if (text.len > 0) {
            take(r, field, text);
        }
        return;
    }
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct reading *r = context;
    (void)prefix;
    (void)uri;
    if (r->error != E_OK || r->ending) {
        return;
    }
    struct view path = buf_content(&r->path);
    if (r->in_report && r->depth > 3) {
        if (r->wanted) {
            field_end(r, path);
        }
        if (r->error == E_OK && view_is(path, "Ntry/NtryDtls/TxDtls")) {
            payment_end(r);
        } else if (r->error == E_OK && view_is(path, "Ntry")) {
            booking_end(r);
        }
    } else if (r->wanted && strcmp((const char *)name, "MsgId") == 0) {
        r->out.message_id = keep(r, view_trim(buf_content(&r->text)));
    }
    r->wanted = false;
    r->depth--;
    if (r->depth == 2) {
        r->in_report = false;
    }
    buf_truncate(&r->path, r->element_ends[r->depth]);
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct reading *r = context;
    if (r->wanted && r->error == E_OK) {
        buf_add(&r->text, text, (size_t)len);
        if (buf_error(&r->text) != E_OK) {
            fail(r, E_INVALID, "a text is longer than in any statement");
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
    fail(context, E_INVALID,
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

static void parse(struct reading *r, struct view file)
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
    r->parser = xmlCreatePushParserCtxt(&handler, r, NULL, 0, NULL);
    assert(r->parser != NULL); /* no memory */
    xmlCtxtUseOptions(r->parser, XML_PARSE_NONET);
    int wrong = XML_ERR_OK;
    for (size_t at = 0; at < file.len && wrong == XML_ERR_OK && r->error == E_OK; at += CHUNK) {
        size_t len = file.len - at < CHUNK ? file.len - at : CHUNK;
        wrong = xmlParseChunk(r->parser, file.data + at, (int)len, 0);
    }
    if (wrong == XML_ERR_OK && r->error == E_OK) {
        r->ending = true;
        wrong = xmlParseChunk(r->parser, NULL, 0, 1);
    }
    int line = r->parser->input == NULL ? 0 : r->parser->input->line;
    if (r->error == E_OK && (wrong != XML_ERR_OK || r->depth > 0 || !r->root_seen)) {
        if (wrong == XML_ERR_UNDECLARED_ENTITY || wrong == XML_WAR_UNDECLARED_ENTITY) {
            fail(r, E_INVALID, "line %d names an entity: a statement has none", line);
        } else if (r->ending && file.len > 0) {
            fail(r, E_INVALID, "the file is cut short at line %d: fetch it from the bank again",
                 line);
        } else {
            fail(r, E_INVALID, "line %d is not well-formed XML: is this the file of the bank?",
                 line);
        }
    }
    xmlFreeParserCtxt(r->parser);
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
    struct reading r = {.arena = arena,
                        .fault = fault,
                        .path = BUF_INIT_MAX(PATH_MAX_BYTES),
                        .text = BUF_INIT_MAX(CAMT_TEXT_MAX)};
    parse(&r, file);
    if (r.error == E_OK) {
        struct camt_entry *entries = ARENA_ARRAY(arena, r.out.count, struct camt_entry);
        for (size_t i = 0; i < r.out.count; i++) {
            entries[i] = r.out.entries[i];
        }
        *out = r.out;
        out->entries = entries;
        keys_make(out);
    }
    free(r.out.entries);
    buf_release(&r.path);
    buf_release(&r.text);
    return r.error;
}
