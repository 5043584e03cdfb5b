/* The proto3 JSON mapping (protobuf.dev/programming-guides/json), by reflection over protobuf-c's
 * descriptors, for every message alike. Any thread.
 *
 * Out: lowerCamelCase names, 64-bit integers as strings, enums by name (by number when it has
 * none), bytes in padded standard base64, fields at their default left out, members of a oneof
 * always shown when set; compact, and the same message always gives the same text.
 *
 * In: both spellings of a name; integers as numbers or strings, with exponent or fraction where the
 * value is integral; enums by name or number; both base64 alphabets, padded or not; null is the
 * default, except in an array. Refused: what the pull parser refuses (wire/json_lex.h), a field
 * that does not exist, one given twice in whichever spelling, two members of a oneof, numbers out
 * of range, and NUL in text. Well-known types have no special form: the contract uses none. */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/bounds.h"

enum {
    JSON_PRETTY = 1 << 0, /* two spaces a level, one line a value */
};

/* Appends. E_CORRUPT: a string of the message is not UTF-8; E_LIMIT: the buffer is full. */
must_check int json_write(struct buf *out, const ProtobufCMessage *message, unsigned flags);
/* Appends the text as a JSON string with its quotes; it must be UTF-8. */
void json_write_string(struct buf *out, struct view text);

/* Reads one message into the arena. E_INVALID, E_OVERFLOW or E_LIMIT with a sentence that names the
 * field in the .proto file's spelling: "visits[3].in_utc_ms: ...". *out is untouched on failure. */
must_check int json_read(const ProtobufCMessageDescriptor *descriptor, struct view text,
                         const struct wire_limits *limits, struct arena *arena,
                         ProtobufCMessage **out, struct fault *fault);

#endif
