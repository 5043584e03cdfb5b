/* What a reader of protobuf or JSON puts up with. Size in bytes is the transport's to bound. */
#ifndef WIRE_BOUNDS_H
#define WIRE_BOUNDS_H

#include "base/view.h"

enum {
    /* Fields that the descriptor lacks are kept (protobuf) or skipped (JSON): the sender may be
     * newer. Without it they are refused. */
    WIRE_UNKNOWN_FIELDS = 1 << 0,
    /* Enum numbers without a name are kept. */
    WIRE_UNKNOWN_ENUMS = 1 << 1,
};

struct wire_limits {
    unsigned depth_max; /* of messages in messages; the outermost is 1 */
    size_t items_max;   /* elements of all repeated fields together */
    unsigned flags;
};

/* For requests: nothing unknown, 16 levels, 65,536 items. */
extern const struct wire_limits wire_limits_request;
/* For what a node of another version wrote, and for answers: unknown things are let through, 16
 * levels, 16 million items. */
extern const struct wire_limits wire_limits_tolerant;

#endif
