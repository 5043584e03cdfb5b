/* Numbers, hex, base64 and UTF-8, to the letter: no parser here skips white space, reads a locale
 * or accepts what it would not write, unless it says so. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

/* Decimal digits only (an optional '-' for the signed one), the whole view, no leading zero except
 * "0" itself. E_INVALID, or E_OVERFLOW when it does not fit; *out is untouched then. */
must_check int text_u64(struct view text, uint64_t *out);
must_check int text_i64(struct view text, int64_t *out);

/* Lower-case hex out; both cases in. `hex` must have room for 2 * len + 1. */
void text_to_hex(const void *bytes, size_t len, char *hex);
/* The view must hold exactly 2 * len hex digits. */
must_check int text_from_hex(struct view hex, void *bytes, size_t len);

/* RFC 4648: section 4 (`standard`, padded), section 5 (`url`, unpadded). */
void text_to_base64(struct buf *out, struct view bytes);
void text_to_base64_unpadded(struct buf *out, struct view bytes);
void text_to_base64url(struct buf *out, struct view bytes);
/* Both alphabets (not mixed), padding optional but right when present, no other byte, and unused
 * bits zero. Appends to `out`. E_INVALID leaves `out` as it was. */
must_check int text_from_base64(struct view text, struct buf *out);

/* Crockford's base32, for what people type. The digit of a value below 32; 32 to 36 have digits too
 * (*~$=U), for check characters. And the value of a character as people write it: either case, O as
 * 0, I and L as 1; -1 when it has none. */
char text_crockford(unsigned value);
int text_crockford_value(char c);

/* RFC 3629: no overlong form, no surrogate, nothing past U+10FFFF. */
bool text_is_utf8(struct view text);
/* Valid UTF-8 without control characters (U+0000-001F, U+007F-009F): what a name may hold. */
bool text_is_printable(struct view text);
/* Number of code points of valid UTF-8. */
size_t text_length(struct view text);

#endif
