#include "core/policy/spending.h"

#include <assert.h>

static const int64_t grace_ms = 5 * MINUTE_MS;                   /* RULES 5, 6 */
static const int64_t half_day_ms = 4 * HOUR_MS + 30 * MINUTE_MS; /* RULES 5 */

/* RULES 4: by in, site id, visit id. */
static int stay_compare(const void *left, const void *right)
{
    const struct spending_stay *a = left;
    const struct spending_stay *b = right;
    if (a->in_utc_ms != b->in_utc_ms) {
        return a->in_utc_ms < b->in_utc_ms ? -1 : 1;
    }
    int order = strcmp(a->site_id, b->site_id);
    return order != 0 ? order : memcmp(a->visit_id, b->visit_id, sizeof a->visit_id);
}

static void room_fold(const struct spending_stay *stay, struct spending *rooms)
{
    int64_t hour_cents = stay->resource == SPENDING_BOOTH ? stay->prices.booth_cents
                                                          : stay->prices.meeting_room_cents;
    int64_t duration_ms = stay->out_utc_ms - stay->in_utc_ms;
    if (stay->open) {
        rooms->reserved_cents += hour_cents;
    } else if (duration_ms >= grace_ms) {
        rooms->charged_cents += hour_cents * ((duration_ms + HOUR_MS - 1) / HOUR_MS);
    }
}

static struct spending_day *day_find(struct spending_day *days, size_t count,
                                     const struct spending_stay *stay)
{
    for (size_t i = count; i > 0 && day_compare(days[i - 1].day, stay->day) == 0; i--) {
        if (days[i - 1].site == stay->site) {
            return &days[i - 1];
        }
    }
    return NULL;
}

/* RULES 4: the next desk stay, if any, cuts this one; an open stay that was cut has ended. */
static void desk_fold(const struct spending_stay *stay, const struct spending_stay *next,
                      struct spending_day *day)
{
    bool open = stay->open;
    int64_t out_utc_ms = stay->out_utc_ms;
    if (next != NULL && (open || next->in_utc_ms < out_utc_ms)) {
        bool cuts = open ? day_compare(next->day, stay->day) == 0 : true;
        out_utc_ms = cuts ? next->in_utc_ms : out_utc_ms;
        open = open && !cuts;
    }
    if (open) {
        day->open = true;
        day->asked = stay->asked;
    } else {
        day->duration_ms += out_utc_ms - stay->in_utc_ms;
    }
}

size_t spending_fold(struct spending_stay *stays, size_t count, struct spending_day *days,
                     struct spending *rooms)
{
    size_t day_count = 0;
    if (count > 1) {
        qsort(stays, count, sizeof *stays, stay_compare);
    }
    for (size_t i = 0; i < count; i++) {
        const struct spending_stay *stay = &stays[i];
        if (stay->resource != SPENDING_DESK) {
            room_fold(stay, rooms);
            continue;
        }
        const struct spending_stay *next = NULL;
        for (size_t k = i + 1; k < count && next == NULL; k++) {
            next = stays[k].resource == SPENDING_DESK ? &stays[k] : NULL;
        }
        struct spending_day *day = day_find(days, day_count, stay);
        if (day == NULL) {
            day = &days[day_count++];
            *day = (struct spending_day){
                .day = stay->day,
                .site = stay->site,
                .site_id = stay->site_id,
                .first_in_utc_ms = stay->in_utc_ms,
                .half_day_cents = stay->prices.half_day_cents,
                .day_cents = stay->prices.day_cents,
            };
        }
        desk_fold(stay, next, day);
    }
    for (size_t i = 0; i < day_count; i++) {
        int64_t duration_ms = days[i].duration_ms;
        days[i].units = duration_ms < grace_ms ? 0 : duration_ms <= half_day_ms ? 1 : 2;
    }
    return day_count;
}

static int64_t price_of(const struct spending_day *day, unsigned units)
{
    assert(units <= 2);
    return units == 0 ? 0 : units == 1 ? day->half_day_cents : day->day_cents;
}

/* What ended stays cost beyond the units that cover them. */
static void charge(struct spending_day *day, uint8_t covered)
{
    day->units_covered = covered;
    day->charged_cents = price_of(day, (unsigned)day->units - covered);
}

/* Units while there are any, else money. Takes what it reserves from *left. */
static void reserve(struct spending_day *day, uint32_t *left)
{
    uint32_t need = day->open ? 2u - day->units : 0;
    day->units_reserved = 0;
    day->reserved_cents = 0;
    if (need > 0 && *left > 0 && !day->outside_validity) {
        day->units_reserved = (uint8_t)(need < *left ? need : *left);
        *left -= day->units_reserved;
    } else if (need > 0) {
        int64_t more_cents = day->day_cents - day->charged_cents;
        /* A unit that is covered is held, too. */
        more_cents -= day->units_covered > 0 ? day->half_day_cents : 0;
        day->reserved_cents = more_cents > 0 ? more_cents : 0;
    }
}

/* Who is in comes before who asks. */
static void reserve_all(struct spending_day *days, size_t count, uint32_t *left)
{
    for (int asked = 0; asked < 2; asked++) {
        for (size_t i = 0; i < count; i++) {
            if (days[i].asked == (asked == 1)) {
                reserve(&days[i], left);
            }
        }
    }
}

void spending_of_usage(struct spending_day *days, size_t count)
{
    uint32_t none = 0;
    for (size_t i = 0; i < count; i++) {
        charge(&days[i], 0);
    }
    reserve_all(days, count, &none);
}

uint32_t spending_of_subscription(struct spending_day *days, size_t count, uint32_t included_units)
{
    uint32_t left = included_units;
    for (size_t i = 0; i < count; i++) {
        uint32_t covered = days[i].outside_validity ? 0
                           : left < days[i].units   ? left
                                                    : days[i].units;
        left -= covered;
        charge(&days[i], (uint8_t)covered);
    }
    reserve_all(days, count, &left);
    return left;
}

int spending_carnet_compare(const struct spending_carnet *a, const struct spending_carnet *b)
{
    int order = day_compare(a->last_day, b->last_day);
    return order != 0 ? order : day_compare(a->bought_on, b->bought_on);
}

int spending_day_compare(const struct spending_day *a, const struct spending_day *b)
{
    if (a->first_in_utc_ms != b->first_in_utc_ms) {
        return a->first_in_utc_ms < b->first_in_utc_ms ? -1 : 1;
    }
    int order = strcmp(a->site_id, b->site_id);
    return order != 0 ? order : a->holder < b->holder ? -1 : a->holder > b->holder;
}

/* Takes up to `wanted` units that are good on the day. */
static uint32_t draw(struct spending_carnet *carnets, size_t count, struct day day, uint32_t wanted)
{
    uint32_t drawn = 0;
    for (size_t i = 0; i < count && drawn < wanted; i++) {
        if (day_compare(carnets[i].bought_on, day) <= 0 &&
            day_compare(day, carnets[i].last_day) <= 0) {
            uint32_t take = carnets[i].left < wanted - drawn ? carnets[i].left : wanted - drawn;
            carnets[i].left -= take;
            drawn += take;
        }
    }
    return drawn;
}

uint32_t spending_of_carnets(struct spending_day *days, size_t count,
                             struct spending_carnet *carnets, size_t carnet_count, struct day today)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t wanted = days[i].outside_validity ? 0 : days[i].units;
        charge(&days[i], (uint8_t)draw(carnets, carnet_count, days[i].day, wanted));
    }
    uint32_t left = 0;
    for (size_t i = 0; i < carnet_count; i++) {
        if (day_compare(carnets[i].bought_on, today) <= 0 &&
            day_compare(today, carnets[i].last_day) <= 0) {
            left += carnets[i].left;
        }
    }
    reserve_all(days, count, &left);
    return left;
}
