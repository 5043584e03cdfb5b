/* The order of work: every stay gets its effective end (RULES 1-3); desk stays are sorted by holder
 * and time, cut, and gathered into visit-days (4, 5); rooms follow (6); then prices (7) and units
 * (8-11). Stays are read at random places once; everything else walks small sorted arrays. */
#include "core/rating/rating.h"

#include <assert.h>

#include "core/day/opening_hours.h"
#include "core/rating/radix.h"

enum { DAYS_MAX = 31 };
static const int64_t grace_ms = 5 * MINUTE_MS;
static const int64_t half_day_ms = 4 * HOUR_MS + 30 * MINUTE_MS;
static const int64_t closing_unknown = INT64_MIN;
static const int64_t closing_none = INT64_MAX;

struct work {
    struct rating *rating;
    const struct roster *roster;
    const struct stay *stays;
    int days;
    int64_t starts_utc_ms[DAYS_MAX + 1];
    int versions[DAYS_MAX];
    int64_t *closings_utc_ms; /* [site][day], filled when first asked for */
    struct radix_key *keys;   /* desk stays, then visit-days */
    struct radix_key *scratch;
    size_t key_count;
    uint32_t *site_items; /* by site: the last visit-day there, to be checked against the day */
    struct fault *fault;
};

static void month_prepare(struct work *work, struct month month)
{
    struct day first = month_first(month);
    work->days = month_last(month).number - first.number + 1;
    for (int i = 0; i <= work->days; i++) {
        work->starts_utc_ms[i] = day_start_utc_ms(day_plus(first, i));
    }
    for (int i = 0; i < work->days; i++) {
        work->versions[i] = tariff_version_on(&work->roster->tariff, day_plus(first, i));
    }
}

static struct day work_day(const struct work *work, int day)
{
    return day_plus(month_first(work->rating->month), day);
}

/* The day of an instant within the month: at most one step from the guess, since days of 23 and 25
 * hours shift the starts by an hour only. */
static int day_find(const struct work *work, int64_t utc_ms)
{
    int day = (int)((utc_ms - work->starts_utc_ms[0]) / DAY_MS);
    day = day >= work->days ? work->days - 1 : day;
    while (utc_ms < work->starts_utc_ms[day]) {
        day--;
    }
    while (utc_ms >= work->starts_utc_ms[day + 1]) {
        day++;
    }
    return day;
}

static int64_t closing_find(struct work *work, uint32_t site, int day)
{
    int64_t *closing = &work->closings_utc_ms[(size_t)site * DAYS_MAX + (size_t)day];
    if (*closing == closing_unknown) {
        int minute;
        struct day date = work_day(work, day);
        *closing = opening_hours_closing(work->roster->sites[site].hours, date, &minute)
                       ? day_minute_utc_ms(date, minute)
                       : closing_none;
    }
    return *closing;
}

static int stay_end(struct work *work, size_t at)
{
    const struct stay *stay = &work->stays[at];
    struct outcome *outcome = &work->rating->outcomes[at];
    assert(stay->site < work->roster->site_ids.count);
    assert(stay->holder < work->roster->holder_ids.count);
    assert(stay->resource < RESOURCE_COUNT);
    if (stay->in_utc_ms < work->starts_utc_ms[0] ||
        stay->in_utc_ms >= work->starts_utc_ms[work->days]) {
        return fault_set(work->fault, E_INVALID, "a stay of holder %.*s begins in another month",
                         VIEW_FMT(work->roster->holder_ids.ids[stay->holder]));
    }
    int day = day_find(work, stay->in_utc_ms);
    int64_t out = stay->out_utc_ms;
    if (out == STAY_NO_OUT) {
        out = closing_find(work, stay->site, day);
        if (out == closing_none || stay->in_utc_ms >= out) {
            out = stay->in_utc_ms + half_day_ms;
        }
    } else if (out < stay->in_utc_ms) {
        return fault_set(work->fault, E_INVALID, "a stay of holder %.*s ends before it begins",
                         VIEW_FMT(work->roster->holder_ids.ids[stay->holder]));
    }
    if (stay->out_utc_ms == STAY_NO_OUT || stay->auto_closed) {
        outcome->flags = FLAG_AUTO_CLOSED;
        work->rating->auto_closed++;
    }
    int64_t midnight = work->starts_utc_ms[day + 1];
    outcome->out_utc_ms = out < midnight ? out : midnight;
    return 0;
}

/* Milliseconds since the month began: 31 days and an hour need 32 bits. */
static uint64_t month_offset(const struct work *work, int64_t utc_ms)
{
    return (uint64_t)(utc_ms - work->starts_utc_ms[0]);
}

static struct item *item_add(struct work *work, const struct stay *stay, enum slot slot, int day)
{
    struct item *item = &work->rating->items[work->rating->item_count++];
    *item = (struct item){.first_in_utc_ms = stay->in_utc_ms,
                          .site = stay->site,
                          .holder = stay->holder,
                          .slot = (uint8_t)slot,
                          .day = (uint8_t)day};
    return item;
}

/* RULES 4: desk stays of one holder and instant go by site id, then visit id. */
static int stays_compare(const void *context, uint32_t left, uint32_t right)
{
    const struct work *work = context;
    const struct stay *a = &work->stays[left];
    const struct stay *b = &work->stays[right];
    if (a->site != b->site) {
        return a->site < b->site ? -1 : 1;
    }
    return memcmp(a->visit_id, b->visit_id, sizeof(a->visit_id));
}

/* RULES 9: visit-days of one plan and instant go by site id, then holder id. */
static int visit_days_compare(const void *context, uint32_t left, uint32_t right)
{
    const struct work *work = context;
    const struct item *a = &work->rating->items[left];
    const struct item *b = &work->rating->items[right];
    if (a->site != b->site) {
        return a->site < b->site ? -1 : 1;
    }
    return a->holder < b->holder ? -1 : a->holder > b->holder;
}

/* RULES 4 and 5 over the sorted desk stays. */
static void desks_gather(struct work *work)
{
    struct rating *rating = work->rating;
    uint32_t day_first = 0; /* first item of the current holder and day */
    uint32_t holder = UINT32_MAX;
    int day = 0;
    for (size_t i = 0; i < work->key_count; i++) {
        const struct stay *stay = &work->stays[work->keys[i].value];
        struct outcome *outcome = &rating->outcomes[work->keys[i].value];
        if (i + 1 < work->key_count && work->keys[i + 1].key >> 32 == stay->holder) {
            int64_t next_in = work->starts_utc_ms[0] + (int64_t)(uint32_t)work->keys[i + 1].key;
            if (next_in < outcome->out_utc_ms) {
                outcome->out_utc_ms = next_in;
                outcome->flags |= FLAG_CUT_SHORT;
                rating->cut_short++;
            }
        }
        if (stay->holder != holder || stay->in_utc_ms >= work->starts_utc_ms[day + 1]) {
            holder = stay->holder;
            day = day_find(work, stay->in_utc_ms);
            day_first = rating->item_count;
        }
        uint32_t at = work->site_items[stay->site];
        if (at < day_first || at >= rating->item_count || rating->items[at].site != stay->site) {
            at = rating->item_count;
            item_add(work, stay, SLOT_HALF_DAY, day);
            work->site_items[stay->site] = at;
        }
        rating->items[at].duration_ms += (uint32_t)(outcome->out_utc_ms - stay->in_utc_ms);
        outcome->item = at;
    }
}

static void room_add(struct work *work, size_t at)
{
    const struct stay *stay = &work->stays[at];
    struct outcome *outcome = &work->rating->outcomes[at];
    enum slot slot = stay->resource == RESOURCE_BOOTH ? SLOT_BOOTH : SLOT_MEETING_ROOM;
    outcome->item = work->rating->item_count;
    struct item *item = item_add(work, stay, slot, day_find(work, stay->in_utc_ms));
    item->duration_ms = (uint32_t)(outcome->out_utc_ms - stay->in_utc_ms);
}

/* Whether its time is billed, as what, and at which row (RULES 5-7). */
static int item_price(struct work *work, struct item *item)
{
    bool room = slot_resource(item->slot) != RESOURCE_DESK;
    if (item->duration_ms < grace_ms) {
        item->flags = FLAG_GRACE;
        return 0;
    }
    item->quantity = 1;
    if (room) {
        item->quantity = (uint16_t)((item->duration_ms + HOUR_MS - 1) / HOUR_MS);
    } else if (item->duration_ms <= half_day_ms) {
        item->units = 1;
    } else {
        item->units = 2;
        item->slot = SLOT_DAY;
    }
    const struct tariff *tariff = &work->roster->tariff;
    const struct site *site = &work->roster->sites[item->site];
    int version = work->versions[item->day];
    if (version >= 0) {
        item->row =
            tariff_row_number(tariff, (uint32_t)version, site->category, site->zone, item->slot);
    }
    if (version < 0 || tariff_prices(tariff, item->row) == NULL) {
        return tariff_missing(tariff, version, site->category, site->zone, item->slot,
                              work_day(work, item->day), work->fault);
    }
    return 0;
}

/* One unit that nothing covers is charged as a half-day, so that row must be there too. */
static int item_uncovered(struct work *work, struct item *item)
{
    const struct tariff *tariff = &work->roster->tariff;
    item->flags |= FLAG_OVERDRAFT;
    if (item->units - item->units_covered == 1 && item->slot == SLOT_DAY &&
        tariff_prices(tariff, item->row - 1) == NULL) {
        const struct site *site = &work->roster->sites[item->site];
        return tariff_missing(tariff, work->versions[item->day], site->category, site->zone,
                              SLOT_HALF_DAY, work_day(work, item->day), work->fault);
    }
    return 0;
}

/* RULES 9 for one visit-day: what its plan's carnets still have on that day. */
static void carnets_draw(struct work *work, struct item *item, const struct plan *plan,
                         uint32_t *left)
{
    struct day day = work_day(work, item->day);
    for (uint32_t i = 0; i < plan->carnet_count && item->units_covered < item->units; i++) {
        uint32_t number = work->roster->carnet_order[plan->carnet_first + i];
        const struct carnet *carnet = &work->roster->carnets[number];
        if (day_compare(carnet->bought_on, day) > 0 || day_compare(day, carnet->last_day) > 0) {
            continue;
        }
        uint32_t wanted = (uint32_t)item->units - item->units_covered;
        uint32_t drawn = left[number] < wanted ? left[number] : wanted;
        left[number] -= drawn;
        work->rating->carnet_units[number] += drawn;
        item->units_covered = (uint8_t)(item->units_covered + drawn);
    }
    work->rating->units_used += item->units_covered;
}

/* RULES 9: visit-days of carnet plans wait in work->keys for the order of their plan. */
static int carnets_allot(struct work *work, const uint32_t *spent)
{
    uint32_t count = work->roster->carnet_ids.count;
    uint32_t *left = xmalloc((count + 1u) * sizeof(*left));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t units = work->roster->carnets[i].units;
        uint32_t gone = spent == NULL ? 0 : spent[i];
        left[i] = gone < units ? units - gone : 0;
    }
    radix_sort(work->keys, work->scratch, work->key_count, visit_days_compare, work);
    int error = 0;
    for (size_t i = 0; i < work->key_count && error == 0; i++) {
        struct item *item = &work->rating->items[work->keys[i].value];
        uint32_t plan = work->roster->holders[item->holder].plan;
        carnets_draw(work, item, &work->roster->plans[plan], left);
        if (item->units_covered < item->units) {
            error = item_uncovered(work, item);
        }
    }
    free(left);
    return error;
}

/* RULES 8-11 for one visit-day. A holder's visit-days come in the order of RULES 10. `used` counts
 * the subscription units of that holder. */
static int visit_day_allot(struct work *work, uint32_t at, uint32_t *used)
{
    struct item *item = &work->rating->items[at];
    const struct holder *holder = &work->roster->holders[item->holder];
    const struct plan *plan = &work->roster->plans[holder->plan];
    if (!holder_is_valid_on(holder, work_day(work, item->day))) {
        item->flags |= FLAG_OUTSIDE_VALIDITY;
        return plan->type == PLAN_USAGE ? 0 : item_uncovered(work, item);
    }
    if (plan->type == PLAN_CARNET) {
        uint64_t key = (uint64_t)holder->plan << 32;
        key |= month_offset(work, item->first_in_utc_ms);
        work->keys[work->key_count++] = (struct radix_key){key, at};
    } else if (plan->type == PLAN_SUBSCRIPTION) {
        uint32_t left = plan->included_units - *used;
        item->units_covered = left < item->units ? (uint8_t)left : item->units;
        *used += item->units_covered;
        work->rating->units_used += item->units_covered;
        return item->units_covered < item->units ? item_uncovered(work, item) : 0;
    }
    return 0;
}

static int items_allot(struct work *work, uint32_t desk_items, const uint32_t *spent)
{
    uint32_t used = 0;
    work->key_count = 0;
    for (uint32_t i = 0; i < work->rating->item_count; i++) {
        struct item *item = &work->rating->items[i];
        if (i == 0 || item->holder != item[-1].holder) {
            used = 0;
        }
        int error = item_price(work, item);
        if (error == 0 && i < desk_items && item->units > 0) {
            error = visit_day_allot(work, i, &used);
        }
        if (error != 0) {
            return error;
        }
    }
    return carnets_allot(work, spent);
}

static void work_release(struct work *work)
{
    free(work->closings_utc_ms);
    free(work->keys);
    free(work->scratch);
    free(work->site_items);
}

/* RULES 1-3 for every stay; desk stays are put among the keys. */
static int stays_end(struct work *work, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int error = stay_end(work, i);
        if (error != 0) {
            return error;
        }
        if (work->stays[i].resource == RESOURCE_DESK) {
            uint64_t key = (uint64_t)work->stays[i].holder << 32;
            key |= month_offset(work, work->stays[i].in_utc_ms);
            work->keys[work->key_count++] = (struct radix_key){key, (uint32_t)i};
        }
    }
    return 0;
}

static void rooms_gather(struct work *work, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (work->stays[i].resource != RESOURCE_DESK) {
            room_add(work, i);
        }
    }
}

int rating_run(struct rating *rating, const struct roster *roster, struct month month,
               const struct stay *stays, size_t count, const uint32_t *carnet_spent,
               struct fault *fault)
{
    assert(roster->frozen);
    *rating = (struct rating){.month = month, .stay_count = count};
    if (count > INT32_MAX) {
        return fault_set(fault, E_LIMIT, "more than 2,147,483,647 stays in one month");
    }
    struct work work = {.rating = rating, .roster = roster, .stays = stays, .fault = fault};
    month_prepare(&work, month);
    rating->items = xmalloc((count + 1) * sizeof(*rating->items));
    rating->outcomes = xcalloc(count + 1, sizeof(*rating->outcomes));
    rating->carnet_units = xcalloc(roster->carnet_ids.count + 1u, sizeof(*rating->carnet_units));
    work.keys = xmalloc((count + 1) * sizeof(*work.keys));
    work.scratch = xmalloc((count + 1) * sizeof(*work.scratch));
    size_t sites = roster->site_ids.count;
    work.site_items = xcalloc(sites + 1, sizeof(*work.site_items));
    work.closings_utc_ms = xmalloc((sites + 1) * DAYS_MAX * sizeof(*work.closings_utc_ms));
    for (size_t i = 0; i < sites * DAYS_MAX; i++) {
        work.closings_utc_ms[i] = closing_unknown;
    }
    int error = stays_end(&work, count);
    if (error == 0) {
        radix_sort(work.keys, work.scratch, work.key_count, stays_compare, &work);
        desks_gather(&work);
        uint32_t desk_items = rating->item_count;
        rooms_gather(&work, count);
        error = items_allot(&work, desk_items, carnet_spent);
    }
    work_release(&work);
    return error;
}

void rating_release(struct rating *rating)
{
    free(rating->items);
    free(rating->outcomes);
    free(rating->carnet_units);
    *rating = RATING_INIT;
}
