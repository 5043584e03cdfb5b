#include "core/paper/letters.h"

#include <assert.h>

/* Bytes of the sequence that starts with this one; 0: none does. */
static size_t sequence_len(uint8_t first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) {
        return 0;
    }
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

static bool fits_xml(uint32_t letter)
{
    if (letter < 0x20) {
        return letter == '\t' || letter == '\n' || letter == '\r';
    }
    return letter != 0x7F && !(letter >= 0x80 && letter < 0xA0) &&
           !(letter >= 0xD800 && letter < 0xE000) && letter != 0xFFFE && letter != 0xFFFF &&
           letter <= 0x10FFFF;
}

uint32_t letters_next(struct view *rest)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    assert(rest->len > 0);
    const uint8_t *bytes = (const uint8_t *)rest->data;
    size_t len = sequence_len(bytes[0]);
    uint32_t letter = len == 1 ? bytes[0] : bytes[0] & (0x7Fu >> len);
    size_t at = 1;
    while (at < len && at < rest->len && (bytes[at] & 0xC0) == 0x80) {
        letter = letter << 6 | (bytes[at] & 0x3Fu);
        at++;
    }
    *rest = view_slice(*rest, at, rest->len);
    return at == len && letter >= least[len] && fits_xml(letter) ? letter : LETTER_REPLACEMENT;
}

void letters_add(struct buf *out, uint32_t letter)
{
    if (letter < 0x80) {
        buf_byte(out, (char)letter);
    } else if (letter < 0x800) {
        buf_byte(out, (char)(0xC0 | letter >> 6));
        buf_byte(out, (char)(0x80 | (letter & 0x3F)));
    } else if (letter < 0x10000) {
        buf_byte(out, (char)(0xE0 | letter >> 12));
        buf_byte(out, (char)(0x80 | (letter >> 6 & 0x3F)));
        buf_byte(out, (char)(0x80 | (letter & 0x3F)));
    } else {
        buf_byte(out, (char)(0xF0 | letter >> 18));
        buf_byte(out, (char)(0x80 | (letter >> 12 & 0x3F)));
        buf_byte(out, (char)(0x80 | (letter >> 6 & 0x3F)));
        buf_byte(out, (char)(0x80 | (letter & 0x3F)));
    }
}

/* Length of the printable ASCII at the front: most of any text, and never in need of a change. */
static size_t plain_len(struct view text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] >= 0x20 && text.data[len] < 0x7F) {
        len++;
    }
    return len;
}

void letters_clean(struct buf *out, struct view text)
{
    while (text.len > 0) {
        size_t plain = plain_len(text);
        buf_view(out, view_slice(text, 0, plain));
        text = view_slice(text, plain, text.len);
        if (text.len > 0) {
            letters_add(out, letters_next(&text));
        }
    }
}

/* The same of what HTML takes as it is. */
static size_t unmarked_len(struct view text)
{
    size_t plain = plain_len(text);
    for (size_t i = 0; i < plain; i++) {
        char one = text.data[i];
        if (one == '&' || one == '<' || one == '>' || one == '"' || one == '\'') {
            return i;
        }
    }
    return plain;
}

void letters_escape(struct buf *out, struct view text)
{
    while (text.len > 0) {
        size_t plain = unmarked_len(text);
        buf_view(out, view_slice(text, 0, plain));
        text = view_slice(text, plain, text.len);
        if (text.len == 0) {
            break;
        }
        uint32_t letter = letters_next(&text);
        switch (letter) {
        case '&':
            buf_text(out, "&amp;");
            break;
        case '<':
            buf_text(out, "&lt;");
            break;
        case '>':
            buf_text(out, "&gt;");
            break;
        case '"':
            buf_text(out, "&quot;");
            break;
        case '\'':
            buf_text(out, "&#39;");
            break;
        default:
            letters_add(out, letter);
        }
    }
}
