#include "wire/scan.h"

#include <assert.h>
#include <inttypes.h>

#include "base/text.h"
#include "wire/reflect.h"

struct scan {
    const struct wire_limits *limits;
    struct fault *fault;
    size_t items;
};

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

enum {
    /* protobuf-c reads tags and lengths from at most 5 bytes. */
    HEADER_BYTES_MAX = 5,
    VARINT_BYTES_MAX = 10,
    NUMBER_MAX = (1 << 29) - 1,
};

/* Fails when the bytes end within the varint, or when it has more than max bytes or 64 bits. */
static bool cursor_varint(struct cursor *cursor, size_t max, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < max && cursor->at + i < cursor->end; i++) {
        uint8_t byte = cursor->at[i];
        if (i == VARINT_BYTES_MAX - 1 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            cursor->at += i + 1;
            *out = value;
            return true;
        }
    }
    return false;
}

static bool cursor_skip(struct cursor *cursor, size_t len)
{
    if ((size_t)(cursor->end - cursor->at) < len) {
        return false;
    }
    cursor->at += len;
    return true;
}

/* Cuts a length and as many bytes off the front. */
static bool cursor_block(struct cursor *cursor, struct cursor *block)
{
    uint64_t len;
    if (!cursor_varint(cursor, HEADER_BYTES_MAX, &len) || len > INT32_MAX) {
        return false;
    }
    block->at = cursor->at;
    block->end = cursor->at + (size_t)(cursor->end - cursor->at < (ptrdiff_t)len ? 0 : len);
    return cursor_skip(cursor, (size_t)len);
}

static int scan_number(struct scan *scan, const ProtobufCFieldDescriptor *field,
                       const struct wire_path *path, uint64_t value)
{
    bool fits = true;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        fits = value <= 1;
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        fits = (int64_t)value >= INT32_MIN && (int64_t)value <= INT32_MAX;
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        fits = value <= UINT32_MAX;
        break;
    default:
        break;
    }
    if (!fits) {
        return path_fault(path, scan->fault, E_INVALID, "the number does not fit the field's type");
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM && (scan->limits->flags & WIRE_UNKNOWN_ENUMS) == 0 &&
        enum_name(field->descriptor, (int32_t)value) == NULL) {
        return path_fault(path, scan->fault, E_INVALID, "%" PRId32 " is not a value of %s",
                          (int32_t)value,
                          ((const ProtobufCEnumDescriptor *)field->descriptor)->name);
    }
    return E_OK;
}

static int scan_item(struct scan *scan, const struct wire_path *path)
{
    if (++scan->items > scan->limits->items_max) {
        return path_fault(path, scan->fault, E_LIMIT, "more than %zu repeated items: send fewer",
                          scan->limits->items_max);
    }
    return E_OK;
}

static int scan_message(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
                        struct cursor cursor, const struct wire_path *path, unsigned depth);

static int truncated(struct scan *scan, const struct wire_path *path)
{
    return path_fault(path, scan->fault, E_INVALID,
                      "the bytes are cut short or malformed: send the whole message");
}

static int scan_text(struct scan *scan, struct cursor block, const struct wire_path *path)
{
    struct view text = view_bytes(block.at, (size_t)(block.end - block.at));
    if (!text_is_utf8(text)) {
        return path_fault(path, scan->fault, E_INVALID, "not UTF-8 text");
    }
    if (view_find(text, '\0') != text.len) {
        return path_fault(path, scan->fault, E_INVALID, "text holds a NUL character");
    }
    return E_OK;
}

/* One element that is not packed. */
static int scan_value(struct scan *scan, const ProtobufCFieldDescriptor *field,
                      struct cursor *cursor, const struct wire_path *path, unsigned depth)
{
    uint64_t number;
    struct cursor block;
    switch (field_wire_type(field)) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return cursor_varint(cursor, VARINT_BYTES_MAX, &number)
                   ? scan_number(scan, field, path, number)
                   : truncated(scan, path);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return cursor_skip(cursor, 8) ? E_OK : truncated(scan, path);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return cursor_skip(cursor, 4) ? E_OK : truncated(scan, path);
    default:
        break;
    }
    if (!cursor_block(cursor, &block)) {
        return truncated(scan, path);
    }
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return scan_text(scan, block, path);
    case PROTOBUF_C_TYPE_MESSAGE:
        return scan_message(scan, field->descriptor, block, path, depth + 1);
    default:
        return E_OK;
    }
}

static int scan_repeated(struct scan *scan, const ProtobufCFieldDescriptor *field, unsigned wire,
                         struct cursor *cursor, struct wire_path *path, unsigned depth)
{
    unsigned own = field_wire_type(field);
    int err = E_OK;
    if (wire == own) {
        err = scan_item(scan, path);
        return err != E_OK ? err : scan_value(scan, field, cursor, path, depth);
    }
    struct cursor block;
    if (!cursor_block(cursor, &block)) {
        return truncated(scan, path);
    }
    for (path->index = 0; err == E_OK && block.at < block.end; path->index++) {
        err = scan_item(scan, path);
        err = err != E_OK ? err : scan_value(scan, field, &block, path, depth);
    }
    return err;
}

static int scan_unknown(struct scan *scan, uint32_t number, unsigned wire, struct cursor *cursor,
                        const struct wire_path *path)
{
    if ((scan->limits->flags & WIRE_UNKNOWN_FIELDS) == 0) {
        return path_fault(path, scan->fault, E_INVALID, "no such field: number %" PRIu32, number);
    }
    uint64_t value;
    struct cursor block;
    bool good = wire == PROTOBUF_C_WIRE_TYPE_VARINT
                    ? cursor_varint(cursor, VARINT_BYTES_MAX, &value)
                : wire == PROTOBUF_C_WIRE_TYPE_64BIT ? cursor_skip(cursor, 8)
                : wire == PROTOBUF_C_WIRE_TYPE_32BIT ? cursor_skip(cursor, 4)
                                                     : cursor_block(cursor, &block);
    return good ? E_OK : truncated(scan, path);
}

/* Whether the field, or another member of its oneof, was there before; notes that it is now. */
static bool seen_before(const ProtobufCMessageDescriptor *descriptor,
                        const ProtobufCFieldDescriptor *field, uint64_t *seen)
{
    size_t at = (size_t)(field - descriptor->fields);
    bool before = (seen[at / 64] >> at % 64 & 1) != 0;
    for (size_t i = 0; field_is_oneof(field) && i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &descriptor->fields[i];
        before |= field_is_oneof(other) && other->quantifier_offset == field->quantifier_offset &&
                  (seen[i / 64] >> i % 64 & 1) != 0;
    }
    seen[at / 64] |= UINT64_C(1) << at % 64;
    return before;
}

static int scan_field(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
                      struct cursor *cursor, const struct wire_path *up, unsigned depth,
                      uint64_t *seen)
{
    uint64_t tag;
    if (!cursor_varint(cursor, HEADER_BYTES_MAX, &tag)) {
        return truncated(scan, up);
    }
    unsigned wire = tag & 7;
    if (tag >> 3 == 0 || tag >> 3 > NUMBER_MAX) {
        return path_fault(up, scan->fault, E_INVALID, "a field has a number that cannot exist");
    }
    uint32_t number = (uint32_t)(tag >> 3);
    if (wire != PROTOBUF_C_WIRE_TYPE_VARINT && wire != PROTOBUF_C_WIRE_TYPE_64BIT &&
        wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && wire != PROTOBUF_C_WIRE_TYPE_32BIT) {
        return path_fault(up, scan->fault, E_INVALID,
                          "field number %" PRIu32
                          " is a group or of an unknown kind: is this protobuf?",
                          number);
    }
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(descriptor, number);
    if (field == NULL) {
        return scan_unknown(scan, number, wire, cursor, up);
    }
    struct wire_path path = {.up = up, .name = view_of(field->name)};
    unsigned own = field_wire_type(field);
    bool packed = field_is_repeated(field) && own != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
                  wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if (wire != own && !packed) {
        return path_fault(&path, scan->fault, E_INVALID,
                          "encoded as wire type %u, but the field's is %u", wire, own);
    }
    if (field_is_repeated(field)) {
        path.has_index = packed;
        return scan_repeated(scan, field, wire, cursor, &path, depth);
    }
    if (seen_before(descriptor, field, seen)) {
        return path_fault(&path, scan->fault, E_INVALID,
                          field_is_oneof(field) ? "another member of the same oneof is set too"
                                                : "given twice");
    }
    return scan_value(scan, field, cursor, &path, depth);
}

static int scan_message(struct scan *scan, const ProtobufCMessageDescriptor *descriptor,
                        struct cursor cursor, const struct wire_path *path, unsigned depth)
{
    assert(descriptor->n_fields <= WIRE_FIELDS_MAX);
    if (depth > scan->limits->depth_max) {
        return path_fault(path, scan->fault, E_LIMIT, "nested more than %u levels deep",
                          scan->limits->depth_max);
    }
    uint64_t seen[WIRE_FIELDS_MAX / 64] = {0};
    int err = E_OK;
    while (err == E_OK && cursor.at < cursor.end) {
        err = scan_field(scan, descriptor, &cursor, path, depth, seen);
    }
    return err;
}

int wire_scan(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
              const struct wire_limits *limits, struct fault *fault)
{
    if (bytes.len > INT32_MAX) {
        return fault_set(fault, E_LIMIT, "a message has at most 2 GiB");
    }
    if (bytes.len == 0) { /* of nothing, which has no address to add to */
        return E_OK;
    }
    struct scan scan = {.limits = limits, .fault = fault};
    struct cursor cursor = {.at = (const uint8_t *)bytes.data,
                            .end = (const uint8_t *)bytes.data + bytes.len};
    return scan_message(&scan, descriptor, cursor, NULL, 1);
}

bool wire_field_next(struct view *rest, struct wire_field *out)
{
    enum { FIXED_64 = 8, FIXED_32 = 4 };
    if (rest->len == 0) {
        return false;
    }
    struct cursor cursor = {.at = (const uint8_t *)rest->data,
                            .end = (const uint8_t *)rest->data + rest->len};
    struct cursor block = {cursor.at, cursor.at};
    uint64_t tag;
    bool good = cursor_varint(&cursor, HEADER_BYTES_MAX, &tag);
    *out = (struct wire_field){.number = good ? (uint32_t)(tag >> 3) : 0};
    switch (good ? tag & 7 : UINT64_MAX) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        good = cursor_varint(&cursor, VARINT_BYTES_MAX, &out->value);
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        good = cursor_block(&cursor, &block);
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        good = cursor_skip(&cursor, FIXED_64);
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        good = cursor_skip(&cursor, FIXED_32);
        break;
    default:
        good = false;
    }
    if (good) {
        out->bytes = view_bytes(block.at, (size_t)(block.end - block.at));
        *rest = view_bytes(cursor.at, (size_t)(cursor.end - cursor.at));
    }
    return good;
}
