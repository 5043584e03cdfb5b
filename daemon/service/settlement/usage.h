/* What an employer may know of its holders' use: by holder and month, without site, hour or
 * duration (DESIGN 11). */
#ifndef SERVICE_SETTLEMENT_USAGE_H
#define SERVICE_SETTLEMENT_USAGE_H

#include "base/arena.h"
#include "core/day/day.h"
#include "core/money/cents.h"
#include "service/service.h"

struct holder_use {
    const char *holder_id;
    uint32_t half_days, days, room_hours; /* billed */
    uint32_t units_used;                  /* covered by carnets or the subscription */
    struct cents charged;                 /* on top, net */
};

struct usage {
    struct holder_use *holders; /* of the employer with a billed item, by id */
    size_t count;
    bool closed; /* the figures are those that closes billed */
};

/* The first day of an open month that the caller is not told of: today for an employer, to whom a
 * figure that moves while it looks would tell the hour; none for others. */
struct day usage_untold_from(const struct service *service, const struct call *call);

/* Inside a transaction, on any thread; the result lives in the arena. `seed` is random. An employer
 * that is not known has used nothing. E_NOT_FOUND: a price is missing, by name. */
must_check int usage_of_employer(struct db *db, uint64_t seed, struct view employer_id,
                                 struct month month, struct day untold_from, struct arena *arena,
                                 struct usage *out, struct fault *fault);

#endif
