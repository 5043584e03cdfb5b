/* A look over protobuf bytes before protobuf-c unpacks them, because protobuf-c accepts bad UTF-8,
 * cuts strings at NUL, recurses without limit and drops the high bits of numbers that do not fit.
 * What passes the scan, protobuf_c_message_unpack() unpacks. Pure; any thread. */
#ifndef WIRE_SCAN_H
#define WIRE_SCAN_H

#include <protobuf-c/protobuf-c.h>

#include "base/view.h"
#include "wire/bounds.h"

/* E_INVALID: truncated bytes, a varint over 10 bytes or 64 bits, a tag or length over 5 bytes, a
 * length past the end, field number 0 or over 2^29 - 1, a group, a wire type that is not the
 * field's, a number that does not fit its type, text that is not UTF-8 or holds NUL, a field given
 * twice, two members of a oneof, and by the limits' flags an unknown field or enum number.
 * E_LIMIT: depth or items. The sentence names the field: "visit.medium: ...". */
must_check int wire_scan(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                         const struct wire_limits *limits, struct fault *fault);

/* One field of a message's bytes, for who wants a few of very many. */
struct wire_field {
    uint32_t number;
    uint64_t value;    /* of a varint */
    struct view bytes; /* of a length-prefixed one; borrowed */
};
/* Cuts the first field off. False at the end, and where the bytes are cut short or malformed:
 * something is left of `rest` then. */
bool wire_field_next(struct view *rest, struct wire_field *out);

#endif
