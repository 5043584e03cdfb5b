#include "wire/reflect.h"

#include <assert.h>
#include <stdarg.h>

#include "base/text.h"
#include "wire/bounds.h"

const struct wire_limits wire_limits_request = {.depth_max = 16, .items_max = 65536};
const struct wire_limits wire_limits_tolerant = {
    .depth_max = 16,
    .items_max = 16u << 20,
    .flags = WIRE_UNKNOWN_FIELDS | WIRE_UNKNOWN_ENUMS,
};

static bool is_supported(const ProtobufCMessageDescriptor *descriptor, unsigned depth)
{
    if (descriptor->n_fields > WIRE_FIELDS_MAX) {
        return false;
    }
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type == PROTOBUF_C_TYPE_FLOAT || field->type == PROTOBUF_C_TYPE_DOUBLE ||
            (field->label != PROTOBUF_C_LABEL_NONE && field->label != PROTOBUF_C_LABEL_REPEATED)) {
            return false;
        }
        if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->descriptor != descriptor &&
            depth < wire_limits_request.depth_max && !is_supported(field->descriptor, depth + 1)) {
            return false;
        }
    }
    return true;
}

bool wire_is_supported(const ProtobufCMessageDescriptor *descriptor)
{
    return is_supported(descriptor, 1);
}

bool field_is_repeated(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED;
}

bool field_is_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

unsigned field_wire_type(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    die("field %s has a floating-point type", field->name);
}

size_t field_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
        return sizeof(char *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(ProtobufCMessage *);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
        return 8;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    die("field %s has a floating-point type", field->name);
}

void *field_member(void *message, const ProtobufCFieldDescriptor *field)
{
    return (char *)message + field->offset;
}

const void *field_member_const(const ProtobufCMessage *message,
                               const ProtobufCFieldDescriptor *field)
{
    return (const char *)message + field->offset;
}

size_t field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    assert(field_is_repeated(field));
    size_t count;
    memcpy(&count, (const char *)message + field->quantifier_offset, sizeof count);
    return count;
}

uint32_t *field_oneof_case(void *message, const ProtobufCFieldDescriptor *field)
{
    assert(field_is_oneof(field));
    return (uint32_t *)(void *)((char *)message + field->quantifier_offset);
}

static bool is_zero(const void *member, size_t size)
{
    const unsigned char *bytes = member;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field_is_repeated(field)) {
        return field_count(message, field) > 0;
    }
    const void *member = field_member_const(message, field);
    if (field_is_oneof(field)) {
        uint32_t set;
        memcpy(&set, (const char *)message + field->quantifier_offset, sizeof set);
        if (set != field->id) {
            return false;
        }
        if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
            const void *target = *(const void *const *)member;
            return target != NULL && target != field->default_value;
        }
        return true;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *string = *(char *const *)member;
        return string != NULL && string[0] != '\0';
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        return ((const ProtobufCBinaryData *)member)->len > 0;
    }
    return !is_zero(member, field_size(field));
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

void field_json_name(const ProtobufCFieldDescriptor *field, struct buf *out)
{
    bool capital = false;
    for (const char *c = field->name; *c != '\0'; c++) {
        if (*c == '_') {
            capital = true;
        } else {
            buf_byte(out, capital ? upper(*c) : *c);
            capital = false;
        }
    }
}

bool field_is_named(const ProtobufCFieldDescriptor *field, struct view key)
{
    if (key.len == 0) {
        return false;
    }
    size_t at = 0;
    bool capital = false;
    for (const char *c = field->name; *c != '\0'; c++) {
        if (*c == '_') {
            capital = true;
            continue;
        }
        if (at == key.len || key.data[at] != (capital ? upper(*c) : *c)) {
            return view_is(key, field->name);
        }
        at++;
        capital = false;
    }
    return at == key.len || view_is(key, field->name);
}

const char *enum_name(const ProtobufCEnumDescriptor *descriptor, int32_t number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);
    return value == NULL ? NULL : value->name;
}

const ProtobufCEnumValue *enum_value(const ProtobufCEnumDescriptor *descriptor, struct view name)
{
    for (unsigned i = 0; i < descriptor->n_value_names; i++) {
        if (view_is(name, descriptor->values_by_name[i].name)) {
            return &descriptor->values[descriptor->values_by_name[i].index];
        }
    }
    return NULL;
}

/* A name from outside could be long or hold line ends. */
static struct view shown(struct view name)
{
    bool readable = name.len > 0 && name.len <= 64 && text_is_printable(name);
    return readable ? name : VIEW_LIT("(unreadable name)");
}

static void path_write(const struct wire_path *path, struct buf *out)
{
    if (path == NULL) {
        return;
    }
    path_write(path->up, out);
    if (out->len > 0) {
        buf_byte(out, '.');
    }
    buf_view(out, shown(path->name));
    if (path->has_index) {
        buf_printf(out, "[%zu]", path->index);
    }
}

int path_fault(const struct wire_path *path, struct fault *fault, int code, const char *fmt, ...)
{
    if (fault == NULL || fault->code != E_OK) {
        return code;
    }
    char sentence[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    struct buf where = BUF_INIT;
    path_write(path, &where);
    fault_set(fault, code, "%s%s%s", where.len > 0 ? where.data : "", where.len > 0 ? ": " : "",
              sentence);
    buf_release(&where);
    return code;
}
