/* One pass: a row is read field by field; its bytes are then checked for UTF-8 at once. The row
 * limit bounds how far an unterminated quote can run. */
#include "core/csv/csv.h"

#include <assert.h>

#include "base/text.h"

void csv_init(struct csv *csv, struct view text, struct arena *arena)
{
    bool marked = view_starts(text, "\xef\xbb\xbf");
    *csv = (struct csv){
        .text = text,
        .arena = arena,
        .at = marked ? 3 : 0,
        .line = 1,
    };
}

static bool at_end(const struct csv *csv)
{
    return csv->at == csv->text.len;
}

/* A space behind the end of the text: nobody looks for one. */
static char byte_at(const struct csv *csv, size_t at)
{
    return at < csv->text.len ? csv->text.data[at] : ' ';
}

/* Bytes of the line end at the cursor: 2, 1, or 0 when there is none. */
static size_t line_end(const struct csv *csv)
{
    if (byte_at(csv, csv->at) == '\n') {
        return 1;
    }
    return byte_at(csv, csv->at) == '\r' && byte_at(csv, csv->at + 1) == '\n' ? 2 : 0;
}

static int refuse_nul(size_t line, struct fault *fault)
{
    return fault_set(fault, E_INVALID,
                     "line %zu: a NUL byte: the file is no text, or UTF-16; save it as UTF-8",
                     line);
}

static int field_plain(struct csv *csv, size_t line, struct view *field, struct fault *fault)
{
    size_t from = csv->at;
    for (; !at_end(csv) && line_end(csv) == 0; csv->at++) {
        char c = byte_at(csv, csv->at);
        if (c == ',') {
            break;
        }
        if (c == '"') {
            return fault_set(fault, E_INVALID,
                             "line %zu: a quote inside a field that does not begin with one: put "
                             "the whole field in quotes and write the quote twice", line);
        }
        if (c == '\r') {
            return fault_set(fault, E_INVALID,
                             "line %zu: a carriage return without a line feed: lines end with LF "
                             "or CRLF", line);
        }
        if (c == '\0') {
            return refuse_nul(line, fault);
        }
    }
    *field = view_slice(csv->text, from, csv->at);
    return E_OK;
}

static struct view unescape(struct arena *arena, struct view raw, size_t doubled)
{
    char *copy = arena_alloc(arena, raw.len - doubled);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        copy[len++] = raw.data[i];
        i += raw.data[i] == '"';
    }
    return view_bytes(copy, len);
}

static int field_quoted(struct csv *csv, size_t line, struct view *field, struct fault *fault)
{
    size_t from = ++csv->at;
    size_t doubled = 0;
    for (;; csv->at++) {
        /* Stops here, so that a lost quote does not read the whole file. */
        if (at_end(csv) || csv->at - from > CSV_ROW_BYTES_MAX) {
            return fault_set(fault, E_INVALID,
                             "line %zu: a quoted field that begins here is never closed", line);
        }
        char c = byte_at(csv, csv->at);
        if (c == '\0') {
            return refuse_nul(csv->line, fault);
        }
        csv->line += c == '\n';
        if (c != '"') {
            continue;
        }
        if (byte_at(csv, csv->at + 1) != '"') {
            break;
        }
        csv->at++;
        doubled++;
    }
    struct view raw = view_slice(csv->text, from, csv->at++);
    if (!at_end(csv) && line_end(csv) == 0 && byte_at(csv, csv->at) != ',') {
        return fault_set(fault, E_INVALID,
                         "line %zu: text behind the closing quote of a field: a quote inside a "
                         "field is written twice", csv->line);
    }
    *field = doubled == 0 ? raw : unescape(csv->arena, raw, doubled);
    return E_OK;
}

static int field_next(struct csv *csv, struct csv_row *row, size_t row_from, struct fault *fault)
{
    size_t line = csv->line;
    size_t from = csv->at;
    struct view field;
    int err = byte_at(csv, csv->at) == '"' ? field_quoted(csv, line, &field, fault)
                                           : field_plain(csv, line, &field, fault);
    if (err != E_OK) {
        return err;
    }
    if (csv->at - from > CSV_FIELD_BYTES_MAX) {
        return fault_set(fault, E_LIMIT, "line %zu: field %zu is longer than %d bytes", line,
                         row->count + 1, CSV_FIELD_BYTES_MAX);
    }
    if (csv->at - row_from > CSV_ROW_BYTES_MAX) {
        return fault_set(fault, E_LIMIT, "line %zu: the row is longer than %d bytes", row->line,
                         CSV_ROW_BYTES_MAX);
    }
    if (row->count == CSV_FIELDS_MAX) {
        return fault_set(fault, E_LIMIT, "line %zu: more than %d fields", row->line,
                         CSV_FIELDS_MAX);
    }
    row->fields[row->count++] = field;
    return E_OK;
}

/* Latin-1 has one byte for an accented letter, with an ASCII letter or nothing behind it; in UTF-8
 * such a byte never stands alone. */
static int check_utf8(struct view bytes, size_t line, struct fault *fault)
{
    if (text_is_utf8(bytes)) {
        return E_OK;
    }
    size_t at = 0;
    for (size_t len = 1; at < bytes.len;) {
        if (text_is_utf8(view_slice(bytes, at, at + len))) {
            line += bytes.data[at] == '\n';
            at += len;
            len = 1;
        } else if (++len > 4) {
            break;
        }
    }
    uint8_t bad = (uint8_t)bytes.data[at];
    bool alone = at + 1 == bytes.len || (uint8_t)bytes.data[at + 1] < 0x80;
    if (bad >= 0x80 && alone) {
        return fault_set(fault, E_INVALID,
                         "line %zu: the file seems to be in Latin-1 (Windows): save it as UTF-8",
                         line);
    }
    return fault_set(fault, E_INVALID, "line %zu: not UTF-8 (byte 0x%02x): save the file as UTF-8",
                     line, bad);
}

static int check_count(struct csv *csv, const struct csv_row *row, struct fault *fault)
{
    if (csv->fields == 0) {
        csv->fields = row->count;
    }
    if (row->count == csv->fields) {
        return E_OK;
    }
    if (row->count == 1 && row->fields[0].len == 0) {
        return fault_set(fault, E_INVALID, "line %zu: the line is empty: remove it", row->line);
    }
    return fault_set(fault, E_INVALID, "line %zu: %zu fields where %zu are expected", row->line,
                     row->count, csv->fields);
}

static int row_next(struct csv *csv, struct csv_row *row, struct fault *fault)
{
    size_t from = csv->at;
    row->line = csv->line;
    row->count = 0;
    for (;;) {
        int err = field_next(csv, row, from, fault);
        if (err != E_OK) {
            return err;
        }
        if (byte_at(csv, csv->at) != ',') {
            break;
        }
        csv->at++;
    }
    int err = check_utf8(view_slice(csv->text, from, csv->at), row->line, fault);
    if (err != E_OK) {
        return err;
    }
    size_t end = line_end(csv);
    csv->line += end > 0;
    csv->at += end;
    return check_count(csv, row, fault);
}

int csv_next(struct csv *csv, struct csv_row *row, struct fault *fault)
{
    if (csv->error != E_OK) {
        return csv->error;
    }
    if (at_end(csv)) {
        return 0;
    }
    csv->error = row_next(csv, row, fault);
    return csv->error == E_OK ? 1 : csv->error;
}

/* Names are shown cut, and only when a terminal can print them. */
static struct view shown(struct view name)
{
    enum { SHOWN_MAX = 60 };
    return name.len <= SHOWN_MAX && text_is_printable(name) ? name : VIEW_LIT("...");
}

static size_t column_find(const struct csv_column *columns, size_t count, struct view name)
{
    for (size_t i = 0; i < count; i++) {
        if (view_is(name, columns[i].name)) {
            return i;
        }
    }
    return CSV_ABSENT;
}

int csv_header_match(const struct csv_row *header, const struct csv_column *columns, size_t count,
                     size_t *map, struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        map[i] = CSV_ABSENT;
    }
    size_t unknown = CSV_ABSENT;
    for (size_t field = 0; field < header->count; field++) {
        size_t column = column_find(columns, count, header->fields[field]);
        if (column == CSV_ABSENT) {
            unknown = unknown == CSV_ABSENT ? field : unknown;
        } else if (map[column] != CSV_ABSENT) {
            return fault_set(fault, E_INVALID, "line %zu: the column \"%s\" is there twice",
                             header->line, columns[column].name);
        } else {
            map[column] = field;
        }
    }
    size_t missing = 0;
    while (missing < count && (map[missing] != CSV_ABSENT || columns[missing].optional)) {
        missing++;
    }
    struct view stranger = unknown == CSV_ABSENT ? VIEW_NONE : shown(header->fields[unknown]);
    if (missing < count && header->count == 1 && unknown == 0 &&
        view_find(header->fields[0], ';') < header->fields[0].len) {
        return fault_set(fault, E_INVALID,
                         "line %zu: the columns are separated by semicolons: save the file with "
                         "commas", header->line);
    }
    if (missing < count && unknown != CSV_ABSENT) {
        return fault_set(fault, E_INVALID,
                         "line %zu: the column \"%s\" is missing, and \"%.*s\" is unknown",
                         header->line, columns[missing].name, VIEW_FMT(stranger));
    }
    if (missing < count) {
        return fault_set(fault, E_INVALID, "line %zu: the column \"%s\" is missing", header->line,
                         columns[missing].name);
    }
    if (unknown != CSV_ABSENT) {
        return fault_set(fault, E_INVALID, "line %zu: the column \"%.*s\" is unknown: remove it",
                         header->line, VIEW_FMT(stranger));
    }
    return E_OK;
}

struct view csv_field(const struct csv_row *row, size_t index)
{
    assert(index == CSV_ABSENT || index < row->count);
    return index == CSV_ABSENT ? VIEW_NONE : row->fields[index];
}
