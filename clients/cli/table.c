#include "cli/table.h"

#include "base/text.h"
#include "core/day/day.h"
#include "core/money/cents.h"
#include "wire/reflect.h"

void table_init(struct table *table, size_t columns)
{
    *table = (struct table){.columns = columns};
    table->right = ARENA_ARRAY(&table->arena, columns, bool);
}

void table_release(struct table *table)
{
    free(table->cells);
    arena_release(&table->arena);
    *table = (struct table){0};
}

void table_add(struct table *table, const char *text)
{
    if (table->rows == table->capacity) {
        table->capacity = table->capacity == 0 ? 256 : table->capacity * 2;
        table->cells = xrealloc(table->cells, table->capacity, sizeof *table->cells);
    }
    table->cells[table->rows++] = arena_string(&table->arena, view_of(text));
}

void table_add_number(struct table *table, int64_t value)
{
    table->right[table->rows % table->columns] = true;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    table_add(table, text);
}

void table_add_cents(struct table *table, int64_t cents)
{
    table->right[table->rows % table->columns] = true;
    char text[32];
    cents_format(CENTS(cents), text);
    table_add(table, text);
}

static void pad(FILE *out, size_t count, char with)
{
    for (size_t i = 0; i < count; i++) {
        fputc(with, out);
    }
}

void table_print(const struct table *table, FILE *out)
{
    size_t rows = table->rows / table->columns;
    size_t *width = xcalloc(table->columns, sizeof *width);
    for (size_t i = 0; i < rows * table->columns; i++) {
        size_t length = text_length(view_of(table->cells[i]));
        size_t *w = &width[i % table->columns];
        *w = length > *w ? length : *w;
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < table->columns; column++) {
            const char *cell = table->cells[row * table->columns + column];
            size_t space = width[column] - text_length(view_of(cell));
            bool last = column + 1 == table->columns;
            pad(out, table->right[column] ? space : 0, ' ');
            fputs(cell, out);
            pad(out, last || table->right[column] ? 0 : space, ' ');
            fputs(last ? "\n" : "  ", out);
        }
        for (size_t column = 0; row == 0 && column < table->columns; column++) {
            pad(out, width[column], '-');
            fputs(column + 1 == table->columns ? "\n" : "  ", out);
        }
    }
    free(width);
}

/* ---- values ---- */

/* The common prefix of an enum's names is its own name in capitals and an underscore. */
const char *table_enum_word(struct arena *arena, const ProtobufCEnumDescriptor *descriptor,
                            int32_t value)
{
    const char *name = enum_name(descriptor, value);
    if (name == NULL) {
        return arena_printf(arena, "%d", value);
    }
    size_t prefix = 0;
    for (const char *c = descriptor->short_name; *c != '\0'; c++) {
        prefix += *c >= 'A' && *c <= 'Z' && c != descriptor->short_name ? 2 : 1;
    }
    name += strlen(name) > prefix + 1 ? prefix + 1 : 0;
    char *word = arena_string(arena, view_of(name));
    for (char *c = word; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    return strcmp(word, "unspecified") == 0 ? "" : word;
}

static bool ends(const char *text, const char *suffix)
{
    size_t n = strlen(text);
    size_t m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

static const char *integer(struct arena *arena, const char *name, int64_t value)
{
    if (ends(name, "_cents")) {
        char text[32];
        cents_format(CENTS(value), text);
        return arena_string(arena, view_of(text));
    }
    if (ends(name, "_utc_ms")) {
        if (value == 0) {
            return "";
        }
        if (value < 0 || value > INT64_C(253402300799999)) { /* whatever a hub says */
            return arena_printf(arena, "%lld", (long long)value);
        }
        char day[11];
        day_format(day_of_instant(value), day);
        int minute = day_wall_minute(value);
        return arena_printf(arena, "%s %02d:%02d:%02d", day, minute / 60, minute % 60,
                            (int)(value / 1000 % 60));
    }
    return arena_printf(arena, "%lld", (long long)value);
}

static const char *element(struct arena *arena, const ProtobufCFieldDescriptor *field,
                           const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return *(const char *const *)at;
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)at ? "yes" : "";
    case PROTOBUF_C_TYPE_ENUM:
        return table_enum_word(arena, field->descriptor, *(const int32_t *)at);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
        return integer(arena, field->name, *(const int32_t *)at);
    case PROTOBUF_C_TYPE_UINT32:
        return integer(arena, field->name, *(const uint32_t *)at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
        return integer(arena, field->name, *(const int64_t *)at);
    case PROTOBUF_C_TYPE_UINT64:
        return integer(arena, field->name, (int64_t) * (const uint64_t *)at);
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = at;
        char *hex = arena_alloc(arena, 2 * bytes->len + 1);
        text_to_hex(bytes->data, bytes->len, hex);
        return hex;
    }
    default:
        return "";
    }
}

const char *table_value(struct arena *arena, const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field)
{
    const void *member = field_member_const(message, field);
    if (field_is_oneof(field) && !field_is_set(message, field)) {
        return "";
    }
    if (!field_is_repeated(field)) {
        return element(arena, field, member);
    }
    const char *items = *(const char *const *)member;
    size_t count = field_count(message, field);
    const char *joined = "";
    for (size_t i = 0; i < count; i++) {
        const char *text = element(arena, field, items + i * field_size(field));
        joined = i == 0 ? text : arena_printf(arena, "%s, %s", joined, text);
    }
    return joined;
}

const char *table_title(struct arena *arena, const char *field_name)
{
    char *title = arena_string(arena, view_of(field_name));
    static const char *const suffixes[] = {"_utc_ms", "_cents", "_id"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (ends(title, suffixes[i])) {
            title[strlen(title) - strlen(suffixes[i])] = '\0';
        }
    }
    for (char *c = title; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
    return title;
}

bool table_is_number(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
        return !field_is_repeated(field) && !ends(field->name, "_utc_ms");
    default:
        return false;
    }
}
