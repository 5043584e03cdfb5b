/* Reads protobuf bytes where they lie, without a copy or an allocation, and refuses what a
 * deterministic writer would not have written: fields out of order, defaults, long varints, text
 * that is not UTF-8. Shares no code with the writer. Fields of a newer version stand at the end.
 * Pure; any thread. */
#ifndef CORE_AUDIT_CANON_H
#define CORE_AUDIT_CANON_H

#include <protobuf-c/protobuf-c.h>

#include "base/view.h"

enum { CANON_NUMBERS = 32 };

/* The outermost fields, by number; only those that are present are set. */
struct canon {
    uint32_t present;
    uint64_t number[CANON_NUMBERS];
    struct view bytes[CANON_NUMBERS];
};

/* NULL, or what is wrong. `out` may be NULL. */
const char *canon_read(const ProtobufCMessageDescriptor *descriptor, struct view bytes,
                       struct canon *out);

/* 0 and empty when absent, as the mapping has it. */
uint64_t canon_number(const struct canon *canon, unsigned field);
int64_t canon_signed(const struct canon *canon, unsigned field);
struct view canon_bytes(const struct canon *canon, unsigned field);

#endif
