/* Reading turns fields into values and refuses what has no value; columns_check() then looks at the
 * values, as it does for those of messages. Writing is the exact reverse. */
#include "core/records/columns.h"

#include <assert.h>

#include "base/text.h"
#include "core/day/day.h"
#include "wire/pack.h"

enum { DEGREE_DECIMALS = 5, DEGREE_E5 = 100000, LIST_MAX = 32 };

static void *field_at(void *record, size_t offset)
{
    return (char *)record + offset;
}

static const void *value_at(const void *record, size_t offset)
{
    return (const char *)record + offset;
}

/* ---- reading ---- */

static int number_read(struct view text, int64_t max, int64_t *out, struct fault *fault)
{
    int err = text_i64(text, out);
    if (err == E_OVERFLOW || (err == E_OK && *out > max)) {
        return fault_set(fault, E_INVALID, "%.*s is too large: give at most %lld", VIEW_FMT(text),
                         (long long)max);
    }
    if (err != E_OK) {
        return fault_set(fault, E_INVALID, "\"%.*s\" is no whole number: give digits only",
                         VIEW_FMT(text));
    }
    if (*out < 0) {
        return fault_set(fault, E_INVALID, "%.*s is negative: give 0 or more", VIEW_FMT(text));
    }
    return 0;
}

/* "-0.62116": one sign, no leading zero, exactly five decimals. */
static int degrees_read(struct view text, int32_t *out, struct fault *fault)
{
    struct view digits = view_starts(text, "-") ? view_slice(text, 1, text.len) : text;
    size_t point = view_find(digits, '.');
    struct view decimals = view_slice(digits, point + 1, digits.len);
    uint64_t whole = 0, part = 0;
    bool ok = point <= 3 && decimals.len == DEGREE_DECIMALS &&
              text_u64(view_slice(digits, 0, point), &whole) == E_OK && whole <= 180;
    for (size_t i = 0; ok && i < decimals.len; i++) {
        ok = decimals.data[i] >= '0' && decimals.data[i] <= '9';
        part = part * 10 + (uint64_t)(decimals.data[i] - '0');
    }
    int32_t value = (int32_t)(whole * DEGREE_E5 + part);
    if (!ok || (digits.len < text.len && value == 0)) {
        return fault_set(fault, E_INVALID,
                         "\"%.*s\" is no position: give degrees with five "
                         "decimals, as 43.60450",
                         VIEW_FMT(text));
    }
    *out = digits.len < text.len ? -value : value;
    return 0;
}

static int minute_read(struct view text, uint32_t *out, struct fault *fault)
{
    const char *c = text.data;
    bool ok = text.len == 5 && c[2] == ':';
    for (size_t i = 0; ok && i < 5; i++) {
        ok = i == 2 || (c[i] >= '0' && c[i] <= '9');
    }
    uint32_t hours = ok ? (uint32_t)((c[0] - '0') * 10 + c[1] - '0') : 0;
    uint32_t minutes = ok ? (uint32_t)((c[3] - '0') * 10 + c[4] - '0') : 0;
    if (!ok || minutes > 59 || hours * 60 + minutes > 1440) {
        return fault_set(fault, E_INVALID, "\"%.*s\" is no time of day: write it as 09:00",
                         VIEW_FMT(text));
    }
    *out = hours * 60 + minutes;
    return 0;
}

static int word_unknown(const struct record_words *words, struct view text, struct fault *fault)
{
    char list[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < words->count && len < sizeof list; i++) {
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i == 0 ? "" : ", ",
                                words->words[i].word);
    }
    return fault_set(fault, E_INVALID, "\"%.*s\" is not known: give one of %s", VIEW_FMT(text),
                     list);
}

static int list_read(struct view text, struct arena *arena, char ***items, size_t *count,
                     struct fault *fault)
{
    struct view rest = text, part;
    *count = 0;
    if (text.len == 0) {
        return 0;
    }
    *items = ARENA_ARRAY(arena, LIST_MAX, char *);
    bool ends_open = text.data[text.len - 1] == '|';
    while (view_cut(&rest, '|', &part)) {
        if (part.len == 0 || ends_open) {
            return fault_set(fault, E_INVALID, "an entry of the list is empty: write it as a|b|c");
        }
        if (*count == LIST_MAX) {
            return fault_set(fault, E_INVALID, "more than %d entries: give fewer", (int)LIST_MAX);
        }
        (*items)[(*count)++] = wire_string(arena, part);
    }
    return 0;
}

static int field_read(const struct record_column *column, struct view text, struct arena *arena,
                      void *record, struct fault *fault)
{
    void *at = field_at(record, column->offset);
    int64_t number = 0;
    int word = 0;
    int err = 0;
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_DAY:
        *(char **)at = wire_string(arena, text);
        return 0;
    case COLUMN_LIST:
        return list_read(text, arena, at, field_at(record, column->count_offset), fault);
    default:
        break;
    }
    if (text.len == 0) {
        return 0; /* zero; columns_check() and the caller say whether that may be */
    }
    switch (column->kind) {
    case COLUMN_COUNT:
        err = number_read(text, column->max, &number, fault);
        *(uint32_t *)at = err == 0 ? (uint32_t)number : 0;
        return err;
    case COLUMN_CENTS:
        err = number_read(text, RECORD_CENTS_MAX, &number, fault);
        *(int64_t *)at = err == 0 ? number : 0;
        return err;
    case COLUMN_FLAG:
        if (!view_is(text, "0") && !view_is(text, "1")) {
            return fault_set(fault, E_INVALID, "\"%.*s\" is neither 0 (no) nor 1 (yes)",
                             VIEW_FMT(text));
        }
        *(protobuf_c_boolean *)at = text.data[0] == '1';
        return 0;
    case COLUMN_WORD:
        if (!record_number_of(column->words, text, &word)) {
            return word_unknown(column->words, text, fault);
        }
        memcpy(at, &word, sizeof word);
        return 0;
    case COLUMN_DEGREES:
        return degrees_read(text, at, fault);
    case COLUMN_MINUTE:
        return minute_read(text, at, fault);
    default:
        assert(column->kind == COLUMN_INSTANT);
        if (instant_parse(text, at) != E_OK) {
            return fault_set(fault, E_INVALID,
                             "\"%.*s\" is no time: write it in UTC as "
                             "2026-10-01T05:57:06.574Z",
                             VIEW_FMT(text));
        }
        return 0;
    }
}

int record_header(const struct record_table *table, const struct csv_row *header, size_t *map,
                  struct fault *fault)
{
    struct csv_column columns[CSV_FIELDS_MAX];
    assert(table->count <= CSV_FIELDS_MAX);
    for (size_t i = 0; i < table->count; i++) {
        columns[i] = (struct csv_column){.name = table->columns[i].name};
    }
    return csv_header_match(header, columns, table->count, map, fault);
}

static bool value_is_zero(const struct record_column *column, const void *record)
{
    const void *at = value_at(record, column->offset);
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_DAY:
        return (*(char *const *)at)[0] == '\0';
    case COLUMN_CENTS:
    case COLUMN_INSTANT:
        return *(const int64_t *)at == 0;
    case COLUMN_LIST:
        return *(const size_t *)value_at(record, column->count_offset) == 0;
    default:
        return *(const uint32_t *)at == 0;
    }
}

static bool may_be_empty(const struct record_column *column, const void *record)
{
    return column->blank != NULL && column->blank(record);
}

int record_parse(const struct record_table *table, const struct csv_row *row, const size_t *map,
                 struct arena *arena, void *record, struct fault *fault)
{
    table->init(record);
    int err = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct fault own = FAULT_NONE;
        if (field_read(&table->columns[i], csv_field(row, map[i]), arena, record, &own) != 0 &&
            err == 0) {
            err = fault_set(fault, own.code, "%s: %s", table->columns[i].name, own.text);
        }
    }
    return err;
}

int record_read(const struct record_table *table, const struct csv_row *row, const size_t *map,
                struct arena *arena, void *record, struct fault *fault)
{
    int err = record_parse(table, row, map, arena, record, fault);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct record_column *column = &table->columns[i];
        bool empty = csv_field(row, map[i]).len == 0;
        if (empty && !may_be_empty(column, record)) {
            return fault_set(fault, E_INVALID, "%s: it is empty: give a value", column->name);
        }
        if (!empty && value_is_zero(column, record) && may_be_empty(column, record)) {
            return fault_set(fault, E_INVALID, "%s: 0 means none here: leave it empty",
                             column->name);
        }
    }
    err = columns_check(table, record, fault);
    return err == 0 && table->check != NULL ? table->check(record, fault) : err;
}

/* ---- checking values ---- */

static int text_check(const struct record_column *column, const char *string, struct fault *fault)
{
    struct view text = view_of(string);
    if (!text_is_printable(text)) {
        return fault_set(fault, E_INVALID,
                         "it holds a control character or is not UTF-8: write it "
                         "again");
    }
    if (view_trim(text).len != text.len) {
        return fault_set(fault, E_INVALID, "it begins or ends with a space: remove it");
    }
    if (text_length(text) > RECORD_TEXT_MAX) {
        return fault_set(fault, E_INVALID, "it is longer than %d characters: shorten it",
                         (int)RECORD_TEXT_MAX);
    }
    return column->ident == NULL ? 0 : column->ident(text, fault);
}

static int day_check(const char *string, struct fault *fault)
{
    struct day day;
    if (day_parse(view_of(string), &day) != E_OK) {
        return fault_set(fault, E_INVALID, "\"%s\" is no day: write it as 2026-10-01", string);
    }
    return 0;
}

static int list_check(const struct record_column *column, const void *record, struct fault *fault)
{
    char *const *items = *(char **const *)value_at(record, column->offset);
    size_t count = *(const size_t *)value_at(record, column->count_offset);
    if (count > LIST_MAX) {
        return fault_set(fault, E_INVALID, "more than %d entries: give fewer", (int)LIST_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        int number;
        if (!record_number_of(column->words, view_of(items[i]), &number)) {
            return word_unknown(column->words, view_of(items[i]), fault);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(items[i], items[k]) == 0) {
                return fault_set(fault, E_INVALID, "%s is there twice: remove one", items[i]);
            }
        }
    }
    return 0;
}

static int value_check(const struct record_column *column, const void *record, struct fault *fault)
{
    const void *at = value_at(record, column->offset);
    int word;
    switch (column->kind) {
    case COLUMN_TEXT:
        return text_check(column, *(char *const *)at, fault);
    case COLUMN_DAY:
        return day_check(*(char *const *)at, fault);
    case COLUMN_LIST:
        return list_check(column, record, fault);
    case COLUMN_COUNT: {
        uint32_t count = *(const uint32_t *)at;
        if (count < column->min || count > column->max) {
            return fault_set(fault, E_INVALID, "%u is out of range: give %u to %u", count,
                             column->min, column->max);
        }
        return 0;
    }
    case COLUMN_CENTS: {
        int64_t cents = *(const int64_t *)at;
        if (cents < 0 || cents > RECORD_CENTS_MAX) {
            return fault_set(fault, E_INVALID, "%lld is out of range: give cents from 0 to %lld",
                             (long long)cents, (long long)RECORD_CENTS_MAX);
        }
        return 0;
    }
    case COLUMN_WORD:
        memcpy(&word, at, sizeof word);
        if (record_word_of(column->words, word)[0] == '\0') {
            return word_unknown(column->words, VIEW_LIT(""), fault);
        }
        return 0;
    case COLUMN_MINUTE:
        if (*(const uint32_t *)at > 1440) {
            return fault_set(fault, E_INVALID, "a day has 1440 minutes: give fewer");
        }
        return 0;
    default:
        return 0;
    }
}

int columns_check(const struct record_table *table, const void *record, struct fault *fault)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct record_column *column = &table->columns[i];
        struct fault own = FAULT_NONE;
        bool zero = value_is_zero(column, record);
        if (zero && may_be_empty(column, record)) {
            continue;
        }
        if (zero && (column->kind == COLUMN_TEXT || column->kind == COLUMN_DAY)) {
            return fault_set(fault, E_INVALID, "%s: it is empty: give a value", column->name);
        }
        if (value_check(column, record, &own) != 0) {
            return fault_set(fault, own.code, "%s: %s", column->name, own.text);
        }
    }
    return 0;
}

/* ---- writing ---- */

static void degrees_write(struct buf *out, int32_t e5)
{
    int32_t size = e5 < 0 ? -e5 : e5;
    buf_printf(out, "%s%d.%05d", e5 < 0 ? "-" : "", size / DEGREE_E5, size % DEGREE_E5);
}

static void value_write(const struct record_column *column, const void *record, struct buf *out)
{
    const void *at = value_at(record, column->offset);
    char text[32];
    int word;
    if (may_be_empty(column, record) && value_is_zero(column, record)) {
        return;
    }
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_DAY:
        csv_write_field(out, view_of(*(char *const *)at));
        return;
    case COLUMN_COUNT:
        buf_printf(out, "%u", *(const uint32_t *)at);
        return;
    case COLUMN_CENTS:
        buf_printf(out, "%lld", (long long)*(const int64_t *)at);
        return;
    case COLUMN_FLAG:
        buf_byte(out, *(const protobuf_c_boolean *)at ? '1' : '0');
        return;
    case COLUMN_WORD:
        memcpy(&word, at, sizeof word);
        buf_text(out, record_word_of(column->words, word));
        return;
    case COLUMN_LIST: {
        char *const *items = *(char **const *)at;
        size_t count = *(const size_t *)value_at(record, column->count_offset);
        for (size_t i = 0; i < count; i++) {
            buf_text(out, i == 0 ? "" : "|");
            buf_text(out, items[i]);
        }
        return;
    }
    case COLUMN_DEGREES:
        degrees_write(out, *(const int32_t *)at);
        return;
    case COLUMN_MINUTE:
        buf_printf(out, "%02u:%02u", *(const uint32_t *)at / 60, *(const uint32_t *)at % 60);
        return;
    case COLUMN_INSTANT:
        instant_format(*(const int64_t *)at, text);
        buf_text(out, text);
        return;
    }
}

void record_write_header(const struct record_table *table, struct buf *out)
{
    for (size_t i = 0; i < table->count; i++) {
        buf_text(out, i == 0 ? "" : ",");
        buf_text(out, table->columns[i].name);
    }
    buf_byte(out, '\n');
}

void record_write(const struct record_table *table, const void *record, struct buf *out)
{
    for (size_t i = 0; i < table->count; i++) {
        buf_text(out, i == 0 ? "" : ",");
        value_write(&table->columns[i], record, out);
    }
    buf_byte(out, '\n');
}
