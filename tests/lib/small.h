/* A network of a handful for tables of tests. Members: op (operator and issuer, standard VAT), iss
 * (issuer, standard), pub (issuer, no VAT), hst (host only, no VAT). Sites: s-iss, s-hst (urban,
 * Mo-Fr 08:00-18:00), s-rur (of hst, rural, 24/7), s-op. All have desks, rooms and booths.
 * Employers e1 of iss, e2 of pub, e3 of op; each with plans eN-use, eN-car, eN-sub (fee 5,000, 4
 * units). Tariff 1 from 2026-01-01, tariff 2 (every P 100 dearer) from 2026-10-15; P, H, F, S
 * below. */
#ifndef TESTS_LIB_SMALL_H
#define TESTS_LIB_SMALL_H

#include "core/day/opening_hours.h"
#include "core/rating/rating.h"

enum { SMALL_STAYS_MAX = 256 };

struct small {
    struct roster roster;
    struct opening_hours weekdays, always;
    struct stay stays[SMALL_STAYS_MAX];
    size_t count;
};

/*                       P     H    F    S
 * urban half_day     1000   800   60    0
 *       day          1800  1400  110    0
 *       meeting_room 1500  1200   90    0
 *       booth         500   400   30    0
 * rural: P 200 less than urban, S 200 */
void small_init(struct small *small);
void small_carnet(struct small *small, const char *id, const char *plan, uint32_t units,
                  const char *bought_on, int months);
/* `from` and `to` may be NULL: open. */
void small_holder(struct small *small, const char *id, const char *plan, const char *from,
                  const char *to);
void small_freeze(struct small *small);
void small_release(struct small *small);
/* `out` NULL: forgotten. Visits are numbered in the order of adding. */
void small_stay(struct small *small, const char *site, const char *holder, enum resource resource,
                const char *in, const char *out);
struct month small_month(const char *text);
struct day small_day(const char *text);
uint32_t small_number(const struct names *names, const char *id);

#endif
