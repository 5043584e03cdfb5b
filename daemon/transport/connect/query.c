#include "transport/connect/query.h"

#include "base/text.h"

static int decode(struct view text, struct arena *arena, struct view *out)
{
    char *to = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '%') {
            if (text_from_hex(view_slice(text, i + 1, i + 3), to + len, 1) != E_OK) {
                return E_INVALID;
            }
            i += 2;
        } else {
            to[len] = text.data[i];
            if (to[len] == '+') {
                to[len] = ' ';
            }
        }
        len++;
    }
    *out = view_bytes(to, len);
    return E_OK;
}

int query_parse(struct view text, struct arena *arena, struct query *out, struct fault *fault)
{
    struct view part;
    size_t count = 0;
    while (view_cut(&text, '&', &part)) {
        if (part.len == 0) {
            continue;
        }
        if (count == QUERY_PARAMS_MAX) {
            return fault_set(fault, E_LIMIT, "The query has more than %d parameters.",
                             QUERY_PARAMS_MAX);
        }
        struct query_param *param = &out->params[count];
        size_t sign = view_find(part, '=');
        if (decode(view_slice(part, 0, sign), arena, &param->name) != E_OK ||
            decode(view_slice(part, sign + 1, part.len), arena, &param->value) != E_OK) {
            return fault_set(fault, E_INVALID, "The query holds a '%%' without two hex digits.");
        }
        count++;
    }
    out->count = count;
    return E_OK;
}

int query_get(const struct query *query, const char *name, struct view *out, struct fault *fault)
{
    struct view found = VIEW_NONE;
    for (size_t i = 0; i < query->count; i++) {
        if (view_is(query->params[i].name, name)) {
            if (found.data != NULL) {
                return fault_set(fault, E_INVALID, "The query parameter %s is given twice.", name);
            }
            found = query->params[i].value;
        }
    }
    *out = found;
    return E_OK;
}
