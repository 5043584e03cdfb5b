/* What protobuf-c's descriptors do not say by themselves, for the files of this room and for tests:
 * presence, sizes, JSON names, and the path that an error names. Only what proto3 without
 * `optional` and floating point produces is known here; anything else is a bug and asserts. */
#ifndef WIRE_REFLECT_H
#define WIRE_REFLECT_H

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"

/* No message of the contract has more fields: "seen" bitmaps are sized by it. */
enum { WIRE_FIELDS_MAX = 256 };

/* False when the descriptor, or one that it reaches within 16 levels, holds what this room does not
 * handle: float, double, proto2 labels, over WIRE_FIELDS_MAX fields. Checked by tests for each
 * message of the contract. */
bool wire_is_supported(const ProtobufCMessageDescriptor *descriptor);

bool field_is_repeated(const ProtobufCFieldDescriptor *field);
bool field_is_oneof(const ProtobufCFieldDescriptor *field);
/* Wire type of one element: 0 varint, 1 64-bit, 2 length-prefixed, 5 32-bit. */
unsigned field_wire_type(const ProtobufCFieldDescriptor *field);
/* Bytes that one element takes in the C structure. */
size_t field_size(const ProtobufCFieldDescriptor *field);
void *field_member(void *message, const ProtobufCFieldDescriptor *field);
const void *field_member_const(const ProtobufCMessage *message,
                               const ProtobufCFieldDescriptor *field);
/* Number of elements of a repeated field. */
size_t field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
/* The oneof's case: the number of the member that is set, 0 for none. */
uint32_t *field_oneof_case(void *message, const ProtobufCFieldDescriptor *field);
/* Whether protobuf-c would write the field: a repeated one has elements, a member of a oneof is the
 * set one (and, a string or message, does not point to nothing), any other is not its default. */
bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* lowerCamelCase as protoc computes it: underscores go, the next letter is a capital. */
void field_json_name(const ProtobufCFieldDescriptor *field, struct buf *out);
/* Whether `key` is the field's name, as written in the .proto file or in lowerCamelCase. */
bool field_is_named(const ProtobufCFieldDescriptor *field, struct view key);

/* NULL when the number has no name. */
const char *enum_name(const ProtobufCEnumDescriptor *descriptor, int32_t number);
/* NULL when there is no such name. Aliases count. */
const ProtobufCEnumValue *enum_value(const ProtobufCEnumDescriptor *descriptor, struct view name);

/* Where a reader stands, linked from the innermost step outwards; lives on its stack. */
struct wire_path {
    const struct wire_path *up; /* NULL: the outermost message */
    struct view name;
    size_t index; /* from 0 */
    bool has_index;
};

/* Like fault_set, with the path before the sentence: "visits[3].in_utc_ms: ...". */
int path_fault(const struct wire_path *path, struct fault *fault, int code, const char *fmt, ...)
    printf_like(4, 5);

#endif
