#include "wire/json.h"

#include <assert.h>

#include "base/text.h"
#include "wire/json_lex.h"
#include "wire/pack.h"
#include "wire/reflect.h"

struct reader {
    struct json_lex lex;
    const struct wire_limits *limits;
    struct arena *arena;
    struct fault *fault;
    size_t items;
};

/* Where the parser failed, the path helps as much as the position. */
static int next(struct reader *reader, struct json_token *token)
{
    return json_next(&reader->lex, token, reader->fault);
}

static int read_i64(struct reader *reader, const struct wire_path *path,
                    const struct json_token *token, int64_t min, int64_t max, int64_t *out)
{
    bool quoted_or_not = token->type == JSON_NUMBER || token->type == JSON_STRING;
    int err = quoted_or_not ? json_to_i64(token->text, out) : E_INVALID;
    if (err == E_INVALID) {
        return path_fault(path, reader->fault, err, "expected a whole number");
    }
    if (err != E_OK || *out < min || *out > max) {
        return path_fault(path, reader->fault, E_OVERFLOW, "the number is out of range");
    }
    return E_OK;
}

static int read_u64(struct reader *reader, const struct wire_path *path,
                    const struct json_token *token, uint64_t max, uint64_t *out)
{
    bool quoted_or_not = token->type == JSON_NUMBER || token->type == JSON_STRING;
    int err = quoted_or_not ? json_to_u64(token->text, out) : E_INVALID;
    if (err == E_INVALID) {
        return path_fault(path, reader->fault, err, "expected a whole number");
    }
    if (err != E_OK || *out > max) {
        return path_fault(path, reader->fault, E_OVERFLOW, "the number is out of range");
    }
    return E_OK;
}

static int read_enum(struct reader *reader, const struct wire_path *path,
                     const ProtobufCEnumDescriptor *descriptor, const struct json_token *token,
                     int32_t *out)
{
    int64_t number;
    if (token->type == JSON_STRING) {
        const ProtobufCEnumValue *value = enum_value(descriptor, token->text);
        if (value == NULL) {
            return path_fault(path, reader->fault, E_INVALID, "no such value of %s",
                              descriptor->name);
        }
        *out = value->value;
        return E_OK;
    }
    if (token->type != JSON_NUMBER) {
        return path_fault(path, reader->fault, E_INVALID, "expected a name or number of %s",
                          descriptor->name);
    }
    int err = read_i64(reader, path, token, INT32_MIN, INT32_MAX, &number);
    if (err != E_OK) {
        return err;
    }
    if ((reader->limits->flags & WIRE_UNKNOWN_ENUMS) == 0 &&
        enum_name(descriptor, (int32_t)number) == NULL) {
        return path_fault(path, reader->fault, E_INVALID, "no such value of %s", descriptor->name);
    }
    *out = (int32_t)number;
    return E_OK;
}

static int read_string(struct reader *reader, const struct wire_path *path,
                       const struct json_token *token, char **out)
{
    if (token->type != JSON_STRING) {
        return path_fault(path, reader->fault, E_INVALID, "expected text");
    }
    if (view_find(token->text, '\0') != token->text.len) {
        return path_fault(path, reader->fault, E_INVALID, "text holds a NUL character");
    }
    *out = wire_string(reader->arena, token->text);
    return E_OK;
}

static int read_bytes(struct reader *reader, const struct wire_path *path,
                      const struct json_token *token, ProtobufCBinaryData *out)
{
    struct buf bytes = BUF_INIT;
    if (token->type != JSON_STRING || text_from_base64(token->text, &bytes) != E_OK) {
        return path_fault(path, reader->fault, E_INVALID, "expected bytes in base64");
    }
    *out = wire_bytes(arena_copy(reader->arena, buf_content(&bytes)));
    buf_release(&bytes);
    return E_OK;
}

static int read_message(struct reader *reader, const ProtobufCMessageDescriptor *descriptor,
                        const struct json_token *token, const struct wire_path *path,
                        unsigned depth, ProtobufCMessage **out);

/* One element, whose first token was read, to its place in the C structure. */
static int read_value(struct reader *reader, const ProtobufCFieldDescriptor *field,
                      const struct wire_path *path, const struct json_token *token, unsigned depth,
                      void *value)
{
    int64_t number = 0;
    uint64_t natural = 0;
    int err = E_OK;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        err = read_i64(reader, path, token, INT32_MIN, INT32_MAX, &number);
        *(int32_t *)value = (int32_t)number;
        return err;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        err = read_u64(reader, path, token, UINT32_MAX, &natural);
        *(uint32_t *)value = (uint32_t)natural;
        return err;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return read_i64(reader, path, token, INT64_MIN, INT64_MAX, value);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_u64(reader, path, token, UINT64_MAX, value);
    case PROTOBUF_C_TYPE_BOOL:
        if (token->type != JSON_TRUE && token->type != JSON_FALSE) {
            return path_fault(path, reader->fault, E_INVALID, "expected true or false");
        }
        *(protobuf_c_boolean *)value = token->type == JSON_TRUE;
        return E_OK;
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(reader, path, field->descriptor, token, value);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(reader, path, token, value);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(reader, path, token, value);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_message(reader, field->descriptor, token, path, depth + 1, value);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    die("field %s has a floating-point type", field->name);
}

static int read_array(struct reader *reader, const ProtobufCFieldDescriptor *field,
                      struct wire_path *path, const struct json_token *first, unsigned depth,
                      ProtobufCMessage *message)
{
    if (first->type != JSON_ARRAY) {
        return path_fault(path, reader->fault, E_INVALID, "expected an array");
    }
    size_t size = field_size(field);
    size_t count = 0;
    size_t room = 0;
    char *items = NULL;
    struct json_token token;
    int err = next(reader, &token);
    path->has_index = true;
    while (err == E_OK && token.type != JSON_ARRAY_END) {
        path->index = count;
        if (++reader->items > reader->limits->items_max) {
            return path_fault(path, reader->fault, E_LIMIT,
                              "more than %zu repeated items: send fewer",
                              reader->limits->items_max);
        }
        if (token.type == JSON_NULL) {
            return path_fault(path, reader->fault, E_INVALID, "null cannot stand in an array");
        }
        if (count == room) {
            room = room == 0 ? 8 : 2 * room;
            char *larger = arena_array(reader->arena, room, size);
            memcpy(larger, items == NULL ? "" : items, count * size);
            items = larger;
        }
        err = read_value(reader, field, path, &token, depth, items + count * size);
        if (err == E_OK) {
            count++;
            err = next(reader, &token);
        }
    }
    memcpy((char *)message + field->quantifier_offset, &count, sizeof count);
    memcpy(field_member(message, field), &items, sizeof items);
    return err;
}

static int read_field(struct reader *reader, const ProtobufCFieldDescriptor *field,
                      const struct wire_path *up, unsigned depth, ProtobufCMessage *message)
{
    struct wire_path path = {.up = up, .name = view_of(field->name)};
    struct json_token token;
    int err = next(reader, &token);
    if (err != E_OK || token.type == JSON_NULL) {
        return err;
    }
    if (field_is_repeated(field)) {
        return read_array(reader, field, &path, &token, depth, message);
    }
    if (field_is_oneof(field)) {
        uint32_t *set = field_oneof_case(message, field);
        if (*set != 0) {
            return path_fault(&path, reader->fault, E_INVALID,
                              "another member of the same oneof is set too");
        }
        *set = field->id;
    }
    return read_value(reader, field, &path, &token, depth, field_member(message, field));
}

/* Senders mostly keep the order of the fields: the search begins after the last one found. */
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *descriptor,
                                                  struct view key, unsigned from)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        unsigned at = (from + i) % descriptor->n_fields;
        if (field_is_named(&descriptor->fields[at], key)) {
            return &descriptor->fields[at];
        }
    }
    return NULL;
}

static int read_unknown(struct reader *reader, struct view key, const struct wire_path *up)
{
    struct wire_path path = {.up = up, .name = key};
    struct json_token token;
    if ((reader->limits->flags & WIRE_UNKNOWN_FIELDS) == 0) {
        return path_fault(&path, reader->fault, E_INVALID, "no such field");
    }
    int err = next(reader, &token);
    return err != E_OK ? err : json_skip(&reader->lex, &token, reader->fault);
}

static int read_fields(struct reader *reader, const struct wire_path *path, unsigned depth,
                       ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    uint64_t seen[WIRE_FIELDS_MAX / 64] = {0};
    unsigned from = 0;
    assert(descriptor->n_fields <= WIRE_FIELDS_MAX);
    for (;;) {
        struct json_token key;
        int err = next(reader, &key);
        if (err != E_OK || key.type == JSON_OBJECT_END) {
            return err;
        }
        const ProtobufCFieldDescriptor *field = find_field(descriptor, key.text, from);
        if (field == NULL) {
            err = read_unknown(reader, key.text, path);
        } else {
            unsigned at = (unsigned)(field - descriptor->fields);
            if ((seen[at / 64] >> at % 64 & 1) != 0) {
                struct wire_path twice = {.up = path, .name = view_of(field->name)};
                return path_fault(&twice, reader->fault, E_INVALID, "given twice");
            }
            seen[at / 64] |= UINT64_C(1) << at % 64;
            from = at + 1;
            err = read_field(reader, field, path, depth, message);
        }
        if (err != E_OK) {
            return err;
        }
    }
}

static int read_message(struct reader *reader, const ProtobufCMessageDescriptor *descriptor,
                        const struct json_token *token, const struct wire_path *path,
                        unsigned depth, ProtobufCMessage **out)
{
    if (token->type != JSON_OBJECT) {
        return path_fault(path, reader->fault, E_INVALID, "expected an object");
    }
    if (depth > reader->limits->depth_max) {
        return path_fault(path, reader->fault, E_LIMIT, "nested more than %u levels deep",
                          reader->limits->depth_max);
    }
    ProtobufCMessage *message = wire_new(reader->arena, descriptor);
    int err = read_fields(reader, path, depth, message);
    if (err == E_OK) {
        *out = message;
    }
    return err;
}

int json_read(const ProtobufCMessageDescriptor *descriptor, struct view text,
              const struct wire_limits *limits, struct arena *arena, ProtobufCMessage **out,
              struct fault *fault)
{
    struct reader reader = {.limits = limits, .arena = arena, .fault = fault};
    struct json_token token;
    ProtobufCMessage *message = NULL;
    int err = json_begin(&reader.lex, text, arena, fault);
    if (err == E_OK) {
        err = next(&reader, &token);
    }
    if (err == E_OK) {
        err = read_message(&reader, descriptor, &token, NULL, 1, &message);
    }
    if (err == E_OK) {
        err = next(&reader, &token);
    }
    if (err == E_OK) {
        *out = message;
    }
    return err;
}
