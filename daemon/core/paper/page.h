/* A pile of A4 pages to write on: text that is wrapped, set left or right, lines and fields.
 * Lengths are thousandths of a point, y grows upwards from the foot of the page. Private to paper/.
 * Not shared between threads. */
#ifndef CORE_PAPER_PAGE_H
#define CORE_PAPER_PAGE_H

#include "base/arena.h"
#include "core/paper/font.h"

enum { PAGE_WIDTH = 595276, PAGE_HEIGHT = 841890, PAGE_MARGIN = 42000, PAGE_FOOT = 56000 };

struct pages {
    struct font font;
    struct buf *contents; /* of each page */
    size_t count;
    size_t alloc;
    int64_t y; /* where to go on, on the last page */
};

void pages_release(struct pages *pages);
/* Begins a page; y is then below the upper margin. */
void pages_new(struct pages *pages);
/* Whether so much is left above the foot of the last page. */
bool pages_room(const struct pages *pages, int64_t height);

/* How a text looks: size in thousandths of a point, colour 0xRRGGBB. */
struct ink {
    int32_t size;
    uint32_t colour;
    bool strong;
};

/* Text from x on, or up to x, at the baseline y, on page `page`. */
void page_text(struct pages *pages, size_t page, int64_t x, int64_t y, struct ink ink,
               struct view text);
/* Never wider than `width`: it is set smaller rather. */
void page_text_right(struct pages *pages, size_t page, int64_t x, int64_t y, int64_t width,
                     struct ink ink, struct view text);
void page_line(struct pages *pages, size_t page, int64_t x, int64_t y, int64_t width,
               uint32_t colour);
void page_fill(struct pages *pages, size_t page, int64_t x, int64_t y, int64_t width,
               int64_t height, uint32_t colour);

int64_t ink_width(struct ink ink, struct view text);
/* Cuts the text into lines of at most `width`, at spaces, within a word when it must; at least one
 * line. The array is in the arena. */
size_t ink_wrap(struct ink ink, struct view text, int64_t width, struct arena *arena,
                struct view **lines);

#endif
