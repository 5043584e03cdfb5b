#include "wire/json.h"

#include <inttypes.h>

#include "base/text.h"
#include "wire/reflect.h"

struct writer {
    struct buf *out;
    bool pretty;
    unsigned depth;
    int err;
};

void json_write_string(struct buf *out, struct view text)
{
    static const char escapes[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    buf_byte(out, '"');
    size_t plain = 0; /* from here on nothing needed an escape */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        buf_view(out, view_slice(text, plain, i));
        plain = i + 1;
        if (c == '"' || c == '\\') {
            buf_byte(out, '\\');
            buf_byte(out, (char)c);
        } else if (c < sizeof escapes && escapes[c] != '\0') {
            buf_byte(out, '\\');
            buf_byte(out, escapes[c]);
        } else {
            buf_printf(out, "\\u%04x", c);
        }
    }
    buf_view(out, view_slice(text, plain, text.len));
    buf_byte(out, '"');
}

static void new_line(struct writer *writer)
{
    if (writer->pretty) {
        buf_byte(writer->out, '\n');
        for (unsigned i = 0; i < writer->depth; i++) {
            buf_text(writer->out, "  ");
        }
    }
}

static void write_message(struct writer *writer, const ProtobufCMessage *message);

static void write_text(struct writer *writer, const char *string)
{
    struct view text = view_of(string);
    if (!text_is_utf8(text)) {
        writer->err = E_CORRUPT;
    }
    json_write_string(writer->out, text);
}

static void write_enum(struct writer *writer, const ProtobufCEnumDescriptor *descriptor,
                       int32_t number)
{
    const char *name = enum_name(descriptor, number);
    if (name == NULL) {
        buf_printf(writer->out, "%" PRId32, number);
    } else {
        json_write_string(writer->out, view_of(name));
    }
}

static void write_value(struct writer *writer, const ProtobufCFieldDescriptor *field,
                        const void *value)
{
    struct buf *out = writer->out;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buf_printf(out, "%" PRId32, *(const int32_t *)value);
        return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buf_printf(out, "%" PRIu32, *(const uint32_t *)value);
        return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buf_printf(out, "\"%" PRId64 "\"", *(const int64_t *)value);
        return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buf_printf(out, "\"%" PRIu64 "\"", *(const uint64_t *)value);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        buf_text(out, *(const protobuf_c_boolean *)value ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(writer, field->descriptor, *(const int32_t *)value);
        return;
    case PROTOBUF_C_TYPE_STRING:
        write_text(writer, *(char *const *)value);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        buf_byte(out, '"');
        text_to_base64(out, view_bytes(((const ProtobufCBinaryData *)value)->data,
                                       ((const ProtobufCBinaryData *)value)->len));
        buf_byte(out, '"');
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        write_message(writer, *(ProtobufCMessage *const *)value);
        return;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    die("field %s has a floating-point type", field->name);
}

static void write_array(struct writer *writer, const ProtobufCFieldDescriptor *field,
                        const ProtobufCMessage *message)
{
    const char *items = *(char *const *)field_member_const(message, field);
    size_t count = field_count(message, field);
    buf_byte(writer->out, '[');
    writer->depth++;
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_byte(writer->out, ',');
        }
        new_line(writer);
        write_value(writer, field, items + i * field_size(field));
    }
    writer->depth--;
    new_line(writer);
    buf_byte(writer->out, ']');
}

static void write_message(struct writer *writer, const ProtobufCMessage *message)
{
    bool first = true;
    buf_byte(writer->out, '{');
    writer->depth++;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (!field_is_set(message, field)) {
            continue;
        }
        if (!first) {
            buf_byte(writer->out, ',');
        }
        first = false;
        new_line(writer);
        buf_byte(writer->out, '"');
        field_json_name(field, writer->out);
        buf_text(writer->out, writer->pretty ? "\": " : "\":");
        if (field_is_repeated(field)) {
            write_array(writer, field, message);
        } else {
            write_value(writer, field, field_member_const(message, field));
        }
    }
    writer->depth--;
    if (!first) {
        new_line(writer);
    }
    buf_byte(writer->out, '}');
}

int json_write(struct buf *out, const ProtobufCMessage *message, unsigned flags)
{
    struct writer writer = {.out = out, .pretty = (flags & JSON_PRETTY) != 0};
    write_message(&writer, message);
    return writer.err != E_OK ? writer.err : buf_error(out);
}
