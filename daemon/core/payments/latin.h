/* The letters that every bank of SEPA takes (EPC217-08): a-z A-Z 0-9 / - ? : ( ) . , ' + and the
 * space. Whatever Latin letter a name holds becomes its base letter or letters ("É" is E, "œ" is
 * oe, "ß" is ss), so that the same name gives the same bytes everywhere. Pure; any thread. */
#ifndef CORE_PAYMENTS_LATIN_H
#define CORE_PAYMENTS_LATIN_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends the letters for one code point: none for a combining mark, a '.' for what is no Latin
 * letter, digit or known sign. */
void latin_letter(struct buf *out, uint32_t letter);

/* The text in those letters, in the arena: spaces are not doubled and stand neither first nor last,
 * slashes likewise (EPC131-08 forbids "//" and a '/' at either end), and at most `max` of them. */
struct view latin_text(struct arena *arena, struct view text, size_t max);

#endif
