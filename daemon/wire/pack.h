/* Messages to bytes and back, with memory from an arena: nothing here is ever freed by itself.
 * protobuf-c packs deterministically: fields by number, no defaults, packed arrays, minimal
 * varints; unknown fields stand at the end. Any thread. */
#ifndef WIRE_PACK_H
#define WIRE_PACK_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/bounds.h"

/* Scans (wire/scan.h), then unpacks into the arena; nothing points into `bytes`. Errors are the
 * scan's. *out is untouched on failure. Cast it to the descriptor's structure. */
must_check int wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                           const struct wire_limits *limits, struct arena *arena,
                           ProtobufCMessage **out, struct fault *fault);

/* Without the scan: for bytes that were scanned before they were stored in our own tables. NULL
 * when protobuf-c cannot read them. */
void *wire_unpack_trusted(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                          struct arena *arena);

/* Appends the message's bytes; buf_error() tells when they did not fit. */
void wire_pack(struct buf *out, const ProtobufCMessage *message);
struct view wire_pack_arena(struct arena *arena, const ProtobufCMessage *message);

/* An initialised message: every field at its default. */
void *wire_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor);
/* A deep copy. */
ProtobufCMessage *wire_clone(struct arena *arena, const ProtobufCMessage *message);
/* Same type and same bytes. */
bool wire_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);

/* Whether the bytes are exactly what wire_pack() makes of the message that they hold, within the
 * tolerant limits. This is what an entry's payload must be. */
bool wire_is_deterministic(const ProtobufCMessageDescriptor *descriptor, struct view bytes);

/* bytes fields: borrowed both ways. */
struct view wire_view(ProtobufCBinaryData bytes);
ProtobufCBinaryData wire_bytes(struct view bytes);
/* A copy for a string field; the text must not hold NUL. Never protobuf-c's shared empty string, so
 * an empty member of a oneof keeps its presence. */
char *wire_string(struct arena *arena, struct view text);

#endif
