/* Tables for people: columns of text, numbers to the right, widths by code points. And values:
 * cents as 12.34, instants as Paris wall time, enums as short lower-case words. */
#ifndef CLIENTS_CLI_TABLE_H
#define CLIENTS_CLI_TABLE_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

struct table {
    struct arena arena;
    size_t columns;
    size_t rows;
    size_t capacity;
    const char **cells; /* rows x columns; the first row is the head */
    bool *right;        /* per column */
};

void table_init(struct table *table, size_t columns);
void table_release(struct table *table);
/* The next cell, from left to right, row by row; copied. */
void table_add(struct table *table, const char *text);
void table_add_number(struct table *table, int64_t value);
void table_add_cents(struct table *table, int64_t cents);
/* Prints it with a line under the head; the unfinished last row is dropped. */
void table_print(const struct table *table, FILE *out);

/* The field's value as people read it, in the arena; repeated values joined by ", ". */
const char *table_value(struct arena *arena, const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field);
/* "in_utc_ms" -> "in", "price_cents" -> "price". */
const char *table_title(struct arena *arena, const char *field_name);
/* Whether values of the field are numbers that belong to the right. */
bool table_is_number(const ProtobufCFieldDescriptor *field);
/* "RESOURCE_DESK" -> "desk". */
const char *table_enum_word(struct arena *arena, const ProtobufCEnumDescriptor *descriptor,
                            int32_t value);

#endif
