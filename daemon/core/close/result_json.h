/* The result of a close in the shape of RULES, "Shape of the result", followed by `transfers` and,
 * when there are any, `credit_notes`. One space of indentation per level, a newline at the end. */
#ifndef CORE_CLOSE_RESULT_JSON_H
#define CORE_CLOSE_RESULT_JSON_H

#include "base/buf.h"
#include "core/close/close.h"

/* Appends to `out`; check buf_error() when it has a maximum. */
void close_result_json(const struct close_result *result, const struct roster *roster,
                       struct buf *out);

#endif
