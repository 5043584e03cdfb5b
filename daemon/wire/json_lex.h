/* A pull parser for JSON (RFC 8259): one token at a time, nothing built. Strict: the whole text is
 * valid UTF-8, numbers and escapes are exactly the grammar's, surrogates come in pairs, raw control
 * characters are refused, and nothing but white space follows the value. Duplicate keys are the
 * caller's to find. Size is the caller's to bound. Not shared between threads. */
#ifndef WIRE_JSON_LEX_H
#define WIRE_JSON_LEX_H

#include "base/arena.h"
#include "base/buf.h"

enum json_type {
    JSON_END, /* the text is over */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY, /* followed by its value */
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_token {
    enum json_type type;
    struct view text; /* KEY and STRING: unescaped, may hold NUL; NUMBER: as written */
};

enum { JSON_DEPTH_MAX = 64 };

struct json_lex {
    struct view text; /* borrowed */
    struct arena *arena;
    size_t at;
    unsigned depth;
    uint64_t objects; /* bit d: the container at depth d + 1 is an object */
    int expects;
};

/* Strings with escapes are unescaped into the arena; all others point into the text. E_INVALID when
 * the text is not UTF-8. */
must_check int json_begin(struct json_lex *lex, struct view text, struct arena *arena,
                          struct fault *fault);
/* E_INVALID with the byte's position; E_LIMIT past JSON_DEPTH_MAX containers. After a failure, or
 * after JSON_END, do not call it again. */
must_check int json_next(struct json_lex *lex, struct json_token *token, struct fault *fault);
/* Reads to the end of the value that `token` began. */
must_check int json_skip(struct json_lex *lex, const struct json_token *token, struct fault *fault);

/* A JSON number with an integral value, exactly: "12", "-0", "1e3", "1.50e1". E_INVALID when it is
 * not a number or not integral, E_OVERFLOW when it does not fit. */
must_check int json_to_i64(struct view number, int64_t *out);
must_check int json_to_u64(struct view number, uint64_t *out);

#endif
