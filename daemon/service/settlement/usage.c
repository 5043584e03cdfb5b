/* Plans do not touch each other (RULES 9-11), so one employer's month is rated by itself. A closed
 * month is rated as the last close saw it, which is what was billed for it by then. */
#include "service/settlement/usage.h"

#include "service/settlement/compute.h"

/* Net that an item is charged at (RULES 8-12). */
static int item_charge(const struct roster *roster, const struct item *item, struct cents *sum)
{
    uint32_t row = item->row;
    int uncovered = item->units - item->units_covered;
    struct cents net;
    if (item->units > 0) {
        if (uncovered == 0) {
            return 0;
        }
        row -= uncovered == 1 && item->slot == SLOT_DAY;
    }
    int error =
        cents_times(tariff_prices(&roster->tariff, row)->public_price, item->quantity, &net);
    return error == 0 ? cents_accumulate(sum, net) : error;
}

static int items_sum(const struct roster *roster, const struct rating *rating,
                     struct holder_use *uses)
{
    int error = 0;
    for (uint32_t i = 0; i < rating->item_count && error == 0; i++) {
        const struct item *item = &rating->items[i];
        struct holder_use *use = &uses[item->holder];
        if (item->quantity == 0) {
            continue;
        }
        use->half_days += item->slot == SLOT_HALF_DAY;
        use->days += item->slot == SLOT_DAY;
        use->room_hours += item->units == 0 ? item->quantity : 0;
        use->units_used += item->units_covered;
        error = item_charge(roster, item, &use->charged);
    }
    return error;
}

static void stays_before(struct stays *stays, struct day day)
{
    size_t kept = 0;
    for (size_t i = 0; i < stays->count; i++) {
        if (day_compare(day_of_instant(stays->all[i].in_utc_ms), day) < 0) {
            stays->all[kept++] = stays->all[i];
        }
    }
    stays->count = kept;
}

static int month_rate(struct loaded *loaded, struct month month, bool closed,
                      struct day untold_from, struct rating *rating, struct fault *fault)
{
    struct stays stays = STAYS_INIT;
    struct close_history history = {.partial = true};
    struct month after_all = {INT32_MAX};
    const struct roster *roster = &loaded->roster;
    uint32_t *spent = xcalloc(roster->carnet_ids.count + 1u, sizeof *spent);
    int error = 0;
    for (uint32_t i = 0; i < roster->holder_ids.count && error == 0; i++) {
        error = loaded_holder(loaded, roster->holder_ids.ids[i], month, closed, &stays, fault);
    }
    if (!closed) {
        stays_before(&stays, untold_from);
    }
    if (error == 0) {
        error = settlement_history(loaded, after_all, &history, fault);
    }
    for (size_t i = 0; i < history.use_count; i++) {
        if (history.uses[i].month.number != month.number) {
            spent[history.uses[i].carnet] += history.uses[i].units;
        }
    }
    if (error == 0) {
        error = rating_run(rating, roster, month, stays.all, stays.count, spent, fault);
    }
    free(spent);
    close_history_release(&history);
    stays_release(&stays);
    return error;
}

struct day usage_untold_from(const struct service *service, const struct call *call)
{
    return call->who.role == ROLE_EMPLOYER ? day_of_instant(service_now(service))
                                           : (struct day){INT32_MAX};
}

int usage_of_employer(struct db *db, uint64_t seed, struct view employer_id, struct month month,
                      struct day untold_from, struct arena *arena, struct usage *out,
                      struct fault *fault)
{
    struct loaded loaded;
    struct rating rating = RATING_INIT;
    struct usage usage = {0};
    int error = loaded_open(&loaded, db, seed, employer_id, fault);
    for (size_t i = 0; i < loaded.due.closed_count; i++) {
        usage.closed = usage.closed || loaded.due.closed[i].number == month.number;
    }
    if (error == 0) {
        error = month_rate(&loaded, month, usage.closed, untold_from, &rating, fault);
    }
    if (error == 0) {
        uint32_t count = loaded.roster.holder_ids.count;
        struct holder_use *uses = ARENA_ARRAY(arena, count, struct holder_use);
        error = items_sum(&loaded.roster, &rating, uses);
        for (uint32_t i = 0; i < count; i++) {
            if (uses[i].half_days + uses[i].days + uses[i].room_hours > 0) {
                uses[usage.count] = uses[i];
                uses[usage.count++].holder_id =
                    arena_string(arena, loaded.roster.holder_ids.ids[i]);
            }
        }
        usage.holders = uses;
    }
    if (error != 0) {
        fault_set(fault, error, "the amounts of this month are too large to be added up");
    } else {
        *out = usage;
    }
    rating_release(&rating);
    loaded_release(&loaded);
    return error;
}
