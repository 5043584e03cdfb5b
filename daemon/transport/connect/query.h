/* The query part of a URL as Connect's GET uses it. Pure. */
#ifndef TRANSPORT_CONNECT_QUERY_H
#define TRANSPORT_CONNECT_QUERY_H

#include "base/arena.h"

struct query_param {
    struct view name, value; /* decoded, in the arena; a parameter without '=' has an empty value */
};

/* More than these are refused; Connect itself knows five. */
enum { QUERY_PARAMS_MAX = 32 };

struct query {
    struct query_param params[QUERY_PARAMS_MAX];
    size_t count;
};

/* `text` is what follows '?'. '+' is a space and %XX a byte (HTML 4.01, 17.13.4.1); empty parts
 * between '&' are skipped. E_INVALID for a '%' without two hex digits, E_LIMIT for too many. */
must_check int query_parse(struct view text, struct arena *arena, struct query *out,
                           struct fault *fault);
/* The value; VIEW_NONE when absent (an empty value has data). E_INVALID when given twice. */
must_check int query_get(const struct query *query, const char *name, struct view *out,
                         struct fault *fault);

#endif
