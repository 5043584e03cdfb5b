#include "core/paper/page.h"

#include "core/paper/letters.h"

void pages_release(struct pages *pages)
{
    for (size_t i = 0; i < pages->count; i++) {
        buf_release(&pages->contents[i]);
    }
    free(pages->contents);
    *pages = (struct pages){0};
}

void pages_new(struct pages *pages)
{
    if (pages->count == pages->alloc) {
        pages->alloc = pages->alloc == 0 ? 4 : pages->alloc * 2;
        pages->contents = xrealloc(pages->contents, pages->alloc, sizeof *pages->contents);
    }
    pages->contents[pages->count++] = BUF_INIT;
    pages->y = PAGE_HEIGHT - PAGE_MARGIN;
}

bool pages_room(const struct pages *pages, int64_t height)
{
    return pages->y - height >= PAGE_FOOT;
}

/* A length as PDF has it: "12.345 ". By hand, since pages are made of them. */
static void length(struct buf *out, int64_t value)
{
    enum { DIGITS_MAX = 32, PART = 3 };
    char text[DIGITS_MAX];
    char *at = text + sizeof text;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *--at = ' ';
    for (int i = 0; left > 0 || i <= PART; i++, left /= 10) {
        if (i == PART) {
            *--at = '.';
        }
        *--at = (char)('0' + left % 10);
    }
    if (value < 0) {
        *--at = '-';
    }
    buf_add(out, at, (size_t)(text + sizeof text - at));
}

/* "0A1F" for each letter, which has at least one byte. */
static void glyphs(struct buf *out, struct font *font, struct view text)
{
    static const char digits[] = "0123456789ABCDEF";
    enum { DIGITS = 4 };
    char *room = buf_reserve(out, DIGITS * text.len);
    char *at = room;
    while (room != NULL && text.len > 0) {
        uint16_t number = font_use(font, font_glyph_of(letters_next(&text)));
        for (int shift = 12; shift >= 0; shift -= 4) {
            *at++ = digits[number >> shift & 15];
        }
    }
    if (room != NULL) {
        buf_wrote(out, (size_t)(at - room));
    }
}

static void colour(struct buf *out, uint32_t rgb, const char *operator)
{
    for (int shift = 16; shift >= 0; shift -= 8) {
        length(out, (int64_t)(rgb >> shift & 0xFF) * 1000 / 255);
    }
    buf_text(out, operator);
    buf_byte(out, '\n');
}

int64_t ink_width(struct ink ink, struct view text)
{
    return font_width(text) * ink.size / font_face.units;
}

void page_text(struct pages *pages, size_t page, int64_t x, int64_t y, struct ink ink,
               struct view text)
{
    struct buf *out = &pages->contents[page];
    colour(out, ink.colour, "rg");
    if (ink.strong) { /* one face only: strong letters are drawn with an edge */
        colour(out, ink.colour, "RG");
        length(out, ink.size / 32);
        buf_text(out, "w 2 Tr\n");
    }
    buf_text(out, "BT /F1 ");
    length(out, ink.size);
    buf_text(out, "Tf ");
    length(out, x);
    length(out, y);
    buf_text(out, "Td <");
    glyphs(out, &pages->font, text);
    buf_text(out, "> Tj ET\n");
    if (ink.strong) {
        buf_text(out, "0 Tr\n");
    }
}

void page_text_right(struct pages *pages, size_t page, int64_t x, int64_t y, int64_t width,
                     struct ink ink, struct view text)
{
    int64_t wide = ink_width(ink, text);
    if (wide > width) {
        ink.size = (int32_t)(ink.size * width / wide);
        wide = ink_width(ink, text);
    }
    page_text(pages, page, x - wide, y, ink, text);
}

void page_line(struct pages *pages, size_t page, int64_t x, int64_t y, int64_t width, uint32_t rgb)
{
    page_fill(pages, page, x, y, width, 500, rgb);
}

void page_fill(struct pages *pages, size_t page, int64_t x, int64_t y, int64_t width,
               int64_t height, uint32_t rgb)
{
    struct buf *out = &pages->contents[page];
    colour(out, rgb, "rg");
    length(out, x);
    length(out, y);
    length(out, width);
    length(out, height);
    buf_text(out, "re f\n");
}

/* The longest beginning that fits: up to a space, or within the first word. */
static size_t fitting(struct ink ink, struct view text, int64_t width)
{
    int64_t room = width * font_face.units / ink.size;
    struct view rest = text;
    size_t space = 0;
    while (rest.len > 0) {
        size_t at = text.len - rest.len;
        uint32_t letter = letters_next(&rest);
        room -= font_glyph_of(letter)->advance;
        if (letter == ' ') {
            space = at; /* a space may hang over the edge */
        } else if (room < 0) {
            return space > 0 ? space : at > 0 ? at : text.len - rest.len;
        }
    }
    return text.len;
}

size_t ink_wrap(struct ink ink, struct view text, int64_t width, struct arena *arena,
                struct view **lines)
{
    size_t count = 0;
    size_t alloc = 4;
    struct view *all = ARENA_ARRAY(arena, alloc, struct view);
    do {
        if (count == alloc) {
            struct view *more = ARENA_ARRAY(arena, alloc * 2, struct view);
            memcpy(more, all, alloc * sizeof *all);
            all = more;
            alloc *= 2;
        }
        size_t len = fitting(ink, text, width);
        all[count++] = view_slice(text, 0, len);
        text = view_slice(text, len, text.len);
        while (text.len > 0 && text.data[0] == ' ') {
            text = view_slice(text, 1, text.len);
        }
    } while (text.len > 0);
    *lines = all;
    return count;
}
