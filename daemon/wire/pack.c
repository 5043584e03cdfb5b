#include "wire/pack.h"

#include <assert.h>

#include "wire/scan.h"

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void keep(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                                struct arena *arena)
{
    ProtobufCAllocator allocator = {.alloc = allocate, .free = keep, .allocator_data = arena};
    return protobuf_c_message_unpack(descriptor, &allocator, bytes.len,
                                     (const uint8_t *)bytes.data);
}

int wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                const struct wire_limits *limits, struct arena *arena, ProtobufCMessage **out,
                struct fault *fault)
{
    int err = wire_scan(descriptor, bytes, limits, fault);
    if (err != E_OK) {
        return err;
    }
    ProtobufCMessage *message = unpack(descriptor, bytes, arena);
    if (message == NULL) {
        return fault_set(fault, E_INTERNAL, "protobuf-c cannot unpack what the scan accepted");
    }
    *out = message;
    return E_OK;
}

void *wire_unpack_trusted(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                          struct arena *arena)
{
    return unpack(descriptor, bytes, arena);
}

void wire_pack(struct buf *out, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    char *room = buf_reserve(out, size);
    if (room != NULL) {
        size_t written = protobuf_c_message_pack(message, (uint8_t *)room);
        assert(written == size);
        buf_wrote(out, written);
    }
}

struct view wire_pack_arena(struct arena *arena, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(arena, size);
    size_t written = protobuf_c_message_pack(message, bytes);
    assert(written == size);
    return view_bytes(bytes, written);
}

void *wire_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor)
{
    void *message = arena_alloc(arena, descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);
    return message;
}

ProtobufCMessage *wire_clone(struct arena *arena, const ProtobufCMessage *message)
{
    ProtobufCMessage *clone = unpack(message->descriptor, wire_pack_arena(arena, message), arena);
    assert(clone != NULL);
    return clone;
}

bool wire_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    struct buf left = BUF_INIT;
    struct buf right = BUF_INIT;
    wire_pack(&left, a);
    wire_pack(&right, b);
    bool equal =
        a->descriptor == b->descriptor && view_equal(buf_content(&left), buf_content(&right));
    buf_release(&left);
    buf_release(&right);
    return equal;
}

bool wire_is_deterministic(const ProtobufCMessageDescriptor *descriptor, struct view bytes)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message;
    bool same =
        wire_unpack(descriptor, bytes, &wire_limits_tolerant, &arena, &message, NULL) == E_OK &&
        view_equal(wire_pack_arena(&arena, message), bytes);
    arena_release(&arena);
    return same;
}

struct view wire_view(ProtobufCBinaryData bytes)
{
    return view_bytes(bytes.data, bytes.len);
}

ProtobufCBinaryData wire_bytes(struct view bytes)
{
    return (ProtobufCBinaryData){.len = bytes.len, .data = (uint8_t *)(uintptr_t)bytes.data};
}

char *wire_string(struct arena *arena, struct view text)
{
    assert(view_find(text, '\0') == text.len);
    return arena_string(arena, text);
}
