/* The letters of the PDF: a face that is built in (font/make_font.py takes it from DejaVu Sans),
 * and the TrueType file of those few that one document uses. Private to paper/. Pure; a `struct
 * font` is not shared between threads. */
#ifndef CORE_PAPER_FONT_H
#define CORE_PAPER_FONT_H

#include "base/buf.h"

struct font_face {
    uint16_t units; /* of an em */
    int16_t ascent, descent;
    int16_t x_min, y_min, x_max, y_max;
    uint16_t points_max, contours_max;
    uint16_t count;
};
struct font_glyph {
    uint32_t letter;
    uint16_t advance;
    int16_t bearing;
    uint32_t offset; /* of its outline */
    uint16_t len;
};
extern const struct font_face font_face;
extern const struct font_glyph font_glyphs[]; /* ascending by letter */
extern const uint8_t font_outlines[];

enum { FONT_GLYPHS_MAX = 2048 };

/* What one document uses, in the order of first use: the glyph with number n is used[n - 1];
 * number 0 is the one that PDF/A forbids to show. */
struct font {
    uint16_t used[FONT_GLYPHS_MAX];   /* place in font_glyphs */
    uint16_t number[FONT_GLYPHS_MAX]; /* by place in font_glyphs; 0: not used */
    uint16_t count;
};

/* The face's glyph for a letter, or that for U+FFFD. */
const struct font_glyph *font_glyph_of(uint32_t letter);
/* Its number in this document, given at its first use. */
uint16_t font_use(struct font *font, const struct font_glyph *glyph);
/* Appends the TrueType file of what is used. */
void font_file(const struct font *font, struct buf *out);
/* Sum of advances, in units of the face. */
int64_t font_width(struct view text);

#endif
