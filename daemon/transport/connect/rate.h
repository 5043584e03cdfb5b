/* How often one caller may call: a token bucket for each, in a table that never grows. A bucket is
 * one number, the time at which it would be full again (the generic cell rate algorithm), so that
 * idle callers need no clean-up. Where its place in the table is taken, the caller that has been
 * quiet for longest is forgotten, which only ever errs in a caller's favour. Any thread. */
#ifndef TRANSPORT_CONNECT_RATE_H
#define TRANSPORT_CONNECT_RATE_H

#include "base/view.h"

struct rates;

/* `seed` keeps callers from choosing whose place they share. */
struct rates *rates_new(uint64_t seed);
void rates_free(struct rates *rates);

/* Takes one call of `burst`, which come back at `per_s` a second. 0: taken. Else nothing was taken,
 * and the caller has one again after so many milliseconds. per_s 0: always taken. */
int64_t rates_take(struct rates *rates, struct view caller, int64_t per_s, int64_t burst,
                   int64_t now_ns);
/* How many were not taken since the start. */
uint64_t rates_refused(const struct rates *rates);

#endif
