#include "core/audit/canon.h"

#include "base/text.h"

enum { DEPTH_MAX = 16, WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_LENGTH = 2, WIRE_32BIT = 5 };

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

/* Minimal: the last byte of several is not 0. */
static bool read_varint(struct reader *in, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

static bool is_text(struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] - 1u >= 0x7f) {
            return memchr(text.data, 0, text.len) == NULL && text_is_utf8(text);
        }
    }
    return true;
}

static unsigned wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32BIT;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64BIT;
    default:
        return WIRE_VARINT;
    }
}

static bool fits(ProtobufCType type, uint64_t value)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return (int64_t)value >= INT32_MIN && (int64_t)value <= INT32_MAX;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        return value <= UINT32_MAX;
    case PROTOBUF_C_TYPE_BOOL:
        return value <= 1;
    default:
        return true;
    }
}

/* One value of a wire type: a number, or bytes. */
static const char *read_value(struct reader *in, unsigned wire, uint64_t *number,
                              struct view *bytes)
{
    size_t fixed = wire == WIRE_32BIT ? 4 : 8;
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(in, number) ? NULL : "a number is not written the short way";
    case WIRE_LENGTH:
        if (!read_varint(in, number) || *number > (uint64_t)(in->end - in->at)) {
            return "a length passes the end";
        }
        *bytes = view_bytes(in->at, (size_t)*number);
        in->at += *number;
        return NULL;
    case WIRE_32BIT:
    case WIRE_64BIT:
        if ((size_t)(in->end - in->at) < fixed) {
            return "it ends within a number";
        }
        *number = 0;
        memcpy(number, in->at, fixed); /* only whether it is 0 matters */
        in->at += fixed;
        return NULL;
    default:
        return "a field has a wire type that is not in use";
    }
}

static const char *read_packed(ProtobufCType type, struct view bytes)
{
    if (bytes.len == 0) {
        return "an empty list is written";
    }
    struct reader in = {(const uint8_t *)bytes.data, (const uint8_t *)bytes.data + bytes.len};
    while (in.at < in.end) {
        uint64_t number = 0;
        struct view none = VIEW_NONE;
        const char *wrong = read_value(&in, wire_of(type), &number, &none);
        if (wrong != NULL || !fits(type, number)) {
            return wrong != NULL ? wrong : "a number does not fit its field";
        }
    }
    return NULL;
}

static const char *read_message(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                                struct canon *out, unsigned depth);

static const char *check_field(const ProtobufCFieldDescriptor *field, unsigned wire,
                               uint64_t number, struct view bytes, unsigned depth)
{
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    if (repeated && (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0) {
        return wire == WIRE_LENGTH ? read_packed(field->type, bytes) : "a list is not packed";
    }
    if (wire != wire_of(field->type)) {
        return "a field has another wire type than its own";
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return read_message(field->descriptor, bytes, NULL, depth + 1);
    }
    bool empty = wire == WIRE_LENGTH ? bytes.len == 0 : number == 0;
    if (empty && !repeated && (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) {
        return "a default value is written";
    }
    if (wire == WIRE_VARINT && !fits(field->type, number)) {
        return "a number does not fit its field";
    }
    if (field->type == PROTOBUF_C_TYPE_STRING && !is_text(bytes)) {
        return "a text is not UTF-8";
    }
    return NULL;
}

static const char *read_message(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                                struct canon *out, unsigned depth)
{
    const uint8_t *start = bytes.len == 0 ? (const uint8_t *)"" : (const uint8_t *)bytes.data;
    struct reader in = {start, start + bytes.len};
    uint64_t last = 0;
    unsigned at = 0;
    bool newer = false;
    if (depth > DEPTH_MAX) {
        return "messages are nested too deeply";
    }
    while (in.at < in.end) {
        uint64_t tag;
        uint64_t number = 0;
        struct view value = VIEW_NONE;
        if (!read_varint(&in, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) {
            return "a field's number cannot be read";
        }
        uint64_t id = tag >> 3;
        const char *wrong = read_value(&in, (unsigned)(tag & 7), &number, &value);
        if (wrong != NULL) {
            return wrong;
        }
        while (!newer && at < descriptor->n_fields && descriptor->fields[at].id < id) {
            at++;
        }
        const ProtobufCFieldDescriptor *field = &descriptor->fields[at];
        if (newer || at == descriptor->n_fields || field->id != id) {
            newer = true;
            if (protobuf_c_message_descriptor_get_field(descriptor, (unsigned)id) != NULL) {
                return "fields are out of order";
            }
            continue;
        }
        bool list = field->label == PROTOBUF_C_LABEL_REPEATED &&
                    (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) == 0;
        if (id == last && !list) {
            return "a field is given twice";
        }
        last = id;
        wrong = check_field(field, (unsigned)(tag & 7), number, value, depth);
        if (wrong != NULL) {
            return wrong;
        }
        if (out != NULL && id < CANON_NUMBERS) {
            out->present |= UINT32_C(1) << id;
            out->number[id] = number;
            out->bytes[id] = value;
        }
    }
    return NULL;
}

const char *canon_read(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                       struct canon *out)
{
    if (out != NULL) {
        out->present = 0;
    }
    return read_message(descriptor, bytes, out, 1);
}

uint64_t canon_number(const struct canon *canon, unsigned field)
{
    return (canon->present >> field & 1) != 0 ? canon->number[field] : 0;
}

int64_t canon_signed(const struct canon *canon, unsigned field)
{
    return (int64_t)canon_number(canon, field);
}

struct view canon_bytes(const struct canon *canon, unsigned field)
{
    return (canon->present >> field & 1) != 0 ? canon->bytes[field] : VIEW_NONE;
}
