#include "wire/json_lex.h"

#include <assert.h>

#include "base/text.h"

enum expects {
    EXPECTS_VALUE,
    EXPECTS_VALUE_OR_END, /* after [ */
    EXPECTS_KEY,
    EXPECTS_KEY_OR_END, /* after { */
    EXPECTS_COMMA_OR_END,
    EXPECTS_NOTHING,
};

int json_begin(struct json_lex *lex, struct view text, struct arena *arena, struct fault *fault)
{
    *lex = (struct json_lex){.text = text, .arena = arena, .expects = EXPECTS_VALUE};
    if (!text_is_utf8(text)) {
        return fault_set(fault, E_INVALID, "JSON: the text is not UTF-8");
    }
    return E_OK;
}

static int fail(const struct json_lex *lex, struct fault *fault, const char *what)
{
    return fault_set(fault, E_INVALID, "JSON: at byte %zu: %s", lex->at + 1, what);
}

static void skip_space(struct json_lex *lex)
{
    while (lex->at < lex->text.len) {
        char c = lex->text.data[lex->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return;
        }
        lex->at++;
    }
}

/* The byte at the position; NUL, which no token begins with, at the end. */
static char peek(const struct json_lex *lex)
{
    return lex->at < lex->text.len ? lex->text.data[lex->at] : '\0';
}

static bool in_object(const struct json_lex *lex)
{
    return (lex->objects >> (lex->depth - 1) & 1) != 0;
}

static void value_is_over(struct json_lex *lex)
{
    lex->expects = lex->depth == 0 ? EXPECTS_NOTHING : EXPECTS_COMMA_OR_END;
}

static size_t count_digits(struct view text, size_t at)
{
    size_t n = 0;
    while (at + n < text.len && text.data[at + n] >= '0' && text.data[at + n] <= '9') {
        n++;
    }
    return n;
}

/* Length of the number that begins at `at`; 0 when there is none. */
static size_t number_length(struct view text, size_t at)
{
    size_t i = at + (at < text.len && text.data[at] == '-');
    size_t digits = count_digits(text, i);
    if (digits == 0 || (digits > 1 && text.data[i] == '0')) {
        return 0;
    }
    i += digits;
    if (i < text.len && text.data[i] == '.') {
        digits = count_digits(text, i + 1);
        if (digits == 0) {
            return 0;
        }
        i += 1 + digits;
    }
    if (i < text.len && (text.data[i] == 'e' || text.data[i] == 'E')) {
        i++;
        i += i < text.len && (text.data[i] == '+' || text.data[i] == '-');
        digits = count_digits(text, i);
        if (digits == 0) {
            return 0;
        }
        i += digits;
    }
    return i - at;
}

/* Four hex digits after \u at `at`. */
static bool read_hex4(struct view text, size_t at, uint32_t *out)
{
    uint8_t bytes[2];
    if (at + 4 > text.len || text_from_hex(view_slice(text, at, at + 4), bytes, 2) != E_OK) {
        return false;
    }
    *out = (uint32_t)bytes[0] << 8 | bytes[1];
    return true;
}

static size_t put_utf8(char *out, uint32_t point)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* The code point of \uXXXX, or of a pair of them, at the position, which moves past it. */
static int read_unicode(struct json_lex *lex, uint32_t *point, struct fault *fault)
{
    uint32_t low;
    if (!read_hex4(lex->text, lex->at + 2, point)) {
        return fail(lex, fault, "\\u needs four hexadecimal digits");
    }
    if (*point < 0xd800 || *point > 0xdfff) {
        lex->at += 6;
        return E_OK;
    }
    struct view next = view_slice(lex->text, lex->at + 6, lex->at + 8);
    if (*point > 0xdbff || !view_is(next, "\\u") || !read_hex4(lex->text, lex->at + 8, &low) ||
        low < 0xdc00 || low > 0xdfff) {
        return fail(lex, fault, "half of a surrogate pair");
    }
    *point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
    lex->at += 12;
    return E_OK;
}

/* One escape sequence at the position, which moves past it; *len bytes go to `out`. */
static int read_escape(struct json_lex *lex, char *out, size_t *len, struct fault *fault)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char letter = lex->at + 1 < lex->text.len ? lex->text.data[lex->at + 1] : '\0';
    if (letter == 'u') {
        uint32_t point = 0;
        int err = read_unicode(lex, &point, fault);
        if (err == E_OK) {
            *len = put_utf8(out, point);
        }
        return err;
    }
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    if (found == NULL) {
        return fail(lex, fault, "no such escape sequence");
    }
    out[0] = meanings[found - letters];
    *len = 1;
    lex->at += 2;
    return E_OK;
}

/* Finds the closing quote of the string whose first character is at the position. */
static int find_quote(struct json_lex *lex, size_t *end, bool *escapes, struct fault *fault)
{
    *escapes = false;
    for (size_t i = lex->at; i < lex->text.len; i++) {
        char c = lex->text.data[i];
        if (c == '"') {
            *end = i;
            return E_OK;
        }
        if ((unsigned char)c < 0x20) {
            lex->at = i;
            return fail(lex, fault, "a control character within a string: write it as an escape");
        }
        if (c == '\\') {
            *escapes = true;
            i++;
        }
    }
    return fail(lex, fault, "the string has no end");
}

static int read_string(struct json_lex *lex, struct view *out, struct fault *fault)
{
    size_t end = 0;
    bool escapes = false;
    assert(peek(lex) == '"');
    lex->at++;
    int err = find_quote(lex, &end, &escapes, fault);
    if (err != E_OK) {
        return err;
    }
    if (!escapes) {
        *out = view_slice(lex->text, lex->at, end);
        lex->at = end + 1;
        return E_OK;
    }
    /* Unescaping never makes a string longer. */
    char *text = arena_alloc(lex->arena, end - lex->at + 1);
    size_t len = 0;
    while (err == E_OK && lex->at < end) {
        size_t n = 1;
        if (peek(lex) == '\\') {
            err = read_escape(lex, text + len, &n, fault);
        } else {
            text[len] = lex->text.data[lex->at++];
        }
        len += n;
    }
    if (err == E_OK) {
        *out = (struct view){text, len};
        lex->at = end + 1;
    }
    return err;
}

static int read_word(struct json_lex *lex, struct json_token *token, struct fault *fault)
{
    static const struct {
        const char *word;
        enum json_type type;
    } words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i].word);
        if (view_is(view_slice(lex->text, lex->at, lex->at + len), words[i].word)) {
            *token = (struct json_token){.type = words[i].type};
            lex->at += len;
            value_is_over(lex);
            return E_OK;
        }
    }
    return fail(lex, fault, "expected a value");
}

static int open_container(struct json_lex *lex, bool object, struct json_token *token,
                          struct fault *fault)
{
    if (lex->depth == JSON_DEPTH_MAX) {
        return fault_set(fault, E_LIMIT, "JSON: nested more than %d levels deep", JSON_DEPTH_MAX);
    }
    uint64_t bit = UINT64_C(1) << lex->depth;
    lex->objects = object ? lex->objects | bit : lex->objects & ~bit;
    lex->depth++;
    lex->at++;
    lex->expects = object ? EXPECTS_KEY_OR_END : EXPECTS_VALUE_OR_END;
    *token = (struct json_token){.type = object ? JSON_OBJECT : JSON_ARRAY};
    return E_OK;
}

static int close_container(struct json_lex *lex, struct json_token *token)
{
    *token = (struct json_token){.type = in_object(lex) ? JSON_OBJECT_END : JSON_ARRAY_END};
    lex->depth--;
    lex->at++;
    value_is_over(lex);
    return E_OK;
}

static int read_value(struct json_lex *lex, struct json_token *token, struct fault *fault)
{
    char c = peek(lex);
    if (c == '{' || c == '[') {
        return open_container(lex, c == '{', token, fault);
    }
    if (c == '"') {
        *token = (struct json_token){.type = JSON_STRING};
        int err = read_string(lex, &token->text, fault);
        value_is_over(lex);
        return err;
    }
    size_t len = number_length(lex->text, lex->at);
    if (len == 0) {
        return read_word(lex, token, fault);
    }
    *token = (struct json_token){.type = JSON_NUMBER,
                                 .text = view_slice(lex->text, lex->at, lex->at + len)};
    lex->at += len;
    value_is_over(lex);
    return E_OK;
}

static int read_key(struct json_lex *lex, struct json_token *token, struct fault *fault)
{
    if (peek(lex) != '"') {
        return fail(lex, fault, "expected a name in double quotes");
    }
    *token = (struct json_token){.type = JSON_KEY};
    int err = read_string(lex, &token->text, fault);
    if (err != E_OK) {
        return err;
    }
    skip_space(lex);
    if (peek(lex) != ':') {
        return fail(lex, fault, "expected ':'");
    }
    lex->at++;
    lex->expects = EXPECTS_VALUE;
    return E_OK;
}

int json_next(struct json_lex *lex, struct json_token *token, struct fault *fault)
{
    skip_space(lex);
    char c = peek(lex);
    char closing = lex->depth == 0 ? '\0' : in_object(lex) ? '}' : ']';
    switch ((enum expects)lex->expects) {
    case EXPECTS_NOTHING:
        if (lex->at < lex->text.len) {
            return fail(lex, fault, "something follows the value");
        }
        *token = (struct json_token){.type = JSON_END};
        return E_OK;
    case EXPECTS_COMMA_OR_END:
        if (c == closing) {
            return close_container(lex, token);
        }
        if (c != ',') {
            return fail(lex, fault, closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        lex->at++;
        skip_space(lex);
        return closing == '}' ? read_key(lex, token, fault) : read_value(lex, token, fault);
    case EXPECTS_KEY_OR_END:
        return c == '}' ? close_container(lex, token) : read_key(lex, token, fault);
    case EXPECTS_VALUE_OR_END:
        return c == ']' ? close_container(lex, token) : read_value(lex, token, fault);
    case EXPECTS_KEY:
        return read_key(lex, token, fault);
    case EXPECTS_VALUE:
        break;
    }
    return read_value(lex, token, fault);
}

int json_skip(struct json_lex *lex, const struct json_token *token, struct fault *fault)
{
    if (token->type != JSON_OBJECT && token->type != JSON_ARRAY) {
        return E_OK;
    }
    unsigned depth = lex->depth - 1;
    int err = E_OK;
    struct json_token next;
    while (err == E_OK && lex->depth > depth) {
        err = json_next(lex, &next, fault);
    }
    return err;
}

/* Sign and magnitude, in decimal all the way, so that no digit is lost. */
static int integral(struct view number, bool *negative, uint64_t *out)
{
    if (number.len == 0 || number_length(number, 0) != number.len) {
        return E_INVALID;
    }
    *negative = number.data[0] == '-';
    size_t point = view_find(number, '.');
    size_t mantissa_end = 0;
    while (mantissa_end < number.len && number.data[mantissa_end] != 'e' &&
           number.data[mantissa_end] != 'E') {
        mantissa_end++;
    }
    /* 10^exponent times the mantissa's digits. An exponent that is saturated is out of range, or
     * multiplies 0. */
    int64_t exponent = 0;
    for (size_t i = mantissa_end + 1; i < number.len; i++) {
        if (number.data[i] >= '0' && number.data[i] <= '9' && exponent < INT32_MAX) {
            exponent = exponent * 10 + (number.data[i] - '0');
        }
    }
    if (mantissa_end + 1 < number.len && number.data[mantissa_end + 1] == '-') {
        exponent = -exponent;
    }
    if (point < mantissa_end) {
        exponent -= (int64_t)(mantissa_end - point - 1);
    }
    size_t last = mantissa_end; /* one past the last digit that is not 0 */
    while (last > 0 && (number.data[last - 1] == '0' || number.data[last - 1] == '.')) {
        exponent += number.data[last - 1] == '0';
        last--;
    }
    uint64_t value = 0;
    bool overflow = false;
    for (size_t i = *negative; i < last; i++) {
        if (number.data[i] != '.') {
            overflow |= __builtin_mul_overflow(value, 10u, &value);
            overflow |= __builtin_add_overflow(value, (uint64_t)(number.data[i] - '0'), &value);
        }
    }
    if (value == 0 && !overflow) {
        *out = 0;
        return E_OK;
    }
    if (exponent < 0) {
        return E_INVALID;
    }
    for (int64_t i = 0; i < exponent && !overflow; i++) {
        overflow |= __builtin_mul_overflow(value, 10u, &value);
    }
    *out = value;
    return overflow ? E_OVERFLOW : E_OK;
}

int json_to_u64(struct view number, uint64_t *out)
{
    bool negative;
    uint64_t value;
    int err = integral(number, &negative, &value);
    if (err != E_OK) {
        return err;
    }
    if (negative && value != 0) {
        return E_OVERFLOW;
    }
    *out = value;
    return E_OK;
}

int json_to_i64(struct view number, int64_t *out)
{
    bool negative;
    uint64_t value;
    int err = integral(number, &negative, &value);
    if (err != E_OK) {
        return err;
    }
    if (value > (uint64_t)INT64_MAX + (negative ? 1u : 0u)) {
        return E_OVERFLOW;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return E_OK;
}
