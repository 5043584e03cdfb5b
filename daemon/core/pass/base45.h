/* Base45 (RFC 9285), for QR codes in alphanumeric mode: 2 bytes are 3 characters, a last single
 * byte 2. The alphabet has a space, yet no encoding ends in one: the last character of a group
 * stands for at most 32 (of two bytes) or 5 (of one), and the space is 36. So a scanner that trims
 * the end of what it read takes nothing away. Pure. */
#ifndef CORE_PASS_BASE45_H
#define CORE_PASS_BASE45_H

#include "base/buf.h"

void base45_encode(struct view bytes, struct buf *out);
/* Accepts exactly what base45_encode() writes. E_INVALID leaves `out` as it was. */
must_check int base45_decode(struct view text, struct buf *out);

#endif
