/* Private to close/: lines while a month is being put together. */
#ifndef CORE_CLOSE_LINES_H
#define CORE_CLOSE_LINES_H

#include "core/close/close.h"

struct lines {
    struct line *all;
    size_t count;
    size_t alloc;
};
#define LINES_INIT ((struct lines){0})

void lines_release(struct lines *lines);
/* RULES 14 and 16 for everything that a month holds: its rated items, the carnets bought in it, and
 * the subscriptions that touch it. Lines with equal keys may come more than once. */
void lines_add_month(struct lines *lines, const struct roster *roster, const struct rating *rating);
/* The lines that one item is counted in: charge, host, fee, subsidy. */
enum { LINES_OF_ITEM_MAX = 4 };
size_t lines_of_item(const struct roster *roster, struct month month, const struct item *item,
                     struct line out[static LINES_OF_ITEM_MAX]);
/* RULES 19: takes away what was billed (and gives back what was credited). */
must_check int lines_take_billed(struct lines *lines, const struct line *billed, size_t count);
/* One line per key, ascending; what adds up to 0 is dropped, and what is below 0 goes into the
 * credit note with its quantity above 0. E_OVERFLOW. */
must_check int lines_merge(struct lines *lines);

#endif
