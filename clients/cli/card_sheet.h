/* Cards to print and to cut: sheets of A4 with ten cards of 85.6 x 54 mm (ISO/IEC 7810 ID-1), marks
 * to cut by, as one page of HTML with a drawing for each sheet. Each card has the QR of its token
 * and its number. Any thread. */
#ifndef CLIENTS_CLI_CARD_SHEET_H
#define CLIENTS_CLI_CARD_SHEET_H

#include "base/buf.h"

enum { CARD_SHEET_COLUMNS = 2, CARD_SHEET_ROWS = 5 };

struct card_face {
    struct view token;  /* "PT1:..." */
    struct view number; /* ten digits */
    struct view name;   /* of the holder; empty: none is printed */
    struct view family;
    struct view holder_id;
    struct view valid_from, valid_until; /* days; empty: open */
};

/* Appends the page. E_INVALID with a sentence that names the card: a number that is none, a token
 * that fits no QR code. */
must_check int card_sheet_write(const struct card_face *cards, size_t count, struct view title,
                                struct buf *out, struct fault *fault);

#endif
