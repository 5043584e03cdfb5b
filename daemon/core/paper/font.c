#include "core/paper/font.h"

#include <assert.h>

#include "core/paper/letters.h"

const struct font_glyph *font_glyph_of(uint32_t letter)
{
    size_t low = 0;
    size_t high = font_face.count;
    size_t guess = letter - font_glyphs[0].letter; /* most are ASCII, where none is left out */
    if (guess < high && font_glyphs[guess].letter == letter) {
        return &font_glyphs[guess];
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (font_glyphs[middle].letter < letter) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < font_face.count && font_glyphs[low].letter == letter) {
        return &font_glyphs[low];
    }
    assert(letter != LETTER_REPLACEMENT); /* the face has it: make_font.py sees to that */
    return font_glyph_of(LETTER_REPLACEMENT);
}

uint16_t font_use(struct font *font, const struct font_glyph *glyph)
{
    assert(font_face.count <= FONT_GLYPHS_MAX);
    size_t place = (size_t)(glyph - font_glyphs);
    if (font->number[place] == 0) {
        font->used[font->count++] = (uint16_t)place;
        font->number[place] = font->count;
    }
    return font->number[place];
}

int64_t font_width(struct view text)
{
    int64_t width = 0;
    while (text.len > 0) {
        width += font_glyph_of(letters_next(&text))->advance;
    }
    return width;
}

/* ---- TrueType ---- */

static void i16(struct buf *out, int value)
{
    buf_u16be(out, (uint16_t)value);
}

static const struct font_glyph *used(const struct font *font, size_t i)
{
    return &font_glyphs[font->used[i]];
}

static void head(struct buf *out)
{
    buf_u32be(out, 0x00010000);
    buf_u32be(out, 0x00010000);
    buf_u32be(out, 0); /* checkSumAdjustment, put in at the end */
    buf_u32be(out, 0x5F0F3CF5);
    i16(out, 0x0003); /* baseline and left side bearing at 0 */
    i16(out, font_face.units);
    buf_u64be(out, 0); /* made and changed: a fixed day, so that bytes are always the same */
    buf_u64be(out, 0);
    i16(out, font_face.x_min);
    i16(out, font_face.y_min);
    i16(out, font_face.x_max);
    i16(out, font_face.y_max);
    i16(out, 0);
    i16(out, 8); /* smallest readable size, pixels */
    i16(out, 2);
    i16(out, 1); /* long offsets */
    i16(out, 0);
}

static void hhea(const struct font *font, struct buf *out)
{
    int advance_max = 0;
    for (size_t i = 0; i < font->count; i++) {
        int advance = used(font, i)->advance;
        advance_max = advance > advance_max ? advance : advance_max;
    }
    buf_u32be(out, 0x00010000);
    i16(out, font_face.ascent);
    i16(out, font_face.descent);
    i16(out, 0);
    i16(out, advance_max);
    i16(out, font_face.x_min);
    i16(out, 0);
    i16(out, font_face.x_max);
    i16(out, 1);
    for (int i = 0; i < 7; i++) {
        i16(out, 0);
    }
    i16(out, font->count + 1);
}

static void hmtx(const struct font *font, struct buf *out)
{
    buf_u32be(out, 0);
    for (size_t i = 0; i < font->count; i++) {
        i16(out, used(font, i)->advance);
        i16(out, used(font, i)->bearing);
    }
}

static void maxp(const struct font *font, struct buf *out)
{
    buf_u32be(out, 0x00010000);
    i16(out, font->count + 1);
    i16(out, font_face.points_max);
    i16(out, font_face.contours_max);
    i16(out, 0);
    i16(out, 0);
    i16(out, 2);
    for (int i = 0; i < 8; i++) {
        i16(out, 0);
    }
}

static void loca(const struct font *font, struct buf *out)
{
    uint32_t at = 0;
    buf_u32be(out, 0); /* number 0 has no outline */
    buf_u32be(out, 0);
    for (size_t i = 0; i < font->count; i++) {
        at += used(font, i)->len;
        buf_u32be(out, at);
    }
}

static void glyf(const struct font *font, struct buf *out)
{
    for (size_t i = 0; i < font->count; i++) {
        buf_add(out, font_outlines + used(font, i)->offset, used(font, i)->len);
    }
}

static uint32_t checksum(const char *bytes, size_t len)
{
    const uint8_t *at = (const uint8_t *)bytes;
    uint32_t sum = 0;
    assert(len % 4 == 0);
    for (size_t i = 0; i < len; i += 4) {
        sum += (uint32_t)at[i] << 24 | (uint32_t)at[i + 1] << 16 | (uint32_t)at[i + 2] << 8 |
               (uint32_t)at[i + 3];
    }
    return sum;
}

static void put_u32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (char)(value >> (24 - 8 * i));
    }
}

enum { TABLES = 6, HEADER_LEN = 12 + 16 * TABLES, ADJUSTMENT_AT = 8 };

void font_file(const struct font *font, struct buf *out)
{
    static const char *const tags[TABLES] = {"glyf", "head", "hhea", "hmtx", "loca", "maxp"};
    struct buf body = BUF_INIT;
    size_t start[TABLES];
    size_t len[TABLES];
    size_t head_at = 0;
    for (int i = 0; i < TABLES; i++) {
        start[i] = body.len;
        switch (i) {
        case 0:
            glyf(font, &body);
            break;
        case 1:
            head_at = body.len;
            head(&body);
            break;
        case 2:
            hhea(font, &body);
            break;
        case 3:
            hmtx(font, &body);
            break;
        case 4:
            loca(font, &body);
            break;
        default:
            maxp(font, &body);
        }
        len[i] = body.len - start[i];
        while (body.len % 4 != 0) {
            buf_byte(&body, 0);
        }
    }
    struct buf header = BUF_INIT;
    buf_u32be(&header, 0x00010000);
    i16(&header, TABLES);
    i16(&header, 64); /* 16 * the greatest power of two up to the number of tables; its logarithm */
    i16(&header, 2);
    i16(&header, 16 * TABLES - 64);
    for (int i = 0; i < TABLES; i++) {
        size_t end = i + 1 < TABLES ? start[i + 1] : body.len;
        buf_text(&header, tags[i]);
        buf_u32be(&header, checksum(body.data + start[i], end - start[i]));
        buf_u32be(&header, (uint32_t)(HEADER_LEN + start[i]));
        buf_u32be(&header, (uint32_t)len[i]);
    }
    uint32_t sum = checksum(header.data, header.len) + checksum(body.data, body.len);
    put_u32(body.data + head_at + ADJUSTMENT_AT, 0xB1B0AFBA - sum);
    buf_view(out, buf_content(&header));
    buf_view(out, buf_content(&body));
    buf_release(&header);
    buf_release(&body);
}
