/* The short number on a card: nine random digits and a Luhn check digit (ISO/IEC 7812-1 annex B),
 * which notices any wrong digit and nearly all swaps of neighbours. Pure. */
#ifndef CORE_PASS_CARD_H
#define CORE_PASS_CARD_H

#include "base/view.h"

enum { CARD_DIGITS = 10, CARD_GROUPED = 12 };

/* `nine` is below 1,000,000,000; the caller draws it. */
void card_number_make(uint32_t nine, char number[static CARD_DIGITS + 1]);
/* What a person typed: spaces and hyphens are skipped. E_INVALID unless ten digits remain and the
 * last one is right. */
must_check int card_number_parse(struct view text, char number[static CARD_DIGITS + 1]);
/* For eyes: "123 456 7890". */
void card_number_group(const char number[static CARD_DIGITS + 1],
                       char grouped[static CARD_GROUPED + 1]);

#endif
