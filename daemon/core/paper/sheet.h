/* What a person reads on an invoice, in French and in order: one list for the HTML page and for the
 * PDF, so that both say the same. Private to paper/. Pure; any thread. */
#ifndef CORE_PAPER_SHEET_H
#define CORE_PAPER_SHEET_H

#include "base/arena.h"
#include "core/paper/invoice.h"

enum { SHEET_ROWS_MAX = 12, SHEET_CELLS = 7 };

struct sheet_row {
    const char *label; /* "" for a text of its own */
    struct view value;
    bool strong;
};
struct sheet_rows {
    struct sheet_row rows[SHEET_ROWS_MAX];
    size_t count;
};

struct sheet {
    const char *title;
    struct sheet_rows facts;  /* number, dates, references */
    struct sheet_rows seller; /* the first is its name */
    struct sheet_rows buyer;
    struct sheet_rows totals;
    struct sheet_rows payment;
    struct sheet_rows notes; /* without label */
};

/* Heads of the columns; whether each is of numbers, to stand on the right. */
extern const char *const sheet_heads[SHEET_CELLS];
extern const bool sheet_right[SHEET_CELLS];

/* Texts are in the arena, or borrowed from the invoice. */
void sheet_make(const struct invoice *invoice, struct arena *arena, struct sheet *out);
/* The cells of one line. The arena may be cleared after each. */
void sheet_line(const struct invoice *invoice, size_t i, struct arena *arena,
                struct view cells[static SHEET_CELLS]);

#endif
