/* A reminder for an invoice that is past its day: a letter in French, as text and as a page that
 * prints on A4. Three levels: a friendly word, a firm one, a formal demand with the penalties of
 * the law (Code de commerce L. 441-10). The same letter gives the same bytes for ever. Pure; any
 * thread. */
#ifndef CORE_PAYMENTS_LETTER_H
#define CORE_PAYMENTS_LETTER_H

#include "base/buf.h"
#include "core/day/day.h"
#include "core/money/cents.h"

enum { LETTER_LEVEL_MAX = 3 };

struct letter_party {
    struct view name, address, postcode, city;
};

struct letter {
    unsigned level; /* 1 to LETTER_LEVEL_MAX */
    struct letter_party from, to;
    struct view number; /* of the invoice */
    struct day issued, due;
    struct day written;
    struct cents amount;
    struct view iban;  /* where it is to be paid; empty: that stands on the invoice */
    bool debit_failed; /* a debit came back */
};

/* "Rappel", "Deuxième rappel", "Mise en demeure". */
const char *letter_title(unsigned level);

/* Append. Check buf_error(). */
void letter_text(const struct letter *letter, struct buf *out);
void letter_html(const struct letter *letter, struct buf *out);

#endif
