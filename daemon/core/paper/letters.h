/* Text as it goes on paper: one code point at a time, whatever the bytes are. Pure; any thread. */
#ifndef CORE_PAPER_LETTERS_H
#define CORE_PAPER_LETTERS_H

#include "base/buf.h"

#define LETTER_REPLACEMENT 0xFFFDu

/* Cuts the first code point off *rest, which must not be empty. What is no UTF-8, and what XML 1.0
 * cannot hold (control characters, U+FFFE, U+FFFF), is U+FFFD. */
uint32_t letters_next(struct view *rest);
/* Appends the code point as UTF-8. */
void letters_add(struct buf *out, uint32_t letter);
/* Appends the text with every letter as letters_next() has it. */
void letters_clean(struct buf *out, struct view text);
/* The same with & < > " ' written as references: content and attribute values of HTML. */
void letters_escape(struct buf *out, struct view text);

#endif
