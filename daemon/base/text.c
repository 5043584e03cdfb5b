#include "base/text.h"

#include <assert.h>

int text_u64(struct view text, uint64_t *out)
{
    if (text.len == 0 || (text.len > 1 && text.data[0] == '0')) {
        return E_INVALID;
    }
    uint64_t value = 0;
    bool overflow = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return E_INVALID;
        }
        overflow |= __builtin_mul_overflow(value, 10u, &value);
        overflow |= __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value);
    }
    if (overflow) {
        return E_OVERFLOW;
    }
    *out = value;
    return E_OK;
}

int text_i64(struct view text, int64_t *out)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t magnitude;
    int err = text_u64(negative ? view_slice(text, 1, text.len) : text, &magnitude);
    if (err != E_OK) {
        return err;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1u : 0u)) {
        return E_OVERFLOW;
    }
    if (negative && magnitude == 0) {
        return E_INVALID;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return E_OK;
}

void text_to_hex(const void *bytes, size_t len, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = bytes;
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[in[i] >> 4];
        hex[2 * i + 1] = digits[in[i] & 15];
    }
    hex[2 * len] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

int text_from_hex(struct view hex, void *bytes, size_t len)
{
    if (hex.len != 2 * len) {
        return E_INVALID;
    }
    for (size_t i = 0; i < hex.len; i++) {
        if (hex_digit(hex.data[i]) < 0) {
            return E_INVALID;
        }
    }
    uint8_t *out = bytes;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(hex_digit(hex.data[2 * i]) << 4 | hex_digit(hex.data[2 * i + 1]));
    }
    return E_OK;
}

static const char alphabet_standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct buf *out, struct view bytes, const char *alphabet, bool pad)
{
    const uint8_t *in = (const uint8_t *)bytes.data;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t word = (uint32_t)in[i] << 16;
        word |= n > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        word |= n > 2 ? (uint32_t)in[i + 2] : 0;
        char four[4] = {alphabet[word >> 18 & 63], alphabet[word >> 12 & 63],
                        alphabet[word >> 6 & 63], alphabet[word & 63]};
        for (size_t k = n + 1; k < 4; k++) {
            four[k] = '=';
        }
        buf_add(out, four, pad ? 4 : n + 1);
    }
}

void text_to_base64(struct buf *out, struct view bytes)
{
    encode(out, bytes, alphabet_standard, true);
}

void text_to_base64_unpadded(struct buf *out, struct view bytes)
{
    encode(out, bytes, alphabet_standard, false);
}

void text_to_base64url(struct buf *out, struct view bytes)
{
    encode(out, bytes, alphabet_url, false);
}

static int base64_digit(char c, unsigned *alphabets)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '/') {
        *alphabets |= 1u;
        return c == '+' ? 62 : 63;
    }
    if (c == '-' || c == '_') {
        *alphabets |= 2u;
        return c == '-' ? 62 : 63;
    }
    return -1;
}

int text_from_base64(struct view text, struct buf *out)
{
    size_t digits = text.len;
    while (digits > 0 && text.len - digits < 2 && text.data[digits - 1] == '=') {
        digits--;
    }
    if (digits % 4 == 1 || (digits != text.len && text.len % 4 != 0)) {
        return E_INVALID;
    }
    unsigned alphabets = 0;
    uint32_t last = 0;
    for (size_t i = 0; i < digits; i++) {
        int value = base64_digit(text.data[i], &alphabets);
        if (value < 0 || alphabets == 3) {
            return E_INVALID;
        }
        last = (uint32_t)value;
    }
    uint32_t unused = digits % 4 == 2 ? 15 : digits % 4 == 3 ? 3 : 0;
    if ((last & unused) != 0) {
        return E_INVALID;
    }
    for (size_t i = 0; i < digits; i += 4) {
        size_t n = digits - i < 4 ? digits - i : 4;
        uint32_t word = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k < n ? base64_digit(text.data[i + k], &alphabets) : 0;
            word = word << 6 | (uint32_t)value;
        }
        char three[3] = {(char)(word >> 16), (char)(word >> 8), (char)word};
        buf_add(out, three, n - 1);
    }
    return E_OK;
}

/* Decodes one code point at `at`; returns its length, 0 when malformed. */
static size_t utf8_next(struct view text, size_t at, uint32_t *point)
{
    const uint8_t *in = (const uint8_t *)text.data + at;
    size_t left = text.len - at;
    if (in[0] < 0x80) {
        *point = in[0];
        return 1;
    }
    size_t len = in[0] >= 0xf0 ? 4 : in[0] >= 0xe0 ? 3 : 2;
    if (in[0] < 0xc2 || in[0] > 0xf4 || left < len) {
        return 0;
    }
    uint32_t value = in[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((in[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (in[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    *point = value;
    return len;
}

bool text_is_utf8(struct view text)
{
    uint32_t point;
    for (size_t i = 0; i < text.len;) {
        size_t n = utf8_next(text, i, &point);
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

bool text_is_printable(struct view text)
{
    uint32_t point;
    for (size_t i = 0; i < text.len;) {
        size_t n = utf8_next(text, i, &point);
        if (n == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0)) {
            return false;
        }
        i += n;
    }
    return true;
}

size_t text_length(struct view text)
{
    size_t points = 0;
    for (size_t i = 0; i < text.len; i++) {
        points += ((uint8_t)text.data[i] & 0xc0) != 0x80;
    }
    return points;
}

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

char text_crockford(unsigned value)
{
    assert(value < sizeof crockford - 1);
    return crockford[value];
}

int text_crockford_value(char c)
{
    c = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    c = (char)(c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c);
    const char *found = c == '\0' ? NULL : strchr(crockford, c);
    return found == NULL ? -1 : (int)(found - crockford);
}
