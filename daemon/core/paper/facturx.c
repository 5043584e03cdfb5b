#include "core/paper/facturx.h"

#include <assert.h>

#include "core/paper/pdf.h"
#include "core/paper/sheet.h"

enum {
    WIDTH = PAGE_WIDTH - 2 * PAGE_MARGIN,
    RIGHT = PAGE_WIDTH - PAGE_MARGIN,
    GAP = 16000, /* between the two halves */
    HALF = (WIDTH - GAP) / 2,
    PAD = 8000,
    CELL_PAD = 4000,
    LABEL = 128000, /* width of the labels of facts */
    SHORT_LABEL = 84000,
    PAY_WIDTH = 285000, /* an IBAN stands on one line */
    SUM_WIDTH = WIDTH - GAP - PAY_WIDTH,
};
#define BLACK 0x1A1A1Au
#define GREY 0x55707Fu
#define BLUE 0x12405Cu
#define PALE 0xC9D3D9u
#define WHITE 0xFFFFFFu
#define RED 0xAA3333u

static const struct ink title_ink = {19000, BLUE, true};
static const struct ink text_ink = {9000, BLACK, false};
static const struct ink strong_ink = {9000, BLACK, true};
static const struct ink label_ink = {9000, GREY, false};
static const struct ink head_ink = {7500, GREY, true};
static const struct ink cell_ink = {8000, BLACK, false};
static const struct ink column_ink = {7500, WHITE, true};
static const struct ink note_ink = {7500, 0x444444u, false};
static const struct ink total_ink = {11000, BLACK, true};
static const struct ink foot_ink = {7000, GREY, false};
enum { TEXT_STEP = 13000, CELL_STEP = 11000, NOTE_STEP = 10500 };

static const int32_t column_widths[SHEET_CELLS] = {28000, 175276, 78000, 48000,
                                                   70000, 34000,  78000};
_Static_assert(28000 + 175276 + 78000 + 48000 + 70000 + 34000 + 78000 == WIDTH,
               "columns fill the page");

struct layout {
    struct pages pages;
    struct arena arena;
    const struct invoice *invoice;
};

static size_t last(const struct layout *l)
{
    return l->pages.count - 1;
}

static void room(struct layout *l, int64_t height)
{
    if (!pages_room(&l->pages, height)) {
        pages_new(&l->pages);
    }
}

/* One row in a box or list: label and wrapped value. Gives the y below it. */
static int64_t row(struct layout *l, int64_t x, int64_t y, int64_t label_width, int64_t width,
                   const struct sheet_row *row)
{
    struct view *lines;
    struct ink ink = row->strong ? strong_ink : text_ink;
    struct view label = view_of(row->label);
    size_t count = ink_wrap(ink, row->value, width - label_width, &l->arena, &lines);
    if (label.len > 0) {
        page_text(&l->pages, last(l), x, y, label_ink, label);
    }
    for (size_t i = 0; i < count; i++) {
        page_text(&l->pages, last(l), x + label_width, y, ink, lines[i]);
        y -= TEXT_STEP;
    }
    return y;
}

static int64_t box_height(struct layout *l, const struct sheet_rows *rows)
{
    int64_t height = 2 * PAD + TEXT_STEP;
    for (size_t i = 0; i < rows->count; i++) {
        struct view *lines;
        int64_t label = rows->rows[i].label[0] == '\0' ? 0 : 36000;
        height += TEXT_STEP * (int64_t)ink_wrap(strong_ink, rows->rows[i].value,
                                                HALF - 2 * PAD - label, &l->arena, &lines);
    }
    return height;
}

static void box(struct layout *l, int64_t x, int64_t top, int64_t height, const char *head,
                const struct sheet_rows *rows)
{
    page_fill(&l->pages, last(l), x, top - height, HALF, height, 0xF3F6F8u);
    int64_t y = top - PAD - 7500;
    page_text(&l->pages, last(l), x + PAD, y, head_ink, view_of(head));
    y -= TEXT_STEP;
    for (size_t i = 0; i < rows->count; i++) {
        int64_t label = rows->rows[i].label[0] == '\0' ? 0 : 36000;
        y = row(l, x + PAD, y, label, HALF - 2 * PAD, &rows->rows[i]);
    }
}

static void opening(struct layout *l, const struct sheet *sheet)
{
    struct pages *pages = &l->pages;
    pages->y -= title_ink.size;
    page_text(pages, last(l), PAGE_MARGIN, pages->y, title_ink, view_of(sheet->title));
    pages->y -= 14000;
    if (l->invoice->pro_forma) {
        pages->y -= 8000;
        page_text(pages, last(l), PAGE_MARGIN, pages->y, (struct ink){12000, RED, true},
                  VIEW_LIT("Pro forma : ne vaut pas facture"));
        pages->y -= 14000;
    }
    int64_t left = box_height(l, &sheet->seller);
    int64_t right = box_height(l, &sheet->buyer);
    int64_t height = left > right ? left : right;
    box(l, PAGE_MARGIN, pages->y, height, "VENDEUR", &sheet->seller);
    box(l, PAGE_MARGIN + HALF + GAP, pages->y, height, "ACHETEUR", &sheet->buyer);
    pages->y -= height + 22000;
    for (size_t i = 0; i < sheet->facts.count; i++) {
        pages->y = row(l, PAGE_MARGIN, pages->y, LABEL, WIDTH, &sheet->facts.rows[i]);
    }
    pages->y -= 2000;
}

static void columns(struct layout *l)
{
    enum { HEIGHT = 26000 };
    struct pages *pages = &l->pages;
    pages->y -= HEIGHT;
    page_fill(pages, last(l), PAGE_MARGIN, pages->y, WIDTH, HEIGHT, BLUE);
    int64_t x = PAGE_MARGIN;
    for (size_t k = 0; k < SHEET_CELLS; k++) {
        struct view *lines;
        int64_t width = column_widths[k] - 2 * CELL_PAD;
        size_t count = ink_wrap(column_ink, view_of(sheet_heads[k]), width, &l->arena, &lines);
        int64_t y = pages->y + 6000 + 9000 * ((int64_t)count - 1);
        for (size_t i = 0; i < count; i++) {
            if (sheet_right[k]) {
                page_text_right(pages, last(l), x + column_widths[k] - CELL_PAD, y, width,
                                column_ink, lines[i]);
            } else {
                page_text(pages, last(l), x + CELL_PAD, y, column_ink, lines[i]);
            }
            y -= 9000;
        }
        x += column_widths[k];
    }
}

static void line(struct layout *l, size_t i)
{
    struct pages *pages = &l->pages;
    struct view cells[SHEET_CELLS];
    struct view *lines;
    sheet_line(l->invoice, i, &l->arena, cells);
    size_t count = ink_wrap(cell_ink, cells[1], column_widths[1] - 2 * CELL_PAD, &l->arena, &lines);
    int64_t height = CELL_STEP * (int64_t)count + 5000;
    if (!pages_room(pages, height)) {
        pages_new(pages);
        columns(l);
    }
    int64_t top = pages->y - CELL_STEP;
    int64_t x = PAGE_MARGIN;
    for (size_t k = 0; k < SHEET_CELLS; k++) {
        int64_t width = column_widths[k] - 2 * CELL_PAD;
        if (k == 1) {
            for (size_t n = 0; n < count; n++) {
                page_text(pages, last(l), x + CELL_PAD, top - CELL_STEP * (int64_t)n, cell_ink,
                          lines[n]);
            }
        } else if (sheet_right[k]) {
            page_text_right(pages, last(l), x + column_widths[k] - CELL_PAD, top, width, cell_ink,
                            cells[k]);
        } else {
            page_text(pages, last(l), x + CELL_PAD, top, cell_ink, cells[k]);
        }
        x += column_widths[k];
    }
    pages->y -= height;
    page_line(pages, last(l), PAGE_MARGIN, pages->y, WIDTH, PALE);
}

static void table(struct layout *l)
{
    room(l, 60000);
    columns(l);
    for (size_t i = 0; i < l->invoice->line_count; i++) {
        line(l, i);
        if (i % 64 == 63) {
            arena_clear(&l->arena);
        }
    }
}

static int64_t payment(struct layout *l, int64_t y, const struct sheet_rows *rows)
{
    page_text(&l->pages, last(l), PAGE_MARGIN, y, head_ink, VIEW_LIT("RÈGLEMENT"));
    y -= TEXT_STEP + 2000;
    for (size_t i = 0; i < rows->count; i++) {
        y = row(l, PAGE_MARGIN, y, SHORT_LABEL, PAY_WIDTH, &rows->rows[i]);
    }
    return y;
}

static int64_t totals(struct layout *l, int64_t y, const struct sheet_rows *rows)
{
    int64_t x = RIGHT - SUM_WIDTH;
    page_text(&l->pages, last(l), x, y, head_ink, VIEW_LIT("TOTAUX EN EUROS"));
    y -= TEXT_STEP + 2000;
    for (size_t i = 0; i < rows->count; i++) {
        const struct sheet_row *one = &rows->rows[i];
        struct ink ink = one->strong ? total_ink : text_ink;
        struct ink label = one->strong ? total_ink : label_ink;
        if (one->strong) {
            page_line(&l->pages, last(l), x, y + 9000, SUM_WIDTH, BLUE);
            y -= 4000;
        }
        page_text(&l->pages, last(l), x, y, label, view_of(one->label));
        page_text_right(&l->pages, last(l), RIGHT, y,
                        SUM_WIDTH - ink_width(label, view_of(one->label)), ink, one->value);
        y -= TEXT_STEP;
    }
    return y;
}

static void closing(struct layout *l, const struct sheet *sheet)
{
    struct pages *pages = &l->pages;
    size_t rows =
        sheet->payment.count > sheet->totals.count ? sheet->payment.count : sheet->totals.count;
    room(l, TEXT_STEP * (int64_t)(rows + 4) + 40000);
    pages->y -= 24000;
    int64_t left = payment(l, pages->y, &sheet->payment);
    int64_t right = totals(l, pages->y, &sheet->totals);
    pages->y = (left < right ? left : right) - 10000;
    for (size_t i = 0; i < sheet->notes.count; i++) {
        struct view *lines;
        size_t count = ink_wrap(note_ink, sheet->notes.rows[i].value, WIDTH, &l->arena, &lines);
        for (size_t k = 0; k < count; k++) {
            room(l, NOTE_STEP);
            pages->y -= NOTE_STEP;
            page_text(pages, last(l), PAGE_MARGIN, pages->y, note_ink, lines[k]);
        }
    }
}

static void feet(struct layout *l, const struct sheet *sheet)
{
    const struct invoice *invoice = l->invoice;
    for (size_t i = 0; i < l->pages.count; i++) {
        char *left = arena_printf(&l->arena, "%s %.*s – SIREN %.*s", sheet->title,
                                  VIEW_FMT(invoice->number), VIEW_FMT(invoice->seller.siren));
        char *right = arena_printf(&l->arena, "page %zu / %zu", i + 1, l->pages.count);
        page_line(&l->pages, i, PAGE_MARGIN, 40000, WIDTH, PALE);
        page_text(&l->pages, i, PAGE_MARGIN, 30000, foot_ink, view_of(left));
        page_text_right(&l->pages, i, RIGHT, 30000, HALF, foot_ink, view_of(right));
        arena_clear(&l->arena);
    }
}

void facturx_write(const struct invoice *invoice, struct view cii, struct buf *out)
{
    struct layout *l = xcalloc(1, sizeof *l); /* its font is too large for some stacks */
    struct arena arena = ARENA_INIT;
    struct sheet sheet;
    assert(invoice->pro_forma == (cii.len == 0));
    l->invoice = invoice;
    sheet_make(invoice, &arena, &sheet);
    pages_new(&l->pages);
    opening(l, &sheet);
    table(l);
    closing(l, &sheet);
    feet(l, &sheet);
    char *title = arena_printf(&arena, "%s %.*s", sheet.title, VIEW_FMT(invoice->number));
    struct pdf_info info = {.title = view_of(title),
                            .author = invoice->seller.name,
                            .made = invoice->issued,
                            .attached = cii};
    pdf_write(&l->pages, &info, out);
    arena_release(&l->arena);
    arena_release(&arena);
    pages_release(&l->pages);
    free(l);
}
