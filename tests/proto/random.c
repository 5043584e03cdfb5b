#include "random.h"

#include "wire/pack.h"
#include "wire/reflect.h"

enum { DEPTH_MAX = 5, LENGTH_MAX = 4 };

static uint64_t roll(const struct env *env, uint64_t sides)
{
    uint64_t value;
    env_random(env, &value, sizeof value);
    return value % sides;
}

static uint64_t random_number(const struct env *env)
{
    static const uint64_t edges[] = {0,          1,
                                     127,        128,
                                     INT32_MAX,  UINT64_C(1) << 31,
                                     UINT32_MAX, UINT64_C(1) << 53,
                                     INT64_MAX,  UINT64_C(1) << 63,
                                     UINT64_MAX};
    uint64_t any;
    env_random(env, &any, sizeof any);
    return roll(env, 2) == 0 ? edges[roll(env, ARRAY_LEN(edges))] : any >> roll(env, 64);
}

static char *random_string(const struct env *env, struct arena *arena)
{
    static const char *const parts[] = {"a",
                                        "\"",
                                        "\\",
                                        "/",
                                        "\n",
                                        "\x01",
                                        "\x7f",
                                        "é",
                                        "€",
                                        "😀",
                                        "\xe2\x80\xa8",
                                        "Z",
                                        " ",
                                        "\xf4\x8f\xbf\xbf",
                                        "</script>"};
    struct buf text = BUF_INIT;
    for (uint64_t n = roll(env, LENGTH_MAX + 1); n > 0; n--) {
        buf_text(&text, parts[roll(env, ARRAY_LEN(parts))]);
    }
    char *string = wire_string(arena, buf_content(&text));
    buf_release(&text);
    return string;
}

static ProtobufCMessage *random_nested(const struct env *env, struct arena *arena,
                                       const ProtobufCMessageDescriptor *descriptor,
                                       unsigned depth);

static void random_value(const struct env *env, struct arena *arena,
                         const ProtobufCFieldDescriptor *field, unsigned depth, void *value)
{
    const ProtobufCEnumDescriptor *names = field->descriptor;
    uint64_t number = random_number(env);
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)value = random_string(env, arena);
        return;
    case PROTOBUF_C_TYPE_BYTES: {
        size_t len = roll(env, LENGTH_MAX + 1);
        char *bytes = arena_alloc(arena, len);
        env_random(env, bytes, len);
        *(ProtobufCBinaryData *)value = wire_bytes((struct view){bytes, len});
        return;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)value = random_nested(env, arena, field->descriptor, depth + 1);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        *(int32_t *)value = names->values[roll(env, names->n_values)].value;
        return;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)value = (protobuf_c_boolean)(number & 1);
        return;
    default:
        if (field_size(field) == 4) {
            *(uint32_t *)value = (uint32_t)number;
        } else {
            *(uint64_t *)value = number;
        }
    }
}

static void random_field(const struct env *env, struct arena *arena,
                         const ProtobufCFieldDescriptor *field, unsigned depth,
                         ProtobufCMessage *message)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE && depth == DEPTH_MAX) {
        return;
    }
    if (field_is_repeated(field)) {
        size_t count = roll(env, LENGTH_MAX);
        char *items = arena_array(arena, count, field_size(field));
        for (size_t i = 0; i < count; i++) {
            random_value(env, arena, field, depth, items + i * field_size(field));
        }
        memcpy((char *)message + field->quantifier_offset, &count, sizeof count);
        memcpy(field_member(message, field), &items, sizeof items);
        return;
    }
    if (field_is_oneof(field)) {
        if (*field_oneof_case(message, field) != 0) {
            return;
        }
        *field_oneof_case(message, field) = field->id;
    }
    random_value(env, arena, field, depth, field_member(message, field));
}

static ProtobufCMessage *random_nested(const struct env *env, struct arena *arena,
                                       const ProtobufCMessageDescriptor *descriptor, unsigned depth)
{
    ProtobufCMessage *message = wire_new(arena, descriptor);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (roll(env, 3) == 0) {
            random_field(env, arena, &descriptor->fields[i], depth, message);
        }
    }
    return message;
}

ProtobufCMessage *random_message(const struct env *env, struct arena *arena,
                                 const ProtobufCMessageDescriptor *descriptor)
{
    return random_nested(env, arena, descriptor, 1);
}
