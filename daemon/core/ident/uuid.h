/* UUIDs (RFC 9562) as 16 bytes. Request ids and visit ids are version 7: they begin with the
 * millisecond at which they were made, so that ids sort by age. Pure: the caller brings time and
 * chance. Any thread. */
#ifndef CORE_IDENT_UUID_H
#define CORE_IDENT_UUID_H

#include "base/view.h"

struct uuid {
    uint8_t bytes[16];
};

enum { UUID_TEXT_LEN = 36 };

/* "01a0f609-b58e-7e4d-8286-6d5370d0be9e": lower case, hyphens in place; any version. E_INVALID
 * leaves *out untouched. */
must_check int uuid_parse(struct view text, struct uuid *out);
void uuid_format(struct uuid uuid, char text[static UUID_TEXT_LEN + 1]);

/* RFC 9562 section 5.7. `utc_ms` is from 0 to 2^48 - 1; 74 bits of `random` are used. */
struct uuid uuid_v7(int64_t utc_ms, const uint8_t random[static 10]);
/* The millisecond of a version 7 UUID; E_INVALID for any other. */
must_check int uuid_time_ms(struct uuid uuid, int64_t *out_utc_ms);

bool uuid_equal(struct uuid a, struct uuid b);
/* Byte order, which is the order of the texts too. */
int uuid_compare(struct uuid a, struct uuid b);

#endif
